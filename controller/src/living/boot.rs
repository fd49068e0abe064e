//! How a node starts, and how it comes back by itself: from a full disk, and from a state that diverged.
//!
//! [`start`] opens the disk and begins Raft. One task then waits for Raft to stop or for the proofs to fail; it says why,
//! hands the leadership over, and starts the node again on the same hub, so that no reader sees an index go back.

use crate::environment::{Environment, elsewhere};
use crate::following::board::PulseBoard;
use crate::following::pulse;
use crate::ground::{Core, Ground};
use crate::handle::Controller;
use crate::history::{self, History};
use crate::hub::{Held, Hub};
use crate::leading;
use crate::leading::attempts::Attempts;
use crate::leading::sessions::Sessions;
use crate::living::fault::{Fault, StartError};
use crate::living::identity::{self, Instance};
use crate::living::proofs::Proofs;
use crate::living::scrub;
use crate::net::greeting::{Greeter, Unwanted};
use crate::net::peers::{Factory, Lane, Peers};
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use crate::options::Options;
use crate::raft::Raft;
use crate::raft::log::LogStore;
use crate::raft::machine::StateMachine;
use crate::raft::snapshot_file::SnapshotFile;
use crate::reading::Reads;
use crate::writing::{inbox, planner};
use arc_swap::ArcSwap;
use metadata::NodeId;
use openraft::async_runtime::WatchReceiver;
use openraft::raft::TransferLeaderRequest;
use openraft::{BasicNode, Config, ServerState, SnapshotPolicy};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long peers are asked whom they know before a first start.
const PROBE: Duration = Duration::from_millis(500);
/// Between two looks at a full disk.
const ROOM_EVERY: Duration = Duration::from_secs(1);
/// How long the parts of a stopped node may take to let go of the log.
const LET_GO: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Entries that are taken off the log at once, at most.
const PURGED_AT_ONCE: u64 = 1_024;
const MARK_EVERY: Duration = Duration::from_millis(500);
const HAND_OVER: Duration = Duration::from_millis(500);

/// The parts of a node that is running, and how it is told that one of them failed.
struct Started {
    inner: Arc<Inner>,
    disk_failure: Arc<OnceLock<io::Error>>,
    log: Weak<Mutex<Box<dyn crate::disk::Log>>>,
}

fn raft_config(options: &Options) -> Config {
    let election = options.election_timeout.as_millis() as u64;
    Config {
        cluster_name: "quorate".to_owned(),
        heartbeat_interval: options.heartbeat_interval.as_millis() as u64,
        election_timeout_min: election,
        election_timeout_max: election * 2,
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        quorum_loss_probe_interval: Some(election * 4),
        install_snapshot_timeout: 120_000,
        max_payload_entries: 1_024,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(options.snapshot_every),
        max_in_snapshot_log_to_keep: options.snapshot_every,
        purge_batch_size: PURGED_AT_ONCE.min(options.snapshot_every),
        broadcast_submitted_on_append: Some(true),
        ..Config::default()
    }
}

/// Starts a node on the current runtime, which should be Raft's own.
///
/// # Errors
/// When the disk cannot be used, a file of it is damaged (its name is in the error), the peers know this node id with
/// another data directory, or Raft refuses its configuration.
pub async fn start(options: Options, ground: Ground) -> Result<Controller, StartError> {
    let instance = Instance::open(&*ground.disk, options.node_id, &*ground.environment)?;
    let hub = Arc::new(Hub::new(options.node_id));
    let (fault, stopping) = (watch::channel(None).0, CancellationToken::new());
    let board = Arc::new(PulseBoard::new(options.database_url.is_some()));
    let history = Arc::new(History::new(options.journal.clone(), hub.clone(), ground.environment.clone()));
    let core = Arc::new(Core { options, ground, hub, board, history, instance, fault, stopping });
    let started = boot(&core).await?;
    let current = Arc::new(ArcSwap::new(started.inner.clone()));
    core.ground.background.spawn(history::run(core.clone(), current.clone()));
    tokio::spawn(supervise(core.clone(), started, current.clone()));
    Ok(Controller::new(core, current, tokio::runtime::Handle::current()))
}

/// Opens the disk and begins Raft.
async fn boot(core: &Arc<Core>) -> Result<Started, StartError> {
    let log = LogStore::open(core.ground.disk.clone())?;
    let snapshot = SnapshotFile::new(core.ground.disk.clone(), log.failure());
    let proofs = Arc::new(Proofs::default());
    let machine = StateMachine::open(snapshot, log.purged_index(), core.hub.clone(), proofs.clone(), core.ground.environment.clone())?;
    let config = raft_config(&core.options).validate().map_err(|error| StartError::Raft(error.to_string()))?;
    let greeter =
        Arc::new(Greeter::new(core.options.node_id, core.instance.id, core.options.peers.keys().copied().collect(), core.hub.clone()));
    let peers = Peers::new(core.options.node_id, core.ground.transport.clone(), greeter);
    let pristine = log.is_pristine() && core.hub.view().applied == 0;
    if pristine {
        ask_around(core, &peers).await?;
    }
    let (disk_failure, mark, weak) = (log.failure(), log.mark(), log.liveness());
    let raft = Raft::new(core.options.node_id, Arc::new(config), Factory(peers.clone()), log, machine)
        .await
        .map_err(|error| StartError::Raft(error.to_string()))?;
    if pristine && !core.options.join {
        let members: BTreeMap<_, _> = core.options.peers.iter().map(|(id, url)| (*id, BasicNode::new(url))).collect();
        raft.initialize(members).await.map_err(|error| StartError::Raft(error.to_string()))?;
    }
    let (inbox, jobs) = inbox::inbox();
    let inner = Arc::new(Inner {
        sessions: Sessions::new(core.options.broker_session_timeout),
        attempts: Attempts::default(),
        board: core.board.clone(),
        history: core.history.clone(),
        reads: Reads::start(raft.clone()),
        heard_ms: AtomicU64::new(0),
        elected: Mutex::default(),
        succeeding: AtomicBool::new(false),
        dead: AtomicBool::new(false),
        proofs,
        changing: tokio::sync::Mutex::default(),
        stop: core.stopping.child_token(),
        options: core.options.clone(),
        environment: core.ground.environment.clone(),
        certificates: core.ground.certificates.clone(),
        background: core.ground.background.clone(),
        hub: core.hub.clone(),
        raft,
        peers,
        inbox,
    });
    let heard = Arc::downgrade(&inner);
    inner.peers.runs(move || heard.upgrade().map_or(0, |node| node.quorum_age_ms()));
    let part = |work: futures::future::BoxFuture<'static, ()>| {
        let stop = inner.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(work).await });
    };
    part(Box::pin(planner::run(inner.clone(), jobs)));
    part(Box::pin(leading::run(inner.clone())));
    part(Box::pin(pulse::look_around(inner.clone())));
    part(Box::pin(keep_mark(mark, core.ground.environment.clone())));
    Ok(Started { inner, disk_failure, log: weak })
}

/// Asks the peers of a first start whether they know this node id already.
async fn ask_around(core: &Core, peers: &Arc<Peers>) -> Result<(), StartError> {
    let others = core.options.peers.iter().filter(|(id, _)| **id != core.options.node_id);
    let asked = others.map(|(_, url)| {
        let connection = peers.connection(url, Lane::Control);
        // Who does not answer knows nothing that matters yet: the greeting of every later connection asks again.
        async move { connection.call(&Request::Members, PROBE).await.ok() }
    });
    let answers = futures::future::join_all(asked).await;
    let refuse = |detail: String| Err(StartError::Refused(format!("{} is empty. {detail}", core.ground.disk.path(identity::FILE))));
    if let Some(unwanted) = peers.greeter().refusals().borrow().clone() {
        return refuse(unwanted.detail);
    }
    let id = core.options.node_id;
    let strange = |ids: &Vec<NodeId>| !core.options.join && !ids.is_empty() && !ids.contains(&id);
    let clusters = answers.into_iter().flatten().filter_map(|reply| if let Reply::Members { ids } = reply { Some(ids) } else { None });
    match clusters.into_iter().find(strange) {
        Some(ids) => refuse(format!(
            "There is a cluster of the controllers {ids:?} already, and {id} is none of them. A new node takes the place of a lost one: \
             start it with `quorate serve --node-id {id} --join …`, then `quorate quorum replace LOST --with {id}=HOST:PORT`"
        )),
        None => Ok(()),
    }
}

/// Keeps the durable mark near the log's end while it grows.
async fn keep_mark(mark: crate::raft::mark::Mark, environment: Arc<dyn Environment>) {
    let mut failing = false;
    loop {
        tokio::time::sleep(MARK_EVERY).await;
        let mark = mark.clone();
        let kept = elsewhere(&*environment, move || mark.keep()).await.flatten();
        if let Err(error) = &kept
            && !failing
        {
            tracing::warn!(%error, "the durable mark is not written; the one before stays");
        }
        failing = kept.is_err();
    }
}

/// What the supervisor waits for.
enum Event {
    Failed(Fault),
    /// The node is as far again as its readers were, and its state is what it should be.
    Mended,
    Stopping,
}

async fn next_event(core: &Core, started: &Started, mending: Option<&Fault>) -> Event {
    let suspect = match mending {
        Some(Fault::Diverged { index, .. }) => Some(*index),
        _ => None,
    };
    let mended = async {
        core.hub.released().await;
        match suspect {
            Some(index) => scrub::verify(&started.inner, index).await.map_or(Event::Mended, Event::Failed),
            None => Event::Mended,
        }
    };
    tokio::select! {
        // First: that Raft has ended is no fault of a node that was asked to stop.
        biased;
        () = core.stopping.cancelled() => Event::Stopping,
        fault = failed(started) => Event::Failed(fault),
        fault = scrub::run(started.inner.clone(), core.options.scrub_interval) => Event::Failed(fault),
        event = mended, if mending.is_some() => event,
    }
}

async fn supervise(core: Arc<Core>, mut started: Started, current: Arc<ArcSwap<Inner>>) {
    let mut mending: Option<Fault> = None;
    loop {
        let fault = match next_event(&core, &started, mending.as_ref()).await {
            Event::Stopping => return,
            Event::Mended => {
                tracing::info!("this node takes part again");
                core.fault.send_replace(None);
                mending = None;
                continue;
            }
            Event::Failed(Fault::Diverged { index, detail }) if matches!(mending, Some(Fault::Diverged { .. })) => {
                Fault::StillDiverged { index, detail }
            }
            Event::Failed(fault) => fault,
        };
        announce(&core, fault.clone());
        core.hub.hold(if fault.readable() { Held::Sound } else { Held::Suspect });
        wind_up(&started.inner, &fault).await;
        if !fault.mends() {
            return;
        }
        let log = started.log.clone();
        drop(started);
        started = match come_back(&core, &log, &fault).await {
            Some(started) => started,
            None => return,
        };
        current.store(started.inner.clone());
        mending = Some(fault);
    }
}

/// Waits until Raft has stopped by itself, or the peers will not have this node.
async fn failed(started: &Started) -> Fault {
    let raft = &started.inner.raft;
    // Its end closes these. They change with the leader and the membership; the others at every step of Raft, which would
    // wake this task as often.
    let mut metrics = raft.server_metrics();
    let ended = async { while metrics.changed().await.is_ok() {} };
    let mut refusals = started.inner.peers.greeter().refusals();
    tokio::select! {
        () = ended => {
            let detail = raft.metrics().borrow_watched().running_state.as_ref().err().map_or_else(String::new, ToString::to_string);
            started.disk_failure.get().map_or(Fault::Raft { detail }, Fault::disk)
        }
        Ok(refusal) = refusals.wait_for(Option::is_some) => match refusal.clone() {
            Some(Unwanted { removed: true, detail }) => Fault::Removed { detail },
            other => Fault::Refused { detail: other.map(|other| other.detail).unwrap_or_default() },
        },
    }
}

/// Ends the parts of a node; a leader hands over first, as well as it still can.
async fn wind_up(inner: &Arc<Inner>, fault: &Fault) {
    let (leads, vote) = {
        let metrics = inner.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        (metrics.state == ServerState::Leader, metrics.vote)
    };
    if leads {
        inner.heard_leader(inner.quorum_age_ms());
        match (fault, leading::heir(inner)) {
            (Fault::Disk { .. } | Fault::Raft { .. }, Some(heir)) => {
                // Raft itself can do nothing more; a follower that is told so stands for election at once.
                let request = Request::TransferLeader(TransferLeaderRequest::new(vote, heir.id, None));
                drop(inner.peers.connection(&heir.url, Lane::Vote).call(&request, HAND_OVER).await);
            }
            _ => leading::hand_over(inner).await,
        }
    }
    inner.dead.store(true, Ordering::Release);
    inner.stop.cancel();
    if let Err(error) = inner.raft.shutdown().await {
        tracing::debug!(%error, "Raft did not stop cleanly");
    }
}

/// Starts the node again: after a full disk once there is room, after a divergence once.
async fn come_back(core: &Arc<Core>, log: &Weak<Mutex<Box<dyn crate::disk::Log>>>, fault: &Fault) -> Option<Started> {
    let give_up = Instant::now() + LET_GO;
    while log.strong_count() > 0 && Instant::now() < give_up {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    loop {
        let error = match boot_with_room(core).await {
            Ok(started) => return Some(started),
            // The log is let go of, and its last thread is not gone yet.
            Err(NotYet::Boot(error)) if error.held() && Instant::now() < give_up => {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            Err(NotYet::Boot(error)) => match fault {
                Fault::Diverged { index, .. } => {
                    announce(core, Fault::StillDiverged { index: *index, detail: error.to_string() });
                    return None;
                }
                _ => match Fault::start(&error) {
                    // What a full disk hid, as a damaged file, does not go away with room.
                    hidden if !hidden.mends() && !error.held() => {
                        announce(core, hidden);
                        return None;
                    }
                    _ => error.to_string(),
                },
            },
            Err(NotYet::Room(error)) => error.to_string(),
        };
        tracing::debug!(error, "the node does not come back yet");
        tokio::select! {
            () = tokio::time::sleep(ROOM_EVERY) => {}
            () = core.stopping.cancelled() => return None,
        }
    }
}

/// Why a node is not back.
enum NotYet {
    Room(io::Error),
    Boot(StartError),
}

async fn boot_with_room(core: &Arc<Core>) -> Result<Started, NotYet> {
    let disk = core.ground.disk.clone();
    let room = elsewhere(&*core.ground.environment, move || disk.check_room()).await.flatten();
    room.map_err(NotYet::Room)?;
    boot(core).await.map_err(NotYet::Boot)
}

/// Says on every surface why the node takes no part.
fn announce(core: &Core, fault: Fault) {
    tracing::error!(%fault, "this node takes no part any more");
    core.fault.send_replace(Some(Arc::new(fault)));
}
