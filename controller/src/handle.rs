//! The handle that the edges hold: reads from what is applied, submissions and heartbeats to the leader.

use crate::api::{MemberChange, Outcome, Proven, Refusal, Submission, Submitted, is_told};
use crate::following::pulse;
use crate::ground::Core;
use crate::hub;
use crate::leading;
use crate::living::fault::Fault;
use crate::net::rpc::{Reply, Request, remaining_ms};
use crate::net::{Certified, Duplex};
use crate::node::Inner;
use crate::reading::LONGEST_CONFIRMATION;
use arc_swap::ArcSwap;
use metadata::access::{Credential, Who};
use metadata::frame::Pulse;
use metadata::intent::Heartbeat;
use metadata::plan::HeartbeatReply;
use metadata::{Code, Commit, ControllerNode, Index, NodeId, Rejection, State, Term};
use openraft::async_runtime::WatchReceiver;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Leaders that a change of the membership is brought to, one after another.
const MOST_LEADERS: u32 = 4;
/// How long the next leader is waited for, at least.
const NEXT_LEADER: Duration = Duration::from_millis(100);

/// A handle to this node; cheap to clone.
#[derive(Clone)]
pub struct Controller {
    core: Arc<Core>,
    /// The parts that run now; after a full disk or a divergence others take their place.
    current: Arc<ArcSwap<Inner>>,
    runtime: tokio::runtime::Handle,
}

impl Controller {
    pub(crate) fn new(core: Arc<Core>, current: Arc<ArcSwap<Inner>>, runtime: tokio::runtime::Handle) -> Self {
        Controller { core, current, runtime }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn inner(&self) -> Arc<Inner> {
        self.current.load_full()
    }

    /// The parts that run, for what needs Raft.
    fn running(&self) -> Result<Arc<Inner>, Refusal> {
        match self.fault() {
            Some(fault) => {
                let refusal = Refusal::new(Code::NotController, format!("Node {} takes no part: {fault}", self.node_id()));
                Err(Refusal { revision: Some(self.applied_index()), ..refusal })
            }
            None => Ok(self.inner()),
        }
    }

    /// Why this node takes no part, if it does not.
    pub fn fault(&self) -> Option<Arc<Fault>> {
        self.core.fault.borrow().clone()
    }

    /// Follows why this node takes no part.
    pub fn watch_fault(&self) -> watch::Receiver<Option<Arc<Fault>>> {
        self.core.fault.subscribe()
    }

    /// The node that this is.
    pub fn node_id(&self) -> NodeId {
        self.core.options.node_id
    }

    /// The applied state: a pointer, never a lock.
    pub fn state(&self) -> Arc<State> {
        self.core.hub.view().state.clone()
    }

    /// State and applied index of one moment.
    pub fn view(&self) -> Arc<hub::View> {
        self.core.hub.view()
    }

    /// The index applied here; never goes back while the process lives.
    pub fn applied_index(&self) -> Index {
        self.core.hub.view().applied
    }

    /// The last index in this node's log, committed or not.
    pub fn last_log_index(&self) -> Index {
        self.inner().last_log_index()
    }

    /// How many intents this node, leading, refused with OVERLOADED since its process began.
    pub fn overloads(&self) -> u64 {
        self.inner().inbox.overloads()
    }

    /// How many heartbeats this node, leading, only took as a sign of life, as their change of state did not come in time (B2).
    pub fn late_heartbeats(&self) -> u64 {
        self.inner().sessions.late()
    }

    /// How many commits this process has applied, by kind.
    pub fn commits_by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.core.hub.commits_by_kind()
    }

    /// The leader, while one is known.
    pub fn leader_id(&self) -> Option<NodeId> {
        self.inner().leader_id()
    }

    /// The current term.
    pub fn term(&self) -> Term {
        self.inner().term()
    }

    /// Soft state: the leader's own, or as relayed with its age; what this node knows by itself when there is no leader.
    pub fn pulse(&self) -> Arc<Pulse> {
        pulse::read(&self.inner())
    }

    /// The pulse that [`Controller::watch_pulse`] told of, the same for everybody.
    pub fn shared_pulse(&self) -> Arc<hub::Encoded> {
        pulse::shared(&self.inner())
    }

    /// Told when a new pulse came.
    pub fn watch_pulse(&self) -> watch::Receiver<u64> {
        self.core.board.watch()
    }

    /// The last commits, newest first, at most `most`.
    pub fn recent(&self, most: usize) -> Vec<Arc<Commit>> {
        self.core.hub.recent(most)
    }

    /// How long ago this node last heard a majority's leader, in ms.
    pub fn quorum_age_ms(&self) -> u64 {
        self.inner().quorum_age_ms()
    }

    /// Follows the applied index.
    pub fn watch_applied(&self) -> watch::Receiver<Index> {
        self.core.hub.watch_applied()
    }

    /// Up to `most` commits after a position.
    pub fn commits_after(&self, position: Index, most: usize) -> hub::Next {
        self.core.hub.after(position, most)
    }

    /// A feed that began at another generation has to end.
    pub fn generation(&self) -> u64 {
        self.core.hub.generation()
    }

    /// Whether this node knows a leader, has heard it within the election timeout, and has applied what it knows to be committed.
    pub fn ready(&self) -> bool {
        if self.fault().is_some() {
            return false;
        }
        let committed = self.inner().raft.data_metrics().borrow_watched().cluster_committed.map_or(0, |log_id| log_id.index);
        let patience = self.core.options.election_timeout.as_millis() as u64 * 2;
        self.leader_id().is_some()
            && self.quorum_age_ms() <= patience
            && self.applied_index() >= committed
            && self.state().identity().is_some()
    }

    /// Submits an intent, forwarding it when this node follows, and waits until this node has applied the outcome.
    ///
    /// # Errors
    /// A refusal of the whole intent: by the rules, for lack of a leader, or because the outcome is unknown.
    pub async fn submit(&self, submission: Submission, deadline: Instant) -> Result<Outcome, Refusal> {
        let (kind, principal) = (submission.intent.kind(), submission.principal.clone());
        let (began, before) = (Instant::now(), self.applied_index());
        let Submitted::Done { index, outcomes } = self.running()?.to_leader(submission, deadline).await? else {
            return Err(Refusal::new(Code::InvalidRequest, "A dry run commits nothing"));
        };
        self.applies(index, deadline).await?;
        let commit = self.core.hub.commit_at(index);
        // Not what was committed before (a key used again), nor what another asked (an intent that needed no entry).
        let own = commit.as_ref().filter(|commit| index > before && commit.principal == principal && commit.kind() == kind);
        if own.is_some() && principal.is_person() {
            tracing::info!(kind, index, ms = began.elapsed().as_millis() as u64, %principal, "committed");
        }
        Ok(Outcome { index, outcomes, commit })
    }

    /// Plans an intent and says what would be committed.
    ///
    /// # Errors
    /// As [`Controller::submit`].
    pub async fn dry_run(&self, submission: Submission, deadline: Instant) -> Result<Submitted, Refusal> {
        self.running()?.to_leader(Submission { dry_run: true, ..submission }, deadline).await
    }

    /// Carries a broker's heartbeat to the leader, with what proves that it is the broker's.
    ///
    /// # Errors
    /// As [`Controller::submit`].
    pub async fn heartbeat(&self, heartbeat: Heartbeat, proven: Proven, deadline: Instant) -> Result<(Index, HeartbeatReply), Refusal> {
        let inner = self.running()?;
        let (index, reply) = if inner.known_leader(deadline).await? == self.node_id() {
            inner.heartbeat_as_leader(heartbeat, proven, deadline).await?
        } else {
            let remaining_ms = remaining_ms(deadline);
            let state = self.state();
            let request = match proven.session.filter(|_| state.binds()) {
                _ if is_told(&proven.credential, &state) => Request::HeartbeatBy { heartbeat, proven, remaining_ms },
                Some(proof) => Request::HeartbeatProven { heartbeat, proof, remaining_ms },
                None => Request::Heartbeat { heartbeat, remaining_ms },
            };
            match inner.ask_leader(request, deadline).await? {
                Reply::Heartbeat { index, reply } => (index, reply),
                _ => return Err(Refusal::new(Code::OutcomeUnknown, "The leader gave an answer of another kind")),
            }
        };
        self.applies(index, deadline).await?;
        Ok((index, reply))
    }

    /// Waits until this node has applied what was committed for a caller.
    async fn applies(&self, index: Index, deadline: Instant) -> Result<(), Refusal> {
        let unknown = |_| Refusal::new(Code::OutcomeUnknown, format!("It was committed at {index}; this node did not apply that in time"));
        self.inner().wait_applied(index, deadline).await.map_err(unknown)
    }

    /// Waits until this node has applied an index.
    ///
    /// # Errors
    /// REVISION_NOT_REACHED at the deadline.
    pub async fn wait_applied(&self, index: Index, deadline: Instant) -> Result<(), Refusal> {
        self.inner().wait_applied(index, deadline).await
    }

    /// Confirms with the leader; a read after it is linearizable (ReadIndex).
    ///
    /// # Errors
    /// NO_LEADER when no leader is confirmed by a majority.
    pub async fn linearizable(&self, deadline: Instant) -> Result<Index, Refusal> {
        let inner = self.running()?;
        let index = if inner.known_leader(deadline).await? == self.node_id() {
            inner.read_index_as_leader(deadline).await?
        } else {
            // A leader that stands still answers nothing, and nobody has to wait for it longer than it would itself.
            let confirmed_by = deadline.min(Instant::now() + LONGEST_CONFIRMATION);
            let remaining_ms = remaining_ms(confirmed_by);
            match inner.ask_leader(Request::ReadIndex { remaining_ms }, confirmed_by).await {
                Ok(Reply::ReadIndex { index }) => index,
                Ok(_) => return Err(Refusal::new(Code::NoLeader, "The leader gave an answer of another kind")),
                Err(refusal) if refusal.rejection.code == Code::Overloaded => return Err(refusal),
                // A read that was not confirmed changed nothing: it is no unknown outcome.
                Err(refusal) => return Err(Refusal { leader: refusal.leader, ..Refusal::new(Code::NoLeader, refusal.rejection.detail) }),
            }
        };
        self.inner().wait_applied(index, deadline).await?;
        Ok(index)
    }

    /// Serves a peer's connection until it ends, on Raft's runtime; `proven` says whose it is, where that is known.
    pub fn serve_peer(&self, stream: impl Duplex, proven: Option<Certified>) -> JoinHandle<()> {
        self.runtime.spawn(crate::net::serve::serve(self.inner(), stream, proven))
    }

    /// Raft's runtime, for a stream that has to be registered there.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// Changes the controllers' membership, or who of them leads (K).
    ///
    /// # Errors
    /// When there is no leader, the change does not fit the membership, another one is under way, or the time runs out.
    pub async fn change_members(&self, change: MemberChange, credential: &Credential, deadline: Instant) -> Result<Index, Refusal> {
        let inner = self.running()?;
        let mut tries = 0;
        let index = loop {
            tries += 1;
            let changed = if inner.known_leader(deadline).await? == self.node_id() {
                leading::members::asked(&inner, change.clone(), credential, deadline).await
            } else {
                let (change, remaining_ms) = (change.clone(), remaining_ms(deadline));
                let request = match self.known(credential) {
                    Some(credential) => Request::ChangeBy { change, credential, remaining_ms },
                    None => Request::Change { change, remaining_ms },
                };
                match inner.ask_leader(request, deadline).await {
                    Ok(Reply::Replaced { index }) => Ok(index),
                    Ok(_) => Err(Refusal::new(Code::OutcomeUnknown, "The leader gave an answer of another kind")),
                    Err(refusal) => Err(refusal),
                }
            };
            match changed {
                // A leader that is to go hands over first, and the next one is asked.
                Err(refusal) if refusal.rejection.code == Code::NotController && tries < MOST_LEADERS => {
                    tokio::time::sleep(NEXT_LEADER).await;
                }
                Err(refusal) => return Err(refusal),
                Ok(index) => break index,
            }
        };
        // A node that was taken out is not told of what follows, its own end included.
        let leaves = match &change {
            MemberChange::Remove { id } => *id == self.node_id(),
            MemberChange::Replace(replacement) => replacement.remove == self.node_id(),
            _ => false,
        };
        if !leaves {
            self.applies(index, deadline).await?;
        }
        Ok(index)
    }

    /// Who would belong to the cluster after a change of its membership, which is not made.
    ///
    /// # Errors
    /// As [`Controller::change_members`].
    pub async fn foresee_members(
        &self,
        change: MemberChange,
        credential: &Credential,
        deadline: Instant,
    ) -> Result<Vec<ControllerNode>, Refusal> {
        let inner = self.running()?;
        if inner.known_leader(deadline).await? == self.node_id() {
            return leading::members::foresee(&inner, &change, credential).await;
        }
        if !self.state().binds() {
            return Err(Rejection::too_old().into());
        }
        let request = match self.known(credential) {
            Some(credential) => Request::ForeseeBy { change, credential },
            None => Request::Foresee { change },
        };
        match inner.ask_leader(request, deadline).await? {
            Reply::Foreseen { controllers } => Ok(controllers),
            _ => Err(Refusal::new(Code::OutcomeUnknown, "The leader gave an answer of another kind")),
        }
    }

    /// A credential that a leader of any build that may lead can be told.
    fn known(&self, credential: &Credential) -> Option<Credential> {
        is_told(credential, &self.state()).then(|| credential.clone())
    }

    /// Who shows this, by what this node has applied.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nothing is shown and the cluster is not open, or what is shown holds no more.
    pub fn who(&self, credential: &Credential) -> Result<Who, Rejection> {
        self.inner().who(credential)
    }

    /// Whether this node knows of a change of the membership that is between its two entries.
    pub fn members_change(&self) -> bool {
        self.inner().members_change()
    }

    /// Waits until this node knows this leader, or the deadline.
    pub async fn led_by(&self, id: NodeId, deadline: Instant) {
        let mut metrics = self.inner().raft.server_metrics();
        let known = metrics.wait_until(|metrics| metrics.current_leader == Some(id));
        drop(tokio::time::timeout_at(deadline, known).await);
    }

    /// Stops cleanly: a leader hands over first.
    pub async fn stop(&self) {
        let inner = self.inner();
        leading::hand_over(&inner).await;
        self.core.stopping.cancel();
        if let Err(error) = inner.raft.shutdown().await {
            tracing::warn!(%error, "Raft did not stop cleanly");
        }
    }
}
