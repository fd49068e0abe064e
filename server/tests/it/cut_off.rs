//! A node whose two peers stand still is cut off from its quorum: its sockets are fresh, its peers' are open, and within three
//! seconds it says to everybody who asks that what it has may be stale. What it has it still tells.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::Feed;
use crate::load::made;
use crate::wait::{until, within};
use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, timeout};

const STALE: Duration = Duration::from_secs(3);
/// For a machine that does other things as well, and for the second between two frames.
const SLACK: Duration = Duration::from_secs(2);
const LIMIT: Duration = STALE.saturating_add(SLACK);

/// How old the quorum is said to be: it never grows younger, and never much older than the cut is.
async fn quorum_ages(mut feed: Feed, cut: Instant) -> Result<Feed> {
    let mut ages = Vec::new();
    loop {
        let progress = feed.next_of("progress").await?;
        let age = Duration::from_millis(progress["quorum_age_ms"].as_u64().context("no quorum_age_ms")?);
        let elapsed = cut.elapsed();
        ensure!(ages.last().is_none_or(|(_, last)| *last <= age), "it grew younger: {age:?} after {ages:?}");
        ensure!(age <= elapsed + SLACK, "after {elapsed:?} it is said to be {age:?} old; before {ages:?}");
        ages.push((elapsed, age));
        if age > STALE {
            println!("the feed: {ages:?}");
            ensure!(ages.len() > 1, "it did not grow");
            return Ok(feed);
        }
        ensure!(elapsed < LIMIT, "it is not {STALE:?} old: {ages:?}");
    }
}

/// `GET /cluster`: nobody leads, and who is not heard is not reachable.
fn check_view(view: &Value, alive: u64) -> Result<()> {
    ensure!(view["leader_id"].is_null(), "it says that {} leads", view["leader_id"]);
    let controllers = view["controllers"].as_array().context("no controllers")?;
    ensure!(controllers.len() == 3, "{view}");
    for controller in controllers {
        let expected = if controller["id"] == alive { "follower" } else { "unreachable" };
        ensure!(controller["role"] == expected, "{controller} should be {expected}");
    }
    Ok(())
}

/// Everything that has to be confirmed is refused, as certainly not having happened; what is here is read.
async fn refuses(api: &Api) -> Result<()> {
    let topic = json!({ "name": "never" });
    let calls = [
        api.post("/topics", topic.clone()),
        api.post("/topics?dry_run=true", topic.clone()),
        api.post("/batch/topics", json!({ "topics": [topic] })),
        api.delete("/topics/kept"),
        api.call(Method::POST, "/brokers/101/fence"),
        api.get("/topics/kept?consistency=linearizable"),
        api.get("/topics/never?consistency=linearizable"),
        api.get("/state/digest?consistency=linearizable"),
        api.at(Method::GET, "/readyz"),
    ];
    // At once: each waits for a leader as long as it may.
    try_join_all(calls.map(|call| call.refused(503, "NO_LEADER"))).await?;
    api.at(Method::GET, "/healthz").ok().await?;
    api.get("/topics/kept").ok().await?;
    api.get("/topics/never").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    api.get("/topics/kept?consistency=local").ok().await?;
    Ok(())
}

async fn becomes_stale(api: &Api, feed: Feed, cut: Instant) -> Result<Feed> {
    let name = |what: &str| format!("{what}-{}", api.node);
    let reading = api.get("/topics/kept?consistency=linearizable");
    let writing = api.post("/topics", json!({ "name": name("first") })).header("quorate-timeout-ms", "2000");
    let ready = within(LIMIT, "it is not ready", async || api.at(Method::GET, "/readyz").refused(503, "NO_LEADER").await);
    let mut attempts = 0;
    let mutation = within(LIMIT, "a mutation is refused", async || {
        // Until then it may be unknown what becomes of one, so each has a name of its own.
        attempts += 1;
        let name = name(&format!("perhaps-{attempts}"));
        api.post("/topics", json!({ "name": name })).header("quorate-timeout-ms", "500").refused(503, "NO_LEADER").await?;
        Ok(name)
    });
    let view = within(LIMIT, "the cluster is shown as it is", async || check_view(&api.get("/cluster").ok().await?.body, api.node));
    // Begun after the cut: no majority can have confirmed it.
    let reading = async {
        let refused = timeout(LIMIT, reading.refused(503, "NO_LEADER")).await;
        refused.context("too late").flatten().context("a read that was begun right after the cut")
    };
    let timed = |what: &'static str| println!("{what} after {:?}", cut.elapsed());
    let (written, _, _, refused, _, feed) = tokio::try_join!(
        writing.send(),
        async { reading.await.inspect(|_| timed("the first linearizable read is refused")) },
        async { ready.await.inspect(|_| timed("not ready")) },
        async { mutation.await.inspect(|_| timed("a mutation is refused")) },
        async { view.await.inspect(|_| timed("the view is honest")) },
        quorum_ages(feed, cut),
    )?;
    ensure!(matches!(written.code(), "OUTCOME_UNKNOWN" | "NO_LEADER"), "{}", written.body);
    refuses(api).await?;
    api.get(&format!("/topics/{refused}")).refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    Ok(feed)
}

async fn cut_off(cluster: &mut Cluster, alive: u64) -> Result<()> {
    let api = cluster.api(alive)?;
    let feed = Feed::open(&api, "").await?;
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != alive).collect();
    for id in &others {
        cluster.pause(*id)?;
    }
    let mut feed = becomes_stale(&api, feed, Instant::now()).await?;
    for id in &others {
        cluster.resume(*id)?;
    }
    cluster.ready().await?;
    until("the feed is fresh again, over the same socket", async || {
        let progress = feed.next_of("progress").await?;
        ensure!(progress["quorum_age_ms"].as_u64() < Some(3_000), "{progress}");
        Ok(())
    })
    .await?;
    for api in cluster.apis() {
        made(&api, &format!("again-{alive}-{}", api.node)).await?;
        api.get("/topics/kept?consistency=linearizable").ok().await?;
        api.get("/topics/never?consistency=linearizable").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
        until("nobody is unreachable", async || {
            let view = api.get("/cluster").ok().await?.body;
            let roles = view["controllers"].as_array().into_iter().flatten().map(|controller| controller["role"].clone());
            ensure!(view["leader_id"].is_u64() && roles.clone().all(|role| role != "unreachable"), "{view}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// A node that starts among peers that stand still has heard nobody, however short its life is.
async fn begins_cut_off(cluster: &mut Cluster, alone: u64) -> Result<()> {
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != alone).collect();
    for id in &others {
        cluster.pause(*id)?;
    }
    cluster.kill(alone)?;
    cluster.start_again(alone)?;
    let api = cluster.api(alone)?;
    until("it answers", async || api.at(Method::GET, "/healthz").ok().await).await?;
    api.at(Method::GET, "/readyz").refused(503, "NO_LEADER").await?;
    let progress = Feed::open(&api, "").await?.next_of("progress").await?;
    ensure!(progress["quorum_age_ms"].as_u64() > Some(3_000), "{progress}");
    check_view(&api.get("/cluster").ok().await?.body, alone)?;
    api.get("/topics?consistency=linearizable").refused(503, "NO_LEADER").await?;
    for id in &others {
        cluster.resume(*id)?;
    }
    cluster.ready().await?;
    made(&api, "after-a-lonely-start").await.map(|_| ())
}

/// A leader and a follower that hear nobody but each other are two of five: what they have is as stale as one node's.
#[tokio::test(flavor = "multi_thread")]
async fn a_minority_that_hears_its_leader_is_stale() -> Result<()> {
    let mut cluster = Cluster::start(5, fake::LONG_SESSION).await?;
    fake::online(&cluster, fake::THREE).await?;
    cluster.agree().await?;
    let leader = cluster.leader().await?;
    let followers = cluster.followers().await?;
    let (near, others) = followers.split_first().context("no follower")?;
    for id in others {
        cluster.pause(*id)?;
    }
    let cut = Instant::now();
    let age = async |id: u64| {
        let progress = Feed::open(&cluster.api(id)?, "").await?.next_of("progress").await?;
        progress["quorum_age_ms"].as_u64().map(Duration::from_millis).context("no quorum_age_ms")
    };
    for id in [leader, *near] {
        within(LIMIT, "it is stale", async || {
            ensure!(age(id).await? > STALE, "node {id} after {:?}", cut.elapsed());
            Ok(())
        })
        .await?;
    }
    // The leader goes on trying, and its follower goes on hearing it.
    while cut.elapsed() < 3 * STALE {
        for id in [leader, *near] {
            let (age, elapsed) = (age(id).await?, cut.elapsed());
            ensure!(age > STALE && age <= elapsed + SLACK, "node {id} says {age:?} after {elapsed:?}");
            cluster.api(id)?.at(Method::GET, "/readyz").refused(503, "NO_LEADER").await?;
        }
    }
    for id in others {
        cluster.resume(*id)?;
    }
    cluster.ready().await?;
    made(&cluster.api(*near)?, "after").await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_node_is_stale() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    cluster.api(1)?.post("/topics", json!({ "name": "kept" })).ok().await?;
    cluster.agree().await?;
    let follower = *cluster.followers().await?.first().context("no follower")?;
    println!("a follower, node {follower}:");
    cut_off(&mut cluster, follower).await?;
    let leader = cluster.leader().await?;
    println!("the leader, node {leader}:");
    cut_off(&mut cluster, leader).await?;
    begins_cut_off(&mut cluster, follower).await?;
    cluster.passed().await
}
