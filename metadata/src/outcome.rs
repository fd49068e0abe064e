//! What became of an entry: the answer that every replica comes to alike.

use crate::ids::{BrokerId, Index, TopicId};
use crate::rejection::Rejection;
use serde::{Deserialize, Serialize};

/// What a committed group was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupOutcome {
    Done,
    Topic { topic_id: TopicId },
    Broker { id: BrokerId, epoch: Index },
    Partition { topic_id: TopicId, partition: u32 },
    Reassignment { id: Index },
}

/// The answer to an entry: the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The index of the entry; of a replayed idempotency key the index of the first one.
    pub index: Index,
    pub outcomes: Vec<Result<GroupOutcome, Rejection>>,
}
