//! A digest computed anew, a part at a time: whoever does it beside other work is never kept from that for long.

use crate::digest::{Digest, Kind};
use crate::ids::TopicId;
use crate::state::State;
use std::ops::Bound::{Excluded, Unbounded};

/// One pass over a state, which is shared and not copied.
#[derive(Clone, Debug)]
pub struct Scrub {
    state: State,
    /// The last topic, and the last partition, that were counted in.
    topic: Option<TopicId>,
    partition: Option<(TopicId, u32)>,
    digest: Digest,
}

impl Scrub {
    /// The beginning of a pass.
    pub fn new(state: State) -> Self {
        Scrub { state, topic: None, partition: None, digest: Digest::default() }
    }

    /// The state that is looked at: its kept digest has to be what the pass comes to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Counts in at most so many more topics and partitions, of 1 or more; the digest, once that was the last part.
    pub fn part(&mut self, most: usize) -> Option<Digest> {
        let Scrub { state, topic, partition, digest } = self;
        let mut left = most;
        for (id, each) in state.topics.range::<_, TopicId>((topic.map_or(Unbounded, Excluded), Unbounded)).take(left) {
            digest.add(Kind::Topic, each);
            *topic = Some(*id);
            left -= 1;
        }
        for (key, each) in state.partitions.range::<_, (TopicId, u32)>((partition.map_or(Unbounded, Excluded), Unbounded)).take(left) {
            digest.add(Kind::Partition, &(key.0, each));
            *partition = Some(*key);
            left -= 1;
        }
        if left == 0 {
            return None;
        }
        if let Some(identity) = &state.identity {
            digest.add(Kind::Identity, identity);
        }
        state.brokers.values().for_each(|broker| digest.add(Kind::Broker, broker));
        state.controllers.values().for_each(|node| digest.add(Kind::Controller, node));
        Some(*digest)
    }
}
