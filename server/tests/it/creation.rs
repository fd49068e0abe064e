//! Topics that are created through any node are on every node, and in the leader's database.

use crate::api::Api;
use crate::backup::{self, Backup};
use crate::cluster::{Cluster, Leadership};
use crate::fake;
use crate::feed::binary_state;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PARTITIONS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn multi_node_topic_creation() -> Result<()> {
    let cluster = fake::cluster().await?;
    let began = cluster.leadership().await?;
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    let mut newest = 0;
    for id in cluster.ids() {
        let name = format!("through-node-{id}");
        let body = json!({ "name": name, "partitions": PARTITIONS, "replication_factor": 3, "configs": { "retention.ms": "60000" } });
        let created = cluster.api(id)?.post("/topics", body).ok().await?;
        ensure!(created.status == 201, "a creation was answered {}", created.status);
        ensure!(created.text("location") == format!("/api/v1/topics/{name}"), "it is at {:?}", created.text("location"));
        let topic = &created.body["topic"];
        ensure!(topic["configs"] == json!({ "retention.ms": "60000" }), "{topic}");
        ensure!(topic["partitions"].as_array().is_some_and(|partitions| partitions.len() as u64 == PARTITIONS), "{topic}");
        newest = created.index()?;
        ensure!(topic["created_index"] == newest && topic["changed_index"] == newest, "{topic} of {newest}");
        for api in cluster.apis() {
            let read = api.get(&format!("/topics/{name}?min_revision={newest}")).ok().await?;
            ensure!(read.body["topic"] == *topic, "node {} has {}, and {topic} was created", api.node, read.body["topic"]);
            ensure!(read.text("etag") == format!("\"{newest}\""), "its tag is {:?}", read.text("etag"));
        }
        made.insert(name, topic["id"].as_str().context("a topic without an id")?.to_owned());
    }
    cluster.agree().await?;
    let mut states = Vec::new();
    for api in cluster.apis() {
        states.push(binary_state(&api).await?);
    }
    for (state, id) in states.iter().zip(cluster.ids()) {
        ensure!(*state == states[0], "the state machine of node {id} differs");
        ensure!(state.digest() == state.digest_from_scratch(), "the digest of node {id} is not of what it holds");
        ensure!(
            made.iter().all(|(name, topic)| state.topic_by_name(name).is_some_and(|found| found.id.to_string() == *topic)),
            "node {id} lacks a topic"
        );
    }
    in_the_database_from_the_leader_only(&cluster, began, &made, newest).await?;
    cluster.passed().await
}

/// Only the leader writes its database; which node leads may change while this looks, so it looks again if it did.
async fn in_the_database_from_the_leader_only(
    cluster: &Cluster,
    began: Leadership,
    made: &BTreeMap<String, String>,
    newest: u64,
) -> Result<()> {
    let now = until("the rows of one leader are looked at", async || {
        let now = cluster.leadership().await?;
        let database = until("the leader's database has everything", async || {
            let database = backup::read(&cluster.data_dir(now.leader)).await?.context("the leader has no database")?;
            ensure!(database.watermark >= newest, "it goes up to {}, not yet to {newest}", database.watermark);
            Ok(database)
        })
        .await?;
        let mut others = Vec::new();
        for id in cluster.followers().await? {
            others.push((id, backup::read(&cluster.data_dir(id)).await?));
        }
        ensure!(cluster.leadership().await? == now, "the leader changed");
        check_leaders(&database, &cluster.api(now.leader)?.get("/cluster").ok().await?.body["lineage"], now, made)?;
        others.into_iter().try_for_each(|(id, other)| check_followers(id, other, now, began, made))?;
        Ok(now)
    })
    .await?;
    ensure!(now.term >= began.term, "the term went back");
    Ok(())
}

fn check_leaders(database: &Backup, lineage: &Value, now: Leadership, made: &BTreeMap<String, String>) -> Result<()> {
    ensure!(*lineage == database.lineage, "it is of the history {}", database.lineage);
    ensure!(database.term == now.term, "it was written in term {}, and {now:?}", database.term);
    ensure!(database.topics == *made, "the database has the topics {:?}", database.topics);
    ensure!(database.brokers == [101, 102, 103].into(), "the database has the brokers {:?}", database.brokers);
    for id in made.values() {
        for number in 0..PARTITIONS as i64 {
            let leader = database.partitions.get(&(id.clone(), number)).copied();
            ensure!(leader.is_some_and(|leader| database.brokers.contains(&leader)), "partition {number} of {id} is led by {leader:?}");
        }
    }
    let created = database.history.values().filter(|(kind, _)| kind == "create_topics").count();
    ensure!(created == made.len(), "the history has {created} creations of {}", made.len());
    Ok(())
}

fn check_followers(id: u64, other: Option<Backup>, now: Leadership, began: Leadership, made: &BTreeMap<String, String>) -> Result<()> {
    // None at all, unless it led before.
    let Some(other) = other else { return Ok(()) };
    ensure!(other.term < now.term, "follower {id} wrote in term {}", other.term);
    let of_now = other.history.values().filter(|(_, term)| *term as u64 >= now.term).count();
    ensure!(of_now == 0, "follower {id} has {of_now} rows of the leader's term");
    ensure!(now != began || other.topics.keys().all(|name| !made.contains_key(name)), "follower {id} has {:?}", other.topics);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn read_consistency() -> Result<()> {
    let cluster = fake::cluster().await?;
    let leader = cluster.api(cluster.leader().await?)?;
    let created = leader.post("/topics", json!({ "name": "read", "partitions": 6, "replication_factor": 3 })).ok().await?;
    let index = created.index()?;
    let id = created.body["topic"]["id"].as_str().context("a topic without an id")?.to_owned();
    for path in ["/topics/read", "/topics/read/partitions/5", "/topics", "/state", "/state/digest"] {
        same_everywhere(&cluster, &format!("{path}?min_revision={index}")).await?;
        same_everywhere(&cluster, &format!("{path}?consistency=linearizable")).await?;
    }
    // Straight after each creation, with no time to settle.
    for at in 0..20 {
        let name = format!("at-once-{at}");
        let index = leader.post("/topics", json!({ "name": name })).ok().await?.index()?;
        for follower in cluster.followers().await? {
            let read = cluster.api(follower)?.get(&format!("/topics/{name}?min_revision={index}")).ok().await?;
            ensure!(read.index()? >= index, "a read of {} was asked to be of {index}", read.index()?);
        }
    }
    ensure!(id.len() == 36, "{id} is no UUID");
    let late = leader.get(&format!("/topics/read?min_revision={}", u64::MAX)).header("quorate-timeout-ms", "50");
    late.refused(504, "REVISION_NOT_REACHED").await?;
    cluster.passed().await
}

/// The same bytes from every node. Should something else have committed meanwhile (an election), the revisions tell.
async fn same_everywhere(cluster: &Cluster, path: &str) -> Result<()> {
    until(path, async || {
        let mut answers = Vec::new();
        for api in cluster.apis() {
            answers.push(api.get(path).ok().await?);
        }
        let revisions = answers.iter().map(|answer| answer.index()).collect::<Result<Vec<_>>>()?;
        ensure!(revisions.iter().all(|revision| *revision == revisions[0]), "the nodes are at {revisions:?}");
        Ok(answers)
    })
    .await?
    .windows(2)
    .try_for_each(|pair| {
        ensure!(
            pair[0].bytes == pair[1].bytes,
            "{path}: {}\n{}",
            String::from_utf8_lossy(&pair[0].bytes),
            String::from_utf8_lossy(&pair[1].bytes)
        );
        Ok(())
    })
}

fn names(list: &Value) -> Vec<&str> {
    list["topics"].as_array().map(|topics| topics.iter().filter_map(|topic| topic["name"].as_str()).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_entry_with_an_outcome_each() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api: Api = cluster.api(*cluster.followers().await?.first().context("no follower")?)?;
    api.post("/topics", json!({ "name": "taken" })).ok().await?;
    let topics = json!([{ "name": "one" }, { "name": "taken" }, { "name": "two", "partitions": 0 }, { "name": "three", "partitions": 3 }]);
    let batch = api.post("/batch/topics", json!({ "topics": topics })).ok().await?;
    let results = batch.body["results"].as_array().context("there are no results")?;
    let told =
        |at: usize| (results[at]["name"].as_str(), results[at]["topic"]["created_index"].as_u64(), results[at]["error"]["code"].as_str());
    let index = Some(batch.index()?);
    ensure!(told(0) == (Some("one"), index, None), "{}", results[0]);
    ensure!(told(1) == (Some("taken"), None, Some("TOPIC_ALREADY_EXISTS")), "{}", results[1]);
    ensure!(told(2) == (Some("two"), None, Some("INVALID_PARTITIONS")), "{}", results[2]);
    ensure!(results[2]["error"]["field"] == "topics[2].partitions" && results[2]["error"]["status"] == 422, "{}", results[2]);
    ensure!(told(3) == (Some("three"), index, None), "{}", results[3]);
    // Pages by name, each where the one before it ended.
    let first = api.get("/topics?limit=2").ok().await?.body;
    ensure!(names(&first) == ["one", "taken"] && first["next"] == "taken", "{first}");
    let last = api.get("/topics?limit=2&after=taken").ok().await?.body;
    ensure!(names(&last) == ["three"] && last["next"].is_null(), "{last}");
    cluster.passed().await
}
