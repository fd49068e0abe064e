//! A simulated machine: a runtime with a clock of its own, a disk, a way into the network, and the real controller on them.

use super::chance::Lot;
use super::disk::Spindle;
use super::network::{Network, url};
use super::time::Time;
use controller::environment::Environment;
use controller::{Controller, Ground, Options, PushNetworks, Speaks, StartError};
use metadata::NodeId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// What every wall clock shows when a run begins, ms since the Unix epoch.
const BEGAN_MS: i64 = 1_800_000_000_000;
const PER_MILLION: u64 = 1_000_000;

/// How long a session lives here, and how often brokers are heard, in ms.
pub const SESSION_MS: u64 = 3_000;
const ELECTION: Duration = Duration::from_millis(300);
const HEARTBEAT: Duration = Duration::from_millis(60);
const SNAPSHOT_EVERY: u64 = 100;
const SCRUB: Duration = Duration::from_secs(10);

/// A runtime whose clock stands still unless it is stepped, and whose own choices follow from the seed.
pub fn runtime(lot: &Lot) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    let bits = lot.bits();
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&bits.to_le_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = bits;
    builder.build()
}

/// Clock and chance of one process.
struct Surroundings {
    started: Instant,
    booted_ms: i64,
    /// By how much the wall clock is wrong, in ms.
    wrong_ms: Arc<AtomicI64>,
    lot: Lot,
}

impl Environment for Surroundings {
    fn wall_ms(&self) -> u64 {
        let ran = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        BEGAN_MS.saturating_add(self.booted_ms).saturating_add(ran).saturating_add(self.wrong_ms.load(Ordering::Relaxed)).max(0) as u64
    }

    fn monotonic_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn seed(&self) -> u128 {
        self.lot.wide()
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        // A thread of its own would end when the real machine likes.
        work();
    }
}

type Starting = Arc<Mutex<Option<Result<Controller, StartError>>>>;

/// What runs on a machine.
struct Process {
    runtime: Runtime,
    starting: Starting,
    controller: Option<Controller>,
}

/// One machine. It outlives the processes that run on it.
pub struct Machine {
    pub id: NodeId,
    /// Whom its first process is told of, and whether it waits to be taken in.
    peers: BTreeMap<NodeId, String>,
    join: bool,
    pub disk: Spindle,
    network: Network,
    time: Time,
    lot: Lot,
    wrong_ms: Arc<AtomicI64>,
    /// How fast its clock runs, millionths.
    rate: u64,
    /// Millionths of a ms that its clock is owed.
    owed: u64,
    process: Option<Process>,
    /// It stands still until then.
    paused_until: u64,
    /// It does not run before then.
    pub down_until: u64,
    missed_ms: u64,
}

impl Machine {
    pub fn new(id: NodeId, peers: &[NodeId], join: bool, network: Network, time: Time, lot: Lot) -> Self {
        Machine {
            id,
            peers: peers.iter().map(|id| (*id, url(*id))).collect(),
            join,
            disk: Spindle::new(time.clone(), lot.clone()),
            network,
            time,
            lot,
            wrong_ms: Arc::default(),
            rate: PER_MILLION,
            owed: 0,
            process: None,
            paused_until: 0,
            down_until: 0,
            missed_ms: 0,
        }
    }

    fn options(&self) -> Options {
        Options {
            node_id: self.id,
            peers: self.peers.clone(),
            join: self.join,
            snapshot_every: SNAPSHOT_EVERY,
            scrub_interval: SCRUB,
            election_timeout: ELECTION,
            heartbeat_interval: HEARTBEAT,
            broker_session_timeout: Duration::from_millis(SESSION_MS),
            push_networks: PushNetworks::default(),
            speaks: Speaks::default(),
            journal: None,
            database_url: None,
        }
    }

    /// Starts a process on this machine.
    pub fn boot(&mut self) -> std::io::Result<()> {
        let runtime = runtime(&self.lot)?;
        let starting = Starting::default();
        let (options, disk, transport) = (self.options(), self.disk.clone(), self.network.transport(self.id));
        let (booted_ms, wrong_ms) = (self.time.now() as i64, self.wrong_ms.clone());
        let (lot, result) = (self.lot.clone(), starting.clone());
        let background = runtime.handle().clone();
        self.network.forgets(self.id);
        runtime.spawn(async move {
            let environment = Arc::new(Surroundings { started: Instant::now(), booted_ms, wrong_ms, lot });
            let ground = Ground { transport, environment, disk: Arc::new(disk), certificates: None, background };
            let started = controller::start(options, ground).await;
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        });
        self.process = Some(Process { runtime, starting, controller: None });
        Ok(())
    }

    /// `kill -9`, or with `silently` the power.
    pub fn kill(&mut self, silently: bool) {
        self.network.goes_down(self.id, silently);
        // First what may be lost, then who might flush it.
        self.disk.crash();
        self.process = None;
        self.paused_until = 0;
        self.missed_ms = 0;
    }

    pub fn pause(&mut self, ms: u64) {
        self.paused_until = self.paused_until.max(self.time.now() + ms);
    }

    pub fn wake(&mut self) {
        self.paused_until = 0;
    }

    /// From now on its wall clock is wrong by so much, and all its clocks run at so many millionths of their speed.
    pub fn sets_clock(&mut self, wrong_ms: i64, rate: u64) {
        self.wrong_ms.store(wrong_ms, Ordering::Relaxed);
        self.rate = rate;
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Whether it can be asked something.
    pub fn answers(&self) -> bool {
        self.paused_until <= self.time.now() && self.controller().is_some()
    }

    pub fn controller(&self) -> Option<&Controller> {
        self.process.as_ref()?.controller.as_ref()
    }

    /// Looks at the controller with this machine's clock.
    pub fn look<T>(&self, look: impl FnOnce(&Controller) -> T) -> Option<T> {
        let process = self.process.as_ref()?;
        let _clock = process.runtime.enter();
        process.controller.as_ref().map(look)
    }

    /// One ms passes.
    ///
    /// # Errors
    /// Why the controller does not start.
    pub fn step(&mut self) -> Result<(), StartError> {
        self.owed += self.rate;
        let ms = self.owed / PER_MILLION;
        self.owed %= PER_MILLION;
        let Some(process) = self.process.as_mut() else { return Ok(()) };
        if self.paused_until > self.time.now() {
            self.missed_ms += ms;
            return Ok(());
        }
        {
            // Who hears that its write is on the disk looks at this machine's clock.
            let _clock = process.runtime.enter();
            self.disk.step();
        }
        if self.missed_ms > 0 {
            let missed = Duration::from_millis(std::mem::take(&mut self.missed_ms));
            process.runtime.block_on(tokio::time::advance(missed));
        }
        if ms > 0 {
            process.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(ms)).await });
        }
        let started = process.starting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(started) = started {
            process.controller = Some(started?);
            self.network.goes_up(self.id);
        }
        Ok(())
    }
}
