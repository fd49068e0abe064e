//! Full disks: who has no room acknowledges nothing and says why; what was acknowledged stays; it goes on by itself when there is room.

use crate::api::Api;
use crate::claim::{account, by, claim};
use crate::cluster::{Cluster, Limits};
use crate::fake;
use crate::load::{self, Load};
use crate::small_disk::SmallDisk;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::io::Write;
use std::time::Duration;

/// Room for what the test writes several times over.
const DISK: u64 = 24 << 20;
/// Of each of the creating connections: what all of them make is still kept in a node's memory at the end.
const PAUSE: Duration = Duration::from_millis(25);

/// Waits until a node says that its disk is full, where a load balancer and where a person looks.
async fn says_why(api: &Api) -> Result<()> {
    until("the full disk is named", async || {
        let answer = api.at(Method::GET, "/readyz").refused(503, "NOT_CONTROLLER").await?;
        let why = answer.body["detail"].as_str().context("no detail")?;
        ensure!(!why.contains("No space left"), "strangers are told: {why}");
        let body = api.get("/cluster").ok().await?.body;
        ensure!(body["fault"].as_str().is_some_and(|fault| fault.contains("No space left on device")), "it says {}", body["fault"]);
        let (health, worst) = (&body["health"], &body["health"]["reasons"][0]);
        ensure!(health["verdict"] == "critical" && worst["reason"] == "node_fault" && body["quorum"]["available"] == false, "{body}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full() -> Result<()> {
    if !SmallDisk::possible() {
        writeln!(std::io::stderr(), "disk_full is skipped: this machine mounts no file system for its users")?;
        return Ok(());
    }
    let mut cluster = Cluster::start_within(3, fake::LONG_SESSION, Limits { disk_bytes: Some(DISK), ..Limits::default() }).await?;
    fake::online(&cluster, fake::THREE).await?;

    // One after the other: the leader hands over, and the two others go on.
    for (round, leads) in [("leader", true), ("follower", false)] {
        let victim = if leads { cluster.leader().await? } else { cluster.followers().await?[0] };
        let others: Vec<_> = cluster.apis().into_iter().filter(|api| api.node != victim).collect();
        let load = Load::paced(round, &cluster.apis(), usize::MAX, 3, PAUSE);
        load.acknowledged(50).await?;
        let filler = cluster.fill_disk(victim)?;
        says_why(&cluster.api(victim)?).await?;
        load::made(&others[0], &format!("{round}-meanwhile")).await?;
        load.acknowledged(load.count() + 50).await?;
        filler.remove()?;
        cluster.ready().await?;
        load.acknowledged(load.count() + 50).await?;
        load::settle(&cluster, &load.end(true).await?).await?;
    }

    // Two at once: no majority has room, so nothing is acknowledged until it has.
    let leader = cluster.leader().await?;
    let full = [leader, cluster.followers().await?[0]];
    let load = Load::paced("two", &cluster.apis(), usize::MAX, 3, PAUSE);
    load.acknowledged(50).await?;
    let fillers = full.iter().map(|id| cluster.fill_disk(*id)).collect::<Result<Vec<_>>>()?;
    for id in full {
        says_why(&cluster.api(id)?).await?;
    }
    let before = load.count();
    tokio::time::sleep(Duration::from_secs(2)).await;
    ensure!(load.count() == before, "{} were acknowledged by one disk of three", load.count() - before);
    fillers.into_iter().try_for_each(|filler| filler.remove())?;
    cluster.ready().await?;
    load.acknowledged(before + 50).await?;
    load::settle(&cluster, &load.end(true).await?).await?;
    cluster.passed().await
}

/// A node whose disk is full hears of a revocation when it has room again, and lets nobody in meanwhile who is not known; what it could
/// not write down of who was refused it says then.
#[tokio::test(flavor = "multi_thread")]
async fn rights_hold_on_a_full_disk() -> Result<()> {
    if !SmallDisk::possible() {
        writeln!(std::io::stderr(), "rights_hold_on_a_full_disk is skipped: this machine mounts no file system for its users")?;
        return Ok(());
    }
    let mut cluster = Cluster::start_within(3, fake::LONG_SESSION, Limits { disk_bytes: Some(DISK), ..Limits::default() }).await?;
    fake::online(&cluster, fake::THREE).await?;
    claim(&cluster).await?;
    let admin = cluster.led().await?;
    let token = account(&admin, "ci", json!({ "role": "operator" })).await?;
    let victim = cluster.followers().await?[0];
    let (full, id) = (cluster.api(victim)?, token.split('_').nth(1).context("no id")?.to_owned());
    until("the token is known", async || by(&full, &token).get("/whoami").ok().await).await?;
    let filler = cluster.fill_disk(victim)?;
    // Something has to be written for the disk to be found full.
    let load = Load::paced("meanwhile", std::slice::from_ref(&admin), usize::MAX, 1, PAUSE);
    says_why(&full).await?;
    load.end(true).await?;
    admin.delete(&format!("/tokens/{id}")).ok().await?;
    // It cannot know whether it would have heard of whoever asks, and answers neither.
    full.with_token(None).get("/topics").refused(503, "NO_LEADER").await?;
    let body = json!({ "name": "late", "replication_factor": 1 });
    let late = by(&full, &token).post("/topics", body).send().await?;
    ensure!(matches!(late.status, 401 | 503), "{late:?}");
    filler.remove()?;
    cluster.ready().await?;
    until("the revocation is known", async || by(&full, &token).get("/whoami").refused(401, "UNAUTHENTICATED").await).await?;
    admin.get("/topics/late").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    until("it is written down again", async || {
        full.with_token(None).get("/brokers").refused(401, "UNAUTHENTICATED").await?;
        let audit = full.get("/audit").ok().await?.body.to_string();
        ensure!(audit.contains("GET /api/v1/brokers"), "{audit}");
        Ok(())
    })
    .await?;
    cluster.passed().await
}
