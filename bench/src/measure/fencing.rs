//! A broker with a replica of very many partitions falls silent: how long until all of its leaderships and ISR memberships are
//! elsewhere, in every feed and pushed to the other brokers, while heartbeats are answered and topics created.

use super::filling::{client, fill};
use super::group::Group;
use crate::api::{call, get, number, until};
use crate::beats::Broker;
use crate::cluster::Cluster;
use crate::http::{Connection, request};
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::ms;
use crate::subscribers::Subscribers;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

pub const GROUP: Group = Group {
    name: "fence",
    about: "from the end of a broker's session to the last election of its partitions: committed and in a feed of each node, and pushed",
    names: &["fence_large"],
    run,
};

/// The broker that falls silent.
const SILENT: u32 = 103;
/// What the nodes are started with when nothing else is said.
const SESSION: Duration = Duration::from_secs(9);
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Between two of the heartbeats and creations that go on meanwhile.
const EVERY: Duration = Duration::from_millis(10);
/// Before the silence: the backup and the brokers' directories are done with the partitions.
const SETTLED: Duration = Duration::from_secs(15);

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let mut cluster = Cluster::start(setup, Brokers::Heartbeats).await?;
            fill(&cluster, setup.partitions.div_ceil(1_000), 1_000).await?;
            sleep(SETTLED).await;
            report.add(fence(&mut cluster, name).await?.fact("brokers", cluster.brokers.name()));
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

async fn fence(cluster: &mut Cluster, name: &str) -> Result<Figure> {
    let (leader, _) = cluster.roles().await?;
    let addresses = cluster.addresses();
    let feeds = Subscribers::open(&addresses, addresses.len()).await?;
    let bystander = Broker::register(&leader, 901, "a").await?;
    let all = get(&leader, "/api/v1/brokers").await?;
    let affected = silent(&all)?;
    let beating = Broker { id: SILENT, epoch: number(affected, "epoch")? };
    cluster.silence(SILENT)?;
    // The last sign of life comes from here, so that it is known when the session ends.
    let ends = Instant::now() + SESSION;
    call(&leader, "POST", &beating.path(), &beating.beat(false)).await?;

    tokio::time::sleep_until(ends).await;
    let (over, ended) = watch::channel(false);
    let mut meanwhile = JoinSet::new();
    let beat = request("POST", &leader, &bystander.path(), "", &bystander.beat(true));
    meanwhile.spawn(repeat(leader.clone(), Kind::Heartbeats(beat), ended.clone()));
    meanwhile.spawn(repeat(leader.clone(), Kind::Creations, ended));

    let (index, pushed) = all_told(&leader, cluster.brokers, ends + WITHIN).await?;
    let last = feeds
        .all_have(feeds.last_upto(index).context("the feeds have nothing")?, ends + WITHIN)
        .await
        .context("a feed does not have the fencing's last commit")?;
    over.send_replace(true);
    let mut figure = Figure::new(name).spread(vec![ms(last - ends)]);
    if let Some(pushed) = pushed {
        figure = figure.fact("pushed_ms", ms(pushed - ends).round());
    }
    figure = figure.fact("replicas", number(affected, "replicas")?).fact("leaders", number(affected, "leaders")?);
    while let Some(ended) = meanwhile.join_next().await {
        let (slowest, count, facts) = ended??;
        figure = figure.fact(facts[0], slowest.round()).fact(facts[1], count);
    }
    Ok(figure)
}

/// The broker that falls silent, in a list of all.
fn silent(all: &Value) -> Result<&Value> {
    let listed = all["brokers"].as_array().context("no brokers are listed")?;
    listed.iter().find(|broker| broker["id"] == SILENT).with_context(|| format!("broker {SILENT} is not listed"))
}

/// An index at which the fencing is over, a look's pause after its last commit at most, and when all other brokers said that they have
/// it: only real ones do.
async fn all_told(leader: &str, brokers: Brokers, end: Instant) -> Result<(u64, Option<Instant>)> {
    let index = until("the broker is fenced", async || {
        let all = get(leader, "/api/v1/brokers").await?;
        let state = &silent(&all)?["state"];
        ensure!(state == "fenced", "it is {state}");
        number(&all, "revision")
    })
    .await?;
    if brokers == Brokers::Heartbeats {
        return Ok((index, None));
    }
    loop {
        let all = get(leader, "/api/v1/brokers").await?;
        let told = |broker: &Value| broker["state"] != "online" || broker["acknowledged_index"].as_u64() >= Some(index);
        if all["brokers"].as_array().context("no brokers are listed")?.iter().all(told) {
            return Ok((index, Some(Instant::now())));
        }
        ensure!(Instant::now() < end, "not every broker has been pushed the fencing's last commit: {all}");
        sleep(LOOK_EVERY).await;
    }
}

/// What goes on meanwhile, over a connection of its own.
enum Kind {
    Heartbeats(Vec<u8>),
    /// With two replicas: one broker of three is leaving.
    Creations,
}

/// The slowest in ms, how many there were, and how the two are called.
async fn repeat(leader: String, kind: Kind, ended: watch::Receiver<bool>) -> Result<(f64, usize, [&'static str; 2])> {
    let mut connection = Connection::open(&leader).await?;
    let (mut slowest, mut count) = (0.0_f64, 0);
    while !*ended.borrow() {
        let sent = Instant::now();
        let (request, expected) = match &kind {
            Kind::Heartbeats(request) => (request.clone(), 200),
            Kind::Creations => (creation(&leader, count), 201),
        };
        let answer = timeout(WITHIN, connection.exchange(&request)).await.context("no answer while a broker is fenced")??;
        ensure!(answer.status == expected, "answered {} while a broker is fenced", answer.status);
        slowest = slowest.max(ms(sent.elapsed()));
        count += 1;
        sleep(EVERY).await;
    }
    let facts = match kind {
        Kind::Heartbeats(_) => ["heartbeat_max_ms", "heartbeats"],
        Kind::Creations => ["creation_max_ms", "creations"],
    };
    Ok((slowest, count, facts))
}

fn creation(leader: &str, number: usize) -> Vec<u8> {
    let topic = json!({ "name": format!("meanwhile-{number:06}"), "partitions": 1, "replication_factor": 2 });
    request("POST", leader, "/api/v1/topics", "", &topic.to_string())
}
