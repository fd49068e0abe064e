//! A deleted topic is gone from every node, from the database, and from the disks of the storage services.

use crate::backup;
use crate::cluster::Cluster;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::json;

const BROKERS: [(u32, &str); 3] = [(101, "a"), (102, "b"), (103, "c")];

async fn on_every_disk(cluster: &Cluster, topic: &str, partitions: usize) -> Result<()> {
    until(&format!("{partitions} replicas of {topic} on every disk"), async || {
        for (id, _) in BROKERS {
            let there = cluster.replicas(id, topic)?;
            ensure!(there.len() == partitions, "broker {id} has {there:?}");
        }
        Ok(())
    })
    .await
}

async fn create(cluster: &Cluster, at: u64, name: &str, partitions: usize) -> Result<String> {
    let body = json!({ "name": name, "partitions": partitions, "replication_factor": 3 });
    let created = cluster.api(at)?.post("/topics", body).ok().await?;
    let topic = created.body["topic"]["id"].as_str().context("a topic without an id")?.to_owned();
    on_every_disk(cluster, &topic, partitions).await?;
    Ok(topic)
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_topic() -> Result<()> {
    let mut cluster = Cluster::start(3, &[]).await?;
    for (id, rack) in BROKERS {
        cluster.add_storage(id, rack).await?;
    }
    let stays = create(&cluster, 1, "stays", 2).await?;
    for at in cluster.ids() {
        let goes = create(&cluster, at, "goes", 6).await?;
        let deleted = cluster.api(at)?.delete("/topics/goes").ok().await?;
        let index = deleted.index()?;
        for api in cluster.apis() {
            for path in ["/topics/goes", "/topics/goes/partitions/0"] {
                api.get(&format!("{path}?min_revision={index}")).refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
            }
            let list = api.get("/topics").ok().await?.body;
            ensure!(list["topics"].as_array().is_some_and(|topics| topics.len() == 1), "node {} lists {list}", api.node);
        }
        told_to_every_broker(&cluster, index).await?;
        on_every_disk(&cluster, &goes, 0).await?;
        on_every_disk(&cluster, &stays, 2).await?;
        gone_from_the_database(&cluster, &goes, &stays, index).await?;
        cluster.api(at)?.delete("/topics/goes").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    }
    cluster.agree().await?;
    protected(&cluster).await?;
    cluster.passed().await
}

async fn told_to_every_broker(cluster: &Cluster, index: u64) -> Result<()> {
    until(&format!("every broker has acknowledged {index}"), async || {
        let brokers = cluster.api(cluster.leader().await?)?.get("/brokers").ok().await?.body;
        let all = brokers["brokers"].as_array().context("no brokers")?;
        ensure!(all.iter().all(|broker| broker["acknowledged_index"].as_u64() >= Some(index)), "{brokers}");
        Ok(())
    })
    .await
}

async fn gone_from_the_database(cluster: &Cluster, goes: &str, stays: &str, index: u64) -> Result<()> {
    until("the database follows", async || {
        let database = backup::read(&cluster.data_dir(cluster.leader().await?)).await?.context("the leader has no database")?;
        ensure!(database.watermark >= index, "it goes up to {}", database.watermark);
        let partitions = |id: &str| database.partitions.keys().filter(|(topic, _)| topic == id).count();
        ensure!(database.topics.len() == 1 && database.topics.get("stays").is_some_and(|id| id == stays), "{:?}", database.topics);
        ensure!((partitions(goes), partitions(stays)) == (0, 2), "{:?}", database.partitions);
        let deletion = database.history.get(&(index as i64)).map(|(kind, _)| kind.as_str());
        ensure!(deletion == Some("delete_topic"), "the history has {deletion:?} at {index}");
        Ok(())
    })
    .await
}

/// J5: what is protected stays.
async fn protected(cluster: &Cluster) -> Result<()> {
    let api = cluster.api(2)?;
    let protect = |on: &str| json!({ "ops": [{ "key": "deletion.protection", "op": "set", "value": on }] });
    api.call(reqwest::Method::PATCH, "/topics/stays/configs").json(&protect("true")).ok().await?;
    api.delete("/topics/stays").refused(403, "POLICY_VIOLATION").await?;
    api.call(reqwest::Method::PATCH, "/topics/stays/configs").json(&protect("false")).ok().await?;
    api.post("/topics", json!({ "name": "__internal" })).ok().await?;
    api.delete("/topics/__internal").refused(403, "POLICY_VIOLATION").await?;
    api.delete("/topics/stays").ok().await?;
    Ok(())
}
