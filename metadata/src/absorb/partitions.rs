//! Partitions, and what is counted along with them.

use crate::ids::{Index, TopicId};
use crate::load::{Tally, for_each_load};
use crate::model::Partition;
use crate::proof::digest::Kind;
use crate::state::State;
use std::sync::Arc;

impl State {
    pub(crate) fn put_partition(&mut self, index: Index, topic: TopicId, partition: &Arc<Partition>) {
        let (min_isr, changed) =
            self.topics.get(&topic).map_or((1, index), |topic| (self.min_isr_with(&topic.configs), topic.changed_index));
        match self.partitions.insert((topic, partition.partition), partition.clone()) {
            Some(old) => self.count_out(topic, &old, min_isr),
            // A new partition is a change that people asked of the topic; at its creation the index is the same one.
            None if changed != index => self.touch_topic(topic, index),
            None => {}
        }
        self.digest.add(Kind::Partition, &(topic, partition));
        let tally = Tally::of(partition, min_isr);
        self.total.add(tally);
        self.tallies.entry(topic).or_default().add(tally);
        for_each_load(partition, |broker, load| self.loads.entry(broker).or_default().add(load));
        if partition.moves() {
            partition.adding_replicas.iter().for_each(|id| self.flights.entry(*id).into += 1);
            partition.removing_replicas.iter().for_each(|id| self.flights.entry(*id).out_of += 1);
        }
    }

    pub(super) fn count_out(&mut self, topic: TopicId, old: &Partition, min_isr: usize) {
        self.digest.sub(Kind::Partition, &(topic, old));
        let tally = Tally::of(old, min_isr);
        self.total.sub(tally);
        self.tallies.entry(topic).or_default().sub(tally);
        for_each_load(old, |broker, load| self.loads.entry(broker).or_default().sub(load));
        let less = |count: &mut u32| *count = count.wrapping_sub(1);
        if old.moves() {
            old.adding_replicas.iter().for_each(|id| less(&mut self.flights.entry(*id).into));
            old.removing_replicas.iter().for_each(|id| less(&mut self.flights.entry(*id).out_of));
        }
    }
}
