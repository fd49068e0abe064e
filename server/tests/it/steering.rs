//! Elections and settings over the API, by verbs, and on every node.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Stdio;

/// Runs a verb against a node: exit code, stdout, stderr.
pub fn verb(api: &Api, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let server = format!("http://{}", api.host);
    let output = command()?.args(arguments).args(["--server", &server]).stdin(Stdio::null()).output()?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

async fn leader_of(api: &Api, topic: &str) -> Result<Value> {
    Ok(api.get(&format!("/topics/{topic}/partitions/0")).ok().await?.body["partition"]["leader"].clone())
}

/// Fences a broker and lets it come back: it leads nothing then, and is out of sync.
async fn away_and_back(cluster: &Cluster, id: u32) -> Result<()> {
    let api = cluster.api(1)?;
    api.call(Method::POST, &format!("/brokers/{id}/fence")).ok().await?;
    let broker = api.call(Method::POST, &format!("/brokers/{id}/unfence")).ok().await?.body;
    let epoch = broker["broker"]["epoch"].as_u64().context("no epoch")?;
    until("it is unfenced", async || {
        let reply = fake::beat(&api, id, epoch).await?;
        ensure!(reply["fenced"] == false, "{reply}");
        Ok(())
    })
    .await
}

/// What the leader of a topic's first partition says is in sync.
pub async fn in_sync(api: &Api, topic: &str, isr: &[u32]) -> Result<Value> {
    let whole = api.get(&format!("/topics/{topic}")).ok().await?.body;
    let partition = &whole["topic"]["partitions"][0];
    let leader = partition["leader"].as_u64().context("nobody leads")?;
    let epoch = api.get(&format!("/brokers/{leader}")).ok().await?.body["broker"]["epoch"].clone();
    let isr: Vec<Value> = isr.iter().map(|broker| json!({ "broker": broker })).collect();
    let change = json!({
        "topic_id": whole["topic"]["id"], "partition": 0, "leader_epoch": partition["leader_epoch"],
        "partition_epoch": partition["partition_epoch"], "isr": isr,
    });
    let body = json!({ "broker_epoch": epoch, "changes": [change] });
    Ok(api.post(&format!("/brokers/{leader}/isr"), body).ok().await?.body["results"][0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_come_home_when_they_are_asked_to() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(2)?;
    api.post("/topics", json!({ "name": "home", "assignments": [[101, 102]] })).ok().await?;
    api.post("/topics", json!({ "name": "led", "assignments": [[103, 102]] })).ok().await?;
    away_and_back(&cluster, 101).await?;
    cluster.agree().await?;
    ensure!(leader_of(&api, "home").await? == 102);
    let ask = |partitions: Value| json!({ "type": "preferred", "partitions": partitions });
    let asked = ask(json!([{ "topic": "home", "partition": 0 }, { "topic": "led", "partition": 0 }, { "topic": "gone", "partition": 0 }]));
    let before = api.post("/elections", asked.clone()).ok().await?.body;
    let codes: Vec<&Value> = before["results"].as_array().context("no results")?.iter().map(|result| &result["error"]["code"]).collect();
    ensure!(codes == ["PREFERRED_LEADER_NOT_AVAILABLE", "ELECTION_NOT_NEEDED", "UNKNOWN_TOPIC_OR_PARTITION"], "{before}");
    in_sync(&api, "home", &[102, 101]).await?;

    let revision = cluster.agree().await?;
    let dry = api.post("/elections?dry_run=true", json!({ "type": "preferred" })).ok().await?.body;
    ensure!(dry["groups"][0]["commands"][0]["target"]["leader"] == 101 && cluster.agree().await? == revision, "{dry}");
    let elected = api.post("/elections", json!({ "type": "preferred", "topic": "home" })).header("idempotency-key", "e1").ok().await?;
    let result = json!([{ "topic": "home", "partition": 0, "leader": 101 }]);
    ensure!(elected.body["results"] == result && elected.body["more"] == false, "{}", elected.body);
    let again = api.post("/elections", json!({ "type": "preferred", "topic": "home" })).header("idempotency-key", "e1").ok().await?;
    ensure!(again.index()? == elected.index()?, "the key was forgotten: {}", again.body);
    for api in cluster.apis() {
        ensure!(leader_of(&api, "home").await? == 101, "node {}", api.node);
    }
    let (code, said, error) = verb(&api, &["elect", "--partition", "home-0", "--partition", "gone-7"])?;
    ensure!(code == Some(4) && said.contains("home-0: ELECTION_NOT_NEEDED") && said.contains("gone-7: UNKNOWN"), "{code:?} {said} {error}");
    let (code, said, error) = verb(&api, &["elect", "--partition", "home-0"])?;
    ensure!(code == Some(0) && said.contains("home-0: ELECTION_NOT_NEEDED"), "{code:?} {said} {error}");
    api.post("/elections", json!([{ "type": "preferred" }])).refused(400, "INVALID_REQUEST").await?;
    let (code, said, _) = verb(&api, &["elect"])?;
    ensure!(code == Some(0) && said.contains("no partition needs an election"), "{said}");
    let (code, _, error) = verb(&api, &["elect", "--partition", "home"])?;
    ensure!(code == Some(2) && error.contains("TOPIC-N"), "{error}");
    api.post("/elections", json!({ "type": "other" })).refused(400, "INVALID_REQUEST").await?;
    api.post("/elections", json!({ "type": "preferred", "topic": "home", "broker": 101 })).refused(400, "INVALID_REQUEST").await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclean_election_is_marked_wherever_it_is_seen() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(3)?;
    api.post("/topics", json!({ "name": "lost", "assignments": [[101, 102]] })).ok().await?;
    let shrunk = in_sync(&api, "lost", &[101]).await?;
    // D10: the answer has the partition as it is now.
    ensure!(shrunk["state"]["isr"] == json!([101]) && shrunk["state"]["partition_epoch"] == 1, "{shrunk}");
    api.call(Method::POST, "/brokers/101/fence").ok().await?;
    ensure!(leader_of(&api, "lost").await?.is_null());
    let elected =
        api.post("/elections", json!({ "type": "unclean", "partitions": [{ "topic": "lost", "partition": 0 }] })).ok().await?.body;
    ensure!(elected["results"][0]["leader"] == 102, "{elected}");
    let partition = api.get("/topics/lost/partitions/0").ok().await?.body;
    ensure!(partition["partition"]["recovery_state"] == "recovering", "{partition}");
    let leader = cluster.leader().await?;
    until("the leader's log says so", async || {
        let said =
            cluster.log(leader).lines().any(|line| line.contains("ERROR") && line.contains("an unclean election") && line.contains("lost"));
        ensure!(said, "{}", cluster.log(leader));
        Ok(())
    })
    .await?;
    // While it recovers the leader is alone; then it says that it has.
    let refused = in_sync(&api, "lost", &[102, 101]).await?;
    ensure!(refused["error"]["code"] == "INVALID_REQUEST", "{refused}");
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_hold_on_every_node_and_after_a_restart() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let api = cluster.api(1)?;
    let first = api.get("/settings").ok().await?;
    let row = |answer: &Value, key: &str| answer["settings"].as_array().and_then(|rows| rows.iter().find(|row| row["key"] == key).cloned());
    // The flag is the value at the cluster's birth (L3).
    let session = row(&first.body, "broker.session.timeout.ms").context("no session time-out")?;
    until("the flag is a setting", async || {
        let session = row(&api.get("/settings").ok().await?.body, "broker.session.timeout.ms").context("gone")?;
        ensure!(session["value"] == "3600000" && session["source"] == "set", "{session}");
        Ok(())
    })
    .await?;
    ensure!(session["type"] == "integer" && session["unit"] == "ms" && session["default"] == "9000", "{session}");
    let tag = api.get("/settings").ok().await?.text("etag").to_owned();
    let ops =
        json!({ "ops": [{ "key": "cluster.name", "op": "set", "value": "prod" }, { "key": "num.partitions", "op": "set", "value": "3" }] });
    api.call(Method::PATCH, "/settings").json(&ops).header("if-match", "\"1\"").refused(412, "REVISION_CONFLICT").await?;
    let dry = api.call(Method::PATCH, "/settings?dry_run=true").json(&ops).ok().await?.body;
    ensure!(dry["groups"][0]["commands"][0]["kind"] == "update_settings", "{dry}");
    let set = api.call(Method::PATCH, "/settings").json(&ops).header("if-match", &tag).ok().await?;
    ensure!(set.body["changed_index"] == set.body["revision"] && set.text("etag") != tag, "{}", set.body);
    for api in cluster.apis() {
        let answer = api.get(&format!("/settings?min_revision={}", set.index()?)).ok().await?.body;
        let name = row(&answer, "cluster.name").context("no name")?;
        ensure!(name["value"] == "prod" && name["source"] == "set", "{name}");
        ensure!(api.get("/cluster").ok().await?.body["name"] == "prod");
    }
    let made = api.post("/topics", json!({ "name": "inherits" })).ok().await?.body;
    ensure!(made["topic"]["partitions"].as_array().is_some_and(|partitions| partitions.len() == 3), "{made}");
    api.call(Method::PATCH, "/settings").json(&json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": "7" }] })).ok().await?;
    let configs = api.get("/topics/inherits/settings").ok().await?.body;
    let retention =
        configs["configs"].as_array().and_then(|rows| rows.iter().find(|row| row["key"] == "retention.ms")).context("no row")?;
    ensure!(retention["value"] == "7" && retention["source"] == "cluster", "{retention}");

    let refused = api.call(Method::PATCH, "/settings").json(&json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": "x" }] }));
    let problem = refused.refused(422, "INVALID_CONFIG").await?.body;
    ensure!(problem["field"] == "settings.retention.ms" && problem["value"] == "x" && problem["allowed"].is_string(), "{problem}");
    let (code, said, error) = verb(&api, &["settings", "--set", "cluster.name=test", "--delete", "num.partitions"])?;
    ensure!(code == Some(0) && said.contains("test"), "{code:?} {said} {error}");
    let (code, _, error) = verb(&api, &["settings", "--set", "no.such=1"])?;
    ensure!(code == Some(4) && error.contains("INVALID_CONFIG") && error.contains("cluster.name"), "{error}");

    let longer = json!({ "ops": [{ "key": "broker.session.timeout.ms", "op": "set", "value": "3700000" }] });
    api.call(Method::PATCH, "/settings").json(&longer).ok().await?;
    cluster.agree().await?;
    cluster.kill_all()?;
    for id in cluster.ids() {
        cluster.start_again(id)?;
    }
    until("a flag that is not the setting any more is said", async || {
        let log = cluster.log(cluster.leader().await?);
        ensure!(log.contains("differs from the setting broker.session.timeout.ms"), "{log}");
        Ok(())
    })
    .await?;
    cluster.ready().await?;
    let answer = cluster.api(2)?.get("/settings").ok().await?.body;
    ensure!(row(&answer, "cluster.name").context("no name")?["value"] == "test", "{answer}");
    cluster.passed().await
}
