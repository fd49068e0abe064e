//! Nodes that are killed without warning, or stand still, while topics are created: nothing acknowledged is lost, nothing happens twice.

use crate::fake;
use crate::load::{self, Load, Outcome};
use anyhow::{Context, Result, ensure};

const CREATIONS: usize = 200;
/// How many are acknowledged when the blow falls.
const BEFORE: usize = 60;
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn raft_failure_handling() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    for role in ["leader", "follower"] {
        let victim = match role {
            "leader" => cluster.leader().await?,
            _ => *cluster.followers().await?.first().context("no follower")?,
        };
        let load = Load::begin(role, &cluster.every_api(), CREATIONS, AT_ONCE);
        load.acknowledged(BEFORE).await?;
        cluster.kill(victim)?;
        let outcomes = load.end(false).await?;
        println!("the {role}, node {victim}, was killed: {}", load::codes(&outcomes));
        ensure!(outcomes.len() == CREATIONS, "{} of {CREATIONS} were answered", outcomes.len());
        let strange = outcomes.iter().find(|(_, outcome)| match outcome {
            Outcome::Acknowledged(_) => false,
            Outcome::Rejected(code) => !matches!(code.as_str(), "NO_LEADER" | "NOT_CONTROLLER" | "OVERLOADED"),
            Outcome::Unknown(code) => code != "OUTCOME_UNKNOWN",
            Outcome::Broken(node) => *node != victim,
        });
        ensure!(strange.is_none(), "{strange:?}");
        // Two of three go on.
        for api in cluster.apis() {
            load::made(&api, &format!("{role}-gone-through-{}", api.node)).await?;
        }
        let alone = cluster.agree().await?;
        // recovers
        cluster.start_again(victim)?;
        cluster.ready().await?;
        let caught_up = cluster.api(victim)?.get(&format!("/state/digest?min_revision={alone}")).ok().await?;
        ensure!(caught_up.index()? >= alone, "it came to {}", caught_up.index()?);
        load::settle(&cluster, &outcomes).await?;
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_all() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let mut everything = Vec::new();
    for round in 0..3 {
        let load = Load::begin(&format!("round-{round}"), &cluster.every_api(), 5_000, AT_ONCE);
        load.acknowledged(BEFORE + 20 * round).await?;
        cluster.kill_all()?;
        let outcomes = load.end(true).await?;
        for id in cluster.ids() {
            cluster.start_again(id)?;
        }
        cluster.ready().await?;
        everything.push(outcomes);
    }
    for outcomes in &everything {
        load::settle(&cluster, outcomes).await?;
    }
    cluster.passed().await
}

/// A leader that stands still is replaced; when it goes on it neither answers from the past nor overwrites what came since.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_leader_is_replaced_and_follows() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let before = cluster.leadership().await?;
    let load = Load::begin("paused", &cluster.every_api(), CREATIONS, AT_ONCE);
    load.acknowledged(BEFORE).await?;
    cluster.pause(before.leader)?;
    let after = cluster.leadership().await?;
    ensure!(after.leader != before.leader && after.term > before.term, "{after:?} after {before:?}");
    let follower = cluster.api(after.leader)?;
    let made = load::made(&follower, "meanwhile").await?;
    cluster.resume(before.leader)?;
    let old = cluster.api(before.leader)?;
    // The first question to it, before it can have heard of anything: it may say that it has no leader, but not what was.
    let read = old.get("/topics/meanwhile?consistency=linearizable").send().await?;
    ensure!(read.status == 200 || read.code() == "NO_LEADER", "a linearizable read was answered {} {}", read.status, read.body);
    ensure!(read.status != 200 || read.index()? >= made.index()?, "a linearizable read was of {}", read.index()?);
    let outcomes = load.end(false).await?;
    println!("{}", load::codes(&outcomes));
    cluster.ready().await?;
    let now = cluster.leadership().await?;
    ensure!(now.term >= after.term, "{now:?} after {after:?}");
    load::settle(&cluster, &outcomes).await?;
    cluster.passed().await
}

/// SIGTERM: the leader hands over before it goes, so that hardly a call notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stops_hands_over_first() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let before = cluster.leadership().await?;
    let status = cluster.stop(before.leader).await?;
    ensure!(status.success(), "it ended with {status}");
    let log = cluster.log(before.leader);
    ensure!(!log.contains("nobody took the leadership over"), "nobody took the leadership over");
    let after = cluster.leadership().await?;
    ensure!(after.leader != before.leader, "{after:?} after {before:?}");
    for api in cluster.apis() {
        load::made(&api, &format!("handed-over-{}", api.node)).await?;
    }
    cluster.start_again(before.leader)?;
    cluster.ready().await?;
    cluster.passed().await
}
