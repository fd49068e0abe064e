//! A clean stop is no fault: whoever reads the logs of a night in which nodes were restarted finds nothing to worry about.

use crate::cluster::Cluster;
use crate::fake;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

/// That this part of a log has no line above INFO.
fn calm(log: &str, what: &str) -> Result<()> {
    let loud = log.lines().find(|line| [" WARN ", " ERROR "].iter().any(|level| line.contains(level)));
    ensure!(loud.is_none(), "{what} logs {}", loud.unwrap_or_default());
    ensure!(log.contains("stopping"), "{what} says nothing of its stop: {log}");
    Ok(())
}

/// Stops a node and checks what it wrote since it was asked to.
async fn stops(cluster: &mut Cluster, id: u64, signal: Signal, what: &str) -> Result<()> {
    let before = cluster.log(id).len();
    let status = cluster.stop_by(id, signal).await?;
    ensure!(status.success(), "{what} ended with {status}");
    let log = cluster.log(id);
    calm(log.get(before..).context("the log became shorter")?, &format!("{what}, stopped by {signal},"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_logs_nothing_above_info() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    // More than once: what goes on at a stop comes in another order each time.
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGTERM] {
        for leads in [true, false] {
            let leader = cluster.leader().await?;
            let id = if leads { leader } else { *cluster.followers().await?.first().context("no follower")? };
            stops(&mut cluster, id, signal, if leads { "a leader" } else { "a follower" }).await?;
            cluster.start_again(id)?;
            cluster.ready().await?;
        }
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_node_stops_as_calmly() -> Result<()> {
    let mut cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    for round in 0..8 {
        stops(&mut cluster, 1, if round % 2 == 0 { Signal::SIGTERM } else { Signal::SIGINT }, "a single node").await?;
        cluster.start_again(1)?;
        cluster.ready().await?;
    }
    cluster.passed().await
}
