//! What the log holds: fully decided, closed, greppable. A command is never asked "what should I do?", only "does this still hold?".

use crate::ids::{BrokerId, Index, NodeId, TopicId};
use crate::intent::{Intent, Principal, Registration};
use crate::model::{BrokerState, Configs, ControllerNode, Identity, Partition, RecoveryState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The replicas that the leader placed for one new partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Assignment {
    pub replicas: Vec<BrokerId>,
    pub isr: Vec<BrokerId>,
    pub leader: BrokerId,
}

impl Assignment {
    /// The partition as it begins (F7): both epochs 0, recovered.
    pub fn partition(&self, number: u32) -> Partition {
        Partition {
            partition: number,
            leader: Some(self.leader),
            leader_epoch: 0,
            partition_epoch: 0,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            elr: Vec::new(),
            last_known_leader: None,
            recovery_state: RecoveryState::Recovered,
            adding_replicas: Vec::new(),
            removing_replicas: Vec::new(),
        }
    }
}

/// A decided next state of one partition, and the epochs it was decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartitionTarget {
    pub topic_id: TopicId,
    pub partition: u32,
    /// The leader epoch that this was decided on.
    pub leader_epoch: u32,
    /// The partition epoch that this was decided on.
    pub partition_epoch: u32,
    pub leader: Option<BrokerId>,
    pub isr: Vec<BrokerId>,
    pub elr: Vec<BrokerId>,
    pub last_known_leader: Option<BrokerId>,
    pub recovery_state: RecoveryState,
}

/// Everything that can be committed. Append only: an old log must decode for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Command {
    BootstrapCluster {
        identity: Identity,
    },
    /// A new incarnation (`amends` is none) or an amendment of the same one at that epoch (A4).
    RegisterBroker {
        registration: Registration,
        replaces: Option<Index>,
        amends: Option<Index>,
    },
    UnregisterBroker {
        id: BrokerId,
        epoch: Index,
    },
    /// The index of the last entry of this kind that shuts a broker down is its `shutdown_index` (B7).
    UpdateBrokerStatus {
        id: BrokerId,
        epoch: Index,
        state: BrokerState,
        held: bool,
        by_operator: bool,
    },
    RegisterTopic {
        topic_id: TopicId,
        name: String,
        configs: Configs,
    },
    AssignPartitions {
        topic_id: TopicId,
        first: u32,
        assignments: Vec<Assignment>,
    },
    UpdateTopicConfig {
        topic_id: TopicId,
        configs: Configs,
    },
    DeleteTopic {
        topic_id: TopicId,
    },
    /// By the controller: an election or the removal of a replica from ISR or ELR.
    UpdatePartitionLeader {
        target: PartitionTarget,
    },
    /// By a partition's leader.
    UpdateIsr {
        broker: BrokerId,
        broker_epoch: Index,
        target: PartitionTarget,
    },
    /// The data directory that holds this controller's vote and log; the first one of a node id stays. It is remembered
    /// beside the state, not in it: no page and no storage service has a use for it.
    AdmitInstance {
        node_id: NodeId,
        instance_id: Uuid,
    },
}

impl Command {
    /// How many partitions it touches, for the limit of F11.
    pub fn partitions(&self) -> usize {
        match self {
            Command::AssignPartitions { assignments, .. } => assignments.len(),
            Command::UpdatePartitionLeader { .. } | Command::UpdateIsr { .. } => 1,
            _ => 0,
        }
    }
}

/// A compare-and-set on an object's `changed_index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Topic { topic_id: TopicId, changed_index: Index },
    Broker { id: BrokerId, changed_index: Index },
}

/// All its commands or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    #[cfg_attr(feature = "schema", schemars(skip_serializing_if = "Option::is_none"))]
    pub expected: Option<Expected>,
    pub commands: Vec<Command>,
}

impl Group {
    /// A group without a condition beyond its commands' own guards.
    pub fn of(commands: Vec<Command>) -> Self {
        Group { expected: None, commands }
    }
}

/// The use of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// SHA-256 over principal and key.
    pub hash: [u8; 32],
    /// The first half of SHA-256 over method, path, query and body.
    pub fingerprint: [u8; 16],
}

/// One Raft entry: one intent, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since the Unix epoch, from the leader's clock; apply never lets it go back.
    pub at_ms: u64,
    pub principal: Principal,
    pub intent: Intent,
    pub key: Option<KeyUse>,
    pub groups: Vec<Group>,
}

/// The committed membership, as openraft hands it to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub nodes: Vec<ControllerNode>,
}
