//! A topic grows: over the API, by the verb, dry, under a condition and a key; and storage services make room for it.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::process::Stdio;

async fn partitions(api: &Api, topic: &str) -> Result<Vec<Value>> {
    let answer = api.get(&format!("/topics/{topic}")).ok().await?;
    answer.body["topic"]["partitions"].as_array().cloned().context("no partitions")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_grows_through_any_node() -> Result<()> {
    let cluster = fake::cluster().await?;
    let first = cluster.api(1)?;
    let made = first.post("/topics", json!({ "name": "g", "partitions": 2, "replication_factor": 2 })).ok().await?;
    let before = partitions(&first, "g").await?;
    let mut tag = made.text("etag").to_owned();
    let mut count = 2;
    for api in cluster.apis() {
        let body = json!({ "count": count + 3 });
        let dry = api.post("/topics/g/partitions?dry_run=true", body.clone()).header("if-match", &tag).ok().await?;
        let command = &dry.body["groups"][0]["commands"][0];
        ensure!(command["kind"] == "assign_partitions" && command["first"] == count, "{}", dry.body);
        api.post("/topics/g/partitions", body.clone()).header("if-match", "\"1\"").refused(412, "REVISION_CONFLICT").await?;
        let key = format!("grow-{}", api.node);
        let mut shown = body.clone();
        shown["preview"] = dry.body["preview"].clone();
        let grown = api.post("/topics/g/partitions", shown.clone()).header("if-match", &tag).header("idempotency-key", &key).ok().await?;
        let topic = &grown.body["topic"];
        ensure!(topic["changed_index"] == grown.body["revision"] && grown.text("etag") != tag, "{topic}");
        let list = topic["partitions"].as_array().context("no partitions")?;
        ensure!(list.len() == count + 3, "{topic}");
        for (assignment, partition) in command["assignments"].as_array().context("no assignments")?.iter().zip(&list[count..]) {
            ensure!(assignment["replicas"] == partition["replicas"] && assignment["leader"] == partition["leader"], "{partition}");
        }
        // The same again is the first outcome, not another growth.
        let again = api.post("/topics/g/partitions", shown).header("if-match", &tag).header("idempotency-key", &key).ok().await?;
        ensure!(again.index()? == grown.index()?, "{} is not {}", again.body, grown.body);
        tag = grown.text("etag").to_owned();
        count += 3;
    }
    let after = partitions(&first, "g").await?;
    ensure!(after.len() == 11 && after[..2] == before[..], "what was there moved: {after:?}");
    let by_hand = json!({ "count": 12, "assignments": [[103, 101]] });
    let grown = first.post("/topics/g/partitions", by_hand).ok().await?;
    ensure!(grown.body["topic"]["partitions"][11]["replicas"] == json!([103, 101]), "{}", grown.body);
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verb_grows_and_storage_services_make_room() -> Result<()> {
    let mut cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    for (id, rack) in fake::THREE {
        cluster.add_storage(*id, rack).await?;
    }
    let api = cluster.api(1)?;
    let made = api.post("/topics", json!({ "name": "g", "partitions": 1, "replication_factor": 3 })).ok().await?;
    let topic_id = made.body["topic"]["id"].as_str().context("no id")?.to_owned();
    let grow = |more: &[&str]| {
        let server = format!("http://{}", api.host);
        let output = command()?.args(["topics", "grow", "g"]).args(more).args(["--server", &server]).stdin(Stdio::null()).output()?;
        Ok::<_, anyhow::Error>((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
    };
    let before = cluster.agree().await?;
    let (code, said, error) = grow(&["--partitions", "4", "--dry-run"])?;
    ensure!(code == Some(0) && said.contains("assign_partitions"), "{code:?} {said} {error}");
    ensure!(cluster.agree().await? == before, "a dry run moved the log");
    let (code, said, error) = grow(&["--partitions", "4"])?;
    ensure!(code == Some(0) && said.contains("PARTITION") && said.lines().count() == 6, "{code:?} {said} {error}");
    let (code, _, error) = grow(&["--partitions", "4"])?;
    ensure!(code == Some(4) && error.contains("INVALID_PARTITIONS") && error.contains("allowed: 5 to 10004"), "{code:?} {error}");
    until("every storage service has the new replicas", async || {
        for (id, _) in fake::THREE {
            let replicas = cluster.replicas(*id, &topic_id)?;
            ensure!(replicas.len() == 4, "broker {id} has {replicas:?}");
        }
        Ok(())
    })
    .await?;
    until("the new replicas are in sync", async || {
        let all = partitions(&api, "g").await?;
        ensure!(all.iter().all(|partition| partition["isr"].as_array().is_some_and(|isr| isr.len() == 3)), "{all:?}");
        Ok(())
    })
    .await?;
    cluster.passed().await
}
