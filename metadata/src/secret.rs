//! The hash of a secret, in commands and beside the state.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 of a secret. It is shown to nobody: the leader proves itself to the broker by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

const HIDDEN: &str = "hidden";

impl SecretHash {
    /// The hash of a secret. It has to be one that nobody can guess: 256 random bits.
    pub fn of(secret: &str) -> Self {
        SecretHash(Sha256::digest(secret).into())
    }

    /// 64 hex digits, for the one whose secret it is.
    pub fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // People read JSON.
        if serializer.is_human_readable() { serializer.serialize_str(HIDDEN) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[u8; 32]>::deserialize(deserializer).map(SecretHash)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for SecretHash {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hidden".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": HIDDEN })
    }
}
