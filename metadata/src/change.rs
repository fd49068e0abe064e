//! What became true: the whole vocabulary of the feed.

use crate::ids::{BrokerId, Index, Term, TopicId};
use crate::intent::Intent;
use crate::model::{Broker, Configs, ControllerNode, Identity, Partition, RecoveryState, Standing};
use crate::principal::Principal;
use crate::reassignment::{Move, MoveState, Reassignment};
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One thing that became true. Append only: feeds, pushes and journals encode it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    ClusterBootstrapped {
        identity: Identity,
    },
    TopicCreated {
        topic_id: TopicId,
        name: Arc<str>,
        configs: Configs,
    },
    TopicDeleted {
        topic_id: TopicId,
        name: Arc<str>,
    },
    /// The partition's whole new state. Its JSON form is flat.
    PartitionChanged {
        topic_id: TopicId,
        #[cfg_attr(feature = "schema", schemars(flatten))]
        partition: Arc<Partition>,
    },
    ConfigsChanged {
        topic_id: TopicId,
        configs: Configs,
    },
    /// The broker's whole new state. Its JSON form is flat.
    BrokerRegistered {
        #[cfg_attr(feature = "schema", schemars(flatten))]
        broker: Arc<Broker>,
    },
    /// The broker's whole new state. Its JSON form is flat.
    BrokerChanged {
        #[cfg_attr(feature = "schema", schemars(flatten))]
        broker: Arc<Broker>,
    },
    BrokerRemoved {
        id: BrokerId,
    },
    ControllersChanged {
        controllers: Vec<ControllerNode>,
    },
    /// Every node reads the encodings of this level.
    FormatRaised {
        format: u32,
    },
    SettingsChanged {
        settings: Arc<Settings>,
    },
    StandingChanged {
        id: BrokerId,
        standing: Standing,
    },
    /// The reassignment's whole new state, without its moves.
    ReassignmentChanged {
        reassignment: Arc<Reassignment>,
    },
    /// A move's whole new state; its number counts from 0 within its reassignment.
    MoveChanged {
        reassignment_id: Index,
        number: u32,
        #[serde(rename = "move")]
        movement: Arc<Move>,
    },
    /// An ended one is no longer kept.
    ReassignmentDropped {
        id: Index,
    },
}

/// Everything that one entry made true, whole. The unit of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Commit {
    pub index: Index,
    /// The index of the commit before this one; 0 for the first.
    pub prev_index: Index,
    pub term: Term,
    pub at_ms: u64,
    pub principal: Principal,
    /// None for a change of membership, which no intent asked for.
    pub intent: Option<Intent>,
    /// The state's digest after it.
    pub digest: crate::proof::digest::Digest,
    pub changes: Vec<Change>,
}

impl Commit {
    /// The kind of what was asked, in the JSON form and in logs.
    pub fn kind(&self) -> &'static str {
        self.intent.as_ref().map_or("membership", Intent::kind)
    }

    /// The partitions that this commit gave a leader that may lack acknowledged records (E3, E4): it is alone in sync, and recovers.
    pub fn elected_uncleanly(&self) -> impl Iterator<Item = (TopicId, &Arc<Partition>)> {
        self.changes.iter().filter_map(|change| match change {
            Change::PartitionChanged { topic_id, partition } => {
                let recovers = partition.recovery_state == RecoveryState::Recovering && partition.leader.is_some();
                (recovers && self.may_elect(*topic_id, partition.partition)).then_some((*topic_id, partition))
            }
            _ => None,
        })
    }

    /// Whether what was asked for elects a partition's leader; what only goes on with moves does where it takes one back.
    fn may_elect(&self, topic: TopicId, partition: u32) -> bool {
        let taken_back = || {
            self.changes.iter().any(|change| match change {
                Change::MoveChanged { movement, .. } => {
                    let ended = matches!(movement.state, MoveState::Cancelled | MoveState::Failed);
                    ended && (movement.topic_id, movement.partition) == (topic, partition)
                }
                _ => false,
            })
        };
        match self.intent.as_ref().map(Intent::inner) {
            Some(
                Intent::Elect { .. }
                | Intent::ElectUnclean
                | Intent::SessionExpired { .. }
                | Intent::ContinueFencing { .. }
                | Intent::FenceBroker { .. }
                | Intent::BrokerHeartbeat { .. }
                | Intent::RegisterBroker { .. }
                | Intent::UnregisterBroker { .. },
            ) => true,
            Some(Intent::CancelReassignment { .. } | Intent::StopDrain { .. } | Intent::ContinueReassignments) => taken_back(),
            _ => false,
        }
    }

    /// The topic that this commit created under this id, if it did.
    pub fn created_topic(&self, id: TopicId) -> Option<(&Arc<str>, &Configs)> {
        self.changes.iter().find_map(|change| match change {
            Change::TopicCreated { topic_id, name, configs } if *topic_id == id => Some((name, configs)),
            _ => None,
        })
    }
}
