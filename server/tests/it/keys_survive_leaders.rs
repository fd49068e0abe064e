//! One outcome under an idempotency key: through every node, after its leader's death, after everybody's, and on a leader
//! that has the key from nothing but a snapshot that was sent to it.

use crate::api::{Answer, Api};
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::Feed;
use crate::load::{all_topics, made};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

const KEY: &str = "idempotency-key";
const SNAPSHOT_EVERY: u64 = 200;
/// Committed while a node is down: some of it is then in no log any more, only in snapshots.
const MISSED: u64 = SNAPSHOT_EVERY * 6;
/// In so many portions, each after a pause: what a leader is just trying to send it does not take off its log yet.
const PORTIONS: u64 = 4;
const PAUSE: Duration = Duration::from_millis(800);
const WORKERS: u64 = 16;
/// Elections until a given one of two nodes leads.
const MOST_ELECTIONS: usize = 24;

/// What was done under a key once: a creation, a deletion of what has been created again since, a creation of what has been
/// deleted and created again since, and a batch of which one topic was refused and one has been deleted since.
struct Once {
    created: Answer,
    deleted: Answer,
    replaced: Answer,
    batch: Answer,
    /// The id of the topic that was created after the deletion.
    again: Value,
}

fn body() -> Value {
    json!({ "name": "once", "partitions": 3 })
}

/// Its second topic exists already.
fn batch() -> Value {
    json!({ "topics": [{ "name": "batched-1" }, { "name": "once" }, { "name": "batched-2", "partitions": 2 }] })
}

/// What a node says of a topic's creation, however long it remembers where the partitions were.
fn creation(answer: &Value) -> [&Value; 4] {
    [&answer["revision"], &answer["topic"]["id"], &answer["topic"]["created_index"], &answer["topic"]["name"]]
}

/// Which topics of a batch were created, as far as it is known after one was deleted.
fn results(answer: &Answer) -> Vec<(bool, &Value)> {
    let results = answer.body["results"].as_array().into_iter().flatten();
    results.map(|result| (result.get("error").is_some(), &result["name"])).collect()
}

impl Once {
    async fn new(cluster: &Cluster) -> Result<Self> {
        let [first, second, third] = &cluster.apis()[..] else { anyhow::bail!("not three nodes") };
        let created = first.post("/topics", body()).header(KEY, "creation").ok().await?;
        second.post("/topics", json!({ "name": "gone" })).ok().await?;
        let deleted = third.delete("/topics/gone").header(KEY, "deletion").ok().await?;
        let again = first.post("/topics", json!({ "name": "gone" })).ok().await?.body["topic"]["id"].clone();
        let replaced = second.post("/topics", json!({ "name": "replaced" })).header(KEY, "replaced").ok().await?;
        let batch = third.post("/batch/topics", batch()).header(KEY, "batch").ok().await?;
        for name in ["replaced", "batched-1"] {
            first.delete(&format!("/topics/{name}")).ok().await?;
        }
        second.post("/topics", json!({ "name": "replaced" })).ok().await?;
        Ok(Once { created, deleted, replaced, batch, again })
    }

    /// Asks again, and for something else under the same keys, at this node.
    async fn at(&self, api: &Api) -> Result<()> {
        let created = api.post("/topics", body()).header(KEY, "creation").ok().await?;
        ensure!(created.status == 201 && created.body == self.created.body, "{} is not {}", created.body, self.created.body);
        let deleted = api.delete("/topics/gone").header(KEY, "deletion").ok().await?;
        ensure!(deleted.body == self.deleted.body, "{} is not {}", deleted.body, self.deleted.body);
        let replaced = api.post("/topics", json!({ "name": "replaced" })).header(KEY, "replaced").ok().await?;
        ensure!(
            replaced.status == 201 && creation(&replaced.body) == creation(&self.replaced.body),
            "{} is not {}",
            replaced.body,
            self.replaced.body
        );
        let again = api.post("/batch/topics", batch()).header(KEY, "batch").ok().await?;
        let same = again.index()? == self.batch.index()? && results(&again) == results(&self.batch);
        ensure!(same, "{} is not {}", again.body, self.batch.body);
        let [first, third] = [0, 2].map(|at| [&again.body["results"][at]["topic"]["id"], &self.batch.body["results"][at]["topic"]["id"]]);
        ensure!((first[0].is_null() || first[0] == first[1]) && third[0] == third[1], "{} is not {}", again.body, self.batch.body);
        let others = [
            api.post("/topics", json!({ "name": "once", "partitions": 4 })).header(KEY, "creation"),
            api.post("/topics?dry_run=false", body()).header(KEY, "creation"),
            api.post("/topics", body()).header(KEY, "deletion"),
            api.delete("/topics/once").header(KEY, "deletion"),
            api.delete("/topics/gone").header(KEY, "creation"),
        ];
        for other in others {
            other.refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
        }
        let topics = all_topics(api).await?;
        ensure!(topics.get("once").map(String::as_str) == self.created.body["topic"]["id"].as_str(), "{topics:?}");
        ensure!(topics.get("gone").map(String::as_str) == self.again.as_str(), "{topics:?}");
        Ok(())
    }

    async fn everywhere(&self, cluster: &Cluster, when: &str) -> Result<()> {
        for api in cluster.apis() {
            until(when, async || self.at(&api).await).await?;
        }
        Ok(())
    }
}

/// Commits so many entries, through the nodes that live.
async fn commit(cluster: &Cluster, entries: u64) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let apis = cluster.apis();
        let api = apis[worker as usize % apis.len()].clone();
        let topic = format!("edited-{worker}");
        made(&api, &topic).await?;
        workers.spawn(async move {
            for _ in 0..=entries / WORKERS {
                let value = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
                let ops = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": value }] });
                api.call(Method::PATCH, &format!("/topics/{topic}/configs")).json(&ops).ok().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Takes a node down until what it misses is in no log any more; it comes back with a snapshot from the leader.
async fn sent_a_snapshot(cluster: &mut Cluster, id: u64) -> Result<()> {
    let index = cluster.agree().await?;
    cluster.kill(id)?;
    for _ in 0..PORTIONS {
        commit(cluster, MISSED / PORTIONS).await?;
        sleep(PAUSE).await;
    }
    cluster.start_again(id)?;
    cluster.ready().await?;
    // Its own snapshot was older, and had it been sent entries it would keep all of them.
    let mut feed = Feed::open(&cluster.api(id)?, &format!("from={index}")).await?;
    let first = loop {
        let frame = feed.next().await?.context("the feed ended")?;
        if frame["type"] != "pulse" {
            break frame;
        }
    };
    let oldest = first["oldest"].as_u64().with_context(|| format!("node {id} was sent entries, no snapshot: {first}"))?;
    println!("node {id} went at {index} and was sent a snapshot of {oldest}");
    ensure!(oldest >= index + SNAPSHOT_EVERY, "node {id} went at {index}, and begins at {oldest}");
    Ok(())
}

/// Kills leaders until this node is one.
async fn leads(cluster: &mut Cluster, id: u64) -> Result<()> {
    for _ in 0..MOST_ELECTIONS {
        let leader = cluster.leader().await?;
        if leader == id {
            return Ok(());
        }
        cluster.kill(leader)?;
        cluster.leadership().await?;
        cluster.start_again(leader)?;
        cluster.ready().await?;
    }
    anyhow::bail!("node {id} did not win one of {MOST_ELECTIONS} elections")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_survive_leaders() -> Result<()> {
    let every = SNAPSHOT_EVERY.to_string();
    let flags = [fake::LONG_SESSION, &["--snapshot-every", &every]].concat();
    let mut cluster = Cluster::start(3, &flags).await?;
    fake::online(&cluster, fake::THREE).await?;
    let once = Once::new(&cluster).await?;
    once.everywhere(&cluster, "through each node").await?;

    let leader = cluster.leader().await?;
    cluster.kill(leader)?;
    once.everywhere(&cluster, "after the leader's death").await?;
    cluster.start_again(leader)?;
    cluster.ready().await?;
    once.everywhere(&cluster, "after its return").await?;

    let follower = *cluster.followers().await?.first().context("no follower")?;
    sent_a_snapshot(&mut cluster, follower).await?;
    once.everywhere(&cluster, "after a snapshot was sent").await?;
    leads(&mut cluster, follower).await?;
    once.everywhere(&cluster, "with the leader that was sent the snapshot").await?;

    cluster.kill_all()?;
    for id in cluster.ids() {
        cluster.start_again(id)?;
    }
    cluster.ready().await?;
    once.everywhere(&cluster, "after everybody's death").await?;
    cluster.passed().await
}
