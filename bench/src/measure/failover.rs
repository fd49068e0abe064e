//! The leader is killed: how long nobody acknowledges a write.

use super::filling::client;
use super::first_answer::first_creation;
use super::group::Group;
use crate::cluster::Cluster;
use crate::options::{Brokers, Setup};
use crate::report::{Figure, Report};
use crate::spread::ms;
use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

pub const GROUP: Group = Group {
    name: "failover",
    about: "from kill -9 of the leader to the next creation that another node acknowledges",
    names: &["failover"],
    run,
};

const KILLS: usize = 20;
const WITHIN: Duration = Duration::from_secs(60);
/// Between the return of the killed node and the next kill.
const CALM: Duration = Duration::from_secs(1);

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    client()?.block_on(async {
        let mut cluster = Cluster::start(setup, Brokers::Services).await?;
        let mut times = Vec::new();
        for _ in 0..setup.runs(KILLS) {
            tokio::time::sleep(CALM).await;
            let leader = cluster.ready().await?.leader;
            let others = cluster.ids().into_iter().filter(|id| *id != leader).map(|id| cluster.address(id)).collect::<Result<Vec<_>>>()?;
            let begun = Instant::now();
            cluster.strike(leader)?;
            times.push(ms(first_creation(&others, begun + WITHIN).await? - begun));
            cluster.revive(leader)?;
            cluster.ready().await?;
            cluster.level().await?;
        }
        report.add(Figure::new(name).spread(times).fact("brokers", cluster.brokers.name()));
        Ok(())
    })
}
