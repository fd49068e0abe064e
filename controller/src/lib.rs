//! The Raft node. (Signatures first; the implementation follows.)
pub mod api;
pub use api::{Outcome, Refusal, Submission, Submitted};
use metadata::plan::HeartbeatReply;
use metadata::frame::{Frame, Pulse};
use metadata::intent::Heartbeat;
use metadata::{Commit, Index, NodeId, State, Term};
use std::sync::Arc;
use tokio::time::Instant;

/// A handle to this node; cheap to clone.
#[derive(Clone)]
pub struct Controller {}

#[expect(unused_variables, reason = "signatures first")]
impl Controller {
    pub fn node_id(&self) -> NodeId { unimplemented!() }
    /// The applied state: a pointer, never a lock.
    pub fn state(&self) -> Arc<State> { unimplemented!() }
    pub fn applied_index(&self) -> Index { unimplemented!() }
    pub fn leader_id(&self) -> Option<NodeId> { unimplemented!() }
    pub fn term(&self) -> Term { unimplemented!() }
    /// Soft state, with its age.
    pub fn pulse(&self) -> Arc<Pulse> { unimplemented!() }
    /// The last commits, newest first, at most `most`.
    pub fn recent(&self, most: usize) -> Vec<Arc<Commit>> { unimplemented!() }
    pub fn quorum_age_ms(&self) -> u64 { unimplemented!() }
    /// Submits an intent (forwarding it when this node follows) and waits until this node has applied the outcome.
    pub async fn submit(&self, submission: Submission, deadline: Instant) -> Result<Outcome, Refusal> { unimplemented!() }
    /// A dry run.
    pub async fn dry_run(&self, submission: Submission, deadline: Instant) -> Result<Submitted, Refusal> { unimplemented!() }
    pub async fn heartbeat(&self, heartbeat: Heartbeat, deadline: Instant) -> Result<(Index, HeartbeatReply), Refusal> { unimplemented!() }
    pub async fn wait_applied(&self, index: Index, deadline: Instant) -> Result<(), Refusal> { unimplemented!() }
    pub async fn linearizable(&self, deadline: Instant) -> Result<Index, Refusal> { unimplemented!() }
}
