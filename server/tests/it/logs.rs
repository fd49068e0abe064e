//! What a node logs of what people change, and how.

use crate::cluster::Cluster;
use crate::fake;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

/// The lines of a node's log about commits that people asked for.
fn committed(cluster: &Cluster, id: u64) -> Result<Vec<Value>> {
    let log = cluster.log(id);
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect::<Result<_>>()?;
    Ok(events.into_iter().filter(|event| event["fields"]["message"] == "committed").collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_change_is_one_line_where_it_was_asked() -> Result<()> {
    let flags: Vec<&str> = fake::LONG_SESSION.iter().copied().chain(["--log-format", "json"]).collect();
    let cluster = Cluster::start(3, &flags).await?;
    fake::online(&cluster, fake::THREE).await?;
    let asked = *cluster.followers().await?.first().context("no follower")?;
    let api = cluster.api(asked)?;
    let body = json!({ "name": "one" });
    let made = api.post("/topics", body.clone()).header("idempotency-key", "first").ok().await?.index()?;
    // Neither of these commits anything: again, dry, refused, and what is so already.
    api.post("/topics", body.clone()).header("idempotency-key", "first").ok().await?;
    api.post("/topics?dry_run=true", json!({ "name": "two" })).ok().await?;
    api.post("/topics", body).refused(409, "TOPIC_ALREADY_EXISTS").await?;
    api.call(Method::POST, "/brokers/101/unfence").ok().await?;
    let fenced = api.call(Method::POST, "/brokers/103/fence").ok().await?.index()?;
    cluster.agree().await?;
    let lines = committed(&cluster, asked)?;
    let seen: Vec<(&Value, &Value)> = lines.iter().map(|line| (&line["fields"]["kind"], &line["fields"]["index"])).collect();
    ensure!(seen == [(&json!("create_topics"), &json!(made)), (&json!("fence_broker"), &json!(fenced))], "{lines:?}");
    for line in &lines {
        ensure!(line["level"] == "INFO" && line["fields"]["principal"] == "user:anonymous" && line["fields"]["ms"].is_u64(), "{line}");
    }
    for other in cluster.ids().into_iter().filter(|id| *id != asked) {
        ensure!(committed(&cluster, other)?.is_empty(), "node {other} logs it as well");
    }
    cluster.passed().await
}
