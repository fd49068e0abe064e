//! What operators do to a cluster while topics are made: restarts, drains, brokers that come and go, controllers that are replaced, and plans of ten
//! thousand moves.

use crate::cluster::Cluster;
use crate::fake;
use crate::feed::{Feed, Fold};
use crate::load::{Load, Outcome, settle};
use crate::members;
use crate::moves::{done, ended, whole};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const RACKS: [&str; 3] = ["a", "b", "c"];
/// Few enough that each node keeps all of their commits, however slow the machine is.
const PAUSE: Duration = Duration::from_millis(60);
/// Topics that are made between two steps.
const SOME: usize = 20;

async fn with_services(ids: std::ops::RangeInclusive<u32>, flags: &[&str]) -> Result<Cluster> {
    let mut cluster = Cluster::start(3, flags).await?;
    for (id, rack) in ids.zip(RACKS.iter().cycle()) {
        cluster.add_storage(id, rack).await?;
    }
    Ok(cluster)
}

fn load(prefix: &str, cluster: &Cluster) -> Load {
    Load::paced(prefix, &cluster.apis(), 100_000, 4, PAUSE)
}

/// Waits until the load goes on.
async fn goes_on(load: &Load) -> Result<()> {
    load.acknowledged(load.count() + SOME).await
}

/// A broker is fenced falsely when its process lives and the controllers go on without it: here each of these lives all the time.
#[tokio::test(flavor = "multi_thread")]
async fn controllers_are_restarted_one_after_another_and_nobody_is_fenced() -> Result<()> {
    // Longer than a machine with other work on every core keeps a process waiting, and shorter than the three restarts together there.
    let mut cluster = with_services(101..=103, &["--broker-session-timeout-ms", "20000"]).await?;
    let load = load("restarts", &cluster);
    goes_on(&load).await?;
    let begin = cluster.api(1)?.get("/state/digest?consistency=linearizable").ok().await?.index()?;
    for (turn, id) in cluster.ids().into_iter().enumerate() {
        // In order, or as a machine that is lost for a moment.
        if turn % 2 == 0 {
            cluster.stop(id).await?;
        } else {
            cluster.kill(id)?;
        }
        goes_on(&load).await?;
        cluster.start_again(id)?;
        cluster.ready().await?;
        goes_on(&load).await?;
    }
    let outcomes = load.end(true).await?;
    let api = cluster.led().await?;
    let end = api.get("/state/digest?consistency=linearizable").ok().await?.index()?;
    let mut feed = Feed::open(&api, "from=0").await?;
    let mut fold = Fold::default();
    while fold.position < end {
        let frame = feed.next().await?.context("the feed ended")?;
        ensure!(fold.take(&frame)?, "{frame}");
        let changed = frame["changes"].as_array().into_iter().flatten().filter(|_| fold.position > begin);
        let of_a_broker = changed.filter(|change| change["kind"].as_str().is_some_and(|kind| kind.starts_with("broker_"))).count();
        ensure!(of_a_broker == 0, "a broker was not left alone: {frame}");
    }
    settle(&cluster, &outcomes).await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_leave_and_join_while_topics_are_made() -> Result<()> {
    let mut cluster = with_services(101..=104, fake::LONG_SESSION).await?;
    let load = load("brokers", &cluster);
    goes_on(&load).await?;
    let drained = cluster.api(1)?.call(Method::POST, "/brokers/104/drain").ok().await?.body["reassignment"]["id"].clone();
    ended(&cluster, &drained).await?;
    until("104 is empty", async || {
        let of = cluster.led().await?.get("/brokers/104").ok().await?.body;
        ensure!(of["broker"]["replicas"] == 0, "{of}");
        Ok(())
    })
    .await?;
    goes_on(&load).await?;
    cluster.kill_storage(104)?;
    cluster.api(2)?.delete("/brokers/104").ok().await?;
    goes_on(&load).await?;
    cluster.add_storage(105, "a").await?;
    let asked = json!({ "rebalance": { "scope": "cluster", "goal": "both" } });
    let begun = cluster.api(3)?.post("/reassignments", asked).ok().await?.body["reassignment"].clone();
    ensure!(begun["total"].as_u64() > Some(0), "{begun}");
    goes_on(&load).await?;
    let of = ended(&cluster, &begun["id"]).await?;
    ensure!(of["state"] == "done" && of["progress"]["failed"] == 0, "{of}");
    let outcomes = load.end(true).await?;
    let of = cluster.led().await?.get("/brokers/105").ok().await?.body;
    ensure!(of["broker"]["replicas"].as_u64() > Some(0), "{of}");
    whole(&cluster).await?;
    settle(&cluster, &outcomes).await?;
    cluster.passed().await
}

async fn voters(cluster: &Cluster) -> Result<Vec<u64>> {
    Ok(members::voters(&cluster.led().await?.get("/cluster").ok().await?.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_controller_is_replaced_and_two_come_and_go_while_topics_are_made() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    for (victim, id) in [(1, 4), (2, 5), (3, 6)] {
        let load = load(&format!("replaced-{victim}"), &cluster);
        goes_on(&load).await?;
        cluster.kill(victim)?;
        let asked = cluster.leader().await?;
        let url = cluster.join(id).await?;
        let body = json!({ "remove": victim, "add": { "id": id, "url": url } });
        until("it is replaced", async || cluster.api(asked)?.post("/quorum/replace", body.clone()).ok().await).await?;
        cluster.forget(victim);
        cluster.ready().await?;
        goes_on(&load).await?;
        outcomes.extend(load.end(true).await?);
    }
    let mut now = voters(&cluster).await?;
    now.sort_unstable();
    ensure!(now == [4, 5, 6], "{now:?}");
    let load = load("five", &cluster);
    for id in [7, 8] {
        // One that is no member yet knows no leader.
        let asked = cluster.leader().await?;
        let url = cluster.join(id).await?;
        let member = json!({ "id": id, "url": url });
        until("it is added", async || cluster.api(asked)?.post("/quorum/members", member.clone()).ok().await).await?;
        let promote = format!("/quorum/members/{id}/promote");
        until("it votes", async || cluster.led().await?.call(Method::POST, &promote).ok().await).await?;
        goes_on(&load).await?;
    }
    ensure!(voters(&cluster).await?.len() == 5);
    // The leader is one of those that go.
    let leader = cluster.leader().await?;
    let other = *cluster.followers().await?.first().context("nobody follows")?;
    for id in [leader, other] {
        let path = format!("/quorum/members/{id}");
        let asked = *cluster.followers().await?.iter().find(|asked| **asked != id).context("nobody is left")?;
        until("it is removed", async || cluster.api(asked)?.delete(&path).ok().await).await?;
        cluster.kill(id)?;
        cluster.forget(id);
        goes_on(&load).await?;
    }
    outcomes.extend(load.end(true).await?);
    ensure!(voters(&cluster).await?.len() == 3);
    settle(&cluster, &outcomes).await?;
    cluster.passed().await
}

/// Ten thousand partitions with two replicas on three brokers, and how many are moved at a time.
const MANY: usize = 10_000;
const WIDE: u32 = 500;

/// No partition moves, each has its whole factor, and each leader is one of its replicas.
async fn settled(cluster: &Cluster) -> Result<()> {
    whole(cluster).await?;
    let fold = Fold::from_state(&cluster.led().await?).await?;
    let partitions: Vec<_> = fold.state.all_partitions().map(|(_, partition)| partition).collect();
    let wrong = partitions.iter().find(|each| each.moves() || each.replicas.len() != 2 || each.leader.is_none());
    ensure!(wrong.is_none(), "{wrong:?}");
    ensure!(partitions.len() == MANY);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_moves_end_though_the_leader_dies_three_times_and_go_back_half_way() -> Result<()> {
    let mut cluster = with_services(101..=103, fake::LONG_SESSION).await?;
    let made = json!({ "name": "many", "partitions": MANY, "replication_factor": 2 });
    cluster.led().await?.post("/topics", made).ok().await?;
    for (id, rack) in (104..=106).zip(RACKS) {
        cluster.add_storage(id, rack).await?;
    }
    let asked = json!({ "rebalance": { "scope": "cluster", "goal": "both" }, "limits": { "per_broker": WIDE } });
    let begun = cluster.led().await?.post("/reassignments", asked).ok().await?.body["reassignment"].clone();
    let total = begun["total"].as_u64().context("no total")?;
    println!("a rebalance of {total} moves");
    ensure!(total > MANY as u64 * 9 / 10, "{total} moves");
    for part in [10, 40, 70] {
        done(&cluster, &begun["id"], total * part / 100).await?;
        cluster.change_leader().await?;
    }
    let of = ended(&cluster, &begun["id"]).await?;
    ensure!(of["state"] == "done" && of["progress"]["done"] == total, "{of}");
    settled(&cluster).await?;

    // Every partition's replicas turn by one broker, and half-way it is called off.
    let fold = Fold::from_state(&cluster.led().await?).await?;
    let turned = |id: u32| 101 + (id - 101 + 2) % 6;
    let moves: Vec<Value> = fold
        .state
        .all_partitions()
        .map(|(_, each)| {
            let replicas: Vec<u32> = each.replicas.iter().map(|id| turned(id.0)).collect();
            json!({ "topic": "many", "partition": each.partition, "replicas": replicas })
        })
        .collect();
    let asked = json!({ "moves": moves, "limits": { "per_broker": WIDE } });
    let begun = cluster.led().await?.post("/reassignments", asked).ok().await?.body["reassignment"].clone();
    ensure!(begun["total"] == MANY, "{begun}");
    done(&cluster, &begun["id"], MANY as u64 / 2).await?;
    let leader = cluster.leader().await?;
    let (api, path) = (cluster.api(leader)?, format!("/reassignments/{}", begun["id"]));
    // What waits still waits when it is called off.
    api.call(Method::PATCH, &path).json(&json!({ "limits": { "per_broker": 1 } })).ok().await?;
    api.delete(&path).ok().await?;
    cluster.kill(leader)?;
    let of = ended(&cluster, &begun["id"]).await?;
    let count = |what: &str| of["progress"][what].as_u64().unwrap_or_default();
    ensure!(of["state"] == "cancelled" && count("failed") == 0, "{of}");
    ensure!(count("done") >= MANY as u64 / 2 && count("cancelled") > 0 && count("done") + count("cancelled") == MANY as u64, "{of}");
    settled(&cluster).await?;
    cluster.start_again(leader)?;
    cluster.ready().await?;
    cluster.passed().await
}
