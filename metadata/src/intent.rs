//! What a person, a broker or the leader itself asks. An intent decides nothing: the plan does.

mod plain;

use crate::access::AccessChange;
use crate::ids::{BrokerId, Index, NodeId, TopicId};
use crate::model::{Configs, Endpoint, Identity, RecoveryState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A topic to create. What is absent takes its default: 1 partition, replication factor 3 (F4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewTopic {
    pub name: String,
    pub partitions: Option<i64>,
    pub replication_factor: Option<i64>,
    /// Replicas per partition, by hand; excludes the two counts (F5).
    pub assignments: Option<Vec<Vec<BrokerId>>>,
    pub configs: Configs,
}

/// A broker's registration (A1–A5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Registration {
    pub id: BrokerId,
    pub incarnation_id: Uuid,
    pub cluster_id: Option<Uuid>,
    pub rack: Option<String>,
    pub endpoints: Vec<Endpoint>,
    pub push_url: Option<String>,
    /// The epoch of a clean shutdown: with it the old incarnation counts as merely fenced (A5).
    pub previous_broker_epoch: Option<Index>,
}

/// A heartbeat (B). Becomes an intent only when it asks for a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    pub id: BrokerId,
    pub broker_epoch: Index,
    /// The metadata index that the broker has taken in.
    pub metadata_index: Index,
    pub want_fence: bool,
    pub want_shut_down: bool,
}

/// A member of the ISR that a leader proposes; no epoch skips its check (D9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IsrMember {
    pub broker: BrokerId,
    #[serde(default)]
    pub broker_epoch: Option<Index>,
}

/// A leader's proposal for one partition (D).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IsrChange {
    pub topic_id: TopicId,
    pub partition: u32,
    pub leader_epoch: u32,
    pub partition_epoch: u32,
    pub isr: Vec<IsrMember>,
    #[serde(default)]
    pub recovery_state: Option<RecoveryState>,
}

/// One step of a change to a topic's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigOp {
    pub key: String,
    pub op: ConfigOpKind,
    #[serde(default)]
    pub value: Option<String>,
}

/// What a [`ConfigOp`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConfigOpKind {
    Set,
    Delete,
    /// Adds to a key whose value is a list.
    Append,
    /// Takes from a key whose value is a list.
    Subtract,
}

/// Which election (E2, E3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Election {
    Preferred,
    /// A leader that may lack acknowledged records, where no other can be had.
    Unclean,
}

/// A partition by its topic's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: u32,
}

/// Who is to lead a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskedLeader {
    pub topic: String,
    pub partition: u32,
    pub leader: BrokerId,
    /// The leader epoch that this rests on: another election in between is not overruled.
    pub leader_epoch: u32,
}

/// Where a partition is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskedMove {
    pub topic: String,
    pub partition: u32,
    /// In order of preference.
    pub replicas: Vec<BrokerId>,
}

/// How fast it may go (H10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Moves in flight into a broker, and out of one; the setting `reassignment.max.per.broker` when absent.
    #[serde(default)]
    pub per_broker: Option<u32>,
}

/// What a rebalance looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    Cluster,
    Topics,
    Brokers,
}

/// What a rebalance evens out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    Replicas,
    Leaders,
    #[default]
    Both,
}

/// A rebalance: the least movement that spreads over racks, then evens out (J3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rebalance {
    pub scope: Scope,
    /// Of scope `topics`: these.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Of scope `brokers`: only between these.
    #[serde(default)]
    pub brokers: Vec<BrokerId>,
    #[serde(default)]
    pub goal: Goal,
    #[serde(default)]
    pub max_moves: Option<u32>,
}

/// Everything that can be asked. Append only: the log encodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// The first leader names the cluster.
    BootstrapCluster {
        identity: Identity,
    },
    RegisterBroker {
        registration: Registration,
    },
    UnregisterBroker {
        id: BrokerId,
        expected: Option<Index>,
    },
    /// A heartbeat that asks for a transition.
    BrokerHeartbeat {
        heartbeat: Heartbeat,
    },
    /// The leader found a session expired (B14).
    SessionExpired {
        id: BrokerId,
        broker_epoch: Index,
    },
    /// The leader goes on with a fencing that was too large for one entry.
    ContinueFencing {
        id: BrokerId,
        broker_epoch: Index,
    },
    /// By an operator: sticky (B4a).
    FenceBroker {
        id: BrokerId,
        expected: Option<Index>,
    },
    UnfenceBroker {
        id: BrokerId,
        expected: Option<Index>,
    },
    ChangeIsr {
        id: BrokerId,
        broker_epoch: Index,
        changes: Vec<IsrChange>,
    },
    /// One topic or a batch; each becomes a group of its own.
    CreateTopics {
        topics: Vec<NewTopic>,
    },
    DeleteTopic {
        name: String,
        expected: Option<Index>,
    },
    ChangeConfigs {
        name: String,
        ops: Vec<ConfigOp>,
        expected: Option<Index>,
    },
    /// The leader saw this data directory under this controller's id.
    AdmitInstance {
        node_id: NodeId,
        instance_id: Uuid,
    },
    /// More partitions for a topic; placed by hand they are the new ones only (F9).
    GrowTopic {
        name: String,
        /// How many there are to be in all.
        count: i64,
        assignments: Option<Vec<Vec<BrokerId>>>,
        expected: Option<Index>,
    },
    /// The leader found that every controller reads the encodings of this level.
    RaiseFormat {
        format: u32,
    },
    ChangeSettings {
        ops: Vec<ConfigOp>,
        expected: Option<Index>,
    },
    /// The leader goes on with what a changed setting asks of the topics that inherit it (L2).
    ContinueSettings,
    /// Of these partitions, or of a topic's, of a broker's, or of all (E10).
    Elect {
        election: Election,
        partitions: Option<Vec<TopicPartition>>,
        topic: Option<String>,
        broker: Option<BrokerId>,
    },
    /// The leader lets leaders return (E11).
    BalanceLeaders,
    /// The leader elects where topics allow an unclean leader (E12).
    ElectUnclean,
    Reassign {
        moves: Vec<AskedMove>,
        limits: Limits,
        /// Whether a move may change the number of replicas (KIP-860).
        allow_factor_change: bool,
    },
    Rebalance {
        rebalance: Rebalance,
        limits: Limits,
    },
    ChangeFactor {
        name: String,
        replication_factor: i64,
        limits: Limits,
        expected: Option<Index>,
    },
    DrainBroker {
        id: BrokerId,
        limits: Limits,
        expected: Option<Index>,
    },
    StopDrain {
        id: BrokerId,
        expected: Option<Index>,
    },
    /// The leader found a broker down for too long (J4).
    ReplaceBroker {
        id: BrokerId,
        broker_epoch: Index,
    },
    /// The leader goes on with the moves that are open (H11).
    ContinueReassignments,
    CancelReassignment {
        id: Index,
    },
    LimitReassignment {
        id: Index,
        limits: Limits,
    },
    /// Who may do what.
    ChangeAccess {
        change: AccessChange,
    },
    /// Each of these partitions is led by this replica, all of them or none (U5).
    Lead {
        leaders: Vec<AskedLeader>,
    },
    /// Takes back what the commit at this index did, by asking this; it is no undo itself (U1).
    Undo {
        of: Index,
        #[serde(deserialize_with = "plain::read")]
        intent: Box<Intent>,
    },
}

impl Intent {
    /// The name in the JSON form and in logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Intent::BootstrapCluster { .. } => "bootstrap_cluster",
            Intent::RegisterBroker { .. } => "register_broker",
            Intent::UnregisterBroker { .. } => "unregister_broker",
            Intent::BrokerHeartbeat { .. } => "broker_heartbeat",
            Intent::SessionExpired { .. } => "session_expired",
            Intent::ContinueFencing { .. } => "continue_fencing",
            Intent::FenceBroker { .. } => "fence_broker",
            Intent::UnfenceBroker { .. } => "unfence_broker",
            Intent::ChangeIsr { .. } => "change_isr",
            Intent::CreateTopics { .. } => "create_topics",
            Intent::DeleteTopic { .. } => "delete_topic",
            Intent::ChangeConfigs { .. } => "change_configs",
            Intent::AdmitInstance { .. } => "admit_instance",
            Intent::GrowTopic { .. } => "grow_topic",
            Intent::RaiseFormat { .. } => "raise_format",
            Intent::ChangeSettings { .. } => "change_settings",
            Intent::ContinueSettings => "continue_settings",
            Intent::Elect { .. } => "elect",
            Intent::BalanceLeaders => "balance_leaders",
            Intent::ElectUnclean => "elect_unclean",
            Intent::Reassign { .. } => "reassign",
            Intent::Rebalance { .. } => "rebalance",
            Intent::ChangeFactor { .. } => "change_factor",
            Intent::DrainBroker { .. } => "drain_broker",
            Intent::StopDrain { .. } => "stop_drain",
            Intent::ReplaceBroker { .. } => "replace_broker",
            Intent::ContinueReassignments => "continue_reassignments",
            Intent::CancelReassignment { .. } => "cancel_reassignment",
            Intent::LimitReassignment { .. } => "limit_reassignment",
            Intent::ChangeAccess { .. } => "change_access",
            Intent::Lead { .. } => "lead",
            Intent::Undo { .. } => "undo",
        }
    }

    /// What is asked: of an undo what it asks.
    pub fn inner(&self) -> &Intent {
        match self {
            Intent::Undo { intent, .. } => intent,
            other => other,
        }
    }
}
