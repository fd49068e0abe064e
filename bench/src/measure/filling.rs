//! How a cluster is filled before something is measured.

use crate::cluster::Cluster;
use crate::http::{Connection, batch};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The largest entry that there may be.
const MOST_PARTITIONS: usize = 10_000;
const BATCH_WITHIN: Duration = Duration::from_secs(30);

/// One thread for the client: what it takes, the nodes do not have.
pub fn client() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("no runtime")
}

/// Creates topics in entries as large as there may be, through the leader.
pub async fn fill(cluster: &Cluster, topics: usize, partitions: usize) -> Result<()> {
    let (leader, _) = cluster.roles().await?;
    let mut connection = Connection::open(&leader).await?;
    let at_once = at_once(partitions);
    for from in (0..topics).step_by(at_once) {
        let request = batch(&leader, &format!("fill-{from:06}"), at_once.min(topics - from), partitions);
        send_batch(&mut connection, &request).await?;
    }
    cluster.level().await
}

fn at_once(partitions: usize) -> usize {
    (MOST_PARTITIONS / partitions).clamp(1, 1_000)
}

/// What [`fill`] calls one of its topics that have so many partitions each.
pub fn filled(topic: usize, partitions: usize) -> String {
    let at_once = at_once(partitions);
    format!("fill-{:06}-{:05}", topic / at_once * at_once, topic % at_once)
}

/// Sends a batch, all of which has to succeed.
pub async fn send_batch(connection: &mut Connection, request: &[u8]) -> Result<()> {
    let answer = tokio::time::timeout(BATCH_WITHIN, connection.exchange(request)).await.context("a batch was not answered")??;
    let refused = answer.body.windows(8).any(|window| window == b"\"error\":");
    let shown = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
    ensure!(answer.status == 200 && !refused, "a batch was answered {} {}", answer.status, shown());
    Ok(())
}
