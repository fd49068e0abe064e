//! How much memory a node takes, empty and with many partitions.

use super::filling::{client, fill};
use super::group::Group;
use crate::cluster::Cluster;
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

pub const GROUP: Group = Group {
    name: "rss",
    about: "resident memory of each node, empty and with many partitions: now, and at its highest",
    names: &["rss"],
    run,
};

/// Until what was done last has settled: the backup, a snapshot, and what the allocator gives back after seconds only.
const SETTLED: Duration = Duration::from_secs(15);

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    for _ in 0..setup.runs(1) {
        client()?.block_on(async {
            let cluster = Cluster::start(setup, Brokers::Heartbeats).await?;
            sizes(&cluster, name, 0, report).await?;
            let begun = Instant::now();
            fill(&cluster, setup.partitions.div_ceil(1_000), 1_000).await?;
            eprintln!("{} partitions after {:.1} s", setup.partitions, begun.elapsed().as_secs_f64());
            sizes(&cluster, name, setup.partitions, report).await
        })?;
    }
    Ok(())
}

async fn sizes(cluster: &Cluster, name: &str, partitions: usize, report: &mut Report) -> Result<()> {
    tokio::time::sleep(SETTLED).await;
    let leader = cluster.leadership().await?.leader;
    for id in cluster.ids() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.pid(id)?))?;
        let figure = Figure::new(name).fact("partitions", partitions).fact("node", id).fact("leads", id == leader);
        report.add(figure.fact("rss_mib", mib(&status, "VmRSS:")?).fact("peak_mib", mib(&status, "VmHWM:")?));
    }
    Ok(())
}

fn mib(status: &str, key: &str) -> Result<u64> {
    Ok(kib(status, key)?.div_ceil(1_024))
}

/// A figure of `/proc/PID/status`, in KiB.
pub fn kib(status: &str, key: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("there is no {key}"))?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{key} is {line}"))
}
