//! A data directory of the build before there were rights (`before/node-1.tar.gz`: one node, a broker, two topics, its SQL backup) is
//! taken over: it is open as it was, everything is there, and it can be claimed.

use crate::backup;
use crate::claim::claim;
use crate::cluster::Cluster;
use crate::fake;
use crate::people::{PASSWORD, person, sign_in};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_build_before_left_is_taken_over_and_can_be_claimed() -> Result<()> {
    let mut cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    cluster.stop(1).await?;
    let dir = cluster.data_dir(1);
    fs::remove_dir_all(&dir)?;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/before/node-1.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(kept).arg("-C").arg(dir.parent().context("no parent")?).status()?;
    ensure!(unpacked.success() && dir.join("log").is_dir());
    cluster.start_again(1)?;
    cluster.ready().await?;
    let api = cluster.api(1)?;
    let answer = api.get("/topics").ok().await?;
    let names: Vec<_> = answer.body["topics"].as_array().context("no topics")?.iter().map(|topic| topic["name"].clone()).collect();
    ensure!(names == ["orders.placed", "payments"] && answer.text("quorate-security") == "open", "{answer:?}");
    api.get("/brokers/101").ok().await?;
    // As long as it was: whoever asks may do everything.
    api.post("/topics", json!({ "name": "refunds", "replication_factor": 1 })).send().await?;
    claim(&cluster).await?;
    api.with_token(None).get("/topics").refused(401, "UNAUTHENTICATED").await?;
    person(&api, "ana", "viewer").await?;
    sign_in(&api, "ana", PASSWORD).await?;
    // The backup goes on in its tables.
    until("the backup follows", async || {
        let backup = backup::read(&dir).await?.context("no backup")?;
        ensure!(
            backup.topics.contains_key("payments") && backup.watermark >= api.get("/topics").ok().await?.revision()?.min(backup.watermark)
        );
        Ok(())
    })
    .await?;
    cluster.stop(1).await?;
    cluster.start_again(1)?;
    cluster.ready().await?;
    api.get("/topics/orders.placed").ok().await?;
    cluster.passed().await
}
