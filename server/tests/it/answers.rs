//! What holds for every answer of every node, whoever asks for what. (`api` checks each answer of every other test, too.)

use crate::cluster::Cluster;
use crate::fake;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::process::{Command, Stdio};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_its_revision_and_its_node() -> Result<()> {
    let cluster = fake::cluster().await?;
    cluster.api(1)?.post("/topics", json!({ "name": "one", "partitions": 2 })).ok().await?;
    let index = cluster.agree().await?;
    for api in cluster.apis() {
        // Node and revision are checked by the client; here: that nothing answers without passing by.
        for (path, status) in [
            ("/api/v1/cluster", 200),
            ("/api/v1/topics", 200),
            ("/api/v1/topics/one", 200),
            ("/api/v1/topics/one/partitions/1", 200),
            ("/api/v1/topics/none", 404),
            ("/api/v1/brokers", 200),
            ("/api/v1/brokers/101", 200),
            ("/api/v1/state", 200),
            ("/api/v1/state/digest", 200),
            ("/api/v1/feed", 426),
            ("/api/v1/nothing", 404),
            ("/healthz", 200),
            ("/readyz", 200),
            ("/openapi.json", 200),
        ] {
            let answer = api.at(Method::GET, path).send().await?;
            ensure!(answer.status == status, "GET {path} was answered {}", answer.status);
            ensure!(answer.revision()? >= index, "GET {path} is of {}", answer.revision()?);
            ensure!(path == "/openapi.json" || answer.status != 200 || answer.index()? >= index, "GET {path} says {}", answer.body);
            ensure!(
                answer.text("cache-control") == "no-store" && answer.text("x-content-type-options") == "nosniff",
                "{path}: {:?}",
                answer.headers
            );
        }
        let head = api.at(Method::HEAD, "/api/v1/cluster").send().await?;
        ensure!(head.status == 200 && head.bytes.is_empty(), "HEAD was answered {}", head.status);
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_view_has_what_the_contract_says() -> Result<()> {
    let cluster = fake::cluster().await?;
    cluster.api(2)?.post("/topics", json!({ "name": "one", "partitions": 5 })).ok().await?;
    cluster.agree().await?;
    let leader = cluster.leader().await?;
    let mut identities = Vec::new();
    for api in cluster.apis() {
        let view = api.get("/cluster").ok().await?.body;
        ensure!(view["node_id"] == api.node && view["leader_id"] == leader && view["term"].is_u64(), "{view}");
        ensure!(view["topics"] == 1 && view["partitions"] == 5, "{view}");
        ensure!(view["brokers"] == json!({ "total": 3, "online": 3, "fencing": 0, "fenced": 0, "shutting_down": 0 }), "{view}");
        ensure!(view["health"]["verdict"] == "healthy" && view["health"]["offline"] == 0, "{view}");
        let controllers = view["controllers"].as_array().context("no controllers")?;
        ensure!(controllers.len() == 3, "{view}");
        for controller in controllers {
            let is_leader = controller["id"] == leader;
            ensure!(controller["voter"] == true && (controller["role"] == "leader") == is_leader, "{controller}");
            for name in ["url", "last_log_index", "applied_index", "last_contact_ms"] {
                ensure!(controller.get(name).is_some(), "{controller} has no {name}");
            }
        }
        identities.push((view["cluster_id"].clone(), view["lineage"].clone()));
    }
    ensure!(
        identities.iter().all(|identity| *identity == identities[0] && identity.0.is_string() && identity.1.is_string()),
        "{identities:?}"
    );
    cluster.passed().await
}

/// What the command line refuses, with the exit code that scripts rely on, and the words that a person needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_start_says_why() -> Result<()> {
    let cluster = Cluster::start(1, &[]).await?;
    let taken = cluster.api(1)?.host;
    let in_use = cluster.data_dir(1).display().to_string();
    let free = cluster.path().join("another").display().to_string();
    for (arguments, code, word) in [
        (vec!["serve", "--listen", "0.0.0.0:1", "--data-dir", &free], 2, "--insecure"),
        (vec!["serve", "--listen", "nonsense", "--data-dir", &free], 2, "nonsense"),
        (vec!["serve", "--node-id", "4", "--peers", "1=127.0.0.1:1", "--data-dir", &free], 2, "--peers"),
        (vec!["serve", "--push-networks", "10.0.0.0/33", "--data-dir", &free], 2, "10.0.0.0/33"),
        (vec!["serve", "--database-url", "mysql://x", "--data-dir", &free], 2, "--database-url"),
        (vec!["serve", "--election-timeout-ms", "10", "--heartbeat-interval-ms", "10", "--data-dir", &free], 2, "--election-timeout-ms"),
        (vec!["serve", "--nonsense"], 2, "--nonsense"),
        (vec!["serve", "--listen", &taken, "--data-dir", &free], 1, "in use"),
        (vec!["serve", "--listen", "127.0.0.1:1", "--data-dir", &in_use], 1, "in use"),
        (
            vec!["storage", "--id", "5", "--controllers", "http://127.0.0.1:1", "--listen", "0.0.0.0:1", "--data-dir", &free],
            2,
            "--insecure",
        ),
    ] {
        let output = Command::new(crate::process::program()?).args(&arguments).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code) && said.contains(word), "{arguments:?} ended with {}: {said}", output.status);
    }
    cluster.passed().await
}
