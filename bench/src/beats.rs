//! Brokers without a process: registered over HTTP, and kept alive by heartbeats.

use crate::api::{call, number, until};
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;

/// Well below the session time-out of nine seconds.
const EVERY: Duration = Duration::from_secs(2);

/// A registered broker.
#[derive(Clone, Copy, Debug)]
pub struct Broker {
    pub id: u32,
    pub epoch: u64,
}

impl Broker {
    /// Registers it; it stays fenced until a heartbeat says otherwise.
    pub async fn register(address: &str, id: u32, rack: &str) -> Result<Self> {
        let answer = call(address, "POST", "/api/v1/brokers", &registration(id, rack)).await?;
        Ok(Broker { id, epoch: number(&answer, "broker_epoch")? })
    }

    pub fn path(self) -> String {
        format!("/api/v1/brokers/{}/heartbeat", self.id)
    }

    /// A heartbeat's body. One that wants to be fenced stays so, and gets no replicas.
    pub fn beat(self, want_fence: bool) -> String {
        let beat = json!({ "broker_epoch": self.epoch, "metadata_index": self.epoch, "want_fence": want_fence, "want_shut_down": false });
        beat.to_string()
    }

    /// Beats until it is online.
    pub async fn unfence(self, address: &str) -> Result<()> {
        until("a broker is online", async || {
            let answer = call(address, "POST", &self.path(), &self.beat(false)).await?;
            ensure!(answer["fenced"] == false, "{answer}");
            Ok(())
        })
        .await
    }
}

/// A registration's body; the incarnation follows from the id, so that it can be repeated.
pub fn registration(id: u32, rack: &str) -> String {
    let endpoint = json!({ "name": "client", "host": "127.0.0.1", "port": 9 });
    let incarnation = format!("00000000-0000-4000-8000-{id:012}");
    json!({ "id": id, "incarnation_id": incarnation, "rack": rack, "endpoints": [endpoint] }).to_string()
}

/// Beats for this broker, through whichever node answers, until it is dropped.
pub async fn keep_alive(addresses: Vec<String>, broker: Broker) {
    loop {
        for address in &addresses {
            if call(address, "POST", &broker.path(), &broker.beat(false)).await.is_ok() {
                break;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
