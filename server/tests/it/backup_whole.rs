//! The SQL backup has every commit once, whoever leads: one PostgreSQL for all nodes, or a file of each.

use crate::api::Api;
use crate::backup::{self, Backup};
use crate::cluster::Cluster;
use crate::fake;
use crate::load::{self, Load};
use crate::postgres::{Postgres, caught_up};
use crate::process::command;
use crate::wait::{Dice, until};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

/// Kills of the leader.
const KILLS: usize = 10;
/// Of each of the creating connections.
const PAUSE: Duration = Duration::from_millis(15);

/// Runs a verb.
pub fn verb(arguments: &[&str]) -> Result<Output> {
    Ok(command()?.args(arguments).stdin(Stdio::null()).output()?)
}

/// What a verb says as JSON when it succeeds.
pub fn said(arguments: &[&str]) -> Result<Value> {
    let output = verb(&[arguments, &["--output", "json"]].concat())?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?} ended with {}: {error}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// How a verb refuses, with this exit code.
pub fn refused(arguments: &[&str], code: i32) -> Result<String> {
    let output = verb(arguments)?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(code), "{arguments:?} ended with {}: {error}", output.status);
    Ok(error)
}

pub fn url(api: &Api) -> String {
    format!("http://{}", api.host)
}

/// The backup proves itself, and is what the cluster had; and holds every one of these.
pub fn whole(from: &str, api: &Api) -> Result<Value> {
    let proven = said(&["backup", "verify", "--from", from, "--compare", "--server", &url(api)])?;
    ensure!(proven["gaps"] == json!([]) && proven["compared"] == true, "{proven}");
    Ok(proven)
}

/// The index of the newest commit that every node has: entries that changed nothing come behind it.
pub async fn newest(cluster: &Cluster) -> Result<u64> {
    cluster.agree().await?;
    let newest = cluster.led().await?.get("/history?limit=1").ok().await?.body;
    newest["commits"][0]["index"].as_u64().context("nothing is committed")
}

/// Waits until a database has everything.
pub async fn followed(cluster: &Cluster, url: &str) -> Result<Backup> {
    let newest = newest(cluster).await?;
    until("the database has everything", async || {
        let backup = backup::read_url(url).await?;
        ensure!(backup.watermark >= newest, "it goes up to {}, not yet to {newest}", backup.watermark);
        ensure!(backup.history.values().all(|(kind, _)| kind != "gap"), "there is a gap");
        Ok(backup)
    })
    .await
}

fn creations(backup: &Backup) -> usize {
    backup.history.values().filter(|(kind, _)| kind == "create_topics").count()
}

/// Lets a node lead, and waits until its own file has everything.
async fn leads_and_follows(cluster: &Cluster, id: u64) -> Result<Backup> {
    until("another node leads", async || {
        let now = cluster.leader().await?;
        if now != id {
            cluster.api(now)?.post("/quorum/leader", json!({ "node_id": id })).ok().await?;
        }
        ensure!(cluster.leader().await? == id);
        Ok(())
    })
    .await?;
    followed(cluster, &format!("sqlite://{}?mode=ro", cluster.data_dir(id).join("backup.sqlite").display())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_leader_only() -> Result<()> {
    // A file of each node: nobody's grows but the leader's.
    let cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    fake::online(&cluster, fake::THREE).await?;
    load::made(&cluster.led().await?, "first").await?;
    let leader = cluster.leader().await?;
    leads_and_follows(&cluster, leader).await?;
    let others = cluster.followers().await?;
    let mut before = Vec::new();
    for id in &others {
        before.push(backup::read(&cluster.data_dir(*id)).await?.map_or(0, |backup| backup.watermark));
    }
    load::made(&cluster.api(others[0])?, "second").await?;
    leads_and_follows(&cluster, leader).await?;
    for (id, before) in others.iter().zip(before) {
        let after = backup::read(&cluster.data_dir(*id)).await?.map_or(0, |backup| backup.watermark);
        ensure!(after == before, "node {id} follows, and its file went from {before} to {after}");
    }
    let next = leads_and_follows(&cluster, others[0]).await?;
    ensure!(creations(&next) == 2 && next.history.values().all(|(kind, _)| kind != "gap"), "{next:?}");
    cluster.passed().await?;

    // One PostgreSQL: one connection, the leader's.
    let Some(mut postgres) = Postgres::new()? else {
        writeln!(std::io::stderr(), "the half of backup_is_leader_only with PostgreSQL is skipped: it is not installed")?;
        return Ok(());
    };
    postgres.start()?;
    let database = postgres.url();
    let mut cluster = Cluster::start(3, &[fake::LONG_SESSION, &["--database-url", &database]].concat()).await?;
    fake::online(&cluster, fake::THREE).await?;
    load::made(&cluster.led().await?, "first").await?;
    caught_up(&cluster, &database, &["first"]).await?;
    cluster.change_leader().await?;
    load::made(&cluster.led().await?, "second").await?;
    let backup = caught_up(&cluster, &database, &["first", "second"]).await?;
    let now = cluster.leadership().await?;
    ensure!(backup.term == now.term, "the term of the backup is {}, and {now:?}", backup.term);
    until("one node alone is connected", async || {
        let count = postgres.number("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'quorate'").await?;
        ensure!(count == 1, "{count} are");
        Ok(())
    })
    .await?;
    whole(&database, &cluster.led().await?)?;
    cluster.passed().await
}

/// A leader is killed again and again while topics are created; then each node's own file has every commit once.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_has_no_holes() -> Result<()> {
    let mut cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    fake::online(&cluster, fake::THREE).await?;
    let load = Load::paced("made", &cluster.every_api(), usize::MAX, 3, PAUSE);
    let mut dice = Dice::new("sqlite_has_no_holes");
    for _ in 0..KILLS {
        load.acknowledged(load.count() + 20 + dice.below(60) as usize).await?;
        cluster.change_leader().await?;
    }
    load.acknowledged(load.count() + 50).await?;
    let outcomes = load.end(true).await?;
    load::settle(&cluster, &outcomes).await?;
    for id in cluster.ids() {
        let backup = leads_and_follows(&cluster, id).await?;
        ensure!(backup.history.values().all(|(kind, _)| kind != "gap"), "the file of node {id} has a gap");
        let missing = outcomes.keys().find(|name| !backup.topics.contains_key(*name));
        ensure!(missing.is_none(), "the file of node {id} lacks {missing:?}");
        let file = cluster.data_dir(id).join("backup.sqlite").display().to_string();
        let proven = whole(&file, &cluster.api(id)?)?;
        println!("node {id}: {} commits up to index {}, {} creations", proven["commits"], proven["index"], creations(&backup));
    }
    cluster.passed().await
}

/// A leader that stood still while another took over finds itself fenced out of the database that both write.
#[tokio::test(flavor = "multi_thread")]
async fn deposed_leader_is_fenced_out() -> Result<()> {
    let Some(mut postgres) = Postgres::new()? else {
        writeln!(std::io::stderr(), "deposed_leader_is_fenced_out is skipped: PostgreSQL is not installed")?;
        return Ok(());
    };
    postgres.start()?;
    let database = postgres.url();
    let mut cluster = Cluster::start(3, &[fake::LONG_SESSION, &["--database-url", &database]].concat()).await?;
    fake::online(&cluster, fake::THREE).await?;
    for round in 0..3 {
        let old = cluster.leader().await?;
        let load = Load::paced(&format!("round-{round}"), &cluster.apis(), usize::MAX, 3, PAUSE);
        load.acknowledged(40).await?;
        cluster.pause(old)?;
        let next = cluster.leader().await?;
        ensure!(next != old);
        load::made(&cluster.api(next)?, &format!("meanwhile-{round}")).await?;
        cluster.resume(old)?;
        let outcomes = load.end(true).await?;
        cluster.ready().await?;
        load::settle(&cluster, &outcomes).await?;
        let backup = followed(&cluster, &database).await?;
        ensure!(backup.topics.contains_key(&format!("meanwhile-{round}")));
        whole(&database, &cluster.led().await?)?;
    }
    cluster.passed().await
}
