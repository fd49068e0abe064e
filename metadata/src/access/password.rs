//! The hash of a password, in commands and beside the state.

use crate::ids::Index;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const HIDDEN: &str = "hidden";
/// Bytes of a hash with its parameters and its salt.
const LONGEST: usize = 256;

/// A slow hash of a password with its parameters and salt, as text (PHC string format). It is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// None where the text is longer than any hash is.
    pub fn new(text: String) -> Option<Self> {
        (text.len() <= LONGEST).then_some(PasswordHash(text))
    }

    /// For whoever checks a password.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // People read JSON.
        let hidden = serializer.is_human_readable();
        serializer.serialize_str(if hidden { HIDDEN } else { &self.0 })
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        PasswordHash::new(text).ok_or_else(|| serde::de::Error::custom("a hash of a password has up to 256 bytes"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for PasswordHash {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hidden".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": HIDDEN })
    }
}

/// What an account's person signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    pub hash: PasswordHash,
    /// The entry that set it: who was checked by another is not checked by this one.
    pub since: Index,
}
