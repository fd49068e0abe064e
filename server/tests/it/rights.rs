//! Who may do what, from outside: every operation against every role, a revocation that a paused node has not heard of, what survives, and
//! that no secret is where it should not be.

use crate::api::Answer;
use crate::claim::{account, by, claim, everywhere};
use crate::cluster::Cluster;
use crate::fake;
use crate::people::{PASSWORD, person, sign_in};
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The table of docs/security.md, "Who may do what": what each role is granted, by what the API's own description says that a call needs.
fn granted(role: &str, need: &str) -> bool {
    let who: &[&str] = match need {
        "nothing" => return true,
        "view" => &["admin", "operator", "limited", "viewer", "broker"],
        "topics" => &["admin", "operator", "limited"],
        "brokers" => &["admin", "operator"],
        "admin" => &["admin"],
        "own id" => &["broker"],
        _ => &[],
    };
    who.contains(&role)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_for_whom_it_is_granted() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    claim(&cluster).await?;
    let admin = cluster.api(1)?;
    let open = admin.with_token(None);
    let mut asking = vec![("nobody", open.clone()), ("admin", admin.clone())];
    for (name, role) in [
        ("operator", json!({ "role": "operator" })),
        ("limited", json!({ "role": "operator", "prefixes": ["ci."] })),
        ("viewer", json!({ "role": "viewer" })),
        ("broker", json!({ "role": "broker", "broker": 101 })),
    ] {
        asking.push((name, by(&open, &account(&admin, name, role).await?)));
    }
    let description = open.at(Method::GET, "/openapi.json").ok().await?.body;
    let mut judged = 0;
    for (path, operations) in description["paths"].as_object().context("no paths")? {
        for (method, operation) in operations.as_object().context("no operations")? {
            let need = operation["x-needs"].as_str().with_context(|| format!("{method} {path} needs nothing that is said"))?;
            let path = path.replace("{name}", "ci.a").replace("{id}", "101").replace("{partition}", "0");
            for (role, api) in &asking {
                let method: Method = method.to_uppercase().parse()?;
                // A body that none of them takes: nothing is done, whoever asks.
                let call = api.at(method.clone(), &path);
                let call = if method == Method::GET { call } else { call.json(&json!({ "nonsense": true })) };
                let answer = call.send().await?;
                let refused = matches!(answer.code(), "UNAUTHENTICATED" | "FORBIDDEN");
                let expected = if *role == "nobody" { "UNAUTHENTICATED" } else { "FORBIDDEN" };
                ensure!(refused != granted(role, need), "{role}: {method} {path} needs {need}: {} {}", answer.status, answer.body);
                ensure!(!refused || answer.code() == expected, "{role}: {method} {path}: {}", answer.body);
                judged += 1;
            }
        }
    }
    ensure!(judged > 250, "{judged}");
    // Of what is granted, what is asked may need more.
    let of = |wanted: &str| asking.iter().find(|(role, _)| *role == wanted).map(|(_, api)| api).context("no such role");
    let (limited, broker) = (of("limited")?, of("broker")?);
    let no = limited.post("/topics", json!({ "name": "orders", "replication_factor": 1 })).refused(403, "FORBIDDEN").await?;
    ensure!(no.body["detail"].as_str().is_some_and(|detail| detail.contains("topics")) && no.body["field"] == "grant", "{}", no.body);
    let batch = json!({ "topics": [{ "name": "ci.a", "replication_factor": 1 }, { "name": "orders", "replication_factor": 1 }] });
    let results = limited.call(Method::POST, "/batch/topics?dry_run=true").json(&batch).ok().await?.body;
    let second = &results["results"][1];
    ensure!(second["error"]["code"] == "FORBIDDEN" && results["results"][0]["error"]["code"] != "FORBIDDEN", "{results}");
    limited.post("/elections", json!({ "type": "preferred" })).refused(403, "FORBIDDEN").await?;
    limited.post("/reassignments", json!({ "rebalance": { "scope": "cluster" } })).refused(403, "FORBIDDEN").await?;
    broker.post("/brokers", fake::registration(102, "a")).refused(403, "FORBIDDEN").await?;
    broker.post("/brokers", fake::registration(101, "a")).ok().await?;
    // Pages and what they call are for those who are known as well.
    for path in ["/", "/topics", "/_fn/nothing"] {
        let answer = open.at(Method::GET, path).send().await?;
        ensure!(answer.status == 401, "{path}: {answer:?}");
    }
    cluster.passed().await
}

/// A follower stands still while a token is revoked, and then asks for whom it believes to know.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lags_commits_nothing_for_a_revoked_token() -> Result<()> {
    let mut cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    claim(&cluster).await?;
    let admin = cluster.led().await?;
    let token = account(&admin, "ci", json!({ "role": "operator" })).await?;
    everywhere(&cluster, &token).await?;
    let id = token.split('_').nth(1).context("no id")?.to_owned();
    let lagging = cluster.followers().await?.first().copied().context("no follower")?;
    cluster.pause(lagging)?;
    admin.delete(&format!("/tokens/{id}")).ok().await?;
    let api = by(&cluster.api(lagging)?, &token);
    // Asked before it can have heard anything.
    let asked = tokio::spawn(async move { api.post("/topics", json!({ "name": "late", "replication_factor": 1 })).send().await });
    cluster.resume(lagging)?;
    let answer = asked.await??;
    ensure!(answer.status == 401, "{answer:?}");
    // Everywhere within a moment, and nothing of it is there.
    for api in cluster.every_api() {
        until("the revocation is everywhere", async || by(&api, &token).get("/whoami").refused(401, "UNAUTHENTICATED").await).await?;
    }
    admin.get("/topics/late").refused(404, "UNKNOWN_TOPIC_OR_PARTITION").await?;
    cluster.passed().await
}

/// Everything that a file of this directory holds.
fn everything(dir: &Path, into: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            everything(&path, into)?;
        } else if path.is_file() {
            into.push((path.display().to_string(), fs::read(&path)?));
        }
    }
    Ok(())
}

/// Rights are in the log and in snapshots, and come back; a token is nowhere but with its owner.
#[tokio::test(flavor = "multi_thread")]
async fn rights_survive_and_no_secret_is_anywhere() -> Result<()> {
    let flags = ["--snapshot-every", "50", fake::LONG_SESSION[0], fake::LONG_SESSION[1]];
    let mut cluster = Cluster::start(3, &flags).await?;
    let ops = claim(&cluster).await?;
    let admin = cluster.api(1)?;
    let viewer = account(&admin, "eyes", json!({ "role": "viewer" })).await?;
    person(&admin, "ana", "admin").await?;
    let cookie = sign_in(&admin, "ana", PASSWORD).await?;
    // One node is away while the log goes on beyond what is kept: it comes back by a snapshot.
    let away = cluster.followers().await?.first().copied().context("no follower")?;
    cluster.kill(away)?;
    let admin = cluster.led().await?;
    for number in 0..160 {
        let body = json!({ "name": format!("a-{number}"), "role": "viewer" });
        until("an account is made", async || match admin.post("/accounts", body.clone()).send().await? {
            made if made.status == 201 || made.code() == "ACCOUNT_EXISTS" => Ok(()),
            other => bail!("{other:?}"),
        })
        .await?;
    }
    cluster.start_again(away)?;
    cluster.ready().await?;
    everywhere(&cluster, &viewer).await?;
    for id in cluster.ids() {
        let (nobody, viewer) = (cluster.api(id)?.with_token(None), by(&cluster.api(id)?, &viewer));
        nobody.get("/topics").refused(401, "UNAUTHENTICATED").await?;
        viewer.post("/topics", json!({ "name": "x" })).refused(403, "FORBIDDEN").await?;
    }
    let mut feed = admin.get("/feed?from=0").stream().await?;
    let feed = feed.chunk().await?.context("the feed says nothing")?;
    let mut shown: Vec<Answer> = vec![
        admin.get("/state").ok().await?,
        admin.get("/audit").ok().await?,
        admin.get("/audit/export").ok().await?,
        admin.get("/accounts").ok().await?,
        admin.get("/tokens").ok().await?,
        admin.at(Method::GET, "/metrics").send().await?,
    ];
    let browser = admin.with_token(None);
    for path in ["/", "/accounts", "/account", "/audit", "/sign-in"] {
        let page = until("the session is known", async || {
            let page = browser.at(Method::GET, path).header("cookie", &cookie).header("accept", "text/html").send().await?;
            ensure!(page.status == 200 || path == "/sign-in", "{path}: {page:?}");
            Ok(page)
        });
        shown.push(page.await?);
    }
    let mut found = vec![("the feed".to_owned(), feed.to_vec())];
    everything(cluster.path(), &mut found)?;
    found.extend(shown.into_iter().map(|answer| ("an answer".to_owned(), answer.bytes)));
    for (whence, bytes) in found {
        for secret in [&ops, &viewer] {
            let part = secret.split('_').nth(2).context("no secret")?.as_bytes();
            ensure!(!bytes.windows(part.len()).any(|window| window == part), "a token's secret is in {whence}");
        }
        let has = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        ensure!(!has(b"qrt_"), "a token is in {whence}");
        ensure!(!has(PASSWORD.as_bytes()), "a password is in {whence}");
        let secret = cookie.split_once('_').context("no secret")?.1;
        ensure!(!has(secret.as_bytes()), "a session's secret is in {whence}");
        // The log and what it comes to are where hashes are kept, and nothing else is.
        let kept = whence.contains("/log/") || whence.contains("/snapshot");
        ensure!(kept || !has(b"$argon2"), "the hash of a password is in {whence}");
    }
    cluster.passed().await
}

/// By the command line, as an operator does it.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_tokens_by_the_verbs() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    let server = format!("http://{}", cluster.api(1)?.host);
    let run = |token: Option<&str>, arguments: &[&str]| -> Result<(i32, String)> {
        let mut command = command()?;
        if let Some(token) = token {
            command.env("QUORATE_TOKEN", token);
        }
        let done = command.args(arguments).args(["--server", &server]).output()?;
        let text = [done.stdout, done.stderr].concat();
        Ok((done.status.code().unwrap_or(-1), String::from_utf8(text)?))
    };
    let (code, said) = run(None, &["accounts", "whoami"])?;
    ensure!(code == 0 && said.contains("nobody has an account yet"), "{said}");
    let (code, said) = run(None, &["accounts", "create", "eyes", "--role", "viewer"])?;
    ensure!(code == 4 && said.contains("admin"), "{said}");
    let (code, said) = run(None, &["accounts", "create", "ops", "--role", "admin", "--token"])?;
    ensure!(code == 0, "{said}");
    let admin = said.split_whitespace().find(|word| word.starts_with("qrt_")).context("no token is printed")?.to_owned();
    cluster.api(1)?.shows(&admin);
    let (code, said) = run(None, &["topics", "list"])?;
    ensure!(code == 4 && said.contains("UNAUTHENTICATED"), "{said}");
    for (arguments, expected) in [
        (&["accounts", "create", "ci", "--role", "operator", "--prefix", "ci.", "--prefix", "dev."][..], "service:ci"),
        (&["accounts", "list"], "ci.,dev."),
        (&["accounts", "role", "ci", "--role", "broker:101"], "broker"),
        (&["tokens", "create", "--account", "ci", "--expires-in-days", "7"], "qrt_"),
        (&["tokens", "list"], "ci"),
        (&["accounts", "revoke-certificate", &"0a".repeat(32)], ""),
        (&["accounts", "revocations"], "0a0a"),
        (&["accounts", "remove", "ci"], ""),
    ] {
        let (code, said) = run(Some(&admin), arguments)?;
        ensure!(code == 0 && said.contains(expected), "{arguments:?}: {said}");
    }
    let (code, said) = run(Some(&admin), &["accounts", "remove", "ops"])?;
    ensure!(code == 4 && said.contains("last admin"), "{said}");
    // Every token lost: who has the machine has the way back.
    let dir = cluster.data_dir(1).display().to_string();
    let (code, said) = run(None, &["accounts", "reset", "ops", "--local", &dir])?;
    let again = said.split_whitespace().find(|word| word.starts_with("qrt_")).with_context(|| said.clone())?.to_owned();
    ensure!(code == 0 && again != admin, "{said}");
    let (code, said) = run(Some(&again), &["accounts", "whoami"])?;
    ensure!(code == 0 && said.contains("service:ops  admin"), "{said}");
    let (code, said) = run(None, &["accounts", "reset", "ops", "--local", "/nowhere"])?;
    ensure!(code == 1 && said.contains("/nowhere/admin.sock"), "{said}");
    let (code, said) = run(Some("qrt_x"), &["topics", "list"])?;
    ensure!(code == 2 && !said.contains("qrt_x"), "{said}");
    cluster.passed().await
}

/// A feed that was opened with a token ends with it, and says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_with_its_token() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    claim(&cluster).await?;
    let admin = cluster.api(1)?;
    let token = account(&admin, "eyes", json!({ "role": "viewer" })).await?;
    let mut events = by(&cluster.api(1)?, &token).get("/feed").stream().await?;
    ensure!(events.chunk().await?.is_some(), "no event");
    let id = token.split('_').nth(1).context("no id")?;
    admin.delete(&format!("/tokens/{id}")).ok().await?;
    let ends = async {
        while events.chunk().await?.is_some() {}
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ends).await.context("the feed goes on")??;
    cluster.passed().await
}
