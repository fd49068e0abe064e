//! A broker that leads three hundred partitions of nine hundred is killed while topics are created: what the feed says of each step.

use crate::cluster::Cluster;
use crate::feed::{Feed, Fold};
use crate::load::{Load, settle};
use crate::moves::whole;
use anyhow::{Context, Result, ensure};
use metadata::{BrokerId, Partition, TopicId};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The fourth has no replica of the nine hundred, so that topics with three can be made while one is gone.
const BROKERS: [(u32, &str); 4] = [(101, "a"), (102, "b"), (103, "c"), (104, "b")];
const KILLED: u32 = 102;
/// Two of a service's heartbeats and room for a slow machine.
const SESSION: &[&str] = &["--broker-session-timeout-ms", "6000"];
const PAUSE: Duration = Duration::from_millis(20);

/// What was known of each partition before a commit, and what no commit may do to it.
struct Watched {
    topic_id: TopicId,
    known: HashMap<u32, Arc<Partition>>,
    elections: usize,
}

impl Watched {
    fn of(fold: &Fold) -> Result<Self> {
        let topic = fold.state.topic_by_name("big").context("the topic is not there")?;
        let known = fold.state.all_partitions().filter(|(id, _)| *id == topic.id).map(|(_, each)| (each.partition, each.clone())).collect();
        Ok(Watched { topic_id: topic.id, known, elections: 0 })
    }

    fn check(&mut self, fold: &Fold, index: u64) -> Result<()> {
        for (number, before) in &mut self.known {
            let after = fold.state.partition(self.topic_id, *number).with_context(|| format!("{number} is gone"))?;
            if after == before {
                continue;
            }
            let epochs = after.leader_epoch >= before.leader_epoch && after.partition_epoch > before.partition_epoch;
            ensure!(epochs, "an epoch went back at {index}: {before:?}, then {after:?}");
            if after.leader != before.leader {
                let leader = after.leader.with_context(|| format!("nobody leads {number} after {index}"))?;
                ensure!(before.isr.contains(&leader) && after.leader_epoch > before.leader_epoch, "{index}: {before:?}, then {after:?}");
                self.elections += 1;
            }
            *before = after.clone();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_leader_comes_from_its_isr_and_no_epoch_goes_back() -> Result<()> {
    let mut cluster = Cluster::start(3, SESSION).await?;
    for (id, rack) in BROKERS {
        cluster.add_storage(id, rack).await?;
    }
    let api = cluster.api(cluster.leader().await?)?;
    let turns = [[101, 102, 103], [102, 103, 101], [103, 101, 102]];
    let assignments: Vec<_> = turns.iter().cycle().take(900).collect();
    api.post("/topics", json!({ "name": "big", "assignments": assignments })).ok().await?;

    let mut fold = Fold::from_state(&api).await?;
    let mut watched = Watched::of(&fold)?;
    ensure!(watched.known.values().filter(|each| each.leader == Some(BrokerId(KILLED))).count() == 300, "it leads another number");
    let mut feed = Feed::open(&api, &format!("from={}", fold.position)).await?;
    let load = Load::paced("meanwhile", &cluster.apis(), 100_000, 4, PAUSE);
    load.acknowledged(20).await?;
    cluster.kill_storage(KILLED)?;
    let before = load.count();
    cluster.broker_is(KILLED, "fenced").await?;
    load.acknowledged(before + 20).await?;
    let outcomes = load.end(true).await?;

    let index = api.get("/state/digest?consistency=linearizable").ok().await?.index()?;
    while fold.position < index {
        let frame = feed.next().await?.context("the feed ended")?;
        ensure!(fold.take(&frame)?, "{frame}");
        watched.check(&fold, fold.position)?;
    }
    ensure!(watched.elections >= 300, "{} elections", watched.elections);
    for each in watched.known.values() {
        ensure!(each.leader != Some(BrokerId(KILLED)) && !each.isr.contains(&BrokerId(KILLED)), "{each:?}");
    }
    settle(&cluster, &outcomes).await?;

    cluster.start_storage(KILLED)?;
    cluster.broker_is(KILLED, "online").await?;
    whole(&cluster).await?;
    cluster.passed().await
}
