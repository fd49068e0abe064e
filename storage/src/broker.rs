//! A running storage service: starts every task, and stops them in the order that loses nothing.

use crate::client::{self, Client};
use crate::disk::{self, Disk};
use crate::files;
use crate::invalid_option::InvalidOption;
use crate::limit::Limit;
use crate::options::Options;
use crate::replica::Replica;
use crate::session::{CleanShutdown, Ended, Home, Session};
use crate::shared::{Fatal, Shared};
use crate::{http, isr, pull};
use metadata::{BrokerId, Index};
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use thiserror::Error;
use tls::Expected;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long the tasks may take to end once the session has ended.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long a peer may take to accept a connection.
const PEER_CONNECT: Duration = Duration::from_millis(500);
/// From one look at the whole copy to the next, and between two parts of it.
const SCRUB_EVERY: Duration = Duration::from_secs(60);
const BREATH: Duration = Duration::from_millis(1);
/// Holds the lock that keeps a second service out of a data directory.
const LOCK_FILE: &str = "lock";

/// Why a storage service did not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Option(#[from] InvalidOption),
    #[error("cannot listen at {addr}")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("cannot use the data directory {}", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("another process uses the data directory {}", path.display())]
    InUse { path: PathBuf },
}

/// A running service. Dropping it ends the service at once, as a crash would: see [`Handle::stop`].
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    stop: CancellationToken,
    done: watch::Receiver<Option<Result<(), Fatal>>>,
    _kill: DropGuard,
}

impl Handle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The broker epoch while it is registered.
    pub fn broker_epoch(&self) -> Option<Index> {
        self.shared.epoch()
    }

    /// The metadata index that it has taken in.
    pub fn metadata_index(&self) -> Index {
        self.shared.replica.index()
    }

    /// Shuts down in the controlled way and waits for the end, which comes within the shutdown timeout and a few seconds.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub async fn stop(&self) -> Result<(), Fatal> {
        self.stop.cancel();
        self.wait().await
    }

    /// Waits until it has ended, by [`Handle::stop`] or by itself.
    ///
    /// # Errors
    /// Why it ended by itself.
    pub async fn wait(&self) -> Result<(), Fatal> {
        let mut done = self.done.clone();
        match done.wait_for(Option::is_some).await {
            Ok(done) => done.clone().unwrap_or(Ok(())),
            Err(_) => Err(Fatal::TaskEnded("supervisor")),
        }
    }
}

/// What an earlier run left.
struct Found {
    lock: File,
    disk: Disk,
    previous: Option<CleanShutdown>,
    home: Option<Home>,
}

/// Starts a storage service. It listens at once and registers as soon as a controller answers.
///
/// # Errors
/// When an option cannot work, the address is taken, or the data directory cannot be used.
pub async fn run(options: Options) -> Result<Handle, StartError> {
    options.check()?;
    let client = Client::new(&options.controllers, options.tls.as_ref(), options.authorization.clone())?;
    let peers = client::http_client(PEER_CONNECT, options.tls.as_ref(), Expected::AnyBroker)?;
    let listen = |source| StartError::Listen { addr: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let (path, me) = (options.data_dir.clone(), BrokerId(options.id));
    let found = match tokio::task::spawn_blocking(move || find(&path, me)).await {
        Ok(found) => found?,
        Err(error) => return Err(StartError::DataDir { path: options.data_dir, source: io::Error::other(error) }),
    };
    let shared = Arc::new(Shared {
        replica: Replica::new(found.home.map(|home| home.cluster_id)),
        options,
        addr,
        client,
        wanted: watch::Sender::new(0),
        replicas_online: AtomicBool::new(false),
        pushing: Semaphore::new(1),
        unproven: Semaphore::new(1),
        malformed: Limit::default(),
        strange: Limit::default(),
        epoch: watch::Sender::new(None),
    });
    tracing::info!(%addr, id = shared.options.id, "reference storage service: it stores no messages");
    let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
    let (end, done) = watch::channel(None);
    let supervised = supervise(shared.clone(), listener, peers, found, stop.clone(), kill.clone());
    tokio::spawn(async move { end.send_replace(Some(supervised.await)) });
    Ok(Handle { shared, stop, done, _kill: kill.drop_guard() })
}

fn find(path: &Path, me: BrokerId) -> Result<Found, StartError> {
    let no = |source| StartError::DataDir { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(no)?;
    let lock = File::create(path.join(LOCK_FILE)).map_err(no)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StartError::InUse { path: path.to_owned() },
        TryLockError::Error(source) => no(source),
    })?;
    // Not readable is not absent: without it, nothing would keep another cluster from emptying this directory.
    let home = files::read_json(&path.join(Home::FILE)).map_err(no)?;
    let disk = Disk::open(path, me).map_err(no)?;
    let previous = CleanShutdown::take(path).map_err(no)?;
    Ok(Found { lock, disk, previous, home })
}

/// Looks at the whole copy every minute: that finds what no change touches.
async fn scrub(shared: Arc<Shared>, halt: CancellationToken) {
    while halt.run_until_cancelled(tokio::time::sleep(SCRUB_EVERY)).await.is_some() {
        let shared = shared.clone();
        let scrubbed = tokio::task::spawn_blocking(move || shared.replica.scrub(|| std::thread::sleep(BREATH)));
        if let Err(error) = scrubbed.await {
            tracing::error!(%error, "a scrub ended unexpectedly");
        }
    }
}

/// Runs every task until the session ends, one of them fails, or nobody wants the service any more.
async fn supervise(
    shared: Arc<Shared>,
    listener: TcpListener,
    peers: reqwest::Client,
    found: Found,
    stop: CancellationToken,
    kill: CancellationToken,
) -> Result<(), Fatal> {
    let Found { lock, disk, previous, home } = found;
    let halt = kill.child_token();
    let mut tasks = JoinSet::new();
    let http = http::run(shared.clone(), listener, halt.clone());
    tasks.spawn(async { (http.await, "http").1 });
    let disk = disk::run(shared.clone(), disk, shared.replica.watch(), halt.clone());
    tasks.spawn(async { (disk.await, "disk").1 });
    let isr = isr::run(shared.clone(), peers, shared.replica.watch(), halt.clone());
    tasks.spawn(async { (isr.await, "isr").1 });
    let pull = pull::run(shared.clone(), shared.wanted.subscribe(), halt.clone());
    tasks.spawn(async { (pull.await, "pull").1 });
    let scrub = scrub(shared.clone(), halt.clone());
    tasks.spawn(async { (scrub.await, "scrub").1 });

    let ended = tokio::select! {
        ended = Session::new(&shared, stop, previous, home).run() => ended,
        task = tasks.join_next() => Err(Fatal::TaskEnded(task.and_then(Result::ok).unwrap_or("that panicked"))),
        () = kill.cancelled() => return Ok(()),
    };
    // The session goes first: until it has ended, pushes have to come in. The file comes last, when nothing can go wrong any more.
    halt.cancel();
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all).await.is_err() {
        tasks.shutdown().await;
    }
    let last = match ended {
        Ok(Ended::Clean(last)) => Some(last),
        Ok(Ended::Unregistered) | Err(Fatal::WrongCluster { .. } | Fatal::Refused(_)) => previous,
        Ok(Ended::Unclean) | Err(Fatal::TaskEnded(_)) => None,
    };
    if let Some(last) = last
        && let Err(error) = last.leave(&shared.options.data_dir)
    {
        tracing::error!(%error, "the clean shutdown could not be written down: the next start counts as unclean");
    }
    drop(lock);
    tracing::info!(?ended, "stopped");
    ended.map(|_| ())
}
