//! Brokers without a process: registered and unfenced through the API, for tests of what controllers do with them.
//!
//! Their clusters run with [`LONG_SESSION`], so that one heartbeat is enough for the whole test.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

/// No session ends while a test runs.
pub const LONG_SESSION: &[&str] = &["--broker-session-timeout-ms", "3600000"];
/// What most tests want: as many brokers as the default replication factor.
pub const THREE: &[(u32, &str)] = &[(101, "a"), (102, "b"), (103, "c")];

/// The body of a registration.
pub fn registration(id: u32, rack: &str) -> Value {
    let endpoints = json!([{ "name": "PLAINTEXT", "host": "127.0.0.1", "port": 9092 }]);
    json!({ "id": id, "incarnation_id": Uuid::new_v4(), "rack": rack, "endpoints": endpoints })
}

/// Sends a heartbeat that has seen everything.
pub async fn beat(api: &Api, id: u32, epoch: u64) -> Result<Value> {
    let seen = api.get("/state/digest").ok().await?.index()?;
    let body = json!({ "broker_epoch": epoch, "metadata_index": seen.max(epoch), "want_fence": false, "want_shut_down": false });
    Ok(api.post(&format!("/brokers/{id}/heartbeat"), body).ok().await?.body)
}

/// Registers these brokers, waits until they are online, and returns their epochs.
pub async fn online(cluster: &Cluster, brokers: &[(u32, &str)]) -> Result<Vec<u64>> {
    let apis = cluster.apis();
    let mut epochs = Vec::new();
    for (at, (id, rack)) in brokers.iter().enumerate() {
        let api = &apis[at % apis.len()];
        // The same incarnation again is no other registration, so this may be tried until it is answered.
        let body = registration(*id, rack);
        let registered = until("a broker registers", async || api.post("/brokers", body.clone()).ok().await).await?;
        let epoch = registered.body["broker_epoch"].as_u64().context("there is no broker epoch")?;
        until("a broker is unfenced", async || {
            let reply = beat(api, *id, epoch).await?;
            ensure!(reply["fenced"] == false, "it is fenced: {reply}");
            Ok(())
        })
        .await?;
        epochs.push(epoch);
    }
    Ok(epochs)
}

/// Three controllers with three brokers.
pub async fn cluster() -> Result<Cluster> {
    cluster_with(&[]).await
}

/// The same with more flags.
pub async fn cluster_with(flags: &[&str]) -> Result<Cluster> {
    let cluster = Cluster::start(3, &[LONG_SESSION, flags].concat()).await?;
    online(&cluster, THREE).await?;
    Ok(cluster)
}
