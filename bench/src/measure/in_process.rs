//! The same creations without HTTP, sockets and processes: three nodes in this one, over pipes in memory, with their logs on disk.

use super::group::Group;
use crate::api::until;
use crate::options::{Setup, new_directory};
use crate::report::{Figure, Report};
use crate::spread::ms;
use anyhow::{Context, Result, bail, ensure};
use controller::disk::Directory;
use controller::environment::Machine;
use controller::net::Pipes;
use controller::{Controller, Ground, LONGEST_DEADLINE, Options, Proven, PushNetworks, Speaks, Submission};
use metadata::intent::{Heartbeat, NewTopic, Registration};
use metadata::{BrokerId, Endpoint, GroupOutcome, Intent, Principal};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub const GROUP: Group = Group {
    name: "inproc",
    about: "topics created by Controller::submit, three nodes in one process over pipes in memory, no SQL backup",
    names: &["inproc_seq", "inproc_conc_256", "inproc_conc_1024", "inproc_batch"],
    run,
};

const NODES: std::ops::RangeInclusive<u64> = 1..=3;
const BROKERS: [(u32, &str); 3] = [(101, "a"), (102, "b"), (103, "c")];
/// What a server is started with.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(500);
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
const SESSION_TIMEOUT: Duration = Duration::from_secs(9);
const WARM_UP: Duration = Duration::from_secs(1);
const BATCHES: usize = 30;
const TOPICS: usize = 1_000;
const STOP_WITHIN: Duration = Duration::from_secs(5);

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        let dir = new_directory(&setup.data_dir)?;
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let figure = runtime.block_on(async {
            let nodes = start(&dir).await?;
            let figure = measure(setup, name, &nodes).await;
            for node in &nodes {
                drop(tokio::time::timeout(STOP_WITHIN, node.stop()).await);
            }
            figure
        });
        runtime.shutdown_timeout(STOP_WITHIN);
        report.add(figure?);
    }
    Ok(())
}

async fn measure(setup: &Setup, name: &str, nodes: &[Controller]) -> Result<Figure> {
    let leader = leader(nodes).await?;
    let mut beating = JoinSet::new();
    for (id, rack) in BROKERS {
        beating.spawn(keep_alive(leader.clone(), register(&leader, id, rack).await?));
    }
    if name == "inproc_batch" {
        return batches(name, &leader).await;
    }
    let at_once = name.split('_').find_map(|part| part.parse().ok()).unwrap_or(1);
    let begin = Instant::now() + WARM_UP;
    let end = begin + setup.duration;
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        workers.spawn(create(leader.clone(), next.clone(), begin, end));
    }
    let mut times = Vec::new();
    while let Some(ended) = workers.join_next().await {
        times.extend(ended??);
    }
    Ok(Figure::new(name).rate(times.len() as f64 / setup.duration.as_secs_f64(), "topics").spread(times))
}

async fn start(dir: &Path) -> Result<Vec<Controller>> {
    let url = |id: u64| format!("http://node-{id}");
    let pipes = Pipes::default();
    let mut nodes = Vec::new();
    for id in NODES {
        let options = Options {
            node_id: id,
            peers: NODES.map(|id| (id, url(id))).collect(),
            join: false,
            snapshot_every: 20_000,
            scrub_interval: Duration::from_secs(60),
            election_timeout: ELECTION_TIMEOUT,
            heartbeat_interval: HEARTBEAT_INTERVAL,
            broker_session_timeout: SESSION_TIMEOUT,
            push_networks: PushNetworks::default(),
            speaks: Speaks::default(),
            journal: None,
            database_url: None,
        };
        let disk = Arc::new(Directory::new(dir.join(format!("node-{id}")))?);
        let node = controller::start(
            options,
            Ground {
                transport: Arc::new(pipes.clone()),
                environment: Arc::new(Machine::default()),
                disk,
                certificates: None,
                background: Handle::current(),
            },
        )
        .await?;
        pipes.listen(url(id), node.clone());
        nodes.push(node);
    }
    Ok(nodes)
}

async fn leader(nodes: &[Controller]) -> Result<Controller> {
    until("a leader is known to all", async || {
        ensure!(nodes.iter().all(Controller::ready), "not every node is ready");
        let leads = |node: &&Controller| node.leader_id() == Some(node.node_id());
        nodes.iter().find(leads).cloned().context("no node leads")
    })
    .await
}

fn deadline() -> Instant {
    Instant::now() + LONGEST_DEADLINE
}

/// Registers a broker and brings it online; the heartbeat that keeps it so.
async fn register(leader: &Controller, id: u32, rack: &str) -> Result<Heartbeat> {
    let id = BrokerId(id);
    let registration = Registration {
        id,
        incarnation_id: Default::default(),
        cluster_id: None,
        rack: Some(rack.to_owned()),
        endpoints: vec![Endpoint { name: "client".to_owned(), host: "127.0.0.1".to_owned(), port: 9 }],
        push_url: None,
        previous_broker_epoch: None,
    };
    let submission = Submission::new(Intent::RegisterBroker { registration }, Principal::broker(id));
    let outcomes = leader.submit(submission, deadline()).await?.outcomes;
    let Some(Ok(GroupOutcome::Broker { epoch, .. })) = outcomes.first() else { bail!("a broker was not registered: {outcomes:?}") };
    let beat = Heartbeat { id, broker_epoch: *epoch, metadata_index: *epoch, want_fence: false, want_shut_down: false };
    until("a broker is online", async || {
        let (_, reply) = leader.heartbeat(beat, Proven::default(), deadline()).await?;
        ensure!(!reply.fenced, "broker {id} is fenced");
        Ok(beat)
    })
    .await
}

async fn keep_alive(leader: Controller, beat: Heartbeat) {
    loop {
        tokio::time::sleep(SESSION_TIMEOUT / 4).await;
        if let Err(refusal) = leader.heartbeat(beat, Proven::default(), deadline()).await {
            eprintln!("a heartbeat was refused: {refusal}");
        }
    }
}

fn topic(name: String) -> NewTopic {
    NewTopic { name, partitions: Some(1), replication_factor: Some(3), ..NewTopic::default() }
}

async fn submit(leader: &Controller, topics: Vec<NewTopic>) -> Result<Duration> {
    let submission = Submission::new(Intent::CreateTopics { topics }, Principal::anonymous());
    let sent = Instant::now();
    let outcome = leader.submit(submission, deadline()).await?;
    let took = sent.elapsed();
    match outcome.outcomes.into_iter().find_map(Result::err) {
        Some(rejection) => bail!("a creation was rejected: {rejection}"),
        None => Ok(took),
    }
}

async fn create(leader: Controller, next: Arc<AtomicU64>, begin: Instant, end: Instant) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let took = submit(&leader, vec![topic(format!("load-{:09}", next.fetch_add(1, Ordering::Relaxed)))]).await?;
        if (begin..end).contains(&Instant::now()) {
            times.push(ms(took));
        }
    }
    Ok(times)
}

async fn batches(name: &str, leader: &Controller) -> Result<Figure> {
    let batch = |number: usize| (0..TOPICS).map(|at| topic(format!("batch-{number}-{at:05}"))).collect::<Vec<_>>();
    submit(leader, batch(0)).await?;
    let mut times = Vec::new();
    for number in 1..=BATCHES {
        times.push(ms(submit(leader, batch(number)).await?));
    }
    let per_second = (BATCHES * TOPICS) as f64 * 1_000.0 / times.iter().sum::<f64>();
    Ok(Figure::new(name).rate(per_second, "topics").spread(times))
}
