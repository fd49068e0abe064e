//! What a fault in memory does to a state. For tests of the proofs; nothing else is built with it.

use crate::ids::TopicId;
use crate::model::Partition;
use crate::state::State;
use std::sync::Arc;

impl State {
    /// Flips one bit of a partition, behind the digest's back. False when there is no such partition.
    pub fn flip_a_bit(&mut self, topic: TopicId, partition: u32) -> bool {
        let Some(found) = self.partitions.get_mut(&(topic, partition)) else { return false };
        *found = Arc::new(Partition { leader_epoch: found.leader_epoch ^ 4, ..Partition::clone(found) });
        true
    }
}
