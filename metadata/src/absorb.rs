//! How a change becomes state: the same code in a controller (through apply), in a browser and in a storage service.
//!
//! Total by design: a change carries whole new values, so there is nothing that could fail to fit. A replica that was
//! wrong before stays wrong, and its digest says so.

use crate::change::{Change, Commit};
use crate::configs;
use crate::digest::Kind;
use crate::ids::{BrokerId, Index, TopicId};
use crate::load::{Tally, for_each_load};
use crate::model::{Broker, Configs, Partition, Topic};
use crate::state::{State, fold};
use std::sync::Arc;

impl State {
    /// Takes a whole commit in.
    pub fn absorb_commit(&mut self, commit: &Commit) {
        for change in &commit.changes {
            self.absorb(commit.index, commit.at_ms, change);
        }
    }

    /// Takes one change of the commit at `index` in.
    pub fn absorb(&mut self, index: Index, at_ms: u64, change: &Change) {
        self.revision = index;
        self.at_ms = at_ms;
        match change {
            Change::ClusterBootstrapped { identity } => {
                if let Some(old) = &self.identity {
                    self.digest.sub(Kind::Identity, old);
                }
                self.digest.add(Kind::Identity, identity);
                self.identity = Some(identity.clone());
            }
            Change::TopicCreated { topic_id, name, configs } => {
                self.put_topic(Topic {
                    id: *topic_id,
                    name: name.clone(),
                    created_index: index,
                    changed_index: index,
                    created_at_ms: at_ms,
                    configs: configs.clone(),
                });
            }
            Change::TopicDeleted { topic_id, .. } => self.drop_topic(*topic_id),
            Change::PartitionChanged { topic_id, partition } => self.put_partition(index, *topic_id, partition),
            Change::ConfigsChanged { topic_id, configs } => self.put_configs(index, *topic_id, configs),
            Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => self.put_broker(broker),
            Change::BrokerRemoved { id } => self.drop_broker(*id),
            Change::ControllersChanged { controllers } => {
                self.controllers.values().for_each(|node| self.digest.sub(Kind::Controller, node));
                self.controllers = controllers.iter().map(|node| (node.id, Arc::new(node.clone()))).collect();
                self.controllers.values().for_each(|node| self.digest.add(Kind::Controller, node));
            }
        }
    }

    pub(crate) fn put_topic(&mut self, topic: Topic) {
        self.digest.add(Kind::Topic, &topic);
        self.names.insert(topic.name.clone(), topic.id);
        if topic.name.contains(['.', '_']) {
            self.folded.insert(fold(&topic.name), topic.id);
        }
        if let Some(old) = self.topics.insert(topic.id, Arc::new(topic)) {
            self.digest.sub(Kind::Topic, &old);
        }
    }

    fn drop_topic(&mut self, id: TopicId) {
        let Some(topic) = self.topics.remove(&id) else { return };
        self.digest.sub(Kind::Topic, &topic);
        self.names.remove(&topic.name);
        if topic.name.contains(['.', '_']) {
            self.folded.remove(&fold(&topic.name));
        }
        let min_isr = configs::min_insync_replicas(&topic.configs);
        let numbers: Vec<u32> = self.partitions_of(id).map(|partition| partition.partition).collect();
        for number in numbers {
            if let Some(old) = self.partitions.remove(&(id, number)) {
                self.count_out(id, &old, min_isr);
            }
        }
        self.tallies.remove(&id);
    }

    pub(crate) fn put_partition(&mut self, index: Index, topic: TopicId, partition: &Arc<Partition>) {
        let (min_isr, changed) =
            self.topics.get(&topic).map_or((1, index), |topic| (configs::min_insync_replicas(&topic.configs), topic.changed_index));
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
    }

    fn count_out(&mut self, topic: TopicId, old: &Partition, min_isr: usize) {
        self.digest.sub(Kind::Partition, &(topic, old));
        let tally = Tally::of(old, min_isr);
        self.total.sub(tally);
        self.tallies.entry(topic).or_default().sub(tally);
        for_each_load(old, |broker, load| self.loads.entry(broker).or_default().sub(load));
    }

    fn touch_topic(&mut self, id: TopicId, index: Index) {
        let Some(topic) = self.topics.get(&id).filter(|topic| topic.changed_index != index) else { return };
        let touched = Topic { changed_index: index, ..Topic::clone(topic) };
        self.put_topic(touched);
    }

    fn put_configs(&mut self, index: Index, id: TopicId, configs: &Configs) {
        let Some(topic) = self.topics.get(&id).cloned() else { return };
        self.put_topic(Topic { changed_index: index, configs: configs.clone(), ..Topic::clone(&topic) });
        let min_isr = self.min_isr(id);
        if min_isr == configs::min_insync_replicas(&topic.configs) {
            return;
        }
        let mut tally = Tally::default();
        self.partitions_of(id).for_each(|partition| tally.add(Tally::of(partition, min_isr)));
        self.total.sub(self.tally(id));
        self.total.add(tally);
        self.tallies.insert(id, tally);
    }

    pub(crate) fn put_broker(&mut self, broker: &Arc<Broker>) {
        self.digest.add(Kind::Broker, broker);
        if let Some(old) = self.brokers.insert(broker.id, broker.clone()) {
            self.digest.sub(Kind::Broker, &old);
        }
    }

    fn drop_broker(&mut self, id: BrokerId) {
        if let Some(old) = self.brokers.remove(&id) {
            self.digest.sub(Kind::Broker, &old);
        }
    }
}
