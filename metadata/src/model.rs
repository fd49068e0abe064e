//! The entities that the state holds. Their serde form is the JSON that the API shows and the binary that the log holds.

use crate::ids::{BrokerId, Index, NodeId, TopicId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A topic's configuration: only what differs from the defaults of [`crate::configs`].
pub type Configs = BTreeMap<String, String>;

/// Who this cluster is. Committed once, by the first leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    pub cluster_id: Uuid,
    /// The id of this history: a restored cluster draws a new one.
    pub lineage: Uuid,
}

/// A topic without its partitions, which the state keeps in a map of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    pub id: TopicId,
    pub name: Arc<str>,
    pub created_index: Index,
    /// Moves with what people ask of the topic (configs, count, placement), not with leaders or ISR.
    pub changed_index: Index,
    pub created_at_ms: u64,
    pub configs: Configs,
}

impl Topic {
    /// Whether the name marks a topic of the system, which is always protected from deletion (J5).
    pub fn internal(&self) -> bool {
        self.name.starts_with("__")
    }
}

/// Whether a partition's leader still has to recover from an unclean election (KIP-704).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    #[default]
    Recovered,
    Recovering,
}

/// One partition. The leader is null or in the ISR; the ISR is a subset of the replicas; ISR and ELR are disjoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Partition {
    pub partition: u32,
    pub leader: Option<BrokerId>,
    /// Rises whenever the leader is decided anew, even to the same one or to none.
    pub leader_epoch: u32,
    /// Rises with every change of the partition.
    pub partition_epoch: u32,
    /// In order of preference: the first is the preferred leader.
    pub replicas: Vec<BrokerId>,
    pub isr: Vec<BrokerId>,
    /// Eligible leader replicas (KIP-966): hold everything that was acknowledged, though out of sync now.
    pub elr: Vec<BrokerId>,
    pub last_known_leader: Option<BrokerId>,
    pub recovery_state: RecoveryState,
    pub adding_replicas: Vec<BrokerId>,
    pub removing_replicas: Vec<BrokerId>,
}

impl Partition {
    /// How many replicas it has, those that a move still fills not counted (E8).
    pub fn factor(&self) -> usize {
        self.replicas.len().saturating_sub(self.adding_replicas.len())
    }

    /// Its replicas without those that a move still fills (H6).
    pub(crate) fn base(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().filter(|id| !self.adding_replicas.contains(id)).collect()
    }

    /// Whether these are its replicas once what is under way is done.
    pub fn goes_to(&self, to: &[BrokerId]) -> bool {
        self.replicas.iter().filter(|id| !self.removing_replicas.contains(id)).eq(to)
    }

    /// Whether who is eligible depends on the minimum in sync (E9).
    pub(crate) fn judged_by_minimum(&self) -> bool {
        !self.elr.is_empty() && !self.isr.is_empty()
    }

    /// Whether a move of it is under way.
    pub fn moves(&self) -> bool {
        !self.adding_replicas.is_empty() || !self.removing_replicas.is_empty()
    }
}

/// The availability of a broker as committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BrokerState {
    Online,
    /// Being fenced in several entries: inactive already, elections still to come.
    Fencing,
    Fenced,
    ShuttingDown,
}

/// Where clients reach a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub name: String,
    pub host: String,
    pub port: u16,
}

/// A storage service, from its registration on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Broker {
    pub id: BrokerId,
    /// The index of the registration entry (A2): strictly increasing, unique, free.
    pub epoch: Index,
    /// Moves with registration, an operator's fence and drain.
    pub changed_index: Index,
    /// One per process start of the broker.
    pub incarnation_id: Uuid,
    pub rack: Option<String>,
    pub endpoints: Vec<Endpoint>,
    pub push_url: Option<String>,
    pub state: BrokerState,
    /// Fenced by an operator: no heartbeat undoes it (B4a).
    pub held: bool,
    /// The index that every active broker must have seen before this one may stop (B7, B10).
    pub shutdown_index: Option<Index>,
}

/// What is known of a broker beside its registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    /// Since when it has been online, or not, ms since the Unix epoch (J4, J10).
    pub since_ms: u64,
    /// The reassignment that moves everything off it; it gets nothing new.
    pub draining: Option<Index>,
}

impl Broker {
    /// Registered, not fenced, not in controlled shutdown.
    pub fn active(&self) -> bool {
        self.state == BrokerState::Online
    }
}

/// A controller node in the committed membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ControllerNode {
    pub id: NodeId,
    pub url: String,
    pub voter: bool,
}
