//! The feed: however often a subscriber loses its connection, it hears every commit once, in order and whole.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::{Feed, Fold, binary_state};
use crate::wait::{Dice, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

const CHANGES: usize = 160;

/// Subscribes anew at any node, again and again, until everything up to the target has come.
async fn subscribe(apis: Vec<Api>, mut fold: Fold, mut dice: Dice, target: watch::Receiver<Option<u64>>) -> Result<(Fold, u64)> {
    let end = Instant::now() + PATIENCE * 2;
    let mut connections = 0;
    loop {
        if target.borrow().is_some_and(|target| fold.position >= target) {
            return Ok((fold, connections));
        }
        ensure!(Instant::now() < end, "at {} of {:?} after {connections} connections", fold.position, *target.borrow());
        let api = dice.pick(&apis);
        // A node that is down, or not as far yet, refuses; another one will do.
        let Ok(mut feed) = Feed::open(api, &format!("from={}", fold.position)).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        connections += 1;
        for _ in 0..dice.below(40) {
            let Some(frame) = feed.next().await? else { break };
            ensure!(fold.take(&frame)?, "{frame}, though everything is kept");
            whole(&frame)?;
            if target.borrow().is_some_and(|target| fold.position >= target) {
                break;
            }
        }
    }
}

/// A topic never comes without all of its partitions.
pub fn whole(frame: &serde_json::Value) -> Result<()> {
    if frame["type"] != "commit" || frame["intent"]["kind"] != "create_topics" {
        return Ok(());
    }
    let changes = frame["changes"].as_array().context("no changes")?;
    let of = |kind: &str| changes.iter().filter(|change| change["kind"] == kind).count() as u64;
    let asked = frame["intent"]["topics"].as_array().context("no topics")?;
    let partitions: u64 = asked.iter().map(|topic| topic["partitions"].as_u64().unwrap_or(1)).sum();
    ensure!(of("topic_created") == asked.len() as u64, "{frame}");
    ensure!(of("partition_changed") == partitions, "{frame}");
    Ok(())
}

/// One change of any kind; what a node that is down or without a leader refuses is done by nobody.
pub async fn change(api: &Api, dice: &mut Dice, turn: usize) {
    let topic = |name: String, partitions: u64| json!({ "name": name, "partitions": partitions, "replication_factor": 2 });
    let earlier = format!("/topics/t-{}", dice.below(turn as u64 + 1));
    let call = match dice.below(6) {
        0 => api.delete(&earlier),
        1 => api
            .call(Method::PATCH, &format!("{earlier}/configs"))
            .json(&json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": turn.to_string() }] })),
        2 => api.post("/batch/topics", json!({ "topics": (0..12).map(|at| topic(format!("b-{turn}-{at}"), 3)).collect::<Vec<_>>() })),
        3 => {
            let broker = dice.below(3) + 101;
            let verb = *dice.pick(&["fence", "unfence"]);
            api.call(Method::POST, &format!("/brokers/{broker}/{verb}"))
        }
        _ => api.post("/topics", topic(format!("t-{turn}"), dice.below(8) + 1)),
    };
    // Refused or not, the subscribers hear what was committed.
    drop(call.send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_resumes() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let mut dice = Dice::new("feed_resumes");
    let apis = cluster.every_api();
    let (target, watcher) = watch::channel(None);
    let mut subscribers = JoinSet::new();
    for _ in 0..3 {
        subscribers.spawn(subscribe(apis.clone(), Fold::default(), dice.fork(), watcher.clone()));
    }
    for turn in 0..CHANGES {
        change(dice.pick(&apis), &mut dice.fork(), turn).await;
        match turn {
            // Some that begin in the middle, from a state.
            40 | 80 => subscribers.spawn(subscribe(apis.clone(), Fold::from_state(&apis[0]).await?, dice.fork(), watcher.clone())),
            50 => {
                let follower = *cluster.followers().await?.last().context("no follower")?;
                cluster.kill(follower)?;
                cluster.start_again(follower)?;
                cluster.ready().await?;
                continue;
            }
            100 => {
                let leader = cluster.leader().await?;
                cluster.kill(leader)?;
                cluster.leadership().await?;
                cluster.start_again(leader)?;
                cluster.ready().await?;
                continue;
            }
            _ => continue,
        };
    }
    let last = cluster.agree().await?;
    target.send_replace(Some(last));
    while let Some(ended) = subscribers.join_next().await {
        let (fold, connections) = ended??;
        println!("{} commits over {connections} connections", fold.commits);
        same_as_the_state(&cluster, &fold).await?;
    }
    cluster.passed().await
}

/// The fold of what the feed said is what the nodes have.
pub async fn same_as_the_state(cluster: &Cluster, fold: &Fold) -> Result<()> {
    for api in cluster.apis() {
        let state = binary_state(&api).await?;
        ensure!(state.revision() == fold.last, "node {} is at {}, the fold at {}", api.node, state.revision(), fold.last);
        ensure!(state == fold.state, "the fold is not what node {} has", api.node);
        ensure!(state.digest() == fold.state.digest(), "its digest is not that of node {}", api.node);
        ensure!(fold.state.digest_from_scratch() == state.digest(), "computed anew, the fold's digest is another");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_feed_says_so_every_second() -> Result<()> {
    let cluster = fake::cluster().await?;
    let index = cluster.agree().await?;
    for api in cluster.apis() {
        let mut feed = Feed::open(&api, &format!("from={index}")).await?;
        let identity = api.get("/cluster").ok().await?.body;
        for name in ["cluster_id", "lineage"] {
            ensure!(feed.hello[name] == identity[name] && feed.hello[name].is_string(), "{}", feed.hello);
        }
        ensure!(
            feed.hello["schema"].is_u64() && feed.hello["term"].is_u64() && feed.hello["index"].as_u64() >= Some(index),
            "{}",
            feed.hello
        );
        let mut fold = Fold::from_state(&api).await?;
        // About five seconds of nothing; a node may be late, but not silent, and nothing but progress and pulse may come.
        let began = Instant::now();
        for _ in 0..5 {
            let frame = feed.next_of("progress").await?;
            ensure!(fold.take(&frame)? && frame["quorum_age_ms"].is_u64(), "{frame}");
        }
        ensure!(fold.commits == 0 || cluster.agree().await? > index, "something was committed");
        println!("node {}: five frames in {:?}", api.node, began.elapsed());
    }
    let again = cluster.leader().await?;
    let lineage = cluster.api(again)?.get("/cluster").ok().await?.body["lineage"].as_str().context("no lineage")?.to_owned();
    let mut resumed = Feed::open(&cluster.api(again)?, &format!("from={index}&lineage={lineage}")).await?;
    cluster.api(again)?.post("/topics", json!({ "name": "at-last" })).ok().await?;
    let commit = until("the commit comes", async || resumed.next_of("commit").await).await?;
    ensure!(commit["principal"] == "user:anonymous" && commit["intent"]["kind"] == "create_topics", "{commit}");
    cluster.passed().await
}
