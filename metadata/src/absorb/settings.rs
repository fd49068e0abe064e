//! Settings and the format, and what topics inherit from them.

use crate::configs;
use crate::ids::TopicId;
use crate::load::Tally;
use crate::proof::digest::Kind;
use crate::settings::Settings;
use crate::state::State;
use std::sync::Arc;

impl State {
    pub(crate) fn put_format(&mut self, format: u32) {
        if self.format > 0 {
            self.digest.sub(Kind::Format, &self.format);
        }
        self.digest.add(Kind::Format, &format);
        self.format = format;
    }

    pub(crate) fn put_settings(&mut self, settings: &Arc<Settings>) {
        // What was never set is no entity.
        if self.settings.changed_index > 0 {
            self.digest.sub(Kind::Settings, &self.settings);
        }
        self.digest.add(Kind::Settings, settings);
        let old = std::mem::replace(&mut self.settings, settings.clone());
        if old.min_isr() != settings.min_isr() {
            let inherits = |configs| configs::min_insync_replicas(configs).is_none();
            let topics: Vec<TopicId> = self.topics.values().filter(|topic| inherits(&topic.configs)).map(|topic| topic.id).collect();
            topics.into_iter().for_each(|id| self.count_anew(id));
        }
    }

    /// The conditions of a topic's partitions by another minimum.
    pub(super) fn count_anew(&mut self, id: TopicId) {
        let min_isr = self.min_isr(id);
        let mut tally = Tally::default();
        self.partitions_of(id).for_each(|partition| tally.add(Tally::of(partition, min_isr)));
        self.total.sub(self.tally(id));
        self.total.add(tally);
        self.tallies.insert(id, tally);
    }
}
