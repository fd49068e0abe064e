//! Three nodes in this process, over pipes, each with its own disk and memory.

use crate::disk::Limited;
use anyhow::{Context, Result, bail, ensure};
use controller::disk::Directory;
use controller::environment::{Environment, Machine};
use controller::net::Pipes;
use controller::{Controller, Ground, Options, Proven, PushNetworks, Speaks, Submission};
use metadata::intent::{Heartbeat, NewTopic, Registration};
use metadata::{BrokerId, Endpoint, GroupOutcome, Index, Intent, Principal, TopicId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

pub const NODES: [u64; 3] = [1, 2, 3];
pub const BROKERS: [u32; 3] = [101, 102, 103];
/// How long anything may take before a test fails, on a machine that has other work on every core as well.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The machine's clock, and a memory in which a bit flips when it is told to.
#[derive(Default)]
pub struct Memory {
    machine: Machine,
    flip: Mutex<Option<(TopicId, u32)>>,
    /// By how much its clocks are ahead of the machine's, in ms.
    monotonic_ahead: AtomicU64,
    wall_ahead: AtomicU64,
}

impl Memory {
    /// Lets the monotonic clock jump.
    pub fn jump(&self, ms: u64) {
        self.monotonic_ahead.fetch_add(ms, Ordering::Relaxed);
    }

    /// Lets the calendar jump.
    pub fn later(&self, ms: u64) {
        self.wall_ahead.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn monotonic(&self) -> u64 {
        self.monotonic_ms()
    }

    pub fn flip(&self, topic: TopicId, partition: u32) {
        *self.flip.lock().unwrap_or_else(PoisonError::into_inner) = Some((topic, partition));
    }

    pub fn flipped(&self) -> bool {
        self.flip.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Environment for Memory {
    fn wall_ms(&self) -> u64 {
        self.machine.wall_ms() + self.wall_ahead.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.machine.monotonic_ms() + self.monotonic_ahead.load(Ordering::Relaxed)
    }

    fn seed(&self) -> u128 {
        self.machine.seed()
    }

    fn disturb(&self, machine: &mut metadata::Machine) {
        let mut flip = self.flip.lock().unwrap_or_else(PoisonError::into_inner);
        if flip.is_some_and(|(topic, partition)| machine.state.flip_a_bit(topic, partition)) {
            *flip = None;
        }
    }
}

pub struct Cluster {
    pub nodes: BTreeMap<u64, Controller>,
    pub disks: BTreeMap<u64, Limited>,
    pub memories: BTreeMap<u64, Arc<Memory>>,
    _dir: TempDir,
}

impl Cluster {
    pub async fn start(scrub_interval: Duration) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let url = |id: u64| format!("http://node-{id}");
        let pipes = Pipes::default();
        let mut cluster = Cluster { nodes: BTreeMap::new(), disks: BTreeMap::new(), memories: BTreeMap::new(), _dir: dir };
        for id in NODES {
            let options = Options {
                node_id: id,
                peers: NODES.map(|id| (id, url(id))).into(),
                join: false,
                snapshot_every: 200,
                scrub_interval,
                election_timeout: Duration::from_millis(300),
                heartbeat_interval: Duration::from_millis(50),
                broker_session_timeout: Duration::from_secs(3_600),
                push_networks: PushNetworks::default(),
                speaks: Speaks::default(),
                journal: None,
                database_url: None,
            };
            let disk = Limited::new(Directory::new(cluster._dir.path().join(format!("node-{id}")))?);
            let memory = Arc::new(Memory::default());
            let ground = Ground {
                transport: Arc::new(pipes.clone()),
                environment: memory.clone(),
                disk: Arc::new(disk.clone()),
                certificates: None,
                background: tokio::runtime::Handle::current(),
            };
            let node = controller::start(options, ground).await?;
            pipes.listen(url(id), node.clone());
            cluster.nodes.insert(id, node);
            cluster.disks.insert(id, disk);
            cluster.memories.insert(id, memory);
        }
        cluster.brokers().await?;
        Ok(cluster)
    }

    async fn brokers(&self) -> Result<()> {
        for id in BROKERS {
            let registration = Registration {
                id: BrokerId(id),
                incarnation_id: uuid::Uuid::from_u128(id.into()),
                cluster_id: None,
                rack: None,
                endpoints: vec![Endpoint { name: "main".into(), host: "localhost".into(), port: 1 }],
                push_url: None,
                previous_broker_epoch: None,
            };
            let index = until("a broker registers", async || {
                let outcome =
                    self.submit(Intent::RegisterBroker { registration: registration.clone() }, Principal::broker(BrokerId(id))).await?;
                match outcome {
                    GroupOutcome::Broker { epoch, .. } => Ok(epoch),
                    other => bail!("{other:?}"),
                }
            })
            .await?;
            let heartbeat =
                Heartbeat { id: BrokerId(id), broker_epoch: index, metadata_index: index, want_fence: false, want_shut_down: false };
            until("a heartbeat is answered", async || {
                let (_, reply) = self.leader()?.heartbeat(heartbeat, Proven::default(), Instant::now() + PATIENCE).await?;
                ensure!(!reply.fenced, "broker {id} stays fenced");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// A node that takes part and leads.
    pub fn leader(&self) -> Result<&Controller> {
        let leads = |node: &&Controller| node.fault().is_none() && node.leader_id() == Some(node.node_id());
        self.nodes.values().find(leads).context("no node leads")
    }

    /// Who leads and one who follows, as soon as somebody leads.
    pub async fn leader_and_follower(&self) -> Result<(u64, u64)> {
        let leader = until("somebody leads", async || Ok(self.leader()?.node_id())).await?;
        Ok((leader, NODES.into_iter().find(|id| *id != leader).context("no node follows")?))
    }

    pub async fn submit(&self, intent: Intent, principal: Principal) -> Result<GroupOutcome> {
        let mut outcome = self.leader()?.submit(Submission::new(intent, principal), Instant::now() + Duration::from_secs(3)).await?;
        Ok(outcome.outcomes.pop().context("no outcome")??)
    }

    /// One attempt to create a topic, through the leader.
    pub async fn create(&self, name: &str) -> Result<TopicId> {
        let topics = vec![NewTopic { name: name.into(), partitions: Some(2), ..NewTopic::default() }];
        match self.submit(Intent::CreateTopics { topics }, Principal::anonymous()).await? {
            GroupOutcome::Topic { topic_id } => Ok(topic_id),
            other => bail!("{other:?}"),
        }
    }

    /// Creates a topic, however long it takes.
    pub async fn created(&self, name: &str) -> Result<TopicId> {
        until(&format!("{name} is created"), async || match self.create(name).await {
            // An attempt before may have been the one.
            Err(error) => self.leader()?.state().topic_by_name(name).map(|topic| topic.id).ok_or(error),
            made => made,
        })
        .await
    }

    /// Waits until every node takes part and has the same digest at the same index.
    pub async fn agree(&self) -> Result<Index> {
        until("the nodes agree", async || {
            let mut seen = None;
            for node in self.nodes.values() {
                ensure!(node.fault().is_none(), "node {} takes no part: {:?}", node.node_id(), node.fault());
                let state = node.state();
                ensure!(state.digest() == state.digest_from_scratch(), "node {} is not what its digest says", node.node_id());
                let now = (state.revision(), state.digest());
                ensure!(*seen.get_or_insert(now) == now, "node {} is at {now:?}, another at {seen:?}", node.node_id());
            }
            Ok(seen.map_or(0, |(index, _)| index))
        })
        .await
    }

    pub async fn stop(self) {
        for node in self.nodes.values() {
            node.stop().await;
        }
    }
}

/// Tries until it works, or says what was wrong at the end.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > end => return Err(error.context(format!("waited for: {what}"))),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
