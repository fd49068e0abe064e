//! What the controllers answer, as far as a storage service reads it.

use metadata::digest::Digest;
use metadata::plan::HeartbeatReply;
use metadata::{Index, Partition, TopicId};
use serde::Deserialize;
use thiserror::Error;

/// A problem document, as far as a storage service reads it.
#[derive(Clone, Debug, Deserialize, Error, PartialEq, Eq)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// Stable, and perhaps newer than this build.
    pub code: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default)]
    pub retryable: bool,
    /// The index that the refusal rests on.
    #[serde(default)]
    pub revision: Option<Index>,
}

/// The answer to a registration.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Registered {
    pub revision: Index,
    pub broker_epoch: Index,
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Beat {
    pub revision: Index,
    #[serde(flatten)]
    pub reply: HeartbeatReply,
}

/// The answer to ISR changes: an item each, in their order.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct IsrAnswer {
    pub revision: Index,
    pub results: Vec<IsrResult>,
}

/// What became of one ISR change: the partition's new state or an error.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct IsrResult {
    pub topic_id: TopicId,
    pub partition: u32,
    #[serde(default)]
    pub state: Option<Partition>,
    #[serde(default)]
    pub error: Option<Problem>,
}

/// A state's digest and the index that it belongs to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct DigestAt {
    pub revision: Index,
    pub digest: Digest,
}
