//! What each node says of itself at `/metrics` is what the cluster is.

use crate::api::Api;
use crate::fake;
use crate::feed::Feed;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;

pub async fn metrics(api: &Api) -> Result<BTreeMap<String, f64>> {
    let answer = api.at(Method::GET, "/metrics").ok().await?;
    ensure!(answer.text("content-type").starts_with("text/plain; version=0.0.4"), "{:?}", answer.headers);
    let text = String::from_utf8(answer.bytes)?;
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (series, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
        Ok((series.to_owned(), value.parse()?))
    });
    samples.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_says_what_the_cluster_is() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(1)?;
    api.post("/topics", json!({ "name": "one", "partitions": 4, "replication_factor": 3, "configs": { "min.insync.replicas": "2" } }))
        .ok()
        .await?;
    api.call(Method::POST, "/brokers/103/fence").ok().await?;
    let index = cluster.agree().await?;
    let leader = cluster.leader().await?;
    let mut leading = 0.0;
    for api in cluster.apis() {
        let now = metrics(&api).await?;
        let value = |series: &str| now.get(series).copied().with_context(|| format!("node {} has no {series}", api.node));
        for (series, expected) in [
            ("quorate_topics", 1.0),
            ("quorate_partitions", 4.0),
            ("quorate_offline_partitions", 0.0),
            ("quorate_under_replicated_partitions", 4.0),
            ("quorate_at_min_isr_partitions", 4.0),
            ("quorate_brokers{state=\"online\"}", 2.0),
            ("quorate_brokers{state=\"fenced\"}", 1.0),
            ("quorate_commits_total{kind=\"create_topics\"}", 1.0),
            ("quorate_commits_total{kind=\"fence_broker\"}", 1.0),
            ("quorate_commits_total{kind=\"register_broker\"}", 3.0),
            ("quorate_overloaded_total", 0.0),
            ("quorate_leader_id", leader as f64),
        ] {
            ensure!(value(series)? == expected, "{series} of node {} is {}", api.node, value(series)?);
        }
        ensure!(value("quorate_applied_index")? >= index as f64 && value("quorate_last_log_index")? >= index as f64, "{now:?}");
        ensure!(value("quorate_quorum_age_ms")? < 60_000.0 && value("process_resident_memory_bytes")? > 1e6, "{now:?}");
        ensure!(!now.keys().any(|series| series.contains("one\"")), "a topic's name is a label: {now:?}");
        ensure!(now.contains_key("quorate_backup_lag_indexes") == (api.node == leader), "node {}: {now:?}", api.node);
        leading += value("quorate_is_leader")?;
    }
    ensure!(leading == 1.0, "{leading} nodes lead");
    until("the backup has caught up", async || {
        let now = metrics(&cluster.api(cluster.leader().await?)?).await?;
        ensure!(now.get("quorate_backup_lag_indexes") == Some(&0.0) && now.get("quorate_backup_failing") == Some(&0.0), "{now:?}");
        Ok(())
    })
    .await?;
    let subscribers = async |expected: f64| {
        until("the feeds are counted", async || {
            let now = metrics(&api).await?;
            ensure!(now.get("quorate_feed_subscribers") == Some(&expected), "{:?}", now.get("quorate_feed_subscribers"));
            Ok(())
        })
        .await
    };
    let (first, second) = (Feed::open(&api, "").await?, Feed::open(&api, "").await?);
    subscribers(2.0).await?;
    drop((first, second));
    subscribers(0.0).await?;
    cluster.passed().await
}
