//! The vocabulary between controllers.

use crate::api::{MemberChange, Proven, Refusal, Replacement, Submission, Submitted};
use crate::raft::{SnapshotMeta, TypeConfig, Vote};
use bytes::Bytes;
use metadata::access::Credential;
use metadata::command::AskedBy;
use metadata::digest::Digest;
use metadata::frame::Pulse;
use metadata::intent::Heartbeat;
use metadata::plan::HeartbeatReply;
use metadata::{ControllerNode, Index, NodeId, SecretHash};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tokio::time::Instant;
use uuid::Uuid;

/// A request, one per frame.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    /// Entries, or that there are none; and how long ago the leader itself last heard a majority.
    Append {
        rpc: AppendEntriesRequest<TypeConfig>,
        quorum_age_ms: u64,
    },
    Vote(VoteRequest<TypeConfig>),
    PreVote(VoteRequest<TypeConfig>),
    TransferLeader(TransferLeaderRequest<TypeConfig>),
    Snapshot {
        vote: Vote,
        meta: SnapshotMeta,
        content: Bytes,
    },
    /// A forwarded intent, with what is left of its time in ms.
    Submit {
        submission: Box<Submission>,
        remaining_ms: u64,
    },
    Heartbeat {
        heartbeat: Heartbeat,
        remaining_ms: u64,
    },
    ReadIndex {
        remaining_ms: u64,
    },
    /// The leader's soft state on its way to a follower's pages.
    Pulse {
        pulse: Pulse,
    },
    /// First on every connection: who speaks.
    Hello(Hello),
    /// How far the other node is.
    Status,
    /// The digest at a revision.
    DigestAt {
        index: Index,
    },
    /// A majority has another digest there than the node that is asked: it should look for itself.
    Doubt {
        index: Index,
    },
    /// To the leader: an empty node in the place of a lost one.
    Replace {
        replacement: Replacement,
        remaining_ms: u64,
    },
    /// Who belongs to the cluster.
    Members,
    /// To the leader: one change of the membership.
    Change {
        change: MemberChange,
        remaining_ms: u64,
    },
    /// The newest format that the other node's build reads.
    Format,
    /// [`Request::Submit`] of a broker that proves its session.
    SubmitProven {
        submission: Box<Submission>,
        proof: SecretHash,
        remaining_ms: u64,
    },
    /// [`Request::Heartbeat`] of such a broker.
    HeartbeatProven {
        heartbeat: Heartbeat,
        proof: SecretHash,
        remaining_ms: u64,
    },
    /// To the leader: what would become of a change of the membership.
    Foresee {
        change: MemberChange,
    },
    /// [`Request::Submit`] of somebody who is known.
    SubmitBy {
        submission: Box<Submission>,
        proven: Proven,
        remaining_ms: u64,
    },
    /// [`Request::Heartbeat`] of a broker that is known.
    HeartbeatBy {
        heartbeat: Heartbeat,
        proven: Proven,
        remaining_ms: u64,
    },
    /// [`Request::Change`] of somebody who is known.
    ChangeBy {
        change: MemberChange,
        credential: Credential,
        remaining_ms: u64,
    },
    /// [`Request::Foresee`] of somebody who is known.
    ForeseeBy {
        change: MemberChange,
        credential: Credential,
    },
    /// To the leader: whether a password of this account may be tried.
    MayTry {
        account: String,
        address: IpAddr,
    },
    /// Which segments of its journal the other node keeps.
    Kept,
    /// Commits of its journal after a position, up to another.
    Commits {
        after: Index,
        upto: Index,
    },
    /// The state at an index of its journal.
    StateAt {
        index: Index,
    },
}

/// The reply to a request. `Refused` answers anything.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    Append(AppendEntriesResponse<TypeConfig>),
    Vote(VoteResponse<TypeConfig>),
    TransferLeader(TransferLeaderResponse<TypeConfig>),
    Snapshot(SnapshotResponse<TypeConfig>),
    Submit(Submitted),
    Heartbeat {
        index: Index,
        reply: HeartbeatReply,
    },
    ReadIndex {
        index: Index,
    },
    Status(NodeStatus),
    Refused(Refusal),
    Hello(Hello),
    DigestAt {
        digest: Option<Digest>,
    },
    Replaced {
        index: Index,
    },
    /// Empty before the cluster has its identity.
    Members {
        ids: Vec<NodeId>,
    },
    Format {
        newest: u32,
    },
    /// The membership as it would be.
    Foreseen {
        controllers: Vec<ControllerNode>,
    },
    /// Zero when it may be tried now.
    MayTry {
        wait_ms: u64,
    },
    Kept {
        segments: Vec<KeptSegment>,
    },
    /// Each as the feed has it, and by what whoever asked was known. Empty where they are not kept.
    Commits {
        commits: Vec<(Bytes, Option<AskedBy>)>,
    },
    StateAt {
        content: Option<Bytes>,
    },
}

/// A part of a node's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSegment {
    pub after: Index,
    pub upto: Index,
    /// The time of its newest commit, ms since the Unix epoch.
    pub upto_ms: u64,
}

/// What is left until a deadline, as requests carry it.
pub(crate) fn remaining_ms(deadline: Instant) -> u64 {
    deadline.saturating_duration_since(Instant::now()).as_millis() as u64
}

/// Who speaks on a connection, and of which history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub node_id: NodeId,
    pub instance_id: Uuid,
    /// None before the cluster has its identity, or before this node has heard of it.
    pub lineage: Option<Uuid>,
}

/// What a node says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NodeStatus {
    pub id: NodeId,
    pub last_log_index: Index,
    pub applied_index: Index,
    pub digest: Digest,
    pub snapshot_index: Index,
}
