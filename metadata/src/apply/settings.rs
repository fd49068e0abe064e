//! The settings, the format, and what a changed setting does to topics that inherit it (L, E9).

use crate::change::Change;
use crate::configs;
use crate::ids::{Index, TopicId};
use crate::model::{Configs, Partition};
use crate::rejection::{Code, Rejection};
use crate::settings::Settings;
use crate::state::{NEWEST_FORMAT, State};
use std::sync::Arc;

impl State {
    pub(super) fn raised(&self, format: u32) -> Result<Vec<Change>, Rejection> {
        if format <= self.format() || format > NEWEST_FORMAT {
            let detail = format!("The format is {}, and this build knows {NEWEST_FORMAT}", self.format());
            return Err(Rejection::new(Code::InvalidRequest, detail));
        }
        Ok(vec![Change::FormatRaised { format }])
    }

    pub(super) fn set(&self, values: &Configs, index: Index) -> Result<Vec<Change>, Rejection> {
        let mut settings = Settings { values: values.clone(), changed_index: index, clear_from: self.settings.clear_from };
        if settings.min_isr() != self.settings.min_isr() {
            settings.clear_from = Some(TopicId(uuid::Uuid::nil()));
        }
        Ok(vec![Change::SettingsChanged { settings: Arc::new(settings) }])
    }

    pub(super) fn cleared(&self, topics: &[TopicId], next: Option<TopicId>) -> Result<Vec<Change>, Rejection> {
        if self.settings.clear_from.is_none() {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "Every topic is judged by the current minimum already"));
        }
        let inherits = |id: &&TopicId| self.topic(**id).is_some_and(|topic| configs::min_insync_replicas(&topic.configs).is_none());
        let mut changes: Vec<Change> = topics.iter().filter(inherits).flat_map(|id| self.without_elr(*id)).collect();
        changes.push(Change::SettingsChanged { settings: Arc::new(Settings { clear_from: next, ..Settings::clone(&self.settings) }) });
        Ok(changes)
    }

    /// E9: eligibility was judged by another minimum. Where nobody is in sync nothing is written, and it stays what it was: all that tells who
    /// has the records.
    pub(super) fn without_elr(&self, id: TopicId) -> impl Iterator<Item = Change> + '_ {
        self.partitions_of(id).filter(|partition| partition.judged_by_minimum()).map(move |partition| {
            let cleared =
                Partition { elr: Vec::new(), partition_epoch: partition.partition_epoch.saturating_add(1), ..Partition::clone(partition) };
            Change::PartitionChanged { topic_id: id, partition: Arc::new(cleared) }
        })
    }
}
