//! Time travel: what a node says of any index is what the feed's commits come to there.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::{Feed, Fold};
use crate::resume::change;
use crate::wait::Dice;
use anyhow::{Context, Result, ensure};
use metadata::snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Commits that a node holds in memory at most: what is older is read from its disk.
const RING: usize = 4_096;
/// Who changes something at the same time, and how often each does.
const CHANGERS: usize = 24;
const TURNS: usize = 190;
/// Indexes that are looked at.
const LOOKS: usize = 100;

/// Changes of any kind, again and again.
async fn change_much(api: Api, changer: usize, mut dice: Dice) -> Result<()> {
    let name = format!("own-{changer}");
    api.post("/topics", json!({ "name": name, "partitions": 1 + changer % 4, "replication_factor": 2 })).ok().await?;
    for turn in 0..TURNS {
        let ops = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": (turn + 1).to_string() }] });
        api.call(Method::PATCH, &format!("/topics/{name}/configs")).json(&ops).ok().await?;
        if turn % 8 == 0 {
            change(&api, &mut dice, changer * TURNS + turn).await;
        }
    }
    Ok(())
}

/// The digest at each commit from the first on, as the feed says it and a replica of nothing but the feed has it.
async fn replayed(api: &Api, upto: u64) -> Result<BTreeMap<u64, Value>> {
    let (mut fold, mut digests) = (Fold::default(), BTreeMap::new());
    let mut feed = Feed::open(api, "from=0").await?;
    while fold.position < upto {
        let frame = feed.next().await?.context("the feed ended")?;
        ensure!(fold.take(&frame)?, "{frame}, though everything is kept");
        if frame["type"] == "commit" {
            digests.insert(fold.last, frame["digest"].clone());
        }
    }
    Ok(digests)
}

/// What this node says of the state at these indexes is what the replay came to.
async fn says_the_same(api: &Api, looks: &[u64], replayed: &BTreeMap<u64, Value>) -> Result<()> {
    for index in looks {
        // Nothing was changed between two commits.
        let (commit, digest) = replayed.range(..=index).next_back().context("before the first commit")?;
        let said = api.get(&format!("/state/digest?index={index}")).ok().await?.body;
        ensure!(said["digest"] == *digest && said["revision"] == *index, "node {} at {index}: {said}, replayed {digest}", api.node);
        let answer = api.get(&format!("/state?index={index}")).header("accept", "application/octet-stream").ok().await?;
        let state = snapshot::decode_state(&answer.bytes)?;
        ensure!(state.revision() == *commit, "node {}: the state at {index} is of {}", api.node, state.revision());
        ensure!(json!(state.digest()) == *digest, "node {}: the state at {index} is not what was replayed", api.node);
        ensure!(state.digest_from_scratch() == state.digest(), "node {}: the state at {index} is not what its digest says", api.node);
    }
    Ok(())
}

/// Some at random of all indexes, and of those that no node holds in memory at least as many again.
fn looks(dice: &mut Dice, replayed: &BTreeMap<u64, Value>) -> Result<Vec<u64>> {
    let (first, last) = (replayed.keys().next().context("no commit")?, replayed.keys().next_back().context("no commit")?);
    let below = replayed.keys().rev().nth(RING).context("everything is in memory still")?;
    let mut at = |from: u64, to: u64| from + dice.below(to - from + 1);
    let anywhere: Vec<u64> = (0..LOOKS / 2).map(|_| at(*first, *last)).collect();
    let old = (0..LOOKS / 2 - 2).map(|_| at(*first, *below));
    Ok(old.chain([*first, *last]).chain(anywhere.iter().copied()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn time_travel_equals_replay() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let mut dice = Dice::new("time_travel_equals_replay");
    let apis = cluster.every_api();
    let mut changers = JoinSet::new();
    for changer in 0..CHANGERS {
        changers.spawn(change_much(apis[changer % apis.len()].clone(), changer, dice.fork()));
    }
    while let Some(ended) = changers.join_next().await {
        ended??;
    }
    let last = cluster.agree().await?;
    let replayed = replayed(&cluster.led().await?, last).await?;
    let looks = looks(&mut dice, &replayed)?;
    println!("{} commits, looked at {looks:?}", replayed.len());
    on_every_node(&cluster, &looks, &replayed).await?;
    // A node that has just started holds nothing in memory.
    let follower = *cluster.followers().await?.first().context("no follower")?;
    cluster.kill(follower)?;
    cluster.start_again(follower)?;
    cluster.ready().await?;
    says_the_same(&cluster.api(follower)?, &looks, &replayed).await?;
    cluster.passed().await
}

async fn on_every_node(cluster: &Cluster, looks: &[u64], replayed: &BTreeMap<u64, Value>) -> Result<()> {
    for api in cluster.every_api() {
        says_the_same(&api, looks, replayed).await?;
    }
    Ok(())
}
