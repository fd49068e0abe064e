//! The identifiers of the domain.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A Raft log index; also the revision of everything, there is no second version counter.
pub type Index = u64;
/// A Raft term.
pub type Term = u64;
/// The id of a controller node, 1 and above. Shares its number space with [`BrokerId`] (J9).
pub type NodeId = u64;

/// The id of a storage service, 0 to 2 147 483 647.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct BrokerId(pub u32);

impl BrokerId {
    /// The largest id: brokers and clients of the Kafka protocol hold it in a signed 32-bit field.
    pub const MAX: u32 = i32::MAX as u32;
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a topic for its whole life; a name that is used again gets another one (F8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
