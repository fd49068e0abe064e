//! A dry run commits nothing; given back, its preview commits exactly what was shown, or nothing.

use crate::api::{Answer, Api};
use crate::cluster::Cluster;
use crate::fake;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

/// Runs a call dry and checks that nothing came of it.
async fn dry(cluster: &Cluster, api: &Api, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
    let before = cluster.agree().await?;
    let call = api.call(method, &format!("{path}?dry_run=true"));
    let answer = match body {
        Some(body) => call.json(body),
        None => call,
    };
    let answer = answer.ok().await?;
    ensure!(answer.status == 200 && answer.body["dry_run"] == true, "{}", answer.body);
    ensure!(answer.body["preview"].as_str().is_some_and(|token| token.len() == 48), "{}", answer.body);
    ensure!(cluster.agree().await? == before, "the dry run of {path} moved the log on from {before}");
    Ok(answer)
}

fn token(answer: &Answer) -> Result<&str> {
    answer.body["preview"].as_str().context("there is no preview")
}

/// The commands of the one group.
fn commands(answer: &Answer) -> Result<Vec<Value>> {
    let groups = answer.body["groups"].as_array().context("there are no groups")?;
    ensure!(groups.len() == 1, "{}", answer.body);
    groups[0]["commands"].as_array().cloned().context("there are no commands")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_commits_exactly_what_it_showed() -> Result<()> {
    let cluster = fake::cluster().await?;
    for api in cluster.apis() {
        let name = format!("shown-{}", api.node);
        let mut body = json!({ "name": name, "partitions": 8, "replication_factor": 2, "configs": { "min.insync.replicas": "2" } });
        let shown = dry(&cluster, &api, Method::POST, "/topics", Some(&body)).await?;
        api.get(&format!("/topics/{name}")).refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
        let commands = commands(&shown)?;
        ensure!(
            commands.len() == 2 && commands[0]["kind"] == "register_topic" && commands[1]["kind"] == "assign_partitions",
            "{commands:?}"
        );
        body["preview"] = json!(token(&shown)?);
        let made = api.post("/topics", body).ok().await?;
        let topic = &made.body["topic"];
        ensure!(
            topic["id"] == commands[0]["topic_id"] && topic["name"] == commands[0]["name"] && topic["configs"] == commands[0]["configs"],
            "{topic}"
        );
        let assignments = commands[1]["assignments"].as_array().context("no assignments")?;
        let partitions = topic["partitions"].as_array().context("no partitions")?;
        ensure!(assignments.len() == 8 && partitions.len() == 8, "{topic}");
        for (shown, partition) in assignments.iter().zip(partitions) {
            for field in ["replicas", "leader", "isr"] {
                ensure!(shown[field] == partition[field], "{shown} was shown, {partition} was made");
            }
        }
        // Where there is no body the header carries it.
        let path = format!("/topics/{name}");
        let shown = dry(&cluster, &api, Method::DELETE, &path, None).await?;
        ensure!(self::commands(&shown)?[0]["kind"] == "delete_topic", "{}", shown.body);
        api.delete(&path).header("quorate-preview", token(&shown)?).ok().await?;
        api.get(&path).refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_preview_commits_nothing() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(*cluster.followers().await?.first().context("no follower")?)?;
    let mut body = json!({ "name": "stale", "partitions": 4, "replication_factor": 3 });
    let shown = dry(&cluster, &api, Method::POST, "/topics", Some(&body)).await?;
    body["preview"] = json!(token(&shown)?);
    // What was shown had all three brokers in sync.
    api.call(Method::POST, "/brokers/103/fence").ok().await?;
    let before = cluster.agree().await?;
    api.post("/topics", body.clone()).refused(409, "STALE_PREVIEW").await?;
    // The token belongs to this request: with another body it is as stale.
    let mut other = body.clone();
    other["partitions"] = json!(5);
    api.post("/topics", other).refused(409, "STALE_PREVIEW").await?;
    ensure!(cluster.agree().await? == before, "a stale preview was committed");
    api.get("/topics/stale").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;

    let set = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": "5" }] });
    api.post("/topics", json!({ "name": "edited" })).ok().await?;
    let shown = dry(&cluster, &api, Method::PATCH, "/topics/edited/configs", Some(&set)).await?;
    let protect = json!({ "ops": [{ "key": "deletion.protection", "op": "set", "value": "true" }] });
    api.call(Method::PATCH, "/topics/edited/configs").json(&protect).ok().await?;
    let mut late = set.clone();
    late["preview"] = json!(token(&shown)?);
    api.call(Method::PATCH, "/topics/edited/configs").json(&late).refused(409, "STALE_PREVIEW").await?;
    cluster.passed().await
}

/// Everything that mutates can be run dry, a refusal is the same one, and neither sessions nor keys are touched.
#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_can_be_run_dry() -> Result<()> {
    let cluster = fake::cluster().await?;
    for api in cluster.apis() {
        let configs = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": "5" }] });
        cluster.api(1)?.post("/topics", json!({ "name": format!("there-{}", api.node) })).ok().await?;
        cluster.agree().await?;
        let there = format!("/topics/there-{}", api.node);
        for (method, path, body) in [
            (Method::POST, "/topics", Some(json!({ "name": "new" }))),
            (Method::POST, "/batch/topics", Some(json!({ "topics": [{ "name": "new" }, { "name": "newer" }] }))),
            (Method::PATCH, &*format!("{there}/configs"), Some(configs)),
            (Method::POST, &*format!("{there}/partitions"), Some(json!({ "count": 7 }))),
            (Method::DELETE, &*there, None),
            (Method::POST, "/brokers", Some(fake::registration(150, "d"))),
            (Method::POST, "/brokers/101/fence", None),
            (Method::DELETE, "/brokers/101", None),
        ] {
            let planned = dry(&cluster, &api, method, path, body.as_ref()).await?;
            ensure!(planned.body["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "{path}: {}", planned.body);
        }
        let taken = json!({ "name": format!("there-{}", api.node) });
        api.post("/topics?dry_run=true", taken).refused(409, "TOPIC_ALREADY_EXISTS").await?;
        api.get("/brokers/150").refused(404, "BROKER_ID_NOT_REGISTERED").await?;
        // A dry run leaves its key free for the real call.
        let key = format!("key-{}", api.node);
        let body = json!({ "name": format!("keyed-{}", api.node) });
        api.post("/topics?dry_run=true", body.clone()).header("idempotency-key", &key).ok().await?;
        api.post("/topics", body).header("idempotency-key", &key).ok().await?;
    }
    cluster.passed().await
}
