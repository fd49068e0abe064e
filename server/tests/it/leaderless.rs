//! A node without a majority says so, to everybody who needs one, and goes on reading.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::Feed;
use crate::load::made;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// Everything that has to be confirmed or committed, refused as certainly not having happened.
async fn refuses_everything(api: &Api) -> Result<()> {
    let topic = |name: &str| json!({ "name": name });
    let mut attempts = 0;
    until("a mutation is refused for want of a leader", async || {
        // Until then it may be unknown what becomes of one, so each has a name of its own.
        attempts += 1;
        api.post("/topics", topic(&format!("perhaps-{attempts}"))).header("quorate-timeout-ms", "1000").refused(503, "NO_LEADER").await
    })
    .await?;
    let calls = [
        api.post("/topics", topic("never")),
        api.post("/topics?dry_run=true", topic("never")),
        api.post("/batch/topics", json!({ "topics": [topic("never")] })),
        api.delete("/topics/kept"),
        api.post("/brokers", fake::registration(200, "z")),
        api.get("/topics/kept?consistency=linearizable"),
        api.get("/state/digest?consistency=linearizable"),
    ];
    for call in calls {
        let no = call.header("quorate-timeout-ms", "3000").refused(503, "NO_LEADER").await?;
        ensure!(no.body["retryable"] == true, "{}", no.body);
    }
    until("it is of no use any more", async || api.at(reqwest::Method::GET, "/readyz").refused(503, "NO_LEADER").await).await?;
    api.at(reqwest::Method::GET, "/healthz").ok().await?;
    api.get("/topics/kept").ok().await?;
    api.get("/topics/never").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    Ok(())
}

/// C2 and the third outcome: a leader that lost its followers cannot say what becomes of a proposal, until it knows that it leads no more.
async fn cut_off(cluster: &mut Cluster, alive: u64) -> Result<()> {
    let api = cluster.api(alive)?;
    let mut feed = Feed::open(&api, "").await?;
    for id in cluster.ids() {
        if id != alive {
            cluster.kill(id)?;
        }
    }
    let first = api.post("/topics", json!({ "name": format!("first-{alive}") })).header("quorate-timeout-ms", "2000").send().await?;
    ensure!(matches!(first.code(), "OUTCOME_UNKNOWN" | "NO_LEADER"), "{}", first.body);
    refuses_everything(&api).await?;
    // The socket is fresh, the quorum is not, and the feed says so.
    until("the feed says how old the quorum is", async || {
        let progress = feed.next_of("progress").await?;
        ensure!(progress["quorum_age_ms"].as_u64() > Some(3_000), "{progress}");
        Ok(())
    })
    .await?;
    for id in cluster.ids() {
        if id != alive {
            cluster.start_again(id)?;
        }
    }
    cluster.ready().await?;
    for api in cluster.apis() {
        made(&api, &format!("again-{alive}-{}", api.node)).await?;
        api.get("/topics/kept?consistency=linearizable").ok().await?;
        api.get("/topics/never").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    }
    if first.code() == "NO_LEADER" {
        api.get(&format!("/topics/first-{alive}")).refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_there_is_no_leader() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    cluster.api(1)?.post("/topics", json!({ "name": "kept" })).ok().await?;
    let follower = *cluster.followers().await?.first().context("no follower")?;
    cut_off(&mut cluster, follower).await?;
    let leader = cluster.leader().await?;
    cut_off(&mut cluster, leader).await?;
    cluster.passed().await
}

/// C4: a single voter is its own majority, however long nobody else is heard.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_node_leads_for_ever() -> Result<()> {
    let mut cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    fake::online(&cluster, &[(101, "a")]).await?;
    let api = cluster.api(1)?;
    let mut feed = Feed::open(&api, "").await?;
    for round in 0..4 {
        // A second and more in which nothing happens.
        for _ in 0..2 {
            let progress = feed.next_of("progress").await?;
            ensure!(progress["quorum_age_ms"].as_u64() < Some(3_000), "{progress}");
        }
        api.post("/topics", json!({ "name": format!("alone-{round}"), "replication_factor": 1 })).ok().await?;
        api.get("/topics?consistency=linearizable").ok().await?;
        api.at(reqwest::Method::GET, "/readyz").ok().await?;
    }
    cluster.kill(1)?;
    cluster.start_again(1)?;
    cluster.ready().await?;
    let topics = cluster.api(1)?.get("/topics").ok().await?.body;
    ensure!(topics["topics"].as_array().is_some_and(|topics| topics.len() == 4), "{topics}");
    cluster.passed().await
}
