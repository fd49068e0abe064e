//! What a change replaced: changes carry whole new values, so this is the whole old one.

use crate::change::Change;
use crate::model::{Partition, Topic};
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What was there before a change. Append only: journals encode it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Was {
    /// It made what was not there.
    Nothing,
    /// The old value, said as the change that would bring it.
    Value(Change),
    /// A deleted topic with its partitions.
    Topic { topic: Arc<Topic>, partitions: Vec<Arc<Partition>> },
}

impl State {
    /// What this change, if it were absorbed now, would replace.
    pub fn was(&self, change: &Change) -> Was {
        let old = match change {
            Change::ClusterBootstrapped { .. } => self.identity.clone().map(|identity| Change::ClusterBootstrapped { identity }),
            Change::TopicCreated { topic_id, .. } => self.topic(*topic_id).map(|topic| Change::TopicCreated {
                topic_id: *topic_id,
                name: topic.name.clone(),
                configs: topic.configs.clone(),
            }),
            Change::TopicDeleted { topic_id, .. } => {
                let partitions = || self.partitions_of(*topic_id).cloned().collect();
                return self.topic(*topic_id).map_or(Was::Nothing, |topic| Was::Topic { topic: topic.clone(), partitions: partitions() });
            }
            Change::PartitionChanged { topic_id, partition } => self
                .partition(*topic_id, partition.partition)
                .map(|old| Change::PartitionChanged { topic_id: *topic_id, partition: old.clone() }),
            Change::ConfigsChanged { topic_id, .. } => {
                self.topic(*topic_id).map(|topic| Change::ConfigsChanged { topic_id: *topic_id, configs: topic.configs.clone() })
            }
            Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => {
                self.broker(broker.id).map(|old| Change::BrokerChanged { broker: old.clone() })
            }
            Change::BrokerRemoved { id } => self.broker(*id).map(|old| Change::BrokerChanged { broker: old.clone() }),
            Change::ControllersChanged { .. } => {
                Some(Change::ControllersChanged { controllers: self.controllers().map(|node| node.as_ref().clone()).collect() })
            }
            Change::FormatRaised { .. } => Some(Change::FormatRaised { format: self.format() }),
            Change::SettingsChanged { .. } => Some(Change::SettingsChanged { settings: self.settings.clone() }),
            Change::StandingChanged { id, .. } => Some(Change::StandingChanged { id: *id, standing: self.standing(*id) }),
            Change::ReassignmentChanged { reassignment } => self.reassignment_was(reassignment.id),
            Change::ReassignmentDropped { id } => self.reassignment_was(*id),
            Change::MoveChanged { reassignment_id, number, .. } => self
                .movement(*reassignment_id, *number)
                .map(|old| Change::MoveChanged { reassignment_id: *reassignment_id, number: *number, movement: old.clone() }),
        };
        old.map_or(Was::Nothing, Was::Value)
    }

    fn reassignment_was(&self, id: crate::ids::Index) -> Option<Change> {
        self.reassignment(id).map(|old| Change::ReassignmentChanged { reassignment: old.clone() })
    }
}
