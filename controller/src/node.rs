//! What one node is made of, and how it carries what is asked of it to the leader.

use crate::api::{Proven, Refusal, Submission, Submitted, is_told};
use crate::environment::Environment;
use crate::following::board::PulseBoard;
use crate::history::History;
use crate::hub::Hub;
use crate::leading::attempts::Attempts;
use crate::leading::sessions::Sessions;
use crate::living::proofs::Proofs;
use crate::net::peers::{Lane, Peers};
use crate::net::rpc::{NodeStatus, Reply, Request, remaining_ms};
use crate::options::Options;
use crate::raft::Raft;
use crate::reading::Reads;
use crate::writing::inbox::Inbox;
use metadata::access::{Credential, Demand, Who};
use metadata::frame::Pulse;
use metadata::intent::Heartbeat;
use metadata::plan::{HeartbeatReply, Transition, heartbeat_reply, transition};
use metadata::{Code, Index, Intent, NodeId, Principal, Rejection, Term};
use openraft::ServerState;
use openraft::async_runtime::{Instant as _, WatchReceiver};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

/// How long a call waits for a leader to emerge before it is told that there is none.
const LEADER_WAIT: Duration = Duration::from_millis(2_500);
const LEADER_RETRY: Duration = Duration::from_millis(100);
/// A heartbeat's transition that waits longer only touches the session (B2).
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(1);
/// What a node that just started has heard of a majority is at least this old: nothing it has needs to be of now.
const UNHEARD_MS: u64 = 10_000;

/// The parts of a node.
pub(crate) struct Inner {
    pub options: Options,
    pub environment: Arc<dyn Environment>,
    pub certificates: Option<tls::Certificates>,
    pub background: tokio::runtime::Handle,
    pub hub: Arc<Hub>,
    pub raft: Raft,
    pub peers: Arc<Peers>,
    pub inbox: Inbox,
    pub reads: Reads,
    pub sessions: Sessions,
    pub attempts: Attempts,
    pub board: Arc<PulseBoard>,
    pub history: Arc<History>,
    pub proofs: Arc<Proofs>,
    /// When a majority's leader was last heard, on a clock that began `UNHEARD_MS` before the monotonic one.
    pub heard_ms: AtomicU64,
    /// The last term in which this node led, and when it was first seen to, on the same clock.
    pub elected: Mutex<(Term, u64)>,
    /// This node looks whether it should stand for election in place of a leader that is gone.
    pub succeeding: AtomicBool,
    /// Raft has stopped: what it last said of itself no longer holds.
    pub dead: AtomicBool,
    /// Held through a change of the membership: one at a time.
    pub changing: tokio::sync::Mutex<()>,
    pub stop: CancellationToken,
}

impl Inner {
    /// The term in which this node leads, if it does.
    pub fn leading_term(&self) -> Option<Term> {
        if self.dead.load(Ordering::Acquire) {
            return None;
        }
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        (metrics.state == ServerState::Leader && metrics.current_leader == Some(self.options.node_id))
            .then_some(metrics.vote.leader_id.term)
    }

    /// C4: a leader that a majority did not hear for one and a half of the longest election time-out proposes nothing
    /// more; what it proposed would only pile up in its log. A follower sends nothing to a leader that is silent for so long.
    pub fn has_majority(&self) -> bool {
        self.quorum_age_ms() <= self.options.election_timeout.as_millis() as u64 * 3
    }

    /// The leader, as long as it is heard: Raft itself remembers one that has fallen silent until there is another.
    pub fn leader_id(&self) -> Option<NodeId> {
        if self.dead.load(Ordering::Acquire) {
            return None;
        }
        let leader = self.raft.server_metrics().borrow_watched().current_leader;
        leader.filter(|_| self.has_majority())
    }

    pub fn term(&self) -> Term {
        self.raft.server_metrics().borrow_watched().vote.leader_id.term
    }

    pub fn last_log_index(&self) -> Index {
        self.raft.data_metrics().borrow_watched().last_log.map_or(0, |log_id| log_id.index)
    }

    /// How many voters there are, and the other ones with their addresses.
    pub fn voters(&self) -> (usize, Vec<(NodeId, String)>) {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let voters: Vec<NodeId> = metrics.membership_config.voter_ids().collect();
        let others = metrics.membership_config.nodes().filter(|(id, _)| **id != self.options.node_id && voters.contains(id));
        (voters.len(), others.map(|(id, node)| (*id, node.addr.clone())).collect())
    }

    /// Who belongs to the cluster; nobody before it has its identity.
    pub fn members(&self) -> Vec<NodeId> {
        let known = self.hub.view().state.identity().is_some();
        let metrics = self.raft.server_metrics();
        metrics.borrow_watched().membership_config.nodes().map(|(id, _)| *id).filter(|_| known).collect()
    }

    /// Whether a change of the membership is between its two entries: both majorities are needed.
    pub fn members_change(&self) -> bool {
        self.raft.server_metrics().borrow_watched().membership_config.membership().get_joint_config().len() > 1
    }

    pub fn url_of(&self, id: NodeId) -> Option<String> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.nodes().find(|(node, _)| **node == id).map(|(_, node)| node.addr.clone())
    }

    /// A leader was heard that itself had heard a majority so long ago: one that has none is no majority's leader.
    pub fn heard_leader(&self, quorum_age_ms: u64) {
        self.heard_ms.fetch_max(self.now_ms().saturating_sub(quorum_age_ms), Ordering::Relaxed);
    }

    /// When this node was first seen to lead in this term: a majority had just voted for it.
    fn elected_ms(&self, term: Term) -> u64 {
        let mut elected = self.elected.lock().unwrap_or_else(PoisonError::into_inner);
        if elected.0 != term {
            *elected = (term, self.now_ms());
        }
        elected.1
    }

    fn now_ms(&self) -> u64 {
        self.environment.monotonic_ms() + UNHEARD_MS
    }

    /// How long ago this node last heard a majority's leader; as a leader, a majority.
    pub fn quorum_age_ms(&self) -> u64 {
        if let Some(term) = self.leading_term() {
            let elected_ms = self.elected_ms(term);
            if self.raft.server_metrics().borrow_watched().membership_config.voter_ids().count() == 1 {
                // A single voter is its own majority, always (KAFKA-16144).
                return 0;
            }
            let acked = self.raft.data_metrics().borrow_watched().last_quorum_acked;
            let unheard_ms = self.now_ms().saturating_sub(elected_ms);
            let age_ms = acked.map_or(unheard_ms, |instant| instant.into_inner().elapsed().as_millis() as u64);
            // What it heard as a leader stays heard when it leads no more.
            self.heard_ms.fetch_max(self.now_ms().saturating_sub(age_ms), Ordering::Relaxed);
            return age_ms;
        }
        self.now_ms().saturating_sub(self.heard_ms.load(Ordering::Relaxed))
    }

    pub fn status(&self) -> NodeStatus {
        let view = self.hub.view();
        NodeStatus {
            id: self.options.node_id,
            last_log_index: self.last_log_index(),
            applied_index: view.applied,
            digest: view.state.digest(),
            snapshot_index: self.hub.snapshot_index(),
        }
    }

    pub fn take_pulse(&self, pulse: Pulse) {
        self.board.take(pulse, self.environment.monotonic_ms());
    }

    pub async fn wait_applied(&self, index: Index, deadline: Instant) -> Result<(), Refusal> {
        let mut applied = self.hub.watch_applied();
        match tokio::time::timeout_at(deadline, applied.wait_for(|applied| *applied >= index)).await {
            Ok(Ok(_)) => Ok(()),
            _ => {
                let now = self.hub.view().applied;
                let refusal =
                    Refusal::new(Code::RevisionNotReached, format!("This node has applied {now}, and {index} did not come in time"));
                Err(Refusal { revision: Some(now), ..refusal })
            }
        }
    }

    /// Waits until some leader is known.
    pub async fn known_leader(&self, deadline: Instant) -> Result<NodeId, Refusal> {
        let mut metrics = self.raft.server_metrics();
        let until = deadline.min(Instant::now() + LEADER_WAIT);
        loop {
            drop(metrics.borrow_and_update());
            if let Some(leader) = self.leader_id() {
                return Ok(leader);
            }
            // A leader that is heard again is no change of the metrics.
            let look_again = until.min(Instant::now() + LEADER_RETRY);
            let stopped = matches!(tokio::time::timeout_at(look_again, metrics.changed()).await, Ok(Err(_)));
            if stopped || Instant::now() >= until {
                let revision = Some(self.hub.view().applied);
                return Err(Refusal {
                    revision,
                    ..Refusal::new(Code::NoLeader, "No leader is known: a majority of the controllers is not reachable")
                });
            }
        }
    }

    pub async fn submit_as_leader(&self, submission: Submission, deadline: Instant) -> Result<Submitted, Refusal> {
        if let Intent::RegisterBroker { registration } = &submission.intent {
            self.check_push_url(registration.push_url.as_deref())?;
        }
        let registers = matches!(submission.intent, Intent::RegisterBroker { .. }) && !submission.dry_run;
        let submitted = self.inbox.submit(submission, deadline).await?;
        if registers && let Submitted::Done { outcomes, .. } = &submitted {
            for outcome in outcomes.iter().flatten() {
                if let metadata::GroupOutcome::Broker { id, epoch } = outcome {
                    self.sessions.touch(*id, *epoch, 0, self.environment.monotonic_ms());
                }
            }
        }
        Ok(submitted)
    }

    /// A registration cannot make a controller call any address it likes, and least of all a controller.
    fn check_push_url(&self, url: Option<&str>) -> Result<(), Rejection> {
        let Some(url) = url else { return Ok(()) };
        let no = |what: String, allowed: String| Err(Rejection::new(Code::InvalidRegistration, what).at("push_url", url, allowed));
        let parsed = match self.options.push_networks.check(url, self.options.speaks) {
            Ok(parsed) => parsed,
            Err((what, allowed)) => return no(what, allowed),
        };
        let host = |url: &Url| url.host_str().map(|host| if host == "localhost" { "127.0.0.1" } else { host }.to_owned());
        let at = |url: &Url| (host(url), url.port_or_known_default());
        let view = self.hub.view();
        let mut controllers = view.state.controllers().filter_map(|node| Url::parse(&node.url).ok());
        match controllers.any(|own| at(&own) == at(&parsed)) {
            true => no("A controller listens there".to_owned(), "the address of the storage service".to_owned()),
            false => Ok(()),
        }
    }

    /// Who shows this, by what this node has applied.
    pub fn who(&self, credential: &Credential) -> Result<Who, Rejection> {
        self.hub.view().machine.access.who(credential, self.judged_ms())
    }

    /// Whether whoever shows this may do that, by the same.
    pub fn authorise(&self, credential: &Credential, demand: &Demand) -> Result<(), Refusal> {
        Ok(self.who(credential)?.may(demand)?)
    }

    pub async fn read_index_as_leader(&self, deadline: Instant) -> Result<Index, Refusal> {
        self.reads.confirm(deadline).await
    }

    pub async fn heartbeat_as_leader(
        &self,
        heartbeat: Heartbeat,
        proven: Proven,
        deadline: Instant,
    ) -> Result<(Index, HeartbeatReply), Refusal> {
        // B1: first of all, and whatever else has to wait.
        let now_ms = self.environment.monotonic_ms();
        if self.leading_term().is_none() {
            return Err(Refusal::new(Code::NotController, "This node does not lead"));
        }
        self.authorise(&proven.credential, &Demand::OwnId { id: heartbeat.id })?;
        let view = self.hub.view();
        let spoken_for = view.state.broker(heartbeat.id).filter(|broker| broker.epoch == heartbeat.broker_epoch);
        match spoken_for.map_or(Ok(()), |broker| view.machine.bindings.check(broker, proven.session)) {
            // Who wants nothing is told how the broker stands, which everybody may know. It is no sign of life.
            Err(_) if !heartbeat.want_fence && !heartbeat.want_shut_down => {
                return Ok((view.applied, heartbeat_reply(&view.state, &heartbeat)));
            }
            checked => checked?,
        }
        if spoken_for.is_some() {
            self.sessions.touch_by(&heartbeat, now_ms);
        }
        let stays =
            spoken_for.is_some() && transition(&view.state, &self.sessions.liveness(&view.state, now_ms), &heartbeat) == Transition::Stay;
        let mut index = view.applied;
        if !stays {
            let intent = Intent::BrokerHeartbeat { heartbeat };
            let Proven { session: proof, credential, .. } = proven;
            let submission = Submission { proof, credential, ..Submission::new(intent, Principal::broker(heartbeat.id)) };
            match self.inbox.submit(submission, deadline.min(Instant::now() + HEARTBEAT_PATIENCE)).await {
                Ok(Submitted::Done { index: at, .. }) => index = at,
                Ok(Submitted::Planned { .. }) => {}
                // B2: the session is touched, the transition comes with a later heartbeat.
                Err(refusal) if matches!(refusal.rejection.code, Code::Overloaded | Code::OutcomeUnknown) => {
                    self.sessions.only_touched();
                    tracing::warn!(broker = %heartbeat.id, "a heartbeat only touched its session");
                }
                Err(refusal) => return Err(refusal),
            }
        }
        let reply = heartbeat_reply(&self.hub.view().state, &heartbeat);
        if reply.should_shut_down {
            self.sessions.drop_session(heartbeat.id);
        }
        Ok((index, reply))
    }

    /// Asks the leader, whoever it is. One that is not reachable is asked nothing: then the next one is waited for.
    pub async fn ask_leader(&self, request: Request, deadline: Instant) -> Result<Reply, Refusal> {
        let until = deadline.min(Instant::now() + LEADER_WAIT);
        let (url, answer) = loop {
            let leader = self.known_leader(until).await?;
            let url = self.url_of(leader).ok_or_else(|| Refusal::new(Code::NoLeader, format!("The leader {leader} has no address")))?;
            let lane = match request {
                Request::Heartbeat { .. } | Request::HeartbeatProven { .. } | Request::HeartbeatBy { .. } => Lane::Sessions,
                _ => Lane::Control,
            };
            let connection = self.peers.connection(&url, lane);
            let what = match tokio::time::timeout_at(deadline, connection.start(&request)).await {
                Ok(Ok(answer)) => break (url, answer),
                // Nothing was sent.
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Refusal::new(Code::Overloaded, format!("The leader {leader} cannot be asked: {error}")));
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the time ran out".to_owned(),
            };
            if Instant::now() >= until {
                let refusal = Refusal::new(Code::NoLeader, format!("The leader {leader} is not reachable: {what}"));
                return Err(Refusal { leader: Some(url), revision: Some(self.hub.view().applied), ..refusal });
            }
            let mut metrics = self.raft.server_metrics();
            let moved = metrics.wait_until(|metrics| metrics.current_leader != Some(leader));
            // The same leader may come back as well.
            drop(tokio::time::timeout_at(until.min(Instant::now() + LEADER_RETRY), moved).await);
        };
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(Reply::Refused(refusal))) => Err(Refusal { leader: Some(url), ..refusal }),
            Ok(Ok(reply)) => Ok(reply),
            _ => Err(Refusal {
                leader: Some(url),
                ..Refusal::new(Code::OutcomeUnknown, "The leader did not answer: it may have happened or may yet happen")
            }),
        }
    }

    pub async fn to_leader(self: &Arc<Self>, submission: Submission, deadline: Instant) -> Result<Submitted, Refusal> {
        if self.known_leader(deadline).await? == self.options.node_id {
            let result = self.submit_as_leader(submission.clone(), deadline).await;
            // C2: what was not proposed goes to the new leader, once.
            let moved = matches!(&result, Err(refusal) if refusal.rejection.code == Code::NoLeader)
                && self.leader_id() != Some(self.options.node_id);
            if !moved {
                return result;
            }
        }
        let remaining_ms = remaining_ms(deadline);
        let state = self.hub.view().state.clone();
        let request = match submission.proof.filter(|_| state.binds()) {
            // A leader of an older build knows nobody.
            _ if is_told(&submission.credential, &state) => {
                let proven = Proven { session: submission.proof, credential: submission.credential.clone(), address: submission.address };
                Request::SubmitBy { submission: Box::new(submission), proven, remaining_ms }
            }
            Some(proof) => Request::SubmitProven { submission: Box::new(submission), proof, remaining_ms },
            None => Request::Submit { submission: Box::new(submission), remaining_ms },
        };
        match self.ask_leader(request, deadline).await? {
            Reply::Submit(submitted) => Ok(submitted),
            _ => Err(Refusal::new(Code::OutcomeUnknown, "The leader gave an answer of another kind")),
        }
    }
}
