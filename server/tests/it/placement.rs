//! Creations at once are spread over the brokers as well as creations one after another: the planner sees what is in flight.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const TOPICS: u64 = 1_024;
/// Racks of unequal size, so that an even spread is not trivial.
const BROKERS: &[(u32, &str)] = &[(101, "a"), (102, "a"), (103, "a"), (104, "b"), (105, "b"), (106, "c"), (107, "c")];

/// How even it came out: the most that one broker has more than another.
#[derive(Debug)]
struct Spread {
    replicas: u64,
    leaders: u64,
}

fn difference(counts: &[u64]) -> u64 {
    counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0)
}

/// Asks for one topic until it is there; under its key it is made once, whatever happens on the way.
async fn create(api: &Api, at: u64) -> Result<()> {
    let name = format!("topic-{at:04}");
    let body = json!({ "name": name, "partitions": 1, "replication_factor": 2 });
    for _ in 0..20 {
        let answer = api.post("/topics", body.clone()).header("idempotency-key", &name).send().await?;
        if answer.body["retryable"] != true {
            return answer.ok().map(|_| ());
        }
    }
    anyhow::bail!("{name} was refused again and again")
}

async fn spread(cluster: &Cluster) -> Result<Spread> {
    let revision = cluster.agree().await?;
    let api = cluster.api(cluster.leader().await?)?;
    let brokers = api.get(&format!("/brokers?min_revision={revision}")).ok().await?.body;
    let counts = |name: &str| -> Result<Vec<u64>> {
        let brokers = brokers["brokers"].as_array().context("no brokers")?;
        brokers.iter().map(|broker| broker[name].as_u64().context("no count")).collect()
    };
    let (replicas, leaders) = (counts("replicas")?, counts("leaders")?);
    ensure!(replicas.iter().sum::<u64>() == TOPICS * 2 && leaders.iter().sum::<u64>() == TOPICS, "{replicas:?} {leaders:?}");
    println!("replicas {replicas:?}, leaders {leaders:?}");
    check_racks(&api.get("/state").ok().await?.body)?;
    Ok(Spread { replicas: difference(&replicas), leaders: difference(&leaders) })
}

/// With a rack for each replica no partition has two in one.
fn check_racks(state: &Value) -> Result<()> {
    let racks: BTreeMap<u64, &str> = BROKERS.iter().map(|(id, rack)| (u64::from(*id), *rack)).collect();
    let topics = state["topics"].as_array().context("no topics")?;
    for partition in topics.iter().flat_map(|topic| topic["partitions"].as_array().into_iter().flatten()) {
        let replicas: Vec<u64> = partition["replicas"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        ensure!(replicas.len() == 2 && racks.get(&replicas[0]) != racks.get(&replicas[1]), "{partition}");
        ensure!(partition["leader"] == replicas[0] && partition["isr"] == partition["replicas"], "{partition}");
    }
    Ok(())
}

async fn fresh() -> Result<Cluster> {
    let cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    fake::online(&cluster, BROKERS).await?;
    Ok(cluster)
}

async fn one_after_another() -> Result<Spread> {
    let cluster = fresh().await?;
    let apis = cluster.apis();
    for at in 0..TOPICS {
        create(&apis[at as usize % apis.len()], at).await?;
    }
    let spread = spread(&cluster).await?;
    cluster.passed().await?;
    Ok(spread)
}

async fn all_at_once() -> Result<Spread> {
    let cluster = fresh().await?;
    let apis = cluster.apis();
    let mut under_way = JoinSet::new();
    for at in 0..TOPICS {
        let api = apis[at as usize % apis.len()].clone();
        under_way.spawn(async move { create(&api, at).await });
    }
    while let Some(created) = under_way.join_next().await {
        created??;
    }
    let spread = spread(&cluster).await?;
    check_one_more(&cluster).await?;
    cluster.passed().await?;
    Ok(spread)
}

/// A large topic afterwards levels what is there, and is level itself.
async fn check_one_more(cluster: &Cluster) -> Result<()> {
    let api = cluster.api(cluster.leader().await?)?;
    let large = json!({ "name": "large", "partitions": 700, "replication_factor": 1 });
    let made = until("one more topic", async || api.post("/topics", large.clone()).ok().await).await?;
    let mut leaders: BTreeMap<u64, u64> = BTreeMap::new();
    for partition in made.body["topic"]["partitions"].as_array().into_iter().flatten() {
        *leaders.entry(partition["leader"].as_u64().context("no leader")?).or_default() += 1;
    }
    let counts: Vec<u64> = leaders.values().copied().collect();
    ensure!(counts.len() == BROKERS.len() && difference(&counts) <= 4, "the large topic is led {counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn placement_under_concurrency() -> Result<()> {
    let sequential = one_after_another().await?;
    let concurrent = all_at_once().await?;
    println!("one after another {sequential:?}, all at once {concurrent:?}");
    // One is as even as whole numbers allow; which broker gets the odd one is a matter of the seeds.
    ensure!(concurrent.replicas <= sequential.replicas.max(1), "replicas: {concurrent:?}, and {sequential:?} one after another");
    ensure!(concurrent.leaders <= sequential.leaders.max(1), "leaders: {concurrent:?}, and {sequential:?} one after another");
    Ok(())
}
