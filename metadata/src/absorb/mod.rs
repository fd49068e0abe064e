//! How a change becomes state: the same code in a controller (through apply), in a browser and in a storage service.
//!
//! Total by design: a change carries whole new values, so there is nothing that could fail to fit. A replica that was
//! wrong before stays wrong, and its digest says so. The files mirror those of [`crate::apply`].

mod brokers;
mod moves;
mod partitions;
mod settings;
mod topics;

use crate::change::{Change, Commit};
use crate::ids::Index;
use crate::model::Topic;
use crate::proof::digest::Kind;
use crate::small_map::SmallMap;
use crate::state::State;
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
            Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => {
                self.note_turn(at_ms, broker);
                self.put_broker(broker);
            }
            Change::BrokerRemoved { id } => self.drop_broker(*id),
            Change::ControllersChanged { controllers } => {
                self.controllers.iter().for_each(|(_, node)| self.digest.sub(Kind::Controller, node));
                self.controllers = SmallMap::default();
                for node in controllers {
                    self.controllers.insert(node.id, Arc::new(node.clone()));
                }
                self.controllers.iter().for_each(|(_, node)| self.digest.add(Kind::Controller, node));
            }
            Change::FormatRaised { format } => self.put_format(*format),
            Change::SettingsChanged { settings } => self.put_settings(settings),
            Change::StandingChanged { id, standing } => self.put_standing(*id, *standing),
            Change::ReassignmentChanged { reassignment } => self.put_reassignment(reassignment),
            Change::MoveChanged { reassignment_id, number, movement } => self.put_move(index, *reassignment_id, *number, movement),
            Change::ReassignmentDropped { id } => self.drop_reassignment(*id),
        }
    }
}
