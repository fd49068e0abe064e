//! What travels on the feed, and the soft state that travels beside the commits.

use crate::change::Commit;
use crate::ids::{BrokerId, Index, NodeId, Term};
use crate::proof::digest::Digest;
use crate::travel::envelope::{self, EnvelopeError, Kind};
use crate::views::Level;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The version of the feed's vocabulary: a page built for another one reloads itself.
pub const SCHEMA: u32 = 3;

/// One message of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "type"))]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// First, once.
    Hello {
        schema: u32,
        cluster_id: Option<Uuid>,
        lineage: Option<Uuid>,
        node_id: NodeId,
        term: Term,
        index: Index,
    },
    Commit(Arc<Commit>),
    /// Everything up to `index` has been sent; this node last heard a majority's leader `quorum_age_ms` ago.
    Progress {
        index: Index,
        quorum_age_ms: u64,
    },
    /// What was asked for is no longer kept from before `oldest`: take the state and resume.
    Gone {
        oldest: Index,
    },
    Pulse(Arc<Pulse>),
    /// Why this node takes no part any more; none once it does again.
    Fault {
        detail: Option<String>,
    },
}

impl Frame {
    /// Its `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Frame::Hello { .. } => "hello",
            Frame::Commit(_) => "commit",
            Frame::Progress { .. } => "progress",
            Frame::Gone { .. } => "gone",
            Frame::Pulse(_) => "pulse",
            Frame::Fault { .. } => "fault",
        }
    }

    /// The binary form, subprotocol `quorate.v1.postcard`.
    ///
    /// # Errors
    /// As [`envelope::seal`].
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        envelope::seal(Kind::Frame, self)
    }

    /// Reads [`Frame::encode`]'s form.
    ///
    /// # Errors
    /// As [`envelope::open`].
    pub fn decode(bytes: &[u8]) -> Result<Frame, EnvelopeError> {
        envelope::open(Kind::Frame, bytes)
    }
}

/// What a controller node does in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Leader,
    Follower,
    Learner,
    Unreachable,
}

/// One controller node as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NodePulse {
    pub id: NodeId,
    pub url: String,
    pub role: Role,
    pub voter: bool,
    pub last_log_index: Index,
    pub applied_index: Index,
    /// How long ago the leader heard of it, ms; of the leader itself 0.
    pub last_contact_ms: Option<u64>,
    /// The node's own digest at `applied_index`.
    pub digest: Option<Digest>,
    /// Where its log begins: the index of its newest snapshot.
    pub snapshot_index: Option<Index>,
}

/// One broker's soft state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BrokerPulse {
    pub id: BrokerId,
    pub heartbeat_age_ms: Option<u64>,
    pub acknowledged_index: Option<Index>,
}

/// How the SQL backup does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Backup {
    Off,
    /// Everything up to this index is in the database.
    Following {
        watermark: Index,
    },
    Failing {
        watermark: Index,
        error: String,
    },
}

/// Since when the verdict has stood at its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Since {
    pub level: Level,
    pub at_ms: u64,
    pub index: Index,
}

/// Soft state, about once a second; never mixed into commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pulse {
    /// The leader's clock when it was made.
    pub at_ms: u64,
    /// How old it was when this node relayed it.
    pub age_ms: u64,
    pub leader_id: Option<NodeId>,
    pub term: Term,
    pub nodes: Vec<NodePulse>,
    pub brokers: Vec<BrokerPulse>,
    pub backup: Backup,
    pub since: Option<Since>,
    /// Commits in the last ten seconds.
    pub commits_10s: u32,
}
