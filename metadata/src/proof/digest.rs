//! The incremental proof of a replica: the wrapping sum of one fast hash over every entity's canonical encoding.
//!
//! A sum is order-free, so a change costs one subtraction and one addition, and two replicas with the same entities
//! have the same digest whatever their history. It is a proof against faults, not against an adversary.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// 128 bits; 32 hex digits where people read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub u128);

/// What an entity is, so that equal bytes of two kinds do not cancel.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Identity = 1,
    Topic = 2,
    Partition = 3,
    Broker = 4,
    Controller = 5,
    Format = 6,
    Settings = 7,
    Standing = 8,
    Reassignment = 9,
    Move = 10,
    Account = 11,
    Token = 12,
    Revocation = 13,
    Session = 14,
}

impl Digest {
    /// Counts an entity in.
    pub(crate) fn add(&mut self, kind: Kind, entity: &impl Serialize) {
        self.0 = self.0.wrapping_add(hash(kind, entity));
    }

    /// Takes an entity out that was counted in as it is.
    pub(crate) fn sub(&mut self, kind: Kind, entity: &impl Serialize) {
        self.0 = self.0.wrapping_sub(hash(kind, entity));
    }

    /// The digest of these 32 hex digits.
    pub fn from_hex(text: &str) -> Option<Digest> {
        // The parser of integers would take a sign.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Digest)
    }
}

/// What nearly every entity fits into, so that hashing it allocates nothing.
const MOST_ENTITIES: usize = 512;

fn hash(kind: Kind, entity: &impl Serialize) -> u128 {
    // Serialising a model type into memory cannot fail; were it to, every replica would hash the same empty bytes.
    let mut room = [0; MOST_ENTITIES];
    if let Ok(bytes) = postcard::to_slice(entity, &mut room) {
        return xxh3_128_with_seed(bytes, kind as u64);
    }
    xxh3_128_with_seed(&postcard::to_allocvec(entity).unwrap_or_default(), kind as u64)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Digest::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a digest is 32 hex digits"))
        } else {
            u128::deserialize(deserializer).map(Digest)
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}
