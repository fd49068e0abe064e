//! A full disk: the node stops acknowledging, says why, and comes back by itself when there is room.

use crate::cluster::{Cluster, until};
use anyhow::{Result, ensure};
use controller::Fault;
use controller::disk::Disk;
use std::time::Duration;

const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_whose_disk_is_full_comes_back_when_there_is_room() -> Result<()> {
    let cluster = Cluster::start(NEVER).await?;
    let mut names = Vec::new();
    for (round, leads) in [("leader", true), ("follower", false)] {
        cluster.created(&format!("{round}-before")).await?;
        let (leader, follower) = cluster.leader_and_follower().await?;
        let victim = if leads { leader } else { follower };
        let (node, disk) = (&cluster.nodes[&victim], &cluster.disks[&victim]);
        disk.fill(true);
        for turn in 0..20 {
            let name = format!("{round}-{turn}");
            cluster.created(&name).await?;
            names.push(name);
        }
        let fault = until("the fault is shown", async || node.fault().ok_or_else(|| anyhow::anyhow!("no fault"))).await?;
        ensure!(matches!(&*fault, Fault::Disk { full: true, .. }) && fault.readable(), "{fault}");
        ensure!(!node.ready(), "a node with a full disk is ready");
        let shown = node.applied_index();
        disk.fill(false);
        until("it takes part again", async || {
            ensure!(node.fault().is_none(), "{:?}", node.fault());
            Ok(())
        })
        .await?;
        ensure!(node.applied_index() >= shown, "it went back from {shown} to {}", node.applied_index());
        let agreed = cluster.agree().await?;
        ensure!(agreed > shown, "it agrees at {agreed}, and had {shown} when it stopped");
    }
    for node in cluster.nodes.values() {
        let state = node.state();
        let missing = names.iter().find(|name| state.topic_by_name(name).is_none());
        ensure!(missing.is_none(), "node {} lacks {missing:?}, which was acknowledged", node.node_id());
    }
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_acknowledged_while_two_disks_are_full() -> Result<()> {
    let cluster = Cluster::start(NEVER).await?;
    cluster.created("before").await?;
    let (leader, follower) = cluster.leader_and_follower().await?;
    let full = [leader, follower];
    full.iter().for_each(|id| cluster.disks[id].fill(true));
    for turn in 0..5 {
        if let Ok(id) = cluster.create(&format!("during-{turn}")).await {
            anyhow::bail!("{id} was acknowledged by one of three disks");
        }
    }
    full.iter().for_each(|id| cluster.disks[id].fill(false));
    cluster.created("after").await?;
    cluster.agree().await?;
    for node in cluster.nodes.values() {
        ensure!(["before", "after"].iter().all(|name| node.state().topic_by_name(name).is_some()), "node {}", node.node_id());
    }
    cluster.stop().await;
    Ok(())
}

/// There is room again, and the full disk was not all that was wrong: the node says what is, and does not try for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_full_disk_hid_is_said() -> Result<()> {
    let cluster = Cluster::start(NEVER).await?;
    cluster.created("before").await?;
    let (_, victim) = cluster.leader_and_follower().await?;
    let (node, disk) = (&cluster.nodes[&victim], &cluster.disks[&victim]);
    disk.fill(true);
    cluster.created("during").await?;
    let shown = async |full: bool| {
        until("the fault is shown", async || {
            let fault = node.fault().ok_or_else(|| anyhow::anyhow!("no fault"))?;
            ensure!(matches!(&*fault, Fault::Disk { full: now, .. } if *now == full), "{fault}");
            Ok(fault)
        })
        .await
    };
    shown(true).await?;
    until("the last part of the node that stopped has let go of its files", async || {
        ensure!(!disk.log_is_open(), "its log is open");
        Ok(())
    })
    .await?;
    let mark = disk.path("log-mark");
    std::fs::remove_file(&mark)?;
    disk.fill(false);
    let fault = shown(false).await?;
    ensure!(fault.to_string().contains(&mark), "{fault}");
    ensure!(!node.ready() && fault.readable(), "a node without its mark is ready");
    cluster.created("after").await?;
    cluster.stop().await;
    Ok(())
}
