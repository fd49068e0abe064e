//! A key makes a retry safe, through any node and across a change of leader; If-Match makes an edit safe.

use crate::fake;
use crate::load::creations;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

const KEY: &str = "idempotency-key";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_answers_the_first_outcome_through_any_node() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let apis = cluster.apis();
    let body = json!({ "name": "once", "partitions": 3 });
    let first = apis[0].post("/topics", body.clone()).header(KEY, "k1").ok().await?;
    for api in &apis {
        let again = api.post("/topics", body.clone()).header(KEY, "k1").ok().await?;
        ensure!(again.status == first.status && again.bytes == first.bytes, "{} is not {}", again.body, first.body);
        ensure!(again.text("location") == first.text("location"), "it is at {:?}", again.text("location"));
        // Another body, another path, another query: another request.
        let other = api.post("/topics", json!({ "name": "another" })).header(KEY, "k1");
        let no = other.refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
        ensure!(no.body["retryable"] == false, "{}", no.body);
        for other in ["/topics?dry_run=false", "/topics?dry_run=true", "/batch/topics", "/batch/topics?dry_run=true"] {
            let body = if other.contains("batch") { json!({ "topics": [body.clone()] }) } else { body.clone() };
            api.post(other, body).header(KEY, "k1").refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
        }
        // What would be refused for itself is refused for its key first, and what would do nothing as well.
        for query in ["", "?dry_run=true"] {
            for (method, path) in [
                (Method::DELETE, "/topics/once"),
                (Method::DELETE, "/topics/never"),
                (Method::DELETE, "/brokers/999"),
                (Method::POST, "/brokers/101/unfence"),
            ] {
                api.call(method, &format!("{path}{query}")).header(KEY, "k1").refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
            }
            let ops = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": "1" }] });
            let configs = api.call(Method::PATCH, &format!("/topics/once/configs{query}")).json(&ops);
            configs.header(KEY, "k1").refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
            let another = api.post(&format!("/topics{query}"), json!({ "name": "another" }));
            another.header(KEY, "k1").refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
        }
        // A dry run takes no key for itself.
        let fresh = format!("dry-{}", api.node);
        for _ in 0..2 {
            let dry = api.post("/topics?dry_run=true", json!({ "name": "dry" })).header(KEY, &fresh).ok().await?;
            ensure!(dry.body["dry_run"] == true, "{}", dry.body);
        }
        api.post("/brokers/101/fence", json!({})).header(KEY, "k1").refused(422, "IDEMPOTENCY_KEY_REUSED").await?;
        // Without the key it is a request of its own.
        api.post("/topics", body.clone()).refused(409, "TOPIC_ALREADY_EXISTS").await?;
    }
    // A refusal is not remembered.
    apis[1].post("/topics", body.clone()).header(KEY, "k2").refused(409, "TOPIC_ALREADY_EXISTS").await?;
    apis[2].delete("/topics/once").header(KEY, "k3").ok().await?;
    let second = apis[0].post("/topics", body.clone()).header(KEY, "k2").ok().await?;
    ensure!(second.body["topic"]["id"] != first.body["topic"]["id"], "{}", second.body);
    // The first key still answers the first outcome, though that topic is gone.
    let ghost = apis[1].post("/topics", body.clone()).header(KEY, "k1").ok().await?;
    ensure!(ghost.bytes == first.bytes, "{} is not {}", ghost.body, first.body);
    let gone = apis[0].delete("/topics/once").header(KEY, "k3").ok().await?;
    ensure!(gone.index()? < second.index()?, "the deletion was done again at {}", gone.index()?);
    apis[2].get("/topics/once").ok().await?;

    let leader = cluster.leader().await?;
    cluster.kill(leader)?;
    for api in cluster.apis() {
        let again =
            until("a retry after the leader's end", async || api.post("/topics", body.clone()).header(KEY, "k2").ok().await).await?;
        ensure!(again.bytes == second.bytes, "{} is not {}", again.body, second.body);
    }
    cluster.start_again(leader)?;
    cluster.ready().await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_at_once_makes_one_topic() -> Result<()> {
    let cluster = fake::cluster().await?;
    for round in 0..10 {
        let mut under_way = JoinSet::new();
        for at in 0..12 {
            let api = cluster.apis()[at % 3].clone();
            under_way.spawn(async move {
                let name = format!("raced-{round}");
                api.post("/topics", json!({ "name": name })).header(KEY, &name).ok().await
            });
        }
        let mut ids = Vec::new();
        while let Some(answer) = under_way.join_next().await {
            ids.push(answer??.body["topic"]["id"].as_str().context("no id")?.to_owned());
        }
        ensure!(ids.len() == 12 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
    let counts = creations(&cluster.api(1)?).await?;
    ensure!(counts.len() == 10 && counts.values().all(|count| *count == 1), "{counts:?}");
    cluster.passed().await
}

/// Who is told that nothing had to be done is told so from what was committed, not from what another request is about to commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_op_waits_for_what_it_rests_on() -> Result<()> {
    let cluster = fake::cluster().await?;
    cluster.api(1)?.post("/topics", json!({ "name": "edited" })).ok().await?;
    for round in 1..=10 {
        let mut under_way = JoinSet::new();
        for at in 0..12 {
            let api = cluster.apis()[at % 3].clone();
            let body = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": round.to_string() }] });
            under_way.spawn(async move { api.call(Method::PATCH, "/topics/edited/configs").json(&body).ok().await });
        }
        while let Some(answer) = under_way.join_next().await {
            let body = answer??.body;
            let now = body["topic"]["configs"]["retention.ms"].as_str();
            ensure!(now == Some(&*round.to_string()), "{round} was set and acknowledged with {body}");
            ensure!(body["revision"].as_u64() >= body["topic"]["changed_index"].as_u64(), "it is of an index before the edit: {body}");
        }
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_refuses_an_edit_of_what_changed() -> Result<()> {
    let cluster = fake::cluster().await?;
    let apis = cluster.apis();
    let set = |value: &str| json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": value }] });
    let edit = |at: usize, tag: &str, value: &str| {
        apis[at].call(Method::PATCH, "/topics/edited/configs").json(&set(value)).header("if-match", tag)
    };
    let created = apis[0].post("/topics", json!({ "name": "edited" })).ok().await?;
    let old = created.text("etag").to_owned();
    ensure!(old == format!("\"{}\"", created.body["topic"]["changed_index"]), "its tag is {old}");
    let edited = edit(1, &old, "1000").ok().await?;
    let new = edited.text("etag").to_owned();
    ensure!(new == format!("\"{}\"", edited.index()?) && edited.body["topic"]["configs"]["retention.ms"] == "1000", "{}", edited.body);
    for (at, api) in apis.iter().enumerate() {
        for call in [edit(at, &old, "2000"), api.delete("/topics/edited").header("if-match", &old)] {
            let conflict = call.refused(412, "REVISION_CONFLICT").await?;
            ensure!(
                conflict.body["allowed"] == new && conflict.body["value"] == old && conflict.body["field"] == "If-Match",
                "{}",
                conflict.body
            );
        }
    }
    // The same value is no change: committed or not, the tag stays.
    let same = edit(2, &new, "1000").ok().await?;
    ensure!(same.text("etag") == new, "{} after an edit that changed nothing", same.text("etag"));
    // Leaders and ISR move the partition, not the topic.
    apis[0].call(Method::POST, "/brokers/101/fence").ok().await?;
    edit(0, &new, "3000").ok().await?;
    apis[0].delete("/topics/edited").header("if-match", &new).refused(412, "REVISION_CONFLICT").await?;

    let broker = apis[1].get("/brokers/102").ok().await?;
    let tag = broker.text("etag").to_owned();
    apis[2].call(Method::POST, "/brokers/102/fence").header("if-match", &tag).ok().await?;
    let conflict = apis[1].delete("/brokers/102").header("if-match", &tag).refused(412, "REVISION_CONFLICT").await?;
    let now = apis[1].get("/brokers/102").ok().await?;
    ensure!(conflict.body["allowed"] == now.text("etag"), "{} and the tag is {}", conflict.body, now.text("etag"));
    cluster.passed().await
}
