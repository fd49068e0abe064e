//! Partitions that move between storage services: by a list, a rebalance, a drain, Kafka's own file; and what happens meanwhile.

use crate::cluster::Cluster;
use crate::fake;
use crate::metrics::metrics;
use crate::steering::verb;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

const FOUR: [(u32, &str); 4] = [(101, "a"), (102, "b"), (103, "c"), (104, "a")];

async fn with_services(count: usize) -> Result<Cluster> {
    let mut cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    for (id, rack) in &FOUR[..count] {
        cluster.add_storage(*id, rack).await?;
    }
    Ok(cluster)
}

/// A reassignment with the first of its moves, as the leader has it.
pub async fn reassignment(cluster: &Cluster, id: &Value) -> Result<Value> {
    Ok(cluster.led().await?.get(&format!("/reassignments/{id}")).ok().await?.body["reassignment"].clone())
}

/// Waits until a reassignment has ended; as it then is.
pub async fn ended(cluster: &Cluster, id: &Value) -> Result<Value> {
    until("the reassignment ends", async || {
        let of = reassignment(cluster, id).await?;
        ensure!(of["ended_at_ms"].is_u64(), "{of}");
        Ok(of)
    })
    .await
}

/// Waits until so many of its moves are done.
pub async fn done(cluster: &Cluster, id: &Value, count: u64) -> Result<()> {
    until("some moves are done", async || {
        let of = reassignment(cluster, id).await?;
        ensure!(of["done"].as_u64() >= Some(count), "{} of {}", of["done"], of["total"]);
        Ok(())
    })
    .await
}

/// Waits until every replica is in sync.
pub async fn whole(cluster: &Cluster) -> Result<()> {
    until("every replica is in sync", async || {
        let view = cluster.led().await?.get("/cluster").ok().await?.body;
        ensure!(view["health"]["under_replicated"] == 0 && view["health"]["offline"] == 0, "{}", view["health"]);
        Ok(())
    })
    .await
}

async fn partitions(cluster: &Cluster, topic: &str) -> Result<Vec<Value>> {
    let answer = cluster.led().await?.get(&format!("/topics/{topic}")).ok().await?.body;
    answer["topic"]["partitions"].as_array().cloned().context("no partitions")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_moves_and_leaves_no_stray_replica_behind() -> Result<()> {
    let mut cluster = with_services(4).await?;
    let api = cluster.api(1)?;
    let made = api.post("/topics", json!({ "name": "m", "assignments": [[101, 102], [102, 101]] })).ok().await?.body;
    let topic_id = made["topic"]["id"].as_str().context("no id")?.to_owned();
    let tag = made["topic"]["changed_index"].clone();
    let asked = json!({ "moves": [{ "topic": "m", "partition": 0, "replicas": [104, 102] }], "limits": { "per_broker": 2 } });
    let dry = api.post("/reassignments?dry_run=true", asked.clone()).ok().await?.body;
    ensure!(dry["groups"][0]["commands"][0]["moves"][0]["to"] == json!([104, 102]), "{dry}");
    let effect = dry["effect"].as_array().context("no effect")?;
    let of = |id: u64| effect.iter().find(|row| row["id"] == id).cloned().unwrap_or_default();
    ensure!(of(101)["replicas_before"] == 2 && of(101)["replicas_after"] == 1 && of(104)["leaders_after"] == 1, "{dry}");
    let mut shown = asked;
    shown["preview"] = dry["preview"].clone();
    let begun = api.post("/reassignments", shown).header("idempotency-key", "m1").ok().await?.body;
    let begun = &begun["reassignment"];
    ensure!(begun["reason"] == "moves" && begun["total"] == 1 && begun["principal"] == "user:anonymous", "{begun}");
    ensure!(api.get("/topics/m").ok().await?.body["topic"]["changed_index"].as_u64() > tag.as_u64(), "people asked something of the topic");
    let of = ended(&cluster, &begun["id"]).await?;
    ensure!(of["state"] == "done" && of["done"] == 1 && of["moves"][0]["state"] == "done", "{of}");
    let partition = partitions(&cluster, "m").await?.remove(0);
    ensure!(partition["replicas"] == json!([104, 102]) && partition["adding_replicas"] == json!([]), "{partition}");
    ensure!(partition["leader"].is_u64() && partition["leader"] != 101, "{partition}");
    let held = |cluster: &Cluster, id: u32| -> Result<usize> { Ok(cluster.replicas(id, &topic_id)?.len()) };
    until("directories are where the replicas are", async || {
        let counts = [held(&cluster, 101)?, held(&cluster, 102)?, held(&cluster, 104)?];
        ensure!(counts == [1, 2, 1], "{counts:?}");
        Ok(())
    })
    .await?;
    // A service that starts again begins with a snapshot of all of this, and its digest agrees.
    cluster.kill_storage(104)?;
    cluster.start_storage(104)?;
    cluster.broker_is(104, "online").await?;
    api.delete(&format!("/reassignments/{}", begun["id"])).refused(404, "NO_REASSIGNMENT_IN_PROGRESS").await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_for_whom_and_what_is_called_off_goes_back() -> Result<()> {
    let mut cluster = with_services(3).await?;
    let api = cluster.api(2)?;
    fake::online(&cluster, &[(105, "a")]).await?;
    let rows: Vec<Value> = (0..4).map(|_| json!([101, 102])).collect();
    api.post("/topics", json!({ "name": "w", "assignments": rows })).ok().await?;
    // 105 is no process: what goes there never comes to be in sync.
    let moves: Vec<Value> = (0..4).map(|partition| json!({ "topic": "w", "partition": partition, "replicas": [105, 102] })).collect();
    let begun = api.post("/reassignments", json!({ "moves": moves, "limits": { "per_broker": 1 } })).ok().await?.body;
    let path = format!("/reassignments/{}", begun["reassignment"]["id"]);
    let waits = until("one moves and three wait", async || {
        let of = api.get(&path).ok().await?.body["reassignment"].clone();
        ensure!(of["progress"]["moving"] == 1 && of["progress"]["waiting"] == 3, "{of}");
        Ok(of)
    })
    .await?;
    ensure!(waits["moves"][0]["waits_for"] == "broker 105 to be in sync", "{waits}");
    ensure!(waits["moves"][1]["waits_for"] == "one of 1 moves into broker 105 to end", "{waits}");
    let told = metrics(&cluster.led().await?).await?;
    for (series, value) in
        [("quorate_reassignments", 1.0), ("quorate_moves{state=\"moving\"}", 1.0), ("quorate_moves{state=\"waiting\"}", 3.0)]
    {
        ensure!(told.get(series) == Some(&value), "{series}: {told:?}");
    }
    api.call(Method::PATCH, &path).json(&json!({ "limits": { "per_broker": 3 } })).ok().await?;
    until("the new limit holds at once", async || {
        let of = api.get(&path).ok().await?.body["reassignment"].clone();
        ensure!(of["progress"]["moving"] == 3, "{of}");
        Ok(())
    })
    .await?;
    let page = api.get(&format!("{path}?after=0&limit=2")).ok().await?.body["reassignment"].clone();
    ensure!(page["moves"].as_array().is_some_and(|moves| moves.len() == 2) && page["next"] == 2, "{page}");
    let (code, said, error) = verb(&api, &["reassign", "--id", &begun["reassignment"]["id"].to_string(), "--verify"])?;
    ensure!(code == Some(6) && said.contains("3 moving") && said.contains("broker 105"), "{code:?} {said} {error}");
    // The leader dies in between: the next one takes back what the first began.
    let leader = cluster.leader().await?;
    cluster.kill(leader)?;
    let api = cluster.led().await?;
    api.delete(&path).ok().await?;
    let of = ended(&cluster, &begun["reassignment"]["id"]).await?;
    ensure!(of["state"] == "cancelled" && of["progress"]["cancelled"] == 4, "{of}");
    for partition in partitions(&cluster, "w").await? {
        ensure!(partition["replicas"] == json!([101, 102]) && partition["adding_replicas"] == json!([]), "{partition}");
        ensure!(partition["isr"].as_array().is_some_and(|isr| !isr.is_empty()) && partition["leader"].is_u64(), "{partition}");
    }
    cluster.start_again(leader)?;
    cluster.ready().await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_goes_on_though_the_leader_dies_three_times() -> Result<()> {
    let mut cluster = with_services(3).await?;
    let api = cluster.api(1)?;
    api.post("/topics", json!({ "name": "r", "partitions": 120, "replication_factor": 2 })).ok().await?;
    cluster.add_storage(104, "a").await?;
    let before = cluster.led().await?.get("/brokers/104").ok().await?.body;
    ensure!(before["broker"]["replicas"] == 0, "a broker that joins gets load by a plan only: {before}");
    let asked = json!({ "rebalance": { "scope": "cluster", "goal": "both" }, "limits": { "per_broker": 4 } });
    let begun = cluster.led().await?.post("/reassignments", asked).ok().await?.body["reassignment"].clone();
    ensure!(begun["total"].as_u64() > Some(30), "{}", begun["total"]);
    for count in [1, 8, 16] {
        done(&cluster, &begun["id"], count).await?;
        cluster.change_leader().await?;
    }
    let of = ended(&cluster, &begun["id"]).await?;
    ensure!(of["state"] == "done" && of["done"] == begun["total"], "{of}");
    for partition in partitions(&cluster, "r").await? {
        ensure!(partition["replicas"].as_array().is_some_and(|replicas| replicas.len() == 2), "{partition}");
        ensure!(partition["adding_replicas"] == json!([]) && partition["leader"].is_u64(), "{partition}");
    }
    let brokers = cluster.led().await?.get("/brokers").ok().await?.body;
    let counts: Vec<u64> = brokers["brokers"].as_array().context("none")?.iter().filter_map(|broker| broker["replicas"].as_u64()).collect();
    // 101 and 104 share a rack, and so what a rack may hold.
    ensure!(counts.len() == 4 && counts.iter().sum::<u64>() == 240 && counts[0].abs_diff(counts[3]) <= 1, "{counts:?}");
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_drained_and_then_removed() -> Result<()> {
    let mut cluster = with_services(4).await?;
    let api = cluster.api(3)?;
    api.post("/topics", json!({ "name": "d", "partitions": 16, "replication_factor": 2 })).ok().await?;
    let tag = api.get("/brokers/104").ok().await?.text("etag").to_owned();
    let (code, said, error) = verb(&api, &["brokers", "drain", "104", "--dry-run"])?;
    ensure!(code == Some(0) && said.contains("start_reassignment") && said.contains("AFTER"), "{code:?} {said} {error}");
    let begun = api.call(Method::POST, "/brokers/104/drain").header("if-match", &tag).ok().await?.body["reassignment"].clone();
    ensure!(begun["reason"] == "drain", "{begun}");
    ended(&cluster, &begun["id"]).await?;
    cluster.agree().await?;
    let drained = api.get("/brokers/104").ok().await?.body["broker"].clone();
    ensure!(drained["replicas"] == 0 && drained["draining"] == begun["id"], "{drained}");
    let made = api.post("/topics", json!({ "name": "later", "partitions": 8, "replication_factor": 2 })).ok().await?.body;
    for partition in made["topic"]["partitions"].as_array().context("no partitions")? {
        ensure!(partition["replicas"].as_array().is_some_and(|replicas| !replicas.contains(&json!(104))), "{partition}");
    }
    cluster.kill_storage(104)?;
    api.delete("/brokers/104").ok().await?;
    // What cannot be drained is refused with the partitions that stand in the way.
    api.post("/topics", json!({ "name": "later-three", "partitions": 2, "replication_factor": 3 })).ok().await?;
    let problem = api.call(Method::POST, "/brokers/103/drain").refused(422, "INVALID_REPLICA_ASSIGNMENT").await?.body;
    ensure!(
        problem["detail"].as_str().is_some_and(|detail| detail.contains("2 of the partitions") && detail.contains("later-three-1")),
        "{problem}"
    );
    api.delete("/brokers/103/drain").refused(404, "NO_REASSIGNMENT_IN_PROGRESS").await?;
    // Asked again under their keys, a drain and its stop answer what was committed, whatever became of it since.
    api.delete("/topics/later-three").ok().await?;
    let drain = || api.call(Method::POST, "/brokers/103/drain").header("idempotency-key", "drain-it");
    let stop = || api.delete("/brokers/103/drain").header("idempotency-key", "stop-it");
    let (begun, stopped) = (drain().ok().await?.body, stop().ok().await?.body);
    let (again, stopped_again) = (drain().ok().await?.body, stop().ok().await?.body);
    ensure!(again["revision"] == begun["revision"] && again["reassignment"]["id"] == begun["reassignment"]["id"], "{again}");
    ensure!(stopped_again["revision"] == stopped["revision"], "{stopped_again}");
    ensure!(stopped_again["reassignment"]["id"] == begun["reassignment"]["id"], "{stopped_again}");
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_file_moves_partitions_and_takes_them_back() -> Result<()> {
    let cluster = with_services(3).await?;
    let api = cluster.api(2)?;
    api.post("/topics", json!({ "name": "k", "assignments": [[101, 102], [101, 102], [101, 102]] })).ok().await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("moves.json").display().to_string();
    let file = json!({ "version": 1, "partitions": [{ "topic": "k", "partition": 0, "replicas": [103, 102] }] });
    std::fs::write(&path, file.to_string())?;
    let (code, said, error) = verb(&api, &["reassign", "--file", &path])?;
    ensure!(code == Some(0) && said.contains("reassignment"), "{code:?} {said} {error}");
    until("it is complete", async || {
        let (code, said, _) = verb(&api, &["reassign", "--file", &path, "--verify"])?;
        ensure!(code == Some(0) && said.contains("k-0 is complete"), "{code:?} {said}");
        Ok(())
    })
    .await?;
    let (code, said, _) = verb(&api, &["reassign"])?;
    ensure!(code == Some(0) && said.contains("done"), "{said}");
    let (code, said, error) = verb(&api, &["reassign", "--generate", "--topics", "k", "--brokers", "101"])?;
    ensure!(code == Some(2), "{code:?} {said} {error}");
    let (code, said, error) = verb(&api, &["reassign", "--generate", "--topics", "k"])?;
    ensure!(code == Some(0) && said.contains("Proposed partition reassignment configuration"), "{code:?} {said} {error}");
    let proposed: Value = serde_json::from_str(said.lines().last().context("nothing")?)?;
    ensure!(proposed["version"] == 1 && proposed["partitions"][0]["topic"] == "k", "{proposed}");
    fake::online(&cluster, &[(105, "a")]).await?;
    std::fs::write(&path, json!({ "version": 1, "partitions": [{ "topic": "k", "partition": 1, "replicas": [105, 102] }] }).to_string())?;
    let (code, _, error) = verb(&api, &["reassign", "--file", &path])?;
    ensure!(code == Some(0), "{error}");
    let (code, _, error) = verb(&api, &["reassign", "--file", &path, "--cancel"])?;
    ensure!(code == Some(0), "{error}");
    until("it is back", async || {
        let partition = partitions(&cluster, "k").await?.remove(1);
        ensure!(partition["replicas"] == json!([101, 102]) && partition["adding_replicas"] == json!([]), "{partition}");
        Ok(())
    })
    .await?;
    api.delete("/brokers/105").ok().await?;
    let (code, said, error) = verb(&api, &["reassign", "--factor", "k=3"])?;
    ensure!(code == Some(0), "{code:?} {said} {error}");
    until("every partition has three replicas", async || {
        for partition in partitions(&cluster, "k").await? {
            ensure!(partition["isr"].as_array().is_some_and(|isr| isr.len() == 3), "{partition}");
        }
        Ok(())
    })
    .await?;
    cluster.passed().await
}

/// D11: the leader whose report completes a move is told that it does not lead any more, and the report holds.
#[tokio::test(flavor = "multi_thread")]
async fn d11_who_reports_its_own_replacement_is_told_so() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(3)?;
    api.post("/topics", json!({ "name": "n", "assignments": [[101, 102]] })).ok().await?;
    api.post("/reassignments", json!({ "moves": [{ "topic": "n", "partition": 0, "replicas": [103, 102] }] })).ok().await?;
    // Of the node that is told next: another may be ahead of it.
    let seen = async || anyhow::Ok(api.get("/topics/n").ok().await?.body["topic"]["partitions"][0].clone());
    until("the move has begun", async || {
        let partition = seen().await?;
        ensure!(partition["adding_replicas"] == json!([103]), "{partition}");
        Ok(())
    })
    .await?;
    let answer = crate::steering::in_sync(&api, "n", &[101, 102, 103]).await?;
    ensure!(answer["error"]["code"] == "NEW_LEADER_ELECTED", "{answer}");
    let partition = seen().await?;
    ensure!(partition["replicas"] == json!([103, 102]) && partition["leader"] == 103, "{partition}");
    cluster.passed().await
}
