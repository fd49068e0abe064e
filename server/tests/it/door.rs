//! What a stranger who reaches the port, or another user of the machine, cannot do.

use crate::cluster::Cluster;
use crate::fake;
use crate::process::{address, clean, command, program};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use metadata::SecretHash;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";
const ANOTHER: &str = "another-secret-of-somebody-who-is-not-the-broker";

/// Everything below a directory that others than its user may touch.
fn open_to_others(dir: &Path, found: &mut Vec<String>) -> Result<()> {
    let mode = fs::metadata(dir)?.permissions().mode();
    if mode & 0o077 != 0 {
        found.push(format!("{} {:o}", dir.display(), mode & 0o777));
    }
    if dir.is_dir() {
        for entry in fs::read_dir(dir)? {
            open_to_others(&entry?.path(), found)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_writes_is_for_its_user_alone() -> Result<()> {
    let dir = tempfile::tempdir()?;
    // As an earlier build left it.
    let data_dir = dir.path().join("node-1");
    fs::create_dir(&data_dir)?;
    fs::set_permissions(&data_dir, Permissions::from_mode(0o777))?;
    let listen = address()?.to_string();
    let mut shell = clean(Command::new("sh"));
    shell.args(["-c", "umask 000 && exec \"$0\" \"$@\""]).arg(program()?);
    shell.args(["serve", "--listen", &listen, "--data-dir"]).arg(&data_dir);
    let mut node = shell.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let ran = until("it is ready and has its backup", async || {
        ensure!(reqwest::get(format!("http://{listen}/readyz")).await?.status().is_success(), "not ready");
        ensure!(data_dir.join("backup.sqlite").exists(), "no backup yet");
        Ok(())
    })
    .await;
    let mut found = Vec::new();
    let looked = open_to_others(&data_dir, &mut found);
    signal::kill(Pid::from_raw(node.id() as i32), Signal::SIGTERM)?;
    node.wait()?;
    ran?;
    looked?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

fn heartbeat(epoch: u64) -> Value {
    json!({ "broker_epoch": epoch, "metadata_index": epoch, "want_fence": true, "want_shut_down": false })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_gave_a_secret_is_spoken_for_by_nobody_else() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let api = cluster.api(1)?;
    let body = fake::registration(104, "a");
    api.post("/brokers", body.clone()).header("Quorate-Session", "short").refused(400, "INVALID_REQUEST").await?;
    let answer = api.post("/brokers", body.clone()).header("Quorate-Session", SECRET).ok().await?;
    ensure!(answer.text("quorate-session") == "bound", "{:?}", answer.headers);
    let epoch = answer.body["broker_epoch"].as_u64().context("no epoch")?;
    let mut redirected = body.clone();
    redirected["push_url"] = json!("http://127.0.0.1:1/elsewhere");
    for round in ["at first", "under another leader"] {
        for api in cluster.apis() {
            for secret in [None, Some(ANOTHER)] {
                let isr = json!({ "broker_epoch": epoch, "changes": [] });
                for (path, body) in
                    [("/brokers/104/heartbeat", heartbeat(epoch)), ("/brokers", redirected.clone()), ("/brokers/104/isr", isr)]
                {
                    let call = api.post(path, body);
                    let call = if let Some(secret) = secret { call.header("Quorate-Session", secret) } else { call };
                    let refused = call.refused(403, "POLICY_VIOLATION").await.context(round)?.body;
                    ensure!(refused["field"] == "Quorate-Session", "{refused}");
                    ensure!(!refused.to_string().contains(ANOTHER), "it repeats what was tried: {refused}");
                }
            }
            let live = json!({ "broker_epoch": epoch, "metadata_index": epoch, "want_fence": false, "want_shut_down": false });
            api.post("/brokers/104/heartbeat", live).header("Quorate-Session", SECRET).ok().await?;
        }
        cluster.change_leader().await?;
        cluster.ready().await?;
    }
    let own = cluster.api(2)?.host;
    redirected["push_url"] = json!(format!("http://{own}/api/v1/elections"));
    let refused = api.post("/brokers", redirected.clone()).header("Quorate-Session", SECRET).refused(422, "INVALID_REGISTRATION").await?;
    ensure!(refused.body["field"] == "push_url", "{}", refused.body);
    redirected["push_url"] = json!("http://127.0.0.1:1/elsewhere");
    let amended = api.post("/brokers", redirected).header("Quorate-Session", SECRET).ok().await?.body;
    ensure!(amended["broker_epoch"] == epoch, "{amended}");
    // Who gave none is believed as before, and nobody makes that registration its own by amending it.
    let mut unbound = fake::registration(105, "b");
    let epoch_105 = api.post("/brokers", unbound.clone()).ok().await?.body["broker_epoch"].as_u64().context("no epoch")?;
    unbound["rack"] = json!("elsewhere");
    let amended = api.post("/brokers", unbound).header("Quorate-Session", ANOTHER).ok().await?;
    ensure!(amended.text("quorate-session").is_empty(), "it was taken over: {:?}", amended.headers);
    api.post("/brokers/105/heartbeat", heartbeat(epoch_105)).ok().await?;
    let of_101 = api.get("/brokers/101").ok().await?.body["broker"]["epoch"].as_u64().context("no epoch")?;
    fake::beat(&api, 101, of_101).await?;
    // Neither the secret nor its hash is anywhere.
    let hash = SecretHash::of(SECRET).hex();
    let state = api.get("/state").ok().await?;
    let backup = fs::read(cluster.data_dir(cluster.leader().await?).join("backup.sqlite"))?;
    for text in [String::from_utf8_lossy(&state.bytes).into_owned(), String::from_utf8_lossy(&backup).into_owned()] {
        ensure!(!text.contains(SECRET) && !text.contains(&hash), "it is told");
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_keeps_its_session_alive() -> Result<()> {
    let cluster = Cluster::start(1, &["--broker-session-timeout-ms", "2000"]).await?;
    let api = cluster.api(1)?;
    let answer = api.post("/brokers", fake::registration(104, "a")).header("Quorate-Session", SECRET).ok().await?;
    let epoch = answer.body["broker_epoch"].as_u64().context("no epoch")?;
    let live = json!({ "broker_epoch": epoch, "metadata_index": u64::MAX, "want_fence": false, "want_shut_down": false });
    until("it is online", async || {
        let reply = api.post("/brokers/104/heartbeat", live.clone()).header("Quorate-Session", SECRET).ok().await?.body;
        ensure!(reply["fenced"] == false, "{reply}");
        Ok(())
    })
    .await?;
    until("it is fenced although somebody says that it lives", async || {
        let told = api.post("/brokers/104/heartbeat", live.clone()).ok().await?.body;
        ensure!(told["fenced"] == true, "{told}");
        Ok(())
    })
    .await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_proves_whom_it_is_from() -> Result<()> {
    let mut cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    let proofs = Arc::new(Mutex::new(Vec::new()));
    let seen = proofs.clone();
    let take = post(async move |headers: HeaderMap| {
        let proof = headers.get("quorate-push-proof").and_then(|proof| proof.to_str().ok()).map(str::to_owned);
        if let Ok(mut seen) = seen.lock() {
            seen.push(proof);
        }
        axum::Json(json!({ "acknowledged_index": 0 }))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let push_url = format!("http://{}/push", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/push", take)).await });
    let mut body = fake::registration(104, "a");
    body["push_url"] = json!(push_url);
    cluster.api(1)?.post("/brokers", body).header("Quorate-Session", SECRET).ok().await?;
    let expected = Some(SecretHash::of(SECRET).hex());
    until("it is pushed to", async || {
        let seen = proofs.lock().map_err(|_| anyhow::anyhow!("a push panicked"))?.clone();
        ensure!(seen.contains(&expected), "{seen:?}");
        Ok(())
    })
    .await?;

    // The reference storage service asks for it.
    cluster.add_storage(101, "a").await?;
    let broker = cluster.broker_is(101, "online").await?.body;
    let url = broker["broker"]["push_url"].as_str().context("no push URL")?.to_owned();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let view = cluster.led().await?.get("/cluster").ok().await?.body;
    let index = cluster.agree().await?;
    let forged = |term: u64, from: u64, to: u64| {
        json!({ "cluster_id": view["cluster_id"], "lineage": view["lineage"], "controller_id": view["leader_id"], "term": term,
            "from": from, "to": to, "digest": "0".repeat(32), "changes": [] })
    };
    let term = view["term"].as_u64().context("no term")?;
    let mut elsewhere = forged(term, index, index + 1);
    elsewhere["lineage"] = json!(uuid::Uuid::from_u128(7));
    // What everybody may know is told, and nothing is taken.
    let cases = [
        (forged(term, index, index + 1), 403, "POLICY_VIOLATION"),
        (forged(u64::MAX, index, index), 403, "POLICY_VIOLATION"),
        (forged(0, index, index + 1), 409, "STALE_TERM"),
        (forged(term, index + 1_000, index + 1_001), 409, "GAP"),
        (elsewhere, 409, "UNKNOWN_LINEAGE"),
        (json!({}), 400, "INVALID_REQUEST"),
        (json!({ "much": "x".repeat(2 << 20) }), 413, "PAYLOAD_TOO_LARGE"),
    ];
    for (body, status, code) in cases {
        for proof in [None, Some("0".repeat(64))] {
            let mut push = client.post(&url).json(&body);
            if let Some(proof) = proof {
                push = push.header("Quorate-Push-Proof", proof);
            }
            let answer = push.send().await?;
            let told = answer.status().as_u16();
            let said: Value = answer.json().await?;
            ensure!(told == status && said["code"] == code, "a stranger's push was answered {told} {said}, and not {status} {code}");
        }
    }
    // The copy went on with what the leader says.
    let api = cluster.led().await?;
    api.post("/topics", json!({ "name": "after", "partitions": 1, "replication_factor": 1 })).ok().await?;
    let made = api.get("/topics/after").ok().await?.index()?;
    let service = url.trim_end_matches("/push").to_owned();
    until("the push of the leader is taken", async || {
        let about: Value = client.get(&service).send().await?.json().await?;
        ensure!(about["metadata_index"].as_u64() >= Some(made), "{about}");
        Ok(())
    })
    .await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_is_not_led_elsewhere() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    let target = format!("http://{}/api/v1/topics", cluster.api(1)?.host);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let server = format!("http://{}", listener.local_addr()?);
    let elsewhere = Router::new().fallback(async move || axum::response::Redirect::temporary(&target));
    tokio::spawn(async move { axum::serve(listener, elsewhere).await });
    for arguments in [&["topics", "list"][..], &["topics", "create", "led-astray"], &["watch"]] {
        let mut command = command()?;
        command.args(arguments).args(["--server", &server]).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1), "{arguments:?} ended with {}: {said}", output.status);
    }
    let topics = cluster.api(1)?.call(Method::GET, "/topics").ok().await?.body;
    ensure!(topics["topics"].as_array().is_some_and(Vec::is_empty), "{topics}");
    cluster.passed().await
}
