//! History: on every node, by what somebody looks for, below what is in memory, filled from the others, and taken back.

use crate::api::Api;
use crate::fake;
use crate::feed::{Feed, Fold};
use crate::resume::same_as_the_state;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Topics of one batch, and partitions of each: with a few batches more changes than are kept in memory.
const TOPICS: usize = 200;
const PARTITIONS: u64 = 50;
const BATCHES: usize = 12;

/// Every commit that a node's history has for these parameters, the newest first.
async fn history(api: &Api, parameters: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/history?limit=7&{parameters}{after}")).ok().await?.body;
        ensure!(page["gaps"].as_array().is_some_and(Vec::is_empty), "{}", page["gaps"]);
        all.extend(page["commits"].as_array().context("no commits")?.iter().cloned());
        match page["next"].as_u64() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}

fn indexes(commits: &[Value]) -> Vec<u64> {
    commits.iter().filter_map(|commit| commit["index"].as_u64()).collect()
}

fn topic(name: &str) -> Value {
    json!({ "name": name, "partitions": 2, "replication_factor": 2 })
}

async fn set(api: &Api, name: &str, value: &str) -> Result<u64> {
    let ops = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": value }] });
    api.call(Method::PATCH, &format!("/topics/{name}/configs")).json(&ops).ok().await?.revision()
}

/// More changes than the ring of a node holds.
async fn more_than_memory(api: &Api, mark: &str) -> Result<()> {
    for batch in 0..BATCHES {
        let topic = |at| json!({ "name": format!("{mark}-{batch}-{at}"), "partitions": PARTITIONS, "replication_factor": 1 });
        let topics: Vec<Value> = (0..TOPICS).map(topic).collect();
        api.post("/batch/topics", json!({ "topics": topics })).header("Quorate-Timeout-Ms", "10000").ok().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_found_on_every_node() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.led().await?;
    let created = api.post("/topics", topic("orders")).ok().await?.revision()?;
    let set = [set(&api, "orders", "1000").await?, set(&api, "orders", "2000").await?];
    api.post("/topics", topic("payments")).ok().await?;
    let fenced = api.call(Method::POST, "/brokers/102/fence").ok().await?.revision()?;
    let deleted = api.delete("/topics/orders").ok().await?.revision()?;
    cluster.agree().await?;
    for api in cluster.every_api() {
        let all = history(&api, "").await?;
        let found = indexes(&all);
        ensure!(found.is_sorted_by(|one, other| one > other), "{found:?}");
        // Whole: each follows the one below it, down to the first.
        for two in all.windows(2) {
            ensure!(two[0]["prev_index"] == two[1]["index"], "{} {}", two[0]["index"], two[1]["index"]);
        }
        ensure!(all.last().is_some_and(|first| first["prev_index"] == 0), "node {}", api.node);
        let of = async |parameters: &str| anyhow::Ok(indexes(&history(&api, parameters).await?));
        ensure!(of("kind=change_configs").await? == [set[1], set[0]]);
        ensure!(of("topic=orders&kind=create_topics").await? == [created]);
        ensure!(of("topic=orders").await?.first() == Some(&deleted));
        ensure!(of("broker=102&kind=fence_broker").await? == [fenced]);
        // A fence is about the topics whose partitions it changes.
        let by_person: Vec<u64> = of("principal=user:anonymous&topic=orders").await?.into_iter().filter(|index| *index != fenced).collect();
        ensure!(by_person == [deleted, set[1], set[0], created], "{by_person:?}");
        ensure!(of(&format!("from_index={}&to_index={}&topic=orders", set[0], set[1])).await? == [set[1], set[0]]);
        ensure!(of("topic=nothing").await?.is_empty());
        // With what it replaced.
        let before = api.get(&format!("/history?before=true&from_index={0}&to_index={0}", set[1])).ok().await?.body;
        let change = &before["commits"][0]["changes"][0];
        ensure!(change["configs"]["retention.ms"] == "2000" && change["before"]["configs"]["retention.ms"] == "1000", "{change}");
        let gone = api.get(&format!("/history/{deleted}")).ok().await?.body;
        let was = &gone["commit"]["changes"][0]["before"];
        ensure!(was["name"] == "orders" && was["partitions"].as_array().is_some_and(|all| all.len() == 2), "{was}");
        ensure!(gone["undoable"] == true && gone["previous"] == fenced, "{gone}");
        // The same as the feed's.
        let mut feed = Feed::open(&api, "from=0").await?;
        for commit in all.iter().rev() {
            let frame = feed.next_of("commit").await?;
            ensure!(frame["index"] == commit["index"] && frame["digest"] == commit["digest"] && frame["changes"] == commit["changes"]);
        }
    }
    for (parameters, field) in
        [("kind=", "kind"), ("broker=x", "broker"), ("limit=0", "limit"), ("from_ms=-1", "from_ms"), ("colour=red", "colour")]
    {
        let answer = api.get(&format!("/history?{parameters}")).refused(400, "INVALID_REQUEST").await?;
        ensure!(answer.body["field"] == field, "{}", answer.body);
    }
    api.get("/history/999999").refused(422, "INVALID_FEED_POSITION").await?;
    let table = api.get("/history/export?format=csv&topic=orders").stream().await?.text().await?;
    ensure!((5..=6).contains(&table.lines().count()) && table.starts_with("index,time,kind,"), "{table}");
    let lines = api.get("/history/export?topic=orders").stream().await?.text().await?;
    ensure!(lines.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?.len() >= 4, "{lines}");
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_in_memory_is_on_the_disk() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let api = cluster.led().await?;
    let first = api.post("/topics", topic("first")).ok().await?.revision()?;
    more_than_memory(&api, "many").await?;
    cluster.agree().await?;
    // A reader that was away comes back to before what is in memory, on every node.
    for api in cluster.every_api() {
        let mut fold = Fold::default();
        let mut feed = Feed::open(&api, "from=0").await?;
        let last = api.get("/state/digest").ok().await?.revision()?;
        while fold.position < last {
            let frame = feed.next().await?.context("the feed ended")?;
            ensure!(fold.take(&frame)?, "{}", frame["type"]);
        }
        same_as_the_state(&cluster, &fold).await?;
        let past = api.get(&format!("/state?index={first}")).ok().await?.body;
        ensure!(past["revision"] == first && past["topics"].as_array().is_some_and(|topics| topics.len() == 1), "{}", past["revision"]);
    }
    // One whose disk lost it asks the others, and what it has then is the same.
    let follower = *cluster.followers().await?.first().context("no follower")?;
    let whole = history(&cluster.api(follower)?, "").await?;
    cluster.kill(follower)?;
    std::fs::remove_dir_all(cluster.data_dir(follower).join("journal"))?;
    cluster.start_again(follower)?;
    cluster.ready().await?;
    let api = cluster.api(follower)?;
    until("the history is whole again", async || {
        let oldest = api.get("/history?limit=1&from_index=0&to_index=1000000").ok().await?.body;
        ensure!(oldest["gaps"].as_array().is_some_and(Vec::is_empty), "{}", oldest["gaps"]);
        let again = history(&api, "").await?;
        ensure!(again == whole, "{} of {} commits", again.len(), whole.len());
        Ok(())
    })
    .await?;
    // What is damaged while a node runs is found, dropped by its name, and had again; nothing of it is served meanwhile.
    let segment = oldest_segment(&cluster.data_dir(follower).join("journal"))?;
    let mut bytes = std::fs::read(&segment)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes)?;
    let name = segment.file_name().and_then(|name| name.to_str()).context("no name")?.to_owned();
    until("the damage is found", async || {
        let logged = cluster.log(follower);
        ensure!(logged.lines().any(|line| line.contains(&name) && line.contains("dropped")), "{name} is not in the log");
        Ok(())
    })
    .await?;
    until("the history is whole again", async || {
        let page = api.get("/history?limit=1000").ok().await?.body;
        let known = |commit: &Value| whole.iter().any(|one| one == commit);
        ensure!(page["commits"].as_array().is_some_and(|all| all.iter().all(known)), "something is served that never was");
        ensure!(history(&api, "").await? == whole);
        Ok(())
    })
    .await?;
    cluster.passed().await
}

/// The first of several segments, which is not written any more.
fn oldest_segment(journal: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(journal)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let mut segments: Vec<_> = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "journal")).collect();
    segments.sort();
    ensure!(segments.len() > 1, "{segments:?}");
    segments.into_iter().next().context("no segment")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_taken_back_unless_something_came_after_it() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.led().await?;
    let follower = cluster.api(*cluster.followers().await?.first().context("no follower")?)?;
    api.post("/topics", topic("orders")).ok().await?;
    let first = set(&api, "orders", "1000").await?;
    let second = set(&api, "orders", "2000").await?;
    // What is not the newest change of its object is refused, and nothing happens.
    api.call(Method::POST, &format!("/history/{first}/undo")).refused(412, "REVISION_CONFLICT").await?;
    until("the follower has it", async || follower.get(&format!("/history/{second}")).ok().await).await?;
    let plan = follower.call(Method::POST, &format!("/history/{second}/undo?dry_run=true")).ok().await?.body;
    ensure!(plan["dry_run"] == true && plan["groups"][0]["commands"][0]["configs"]["retention.ms"] == "1000", "{plan}");
    let undone = follower.call(Method::POST, &format!("/history/{second}/undo")).ok().await?.revision()?;
    ensure!(api.get("/topics/orders").ok().await?.body["topic"]["configs"]["retention.ms"] == "1000");
    let commit = follower.get(&format!("/history/{undone}")).ok().await?.body;
    ensure!(commit["commit"]["intent"]["kind"] == "undo" && commit["commit"]["intent"]["of"] == second, "{commit}");
    // An undo is undone as well.
    follower.call(Method::POST, &format!("/history/{undone}/undo")).ok().await?;
    ensure!(follower.get("/topics/orders").ok().await?.body["topic"]["configs"]["retention.ms"] == "2000");
    let before = api.get("/topics/orders").ok().await?.body["topic"].clone();
    let deleted = api.delete("/topics/orders").ok().await?.revision()?;
    api.call(Method::POST, &format!("/history/{deleted}/undo")).ok().await?;
    let after = api.get("/topics/orders").ok().await?.body["topic"].clone();
    ensure!(after["id"] != before["id"] && after["configs"] == before["configs"], "{after}");
    let placed =
        |topic: &Value| topic["partitions"].as_array().map(|all| all.iter().map(|one| one["replicas"].clone()).collect::<Vec<_>>());
    ensure!(placed(&after) == placed(&before), "{after}");
    let fenced = api.call(Method::POST, "/brokers/102/fence").ok().await?.revision()?;
    api.call(Method::POST, &format!("/history/{fenced}/undo")).ok().await?;
    ensure!(api.get("/brokers/102").ok().await?.body["broker"]["held"] == false);
    // What has no inverse says so.
    let grown = api.post("/topics/orders/partitions", json!({ "count": 4 })).ok().await?.revision()?;
    api.call(Method::POST, &format!("/history/{grown}/undo")).refused(400, "INVALID_REQUEST").await?;
    cluster.passed().await
}
