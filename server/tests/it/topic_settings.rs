//! Topic settings over HTTP: all of Kafka's keys are kept and shown on any node, and none is given twice.

use crate::api::Api;
use crate::fake;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use metadata::configs::KEYS;
use reqwest::Method;
use serde_json::{Map, Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn kafka_topic_keys() -> Result<()> {
    let cluster = fake::cluster().await?;
    let [first, second] = [cluster.api(1)?, cluster.api(2)?];
    let all: Map<String, Value> = KEYS.iter().map(|key| (key.name.to_owned(), json!(format!("  {}\t", key.default)))).collect();
    let created = first.post("/topics", json!({ "name": "all", "configs": all })).ok().await?;
    let kept: Map<String, Value> = KEYS.iter().map(|key| (key.name.to_owned(), json!(key.default))).collect();
    ensure!(created.body["topic"]["configs"] == json!(kept), "{}", created.body);
    let shown = second.get(&format!("/topics/all?min_revision={}", created.body["revision"])).ok().await?;
    ensure!(shown.body["topic"]["configs"] == json!(kept), "{}", shown.body);
    // Written otherwise it is the same: nothing is committed.
    let ops = json!([
        { "key": "cleanup.policy", "op": "set", "value": " delete " },
        { "key": "preallocate", "op": "set", "value": "FALSE" },
        { "key": "min.cleanable.dirty.ratio", "op": "set", "value": "5e-1" },
        { "key": "retention.ms", "op": "set", "value": "+604800000" },
    ]);
    let patch = |ops: &Value| first.call(Method::PATCH, "/topics/all/configs").json(&json!({ "ops": ops }));
    let same = patch(&ops).ok().await?;
    ensure!(same.body["topic"]["changed_index"] == created.body["topic"]["changed_index"], "{}", same.body);
    // A list keeps one form through its steps.
    let ops = json!([
        { "key": "cleanup.policy", "op": "append", "value": " compact , delete" },
        { "key": "leader.replication.throttled.replicas", "op": "append", "value": "0:101, 1:102" },
        { "key": "leader.replication.throttled.replicas", "op": "subtract", "value": "0:101" },
        { "key": "compression.type", "op": "set", "value": "zstd" },
        { "key": "compression.zstd.level", "op": "set", "value": "-7" },
    ]);
    let changed = patch(&ops).ok().await?;
    let now = &changed.body["topic"]["configs"];
    ensure!(now["cleanup.policy"] == "delete,compact" && now["leader.replication.throttled.replicas"] == "1:102", "{now}");
    ensure!(now["compression.zstd.level"] == "-7", "{now}");
    for (key, value) in [("compression.gzip.level", "10"), ("preallocate", "yes"), ("compression.level", "1")] {
        let no = patch(&json!([{ "key": key, "op": "set", "value": value }])).send().await?;
        ensure!(no.status == 422 && no.body["code"] == "INVALID_CONFIG" && no.body["allowed"].is_string(), "{no:?}");
    }
    cluster.passed().await
}

/// A body as it is written, as JSON values hold no key twice.
async fn refused(api: &Api, method: Method, path: &str, body: &str, field: &str) -> Result<()> {
    let no = api.call(method, path).text("application/json", body.to_owned()).send().await?;
    let expected = no.status == 400 && no.body["code"] == "INVALID_REQUEST" && no.body["field"] == field;
    ensure!(expected && no.body["value"] == "given twice" && no.body["allowed"] == "once", "{body}: {no:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_keys() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(1)?;
    let doubled = r#"{"retention.ms":"1","segment.ms":"2","retention.ms":"1"}"#;
    let topics = |rest: &str| format!(r#"{{"name":"t"{rest}}}"#);
    refused(&api, Method::POST, "/topics", &topics(&format!(r#","configs":{doubled}"#)), "configs.retention.ms").await?;
    refused(&api, Method::POST, "/topics", &topics(r#","name":"t""#), "name").await?;
    // The same key in other letters is the same key.
    refused(&api, Method::POST, "/topics", &topics(r#","configs":{"retention.ms":"1","retention\u002ems":"2"}"#), "configs.retention.ms")
        .await?;
    let batch = format!(r#"{{"topics":[{{"name":"a"}},{{"name":"b","configs":{doubled}}}]}}"#);
    refused(&api, Method::POST, "/batch/topics", &batch, "topics[1].configs.retention.ms").await?;
    refused(&api, Method::POST, "/batch/topics?dry_run=true", &batch, "topics[1].configs.retention.ms").await?;
    refused(&api, Method::PATCH, "/topics/t/configs", r#"{"ops":[{"key":"a","op":"delete","key":"b"}]}"#, "ops[0].key").await?;
    // A form is read by other means.
    for form in ["name=t&configs%5Bretention.ms%5D=1&configs%5Bretention.ms%5D=2", "name=t&name=u"] {
        let sent = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let sent = sent
            .post(format!("http://{}/_fn/create_topic", api.host))
            .header("accept", "text/html")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("{form}&partitions=1&replication_factor=1"));
        let no = sent.send().await?;
        let (status, said) = (no.status(), no.text().await?);
        ensure!(status == 400 && !said.is_empty(), "{form}: {status} {said}");
    }
    let listed = api.get("/topics").ok().await?;
    ensure!(listed.body["topics"].as_array().context("no list")?.is_empty(), "{}", listed.body);
    // One after the other is no doubling.
    until("the topic is made", async || {
        api.post("/topics", json!({ "name": "t", "configs": { "retention.ms": "1", "segment.ms": "1" } })).ok().await
    })
    .await?;
    cluster.passed().await
}
