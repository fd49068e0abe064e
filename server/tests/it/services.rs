//! Storage services that die, that are asked to stop, and that come back.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::{Feed, Fold};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use metadata::{BrokerId, BrokerState};
use serde_json::{Value, json};

const BROKERS: [(u32, &str); 3] = [(101, "a"), (102, "b"), (103, "c")];

async fn with_services(flags: &[&str]) -> Result<Cluster> {
    let mut cluster = Cluster::start(3, flags).await?;
    for (id, rack) in BROKERS {
        cluster.add_storage(id, rack).await?;
    }
    let topic = json!({ "name": "led", "partitions": 12, "replication_factor": 3, "configs": { "min.insync.replicas": "2" } });
    cluster.api(1)?.post("/topics", topic).ok().await?;
    Ok(cluster)
}

async fn partitions(api: &Api) -> Result<Vec<Value>> {
    let topic = api.get("/topics/led").ok().await?.body;
    topic["topic"]["partitions"].as_array().cloned().context("no partitions")
}

fn has(list: &Value, id: u32) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|broker| *broker == id))
}

async fn led_by(cluster: &Cluster, id: u32) -> Result<usize> {
    let api = cluster.api(cluster.leader().await?)?;
    Ok(partitions(&api).await?.iter().filter(|partition| partition["leader"] == id).count())
}

/// Waits until every replica is in sync again and the verdict is what it was at first.
async fn whole(cluster: &Cluster) -> Result<()> {
    until("every replica is in sync", async || {
        let api = cluster.api(cluster.leader().await?)?;
        for partition in partitions(&api).await? {
            ensure!(partition["isr"].as_array().is_some_and(|isr| isr.len() == 3) && partition["leader"].is_u64(), "{partition}");
        }
        let view = api.get("/cluster").ok().await?.body;
        ensure!(view["brokers"]["online"] == 3 && view["health"]["under_replicated"] == 0, "{view}");
        ensure!(view["health"]["verdict"] == "healthy", "{}", view["health"]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_is_fenced_and_comes_back() -> Result<()> {
    // Two of its heartbeats and room for a slow machine.
    let mut cluster = with_services(&["--broker-session-timeout-ms", "6000"]).await?;
    whole(&cluster).await?;
    ensure!(led_by(&cluster, 102).await? > 0, "broker 102 leads nothing");
    let epoch = cluster.broker_is(102, "online").await?.body["broker"]["epoch"].clone();
    cluster.kill_storage(102)?;
    cluster.broker_is(102, "fenced").await?;
    for partition in partitions(&cluster.api(cluster.leader().await?)?).await? {
        ensure!(partition["leader"].is_u64() && partition["leader"] != 102 && !has(&partition["isr"], 102), "{partition}");
        ensure!(has(&partition["replicas"], 102), "{partition}");
    }
    let view = cluster.api(cluster.leader().await?)?.get("/cluster").ok().await?.body;
    ensure!(view["health"]["offline"] == 0 && view["health"]["under_replicated"] == 12 && view["health"]["verdict"] != "healthy", "{view}");
    // What is made meanwhile is led by those who live.
    let made = cluster.api(2)?.post("/topics", json!({ "name": "meanwhile", "partitions": 6, "replication_factor": 2 })).ok().await?;
    for partition in made.body["topic"]["partitions"].as_array().context("no partitions")? {
        ensure!(partition["leader"] != 102 && partition["leader"].is_u64(), "{partition}");
    }
    cluster.start_storage(102)?;
    let back = cluster.broker_is(102, "online").await?;
    ensure!(back.body["broker"]["epoch"].as_u64() > epoch.as_u64(), "its epoch is {} after {epoch}", back.body["broker"]["epoch"]);
    whole(&cluster).await?;
    cluster.passed().await
}

/// The sessions far outlast the test: whatever happens here does not happen because one of them ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_controlled_shutdown_moves_leaders_first() -> Result<()> {
    let mut cluster = with_services(fake::LONG_SESSION).await?;
    whole(&cluster).await?;
    for (id, _) in BROKERS {
        let api = cluster.api(cluster.leader().await?)?;
        let mut fold = Fold::from_state(&api).await?;
        let mut feed = Feed::open(&api, &format!("from={}", fold.position)).await?;
        ensure!(led_by(&cluster, id).await? > 0, "broker {id} leads nothing");
        let status = cluster.stop_storage(id).await?;
        ensure!(status.success(), "broker {id} ended with {status}");
        // It is gone now; everything that it waited for has been committed.
        let index = api.get("/state/digest?consistency=linearizable").ok().await?.index()?;
        while fold.position < index {
            let frame = feed.next().await?.context("the feed ended")?;
            ensure!(fold.take(&frame)?, "{frame}");
            check_order(&fold, id, &frame)?;
        }
        let broker = fold.state.broker(BrokerId(id)).context("it is not registered")?;
        ensure!(broker.state == BrokerState::Fenced, "broker {id} is {:?} after its end", broker.state);
        cluster.start_storage(id)?;
        cluster.broker_is(id, "online").await?;
        whole(&cluster).await?;
        let log = cluster.storage_log(id);
        ensure!(!log.contains("DUPLICATE_BROKER_REGISTRATION"), "broker {id} was not accepted at once");
    }
    balance(&mut cluster).await?;
    cluster.passed().await
}

/// At no moment is a partition without a leader, and when the broker is fenced nothing is led by it.
fn check_order(fold: &Fold, id: u32, frame: &Value) -> Result<()> {
    if frame["type"] != "commit" {
        return Ok(());
    }
    let id = BrokerId(id);
    for (_, partition) in fold.state.all_partitions() {
        ensure!(partition.leader.is_some(), "partition {} has no leader after {}", partition.partition, frame["index"]);
    }
    let broker = fold.state.broker(id).context("it is not registered")?;
    let load = fold.state.load(id);
    ensure!(broker.state == BrokerState::Online || load.leaders == 0, "it is {:?} and leads {}: {frame}", broker.state, load.leaders);
    ensure!(broker.state != BrokerState::ShuttingDown || broker.shutdown_index.is_some(), "nobody knows what the others must have seen");
    Ok(())
}

/// After all three went in turn every broker still holds its replicas.
async fn balance(cluster: &mut Cluster) -> Result<()> {
    let brokers = cluster.api(cluster.leader().await?)?.get("/brokers").ok().await?.body;
    for broker in brokers["brokers"].as_array().context("no brokers")? {
        ensure!(broker["replicas"] == 12 && broker["state"] == "online", "{broker}");
    }
    Ok(())
}

/// A broker that is held stays fenced however it beats; who is not registered, or of another epoch, is told so.
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_fence_holds() -> Result<()> {
    let mut cluster = with_services(fake::LONG_SESSION).await?;
    let api = cluster.api(3)?;
    let fenced = api.call(reqwest::Method::POST, "/brokers/102/fence").ok().await?.body;
    ensure!(fenced["broker"]["state"] == "fenced" && fenced["broker"]["held"] == true, "{fenced}");
    let epoch = fenced["broker"]["epoch"].as_u64().context("no epoch")?;
    for _ in 0..5 {
        let reply = fake::beat(&api, 102, epoch).await?;
        ensure!(reply["fenced"] == true && reply["should_shut_down"] == false, "{reply}");
    }
    ensure!(led_by(&cluster, 102).await? == 0, "it leads though it is fenced");
    let unfenced = api.call(reqwest::Method::POST, "/brokers/102/unfence").ok().await?.body;
    ensure!(unfenced["broker"]["held"] == false, "{unfenced}");
    cluster.broker_is(102, "online").await?;
    whole(&cluster).await?;

    let heartbeat = |epoch: u64| json!({ "broker_epoch": epoch, "metadata_index": 1, "want_fence": false, "want_shut_down": false });
    api.post("/brokers/102/heartbeat", heartbeat(epoch - 1)).refused(409, "STALE_BROKER_EPOCH").await?;
    api.post("/brokers", fake::registration(102, "b")).refused(409, "DUPLICATE_BROKER_REGISTRATION").await?;
    cluster.kill_storage(102)?;
    api.delete("/brokers/102").ok().await?;
    api.get("/brokers/102").refused(404, "BROKER_ID_NOT_REGISTERED").await?;
    api.post("/brokers/102/heartbeat", heartbeat(epoch)).refused(404, "BROKER_ID_NOT_REGISTERED").await?;
    cluster.start_storage(102)?;
    let again = cluster.broker_is(102, "online").await?;
    ensure!(again.body["broker"]["epoch"].as_u64() > Some(epoch), "{}", again.body);
    cluster.passed().await
}
