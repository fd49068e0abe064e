//! Feeds: how long it takes until the last of many subscribers has a commit, and until it is on the other nodes.

use super::filling::client;
use super::group::Group;
use super::sizes::kib;
use crate::cluster::Cluster;
use crate::http::{Connection, Creation, revision};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::{ms, rounded};
use crate::subscribers::Subscribers;
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub const GROUP: Group = Group {
    name: "feed",
    about: "from a creation to the last of N subscribers on three nodes (50 creations a second), and from its acknowledgement to the followers",
    names: &["watch_fanout_1", "watch_fanout_100", "watch_fanout_1000", "propagate"],
    run,
};

const PER_SECOND: u32 = 50;
/// So many, that one answer that is late does not hold up the next creation.
const WRITERS: u32 = 10;
const PERIOD: Duration = Duration::from_millis(1_000 / PER_SECOND as u64);
/// After the last creation.
const STRAGGLERS: Duration = Duration::from_secs(10);
/// Until what opening the feeds took besides is given back.
const SETTLED: Duration = Duration::from_secs(3);
/// Fewer feeds are lost in what else a process takes and gives back.
const ENOUGH: usize = 1_000;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A creation that was acknowledged.
struct Created {
    index: u64,
    sent: Instant,
    acknowledged: Instant,
}

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Services).await?;
            let brokers = cluster.brokers.name();
            let figures = match name.strip_prefix("watch_fanout_").map(str::parse) {
                Some(subscribers) => vec![fan_out(setup, &cluster, name, subscribers?).await?],
                None => propagate(setup, &cluster, name).await?,
            };
            figures.into_iter().for_each(|figure| report.add(figure.fact("brokers", brokers)));
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

async fn fan_out(setup: &Setup, cluster: &Cluster, name: &str, count: usize) -> Result<Figure> {
    let (leader, _) = cluster.roles().await?;
    let without = resident_kib(cluster)?;
    let subscribers = Subscribers::open(&cluster.addresses(), count).await?;
    // What they take before anything is committed: what a creation takes is not theirs.
    sleep(SETTLED).await;
    let kib_each = resident_kib(cluster)?.saturating_sub(without) as f64 / count as f64;
    let created = create(&leader, setup.duration).await?;
    let until = Instant::now() + STRAGGLERS;
    let mut times = Vec::new();
    for one in &created {
        times.extend(subscribers.all_have(one.index, until).await.map(|last| ms(last - one.sent)));
    }
    let missed = created.len() - times.len();
    let figure = Figure::new(name).spread(times).fact("subscribers", count).fact("missed", missed);
    Ok(if count < ENOUGH { figure } else { figure.fact("kib_a_feed", rounded(kib_each)) })
}

/// What all nodes have in memory together.
fn resident_kib(cluster: &Cluster) -> Result<u64> {
    let of = |id| kib(&std::fs::read_to_string(format!("/proc/{}/status", cluster.pid(id)?))?, "VmRSS:");
    cluster.ids().into_iter().map(of).sum()
}

/// Negative where the commit was seen elsewhere before the answer was.
async fn propagate(setup: &Setup, cluster: &Cluster, name: &str) -> Result<Vec<Figure>> {
    let (leader, followers) = cluster.roles().await?;
    let mut watched = Vec::new();
    for (id, address) in followers {
        watched.push((id, Subscribers::open(&[address], 1).await?));
    }
    let created = create(&leader, setup.duration).await?;
    let until = Instant::now() + STRAGGLERS;
    let mut figures = Vec::new();
    for (id, subscriber) in watched {
        let mut times = Vec::new();
        for one in &created {
            let seen = subscriber.all_have(one.index, until).await;
            times.extend(
                seen.map(|seen| {
                    ms(seen.saturating_duration_since(one.acknowledged)) - ms(one.acknowledged.saturating_duration_since(seen))
                }),
            );
        }
        let missed = created.len() - times.len();
        figures.push(Figure::new(name).spread(times).fact("follower", id).fact("missed", missed));
    }
    Ok(figures)
}

/// Creates topics at an even pace.
async fn create(address: &str, duration: Duration) -> Result<Vec<Created>> {
    let begin = Instant::now() + Duration::from_millis(500);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (connection, address) = (Connection::open(address).await?, address.to_owned());
        writers.spawn(write(connection, address, writer, begin, duration));
    }
    let mut created = Vec::new();
    while let Some(ended) = writers.join_next().await {
        created.extend(ended??);
    }
    Ok(created)
}

async fn write(mut connection: Connection, address: String, writer: u32, begin: Instant, duration: Duration) -> Result<Vec<Created>> {
    let mut creation = Creation::new(&address, &format!("watched-{writer}"), "");
    let mut created = Vec::new();
    let mut due = begin + PERIOD * writer;
    while due < begin + duration {
        sleep_until(due).await;
        let sent = Instant::now();
        let answer = timeout(ANSWER_WITHIN, connection.exchange(creation.numbered(created.len() as u64))).await;
        let answer = answer.context("a creation was not answered")??;
        let acknowledged = Instant::now();
        ensure!(answer.status == 201, "a creation was answered {}", answer.status);
        let index = revision(answer.body).context("an answer without a revision")?;
        created.push(Created { index, sent, acknowledged });
        due = (due + PERIOD * WRITERS).max(acknowledged);
    }
    Ok(created)
}
