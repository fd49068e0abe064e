//! A digest computed anew, a part at a time: whoever does it beside other work is never kept from that for long.

use crate::ids::{Index, TopicId};
use crate::proof::digest::{Digest, Kind};
use crate::state::State;
use std::ops::Bound::{Excluded, Unbounded};

/// Entities between two breaths of a scrub: well under a millisecond of hashing.
const BREATH: usize = 512;

/// One pass over a state, which is shared and not copied.
#[derive(Clone, Debug)]
pub struct Scrub {
    state: State,
    /// The last topic, the last partition and the last move that were counted in.
    topic: Option<TopicId>,
    partition: Option<(TopicId, u32)>,
    movement: Option<(Index, u32)>,
    digest: Digest,
}

impl Scrub {
    /// The beginning of a pass.
    pub fn new(state: State) -> Self {
        Scrub { state, topic: None, partition: None, movement: None, digest: Digest::default() }
    }

    /// The state that is looked at: its kept digest has to be what the pass comes to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Counts in at most so many more topics, partitions and moves, of 1 or more; the digest, once that was the last part.
    pub fn part(&mut self, most: usize) -> Option<Digest> {
        let Scrub { state, topic, partition, movement, digest } = self;
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
        for ((id, number), each) in state.moves.range::<_, (Index, u32)>((movement.map_or(Unbounded, Excluded), Unbounded)).take(left) {
            digest.add(Kind::Move, &(id, number, each));
            *movement = Some((*id, *number));
            left -= 1;
        }
        if left == 0 {
            return None;
        }
        if let Some(identity) = &state.identity {
            digest.add(Kind::Identity, identity);
        }
        state.brokers.values().for_each(|broker| digest.add(Kind::Broker, broker));
        state.controllers().for_each(|node| digest.add(Kind::Controller, node));
        if state.format > 0 {
            digest.add(Kind::Format, &state.format);
        }
        if state.settings.changed_index > 0 {
            digest.add(Kind::Settings, &state.settings);
        }
        state.standings.iter().for_each(|(id, standing)| digest.add(Kind::Standing, &(id, standing)));
        state.reassignments().for_each(|reassignment| digest.add(Kind::Reassignment, reassignment));
        Some(*digest)
    }
}

impl State {
    /// The digest computed anew from every entity: what the incremental one must equal.
    pub fn digest_from_scratch(&self) -> Digest {
        self.scrub(|| {})
    }

    /// The same at a pace: `breathe` is called after every so many topics and partitions.
    pub fn scrub(&self, mut breathe: impl FnMut()) -> Digest {
        let mut scrub = Scrub::new(self.clone());
        loop {
            if let Some(digest) = scrub.part(BREATH) {
                return digest;
            }
            breathe();
        }
    }
}
