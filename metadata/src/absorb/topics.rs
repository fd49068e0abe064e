//! Topics with their names, and what their configuration says of their partitions.

use crate::ids::{Index, TopicId};
use crate::model::{Configs, Topic};
use crate::proof::digest::Kind;
use crate::state::{State, fold};
use std::sync::Arc;

impl State {
    pub(crate) fn put_topic(&mut self, topic: Topic) {
        self.digest.add(Kind::Topic, &topic);
        self.names.insert(topic.name.clone(), topic.id);
        if topic.name.contains(['.', '_']) {
            self.folded.insert(fold(&topic.name).into(), topic.id);
        }
        if let Some(old) = self.topics.insert(topic.id, Arc::new(topic)) {
            self.digest.sub(Kind::Topic, &old);
        }
    }

    pub(super) fn drop_topic(&mut self, id: TopicId) {
        let Some(topic) = self.topics.remove(&id) else { return };
        self.digest.sub(Kind::Topic, &topic);
        self.names.remove(&topic.name);
        if topic.name.contains(['.', '_']) {
            self.folded.remove(&*fold(&topic.name));
        }
        let min_isr = self.min_isr_with(&topic.configs);
        let numbers: Vec<u32> = self.partitions_of(id).map(|partition| partition.partition).collect();
        for number in numbers {
            if let Some(old) = self.partitions.remove(&(id, number)) {
                self.count_out(id, &old, min_isr);
            }
        }
        self.tallies.remove(&id);
    }

    pub(super) fn touch_topic(&mut self, id: TopicId, index: Index) {
        let Some(topic) = self.topics.get(&id).filter(|topic| topic.changed_index != index) else { return };
        let touched = Topic { changed_index: index, ..Topic::clone(topic) };
        self.put_topic(touched);
    }

    pub(super) fn put_configs(&mut self, index: Index, id: TopicId, configs: &Configs) {
        let Some(topic) = self.topics.get(&id).cloned() else { return };
        self.put_topic(Topic { changed_index: index, configs: configs.clone(), ..Topic::clone(&topic) });
        if self.min_isr(id) != self.min_isr_with(&topic.configs) {
            self.count_anew(id);
        }
    }
}
