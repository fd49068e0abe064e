//! `quorate serve`: one controller. Raft has a runtime of its own, so that no page, call or feed can starve it.

use crate::certificates::HangUps;
use crate::cli::ServeFlags;
use crate::http::{self, BasePath, Node, NodeParts};
use crate::peers;
use crate::people::People;
use crate::people::provider::Provider;
use crate::people::set_up::{Code, InitialAdmin};
use crate::trail::{Trail, Writing};
use crate::transport::Tcp;
use crate::usage::Usage;
use crate::{certificates, local, open_files, private, stop, telemetry};
use acceptor::{Limits, Names, Places, Security};
use anyhow::{Context, bail};
use app::looker::Reach;
use controller::disk::Directory;
use controller::environment::Machine;
use controller::{Controller, Ground, Networks, Options, PushNetworks, Speaks};
use metadata::access::Fingerprint;
use metadata::settings::SESSION_TIMEOUT;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tls::{Identity, Speaking};
use tokio::net::TcpSocket;

const ELECTION_TIMEOUT_MS: u64 = 500;
const HEARTBEAT_INTERVAL_MS: u64 = 100;
const SNAPSHOT_EVERY: u64 = 20_000;
const SCRUB_INTERVAL_MS: u64 = 60_000;
const BROKER_SESSION_TIMEOUT_MS: u64 = 9_000;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Threads that serve HTTP and feeds.
const EDGE_THREADS: usize = 2;
/// How long a connection may be silent between two requests, or take for the head of one. Longer than proxies usually keep
/// theirs, 60 s, so that none sends a request into a connection that is just being closed.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
const HEAD_WITHIN_WHEN_SCARCE: Duration = Duration::from_secs(2);
/// How long open calls may take to finish after the node was asked to stop.
const LINGER: Duration = Duration::from_secs(2);

struct Settings {
    options: Options,
    data_dir: PathBuf,
    listen: String,
    names: Names,
    tls: Option<Speaking>,
    /// Whether nobody may do anything before somebody has an account.
    closed: bool,
    reach: Reach,
    door: Door,
    base: BasePath,
    pages: bool,
    stop_with_stdin: bool,
}

/// How people come in.
#[derive(Clone)]
struct Door {
    /// Proxies whose word on who asks is taken.
    proxies: Networks,
    admin: Option<InitialAdmin>,
    provider: Option<Arc<Provider>>,
}

impl Door {
    fn read(flags: &ServeFlags, base: &BasePath) -> Result<Self, Usage> {
        let usage = |text: String| Err(Usage(text));
        let admin = match (&flags.initial_admin, &flags.initial_admin_password_file) {
            (Some(name), Some(file)) => Some(InitialAdmin::read(name.clone(), file)?),
            (None, None) => None,
            (Some(name), None) => return usage(format!("--initial-admin {name} goes with --initial-admin-password-file FILE")),
            (None, Some(file)) => return usage(format!("--initial-admin-password-file {} goes with --initial-admin NAME", file.display())),
        };
        let proxies = Networks::parse(flags.trusted_proxies.as_deref().unwrap_or_default())
            .map_err(|part| Usage(format!("--trusted-proxies: {part:?} is no network; expected 10.0.0.0/8,fd00::/8,…")))?;
        let provider = match &flags.oidc {
            Some(file) => Some(Arc::new(Provider::read(file, flags.public_url.as_deref(), base.as_str())?)),
            None => None,
        };
        Ok(Door { proxies, admin, provider })
    }
}

/// Refuses a zero where it makes no sense.
fn at_least_one(flags: &ServeFlags) -> Result<(), Usage> {
    let numbers = [
        ("--node-id", flags.node_id),
        ("--broker-session-timeout-ms", flags.broker_session_timeout_ms),
        ("--snapshot-every", flags.snapshot_every),
        ("--scrub-interval-ms", flags.scrub_interval_ms),
    ];
    match numbers.into_iter().find(|(_, value)| *value == Some(0)) {
        Some((flag, _)) => Err(Usage(format!("{flag} 0 has to be 1 or more"))),
        None => Ok(()),
    }
}

/// L3: the flag becomes the cluster's setting, and has to be one.
fn check_session_timeout(flags: &ServeFlags) -> Result<(), Usage> {
    let Some(given) = flags.broker_session_timeout_ms else { return Ok(()) };
    match metadata::configs::canonical_of(&SESSION_TIMEOUT, &given.to_string()) {
        Ok(_) => Ok(()),
        Err(no) => {
            let allowed = no.allowed.unwrap_or_default();
            Err(Usage(format!("--broker-session-timeout-ms {given} is not allowed: {allowed}")))
        }
    }
}

fn settings(flags: ServeFlags) -> Result<Settings, Usage> {
    let usage = |text: String| Err(Usage(text));
    at_least_one(&flags)?;
    check_session_timeout(&flags)?;
    let node_id = flags.node_id.unwrap_or(1);
    let listen = flags.listen.clone().unwrap_or_else(|| "127.0.0.1:9091".to_owned());
    let Some((host, _)) = listen.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
    else {
        return usage(format!("--listen {listen:?} is no HOST:PORT with a port from 1 to 65535"));
    };
    let loopback = matches!(host, "localhost" | "[::1]") || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    let data_dir = flags.data_dir.clone().unwrap_or_else(|| PathBuf::from(format!("./data/node-{node_id}")));
    let tls = certificates::read(flags.tls_dir.as_deref(), flags.tls, &data_dir, Identity::Controller(node_id), host)?;
    let speaks = match &tls {
        None => Speaks::Plain,
        Some(Speaking { plain_too: true, .. }) => Speaks::Both,
        Some(_) => Speaks::Tls,
    };
    let insecure = flags.insecure == Some(true);
    if !loopback && !insecure && speaks != Speaks::Tls {
        return usage(beyond_loopback(&listen, host, node_id, &data_dir));
    }
    let scheme = speaks.scheme().unwrap_or("http");
    let peers = match &flags.peers {
        Some(text) => peers::peers(text, scheme)?,
        None => [(node_id, format!("{scheme}://{listen}"))].into(),
    };
    let own = match peers.get(&node_id) {
        Some(own) => own.clone(),
        None if flags.join == Some(true) => listen.clone(),
        None => return usage(format!("--peers does not name this node, {node_id}")),
    };
    let own_host =
        own.rsplit_once("://").map_or(own.as_str(), |(_, address)| address).rsplit_once(':').map_or("", |(host, _)| host).to_owned();
    let push_networks = PushNetworks::parse(flags.push_networks.as_deref().unwrap_or_default())
        .map_err(|part| Usage(format!("--push-networks: {part:?} is no network; expected 10.0.0.0/8,fd00::/8,…")))?;
    let database_url = database_url(&flags, &data_dir)?;
    let journal = (flags.no_history != Some(true)).then(|| data_dir.join("journal"));
    let election = flags.election_timeout_ms.unwrap_or(ELECTION_TIMEOUT_MS);
    let heartbeat = flags.heartbeat_interval_ms.unwrap_or((election / 5).clamp(1, HEARTBEAT_INTERVAL_MS));
    if heartbeat == 0 || election < heartbeat * 3 {
        return usage(format!("--election-timeout-ms {election} has to be at least three times --heartbeat-interval-ms {heartbeat}"));
    }
    let base = flags.base_path.clone().unwrap_or_default();
    let base = BasePath::parse(&base).map_err(|why| Usage(format!("--base-path {base:?} {why}; expected a path such as /quorate")))?;
    let door = Door::read(&flags, &base)?;
    let more_names = flags.host_names.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned());
    Ok(Settings {
        names: Names::new(more_names.chain([host.to_owned(), own_host]).filter(|name| !name.is_empty())),
        tls,
        closed: speaks == Speaks::Tls && !insecure,
        reach: if loopback { Reach::Machine } else { Reach::Network },
        door,
        base,
        listen,
        data_dir,
        pages: flags.no_ui != Some(true),
        stop_with_stdin: flags.stop_with_stdin,
        options: Options {
            node_id,
            peers,
            join: flags.join == Some(true),
            snapshot_every: flags.snapshot_every.unwrap_or(SNAPSHOT_EVERY),
            scrub_interval: Duration::from_millis(flags.scrub_interval_ms.unwrap_or(SCRUB_INTERVAL_MS)),
            election_timeout: Duration::from_millis(election),
            heartbeat_interval: Duration::from_millis(heartbeat),
            broker_session_timeout: Duration::from_millis(flags.broker_session_timeout_ms.unwrap_or(BROKER_SESSION_TIMEOUT_MS)),
            push_networks,
            speaks,
            journal,
            database_url,
        },
    })
}

/// Where the SQL backup goes; none where it is switched off.
fn database_url(flags: &ServeFlags, data_dir: &Path) -> Result<Option<String>, Usage> {
    let usage = |text: String| Err(Usage(text));
    let sqlite = || format!("sqlite://{}?mode=rwc", data_dir.join("backup.sqlite").display());
    let given = match (&flags.database_url, &flags.database_url_file) {
        (Some(_), Some(file)) => return usage(format!("--database-url-file {}: --database-url is given too", file.display())),
        (None, Some(file)) => Some(first_line(file)?),
        (given, None) => given.clone(),
    };
    let database_url = (flags.no_backup != Some(true)).then(|| given.unwrap_or_else(sqlite));
    if let Some(Err(why)) = database_url.as_deref().map(controller::check_database_url) {
        let flag = if flags.database_url_file.is_some() { "--database-url-file" } else { "--database-url" };
        return usage(format!("{flag}: {why}"));
    }
    Ok(database_url)
}

/// What to do instead, in commands.
fn beyond_loopback(listen: &str, host: &str, node_id: u64, data_dir: &Path) -> String {
    let dir = data_dir.display();
    let host = if matches!(host, "0.0.0.0" | "[::]" | "") { "HOST" } else { host };
    format!(
        "--listen {listen} is beyond loopback, where only TLS with sign-in is spoken. Make certificates:\n  \
         quorate cert ca --dir ca\n  \
         quorate cert controller --id {node_id} --host {host} --ca ca --dir {dir}/tls\n\
         start again, and set the cluster up at https://{host} with the code in {dir}/setup-code. \
         Or give --insecure: then anyone who reaches this address can change everything"
    )
}

/// The first line of a file that keeps what is not to be seen in a list of processes.
fn first_line(file: &Path) -> Result<String, Usage> {
    let no = |why: String| Usage(format!("--database-url-file {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| no(error.to_string()))?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(no("its first line is empty".to_owned())),
    }
}

/// Whether a node could be run with these flags.
///
/// # Errors
/// [`Usage`] with the flag at fault.
pub fn check(flags: &ServeFlags) -> Result<(), Usage> {
    settings(flags.clone()).map(drop)
}

/// Runs the node until it is asked to stop.
///
/// # Errors
/// Usage, a data directory that is in use or damaged, a port that is taken.
pub fn run(flags: ServeFlags) -> anyhow::Result<()> {
    let flags = flags.with_file()?;
    let _log = telemetry::start(flags.log_format.unwrap_or_default());
    let settings = settings(flags)?;
    let lock = lock(&settings.data_dir)?;
    let open_files = open_files::raise();
    let raft = runtime("raft", raft_threads())?;
    let edge = runtime("edge", EDGE_THREADS)?;
    edge.block_on(serve(settings, open_files, raft.handle().clone()))?;
    raft.shutdown_timeout(LINGER);
    edge.shutdown_timeout(LINGER);
    drop(lock);
    Ok(())
}

/// Raft's tasks hand work to one another at every step. A second thread is of use where a core is free for it, and where there
/// are two cores for everything it only costs switches between the two.
fn raft_threads() -> usize {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > EDGE_THREADS) { 2 } else { 1 }
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build().context("no runtime")
}

/// One process per data directory.
fn lock(dir: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(dir).with_context(|| format!("the data directory {} cannot be made", dir.display()))?;
    private::close(dir).with_context(|| format!("the data directory {} cannot be closed to others", dir.display()))?;
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("the data directory {} is in use by another process", dir.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{} cannot be locked", path.display())),
    }
}

async fn serve(settings: Settings, open_files: u64, raft: tokio::runtime::Handle) -> anyhow::Result<()> {
    let hang_ups = HangUps::new();
    // Bound at once, so that a port in use is found first; listening only when there is somebody to answer.
    let socket = match bound(&settings.listen).await {
        Ok(socket) => socket,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("{} is in use: stop what listens there, or give another --listen", settings.listen)
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on {}", settings.listen)),
    };
    let node_id = settings.options.node_id;
    let options = settings.options.clone();
    let disk = Arc::new(Directory::new(&settings.data_dir).context("the data directory cannot be used")?);
    let background = tokio::runtime::Handle::current();
    let transport = Arc::new(Tcp(settings.tls.clone()));
    let certificates = settings.tls.as_ref().map(|tls| tls.certificates.clone());
    tokio::spawn(certificates::follow(hang_ups, certificates.clone()));
    let ground = Ground { transport, environment: Arc::new(Machine::default()), disk, certificates: certificates.clone(), background };
    let starting = raft.spawn(async move { controller::start(options, ground).await });
    let controller = starting.await.context("the node did not start")??;
    let listener = socket.listen(BACKLOG).with_context(|| format!("cannot listen on {}", settings.listen))?;
    tracing::info!(node_id, listen = settings.listen, "serving");
    let (trail, writing) = trail(&settings.data_dir, node_id);
    match local::listen(&settings.data_dir) {
        Ok(listener) => drop(tokio::spawn(local::serve(listener, controller.clone(), trail.clone()))),
        Err(error) => tracing::warn!(%error, "no socket in the data directory: a lost admin cannot be reset there"),
    }
    let people = people(&settings, &controller);
    let assets = http::assets(&settings.base).filter(|_| settings.pages);
    let pages = assets.map(|assets| {
        let pages = app::ssr::routes(controller.clone(), assets.clone(), settings.base.as_str(), settings.reach, trail.rows());
        (pages, assets)
    });
    let connections = usize::try_from(open_files::connections(open_files)).context("the limit of open files is out of range")?;
    let places = Places::new(Limits { connections, head_within: HEAD_WITHIN, head_within_when_scarce: HEAD_WITHIN_WHEN_SCARCE });
    if let Some(certificates) = &certificates {
        let known = controller.clone();
        certificates.refuses(Box::new(move |fingerprint| known.view().machine.access.revoked(&Fingerprint(*fingerprint))));
    }
    let security = security(settings.tls, &controller);
    let feeds = open_files::feeds(open_files);
    let node = Node::from(NodeParts {
        certificates,
        people,
        trail: trail.clone(),
        ..NodeParts::new(controller.clone(), settings.names, feeds, places.clone(), settings.base)
    });
    let router = http::router(node, pages);
    let stopping = Arc::new(tokio::sync::Notify::new());
    let until = stopping.clone();
    let server = tokio::spawn(acceptor::serve(listener, router, places, security, async move { until.notified().await }));
    let mut faults = controller.watch_fault();
    let refused = tokio::select! {
        () = stop::asked(settings.stop_with_stdin) => None,
        Ok(fault) = faults.wait_for(|fault| fault.as_ref().is_some_and(|fault| fault.ends())) => fault.clone(),
    };
    tracing::info!(node_id, "stopping");
    if let Err(error) = local::remove(&settings.data_dir) {
        tracing::debug!(%error, "the socket in the data directory stays");
    }
    raft.spawn(async move { controller.stop().await }).await.context("the node did not stop cleanly")?;
    stopping.notify_one();
    // A call may take longer than anybody waits.
    drop(tokio::time::timeout(LINGER, server).await);
    if let Some(writing) = writing {
        writing.end();
    }
    match refused {
        Some(fault) => bail!("{fault}"),
        None => Ok(()),
    }
}

/// What is written down of who comes in. A disk that has no room for it keeps no node from starting.
fn trail(data_dir: &Path, node_id: u64) -> (Trail, Option<Writing>) {
    match Trail::begin(data_dir, node_id) {
        Ok((trail, writing)) => (trail, Some(writing)),
        Err(error) => {
            tracing::error!(%error, "who comes in and who is refused is not written down until this node is started again");
            (Trail::default(), None)
        }
    }
}

/// What this node keeps of people; while nobody has an account, what the first one comes about by.
fn people(settings: &Settings, controller: &Controller) -> People {
    let code = settings.closed.then(|| Arc::new(Code::new(&settings.data_dir)));
    if let Some(code) = &code {
        tokio::spawn(code.clone().keep(controller.clone()));
    }
    let people = People::new(code, settings.door.provider.clone(), settings.door.proxies.clone());
    if let Some(admin) = settings.door.admin.clone() {
        tokio::spawn(admin.make(controller.clone(), people.passwords.clone()));
    }
    people
}

/// How this node is spoken to. Over TLS, whoever speaks Raft does so from the first byte on.
fn security(tls: Option<Speaking>, controller: &Controller) -> Security {
    let Some(speaking) = tls else { return Security::Plain };
    let controller = controller.clone();
    Security::Tls { speaking, peers: Some(Arc::new(move |stream, place| http::serve_secured(&controller, stream, place))) }
}

async fn bound(listen: &str) -> io::Result<TcpSocket> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in tokio::net::lookup_host(listen).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        match socket.bind(address) {
            Ok(()) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}
