//! What a run of commits replaced, told from the state that they follow without moving it: a commit costs a few questions to it and
//! not a second state. Only what almost all commits are made of can be told so.

use super::{Beside, Record, Was};
use crate::change::{Change, Commit};
use crate::command::AskedBy;
use crate::ids::{Index, TopicId};
use crate::model::{Configs, Partition};
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Commits that follow a state, and what they have changed so far.
pub struct Run<'a> {
    base: &'a State,
    revision: Index,
    /// Names and configurations as they are by now.
    topics: BTreeMap<TopicId, (Arc<str>, Configs)>,
    partitions: BTreeMap<(TopicId, u32), Arc<Partition>>,
}

impl<'a> Run<'a> {
    pub fn new(base: &'a State) -> Self {
        Run { base, revision: base.revision(), topics: BTreeMap::new(), partitions: BTreeMap::new() }
    }

    /// The next commit with what it replaced, as [`Record::of`] makes it but for the digest, which is not compared. None where it does
    /// not follow, or changes what this does not keep account of: then the state has to be moved.
    pub fn record(&mut self, commit: &Arc<Commit>, by: Option<AskedBy>) -> Option<Record> {
        if commit.prev_index != self.revision {
            return None;
        }
        let mut beside = Beside { was: Vec::with_capacity(commit.changes.len()), names: BTreeMap::new(), by };
        // The topic that this commit makes, and the first of its partitions that it has not made yet.
        let mut made: Option<(TopicId, u32)> = None;
        for change in &commit.changes {
            let id = match change {
                Change::TopicCreated { topic_id, .. }
                | Change::PartitionChanged { topic_id, .. }
                | Change::ConfigsChanged { topic_id, .. } => *topic_id,
                _ => return None,
            };
            let was = match (change, &mut made) {
                (Change::PartitionChanged { partition, .. }, Some((topic, next))) if *topic == id && partition.partition >= *next => {
                    *next = partition.partition + 1;
                    Was::Nothing
                }
                _ => self.was(change),
            };
            if matches!(change, Change::TopicCreated { .. }) && was == Was::Nothing {
                made = Some((id, 0));
            }
            beside.was.push(was);
            self.take(change);
            if !beside.names.contains_key(&id) {
                beside.names.extend(self.name(id).map(|name| (id, name)));
            }
        }
        self.revision = commit.index;
        Some(Record { commit: commit.clone(), beside })
    }

    fn name(&self, id: TopicId) -> Option<Arc<str>> {
        self.topics.get(&id).map(|(name, _)| name).or_else(|| self.base.topic(id).map(|topic| &topic.name)).cloned()
    }

    fn was(&self, change: &Change) -> Was {
        let old = match change {
            Change::TopicCreated { topic_id, .. } => self.topics.get(topic_id).map(|(name, configs)| Change::TopicCreated {
                topic_id: *topic_id,
                name: name.clone(),
                configs: configs.clone(),
            }),
            Change::ConfigsChanged { topic_id, .. } => {
                self.topics.get(topic_id).map(|(_, configs)| Change::ConfigsChanged { topic_id: *topic_id, configs: configs.clone() })
            }
            Change::PartitionChanged { topic_id, partition } => self
                .partitions
                .get(&(*topic_id, partition.partition))
                .map(|partition| Change::PartitionChanged { topic_id: *topic_id, partition: partition.clone() }),
            _ => None,
        };
        old.map_or_else(|| self.base.was(change), Was::Value)
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::TopicCreated { topic_id, name, configs } => drop(self.topics.insert(*topic_id, (name.clone(), configs.clone()))),
            Change::ConfigsChanged { topic_id, configs } => {
                if let Some(name) = self.name(*topic_id) {
                    self.topics.insert(*topic_id, (name, configs.clone()));
                }
            }
            Change::PartitionChanged { topic_id, partition } => {
                drop(self.partitions.insert((*topic_id, partition.partition), partition.clone()))
            }
            _ => {}
        }
    }
}
