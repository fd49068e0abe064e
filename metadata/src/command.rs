//! What the log holds: fully decided, closed, greppable. A command is never asked "what should I do?", only "does this still hold?".

use crate::access::{AccessChange, Credential, Demand};
use crate::ids::{BrokerId, Index, NodeId, TopicId};
use crate::intent::{Intent, Registration};
use crate::model::{BrokerState, Configs, ControllerNode, Identity, Partition, RecoveryState};
use crate::principal::Principal;
use crate::reassignment::{Limits, MoveEnd, MoveState, ReassignmentState, Source, Why};
use crate::secret::SecretHash;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
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

impl PartitionTarget {
    /// The partition with these roles, its epochs risen as they rise with them; its replicas as they are.
    pub(crate) fn over(&self, old: &Partition) -> Partition {
        Partition {
            leader: self.leader,
            leader_epoch: old.leader_epoch.saturating_add((self.leader != old.leader).into()),
            partition_epoch: old.partition_epoch.saturating_add(1),
            isr: self.isr.clone(),
            elr: self.elr.clone(),
            last_known_leader: self.last_known_leader,
            recovery_state: self.recovery_state,
            ..Partition::clone(old)
        }
    }
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
    /// Every node reads the encodings of this level.
    RaiseFormat {
        format: u32,
    },
    /// What is set from now on, whole.
    UpdateSettings {
        values: Configs,
    },
    /// E9, L2: empties the ELR of these topics' partitions; those from `next` on are still to come.
    ClearElr {
        topics: Vec<TopicId>,
        next: Option<TopicId>,
    },
    /// Its id is the index of its entry.
    StartReassignment {
        reason: Why,
        limits: Limits,
        source: Source,
        /// How many moves there are to be in all.
        total: u32,
        moves: Vec<PlannedMove>,
    },
    /// More moves of one whose plan is too large for one entry.
    AddMoves {
        id: Index,
        /// How many there were before.
        first: u32,
        /// How many there are to be in all by now.
        total: u32,
        moves: Vec<PlannedMove>,
    },
    UpdateReassignment {
        id: Index,
        state: ReassignmentState,
        limits: Limits,
    },
    /// A move begins, completes or is taken back (H1, H4, H5).
    MovePartition {
        target: PartitionTarget,
        placement: Placing,
        /// The leader whose report completed it.
        sender: Option<(BrokerId, Index)>,
    },
    UpdateMove {
        reassignment_id: Index,
        number: u32,
        state: MoveState,
        end: Option<MoveEnd>,
    },
    /// Drained by the reassignment that this very entry begins, or not any more.
    UpdateDrain {
        id: BrokerId,
        epoch: Index,
        draining: bool,
    },
    /// The registration in the same group is spoken for by who knows the secret of this hash. Remembered beside the state, as
    /// instances are.
    BindBroker {
        id: BrokerId,
        proof: SecretHash,
    },
    /// Who may do what. Remembered beside the state.
    ChangeAccess {
        change: AccessChange,
    },
    /// First of an entry's first group: whoever shows this has to be allowed that, when the entry is applied.
    Require {
        credential: Credential,
        demand: Demand,
        /// Where from, as the node that was asked saw it.
        address: Option<IpAddr>,
    },
}

/// A move as it is planned: from where the partition is to where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedMove {
    pub topic_id: TopicId,
    pub partition: u32,
    pub from: Vec<BrokerId>,
    pub to: Vec<BrokerId>,
}

/// A partition's replicas during a move and after it (H1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Placing {
    /// Those that it goes to first, then those that are to leave.
    pub replicas: Vec<BrokerId>,
    pub adding: Vec<BrokerId>,
    pub removing: Vec<BrokerId>,
}

impl Command {
    /// How many partitions it touches, for the limit of F11.
    pub fn partitions(&self) -> usize {
        match self {
            Command::AssignPartitions { assignments, .. } => assignments.len(),
            Command::UpdatePartitionLeader { .. } | Command::UpdateIsr { .. } | Command::MovePartition { .. } => 1,
            Command::StartReassignment { moves, .. } | Command::AddMoves { moves, .. } => moves.len(),
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
    Settings { changed_index: Index },
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

impl Entry {
    /// Who has to be allowed what.
    pub fn requires(&self) -> Option<(&Credential, &Demand)> {
        match self.groups.first()?.commands.first()? {
            Command::Require { credential, demand, .. } => Some((credential, demand)),
            _ => None,
        }
    }

    /// By what whoever asked was known, and from where; none where nobody was.
    pub fn asked_by(&self) -> Option<AskedBy> {
        match self.groups.first()?.commands.first()? {
            Command::Require { credential: Credential::Nobody, .. } => None,
            Command::Require { credential, address, .. } => Some(AskedBy { credential: credential.clone(), address: *address }),
            _ => None,
        }
    }
}

/// By what somebody was known who asked for what an entry did, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedBy {
    pub credential: Credential,
    pub address: Option<IpAddr>,
}

/// The committed membership, as openraft hands it to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub nodes: Vec<ControllerNode>,
}
