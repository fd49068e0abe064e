//! What is written down of who came in and who was refused, and from where that is said to be.

use crate::claim::{account, by, claim};
use crate::cluster::Cluster;
use crate::fake;
use crate::people::{PASSWORD, form, person, post, sign_in};
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// What a proxy says of whom it asks for is believed of trusted ones alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_where_a_request_comes_from() -> Result<()> {
    for (trusted, cookie_is) in [("127.0.0.0/8", "__Host-quorate="), ("10.0.0.0/8", "quorate-session=")] {
        let cluster = Cluster::start(1, &["--trusted-proxies", trusted]).await?;
        claim(&cluster).await?;
        let admin = cluster.api(1)?;
        person(&admin, "ana", "viewer").await?;
        let asked = admin.with_token(None);
        let call =
            asked.at(Method::POST, "/sign-in").text("application/x-www-form-urlencoded", form(&[("name", "ana"), ("password", PASSWORD)]));
        let answer = call.header("x-forwarded-proto", "https").header("x-forwarded-for", "198.51.100.7, 127.0.0.9").send().await?;
        ensure!(answer.status == 303 && answer.text("set-cookie").starts_with(cookie_is), "{answer:?}");
        ensure!(answer.text("set-cookie").contains("; Secure") == cookie_is.starts_with("__Host-"), "{answer:?}");
        let address = if cookie_is.starts_with("__Host-") { "198.51.100.7" } else { "127.0.0.1" };
        until("it is written down", async || {
            let audit = admin.get("/audit?kind=signed_in").ok().await?.body;
            ensure!(audit["records"][0]["address"] == address, "{audit}");
            Ok(())
        })
        .await?;
        cluster.passed().await?;
    }
    Ok(())
}

/// docs/security.md, "What is written down".
#[tokio::test(flavor = "multi_thread")]
async fn who_came_in_and_who_was_refused_is_written_down() -> Result<()> {
    let mut cluster = Cluster::start(2, fake::LONG_SESSION).await?;
    let token = claim(&cluster).await?;
    let admin = cluster.api(1)?;
    person(&admin, "ana", "viewer").await?;
    post(&admin, None, "/sign-in", &[("name", "ana"), ("password", "wrong wrong wrong wrong")]).await?;
    let cookie = sign_in(&admin, "ana", PASSWORD).await?;
    let viewer = admin.with_token(None);
    viewer.delete("/topics/x").header("cookie", &cookie).header("sec-fetch-site", "same-origin").refused(403, "FORBIDDEN").await?;
    viewer.get("/topics").refused(401, "UNAUTHENTICATED").await?;
    let by_form = post(&admin, Some(&cookie), "/_fn/delete_topic", &[("name", "x"), ("confirm", "x")]).await?;
    ensure!(by_form.to.contains("refused=FORBIDDEN"), "{by_form:?}");
    let eyes = account(&admin, "eyes", json!({ "role": "viewer" })).await?;
    by(&admin, &eyes).get("/audit").refused(403, "FORBIDDEN").await?;
    until("all of it is written down", async || {
        let audit = admin.get("/audit").ok().await?.body;
        let records = audit["records"].as_array().context("no records")?;
        for (kind, who, what, code) in [
            ("sign_in_refused", "", "sign in as ana", "UNAUTHENTICATED"),
            ("signed_in", "", "sign in as ana", ""),
            ("refused", "user:ana", "DELETE /api/v1/topics/{name}", "FORBIDDEN"),
            ("refused", "", "GET /api/v1/topics", "UNAUTHENTICATED"),
            ("refused", "user:ana", "POST /_fn/delete_topic", "FORBIDDEN"),
            ("accounts_changed", "user:anonymous", "add account ops, admin", ""),
            ("accounts_changed", "service:ops", "add account ana, viewer", ""),
            ("refused", "service:eyes", "GET /api/v1/audit", "FORBIDDEN"),
        ] {
            let text = |record: &serde_json::Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
            let is = |record: &&serde_json::Value| {
                text(record, "kind") == kind
                    && text(record, "principal") == who
                    && text(record, "what") == what
                    && text(record, "code") == code
            };
            ensure!(records.iter().any(|record| is(&record)), "{kind} {who} {what} {code} is not in {records:?}");
        }
        Ok(())
    })
    .await?;
    // All nodes' lines in one file, which shows when one of them was changed.
    let server = format!("http://{}", admin.host);
    let export = command()?.env("QUORATE_TOKEN", &token).args(["audit", "export", "--server", &server]).output()?;
    let text = String::from_utf8(export.stdout)?;
    ensure!(export.status.success() && text.contains("\"node\":1") && text.contains("sign in as ana"), "{text}");
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("audit.jsonl");
    for (text, whole) in [(text.clone(), true), (text.replacen("sign in as ana", "sign in as ben", 1), false)] {
        fs::write(&file, text)?;
        let verified = command()?.args(["audit", "verify"]).arg(&file).output()?;
        ensure!(verified.status.success() == whole, "{}", String::from_utf8_lossy(&verified.stdout));
    }
    // No secret is in it, it is for its user alone, and it goes on where it was.
    ensure!(!text.contains(PASSWORD) && !text.contains("$argon2") && !text.contains(cookie.split_once('_').context("a cookie")?.1));
    let directory = cluster.data_dir(1).join("audit");
    for path in fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).chain([Ok::<_, std::io::Error>(directory.clone())]) {
        let mode = fs::metadata(path?)?.permissions().mode();
        ensure!(mode & 0o077 == 0, "{mode:o}");
    }
    cluster.stop(1).await?;
    cluster.start_again(1)?;
    cluster.ready().await?;
    let before = cluster.api(1)?.get("/audit?limit=1000").ok().await?.body;
    ensure!(
        before["records"].as_array().is_some_and(|records| records.iter().any(|record| record["what"] == "sign in as ana")),
        "{before}"
    );
    if cluster.api(1)?.get("/audit?kind=nothing").send().await?.status != 400 {
        bail!("any kind is taken");
    }
    cluster.passed().await
}

/// The history of the backup says by what whoever asked was known, and from where; the feed says neither.
#[tokio::test(flavor = "multi_thread")]
async fn the_backups_history_says_by_what_and_from_where() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    fake::online(&cluster, &[(101, "a")]).await?;
    let token = claim(&cluster).await?;
    let admin = cluster.api(1)?;
    admin.post("/topics", json!({ "name": "by.token", "replication_factor": 1 })).ok().await?;
    person(&admin, "ana", "operator").await?;
    let cookie = sign_in(&admin, "ana", PASSWORD).await?;
    let browser = admin.with_token(None);
    let create = browser.post("/topics", json!({ "name": "by.session", "replication_factor": 1 }));
    create.header("cookie", &cookie).header("sec-fetch-site", "same-origin").ok().await?;
    let url = format!("sqlite://{}?mode=ro", cluster.data_dir(1).join("backup.sqlite").display());
    let token_id = token.split('_').nth(1).context("no id")?;
    let session_id = cookie.split(['=', '_']).nth(1).context("no id")?;
    until("both are in the history", async || {
        sqlx::any::install_default_drivers();
        let mut database = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await?;
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT principal, credential, address FROM history WHERE kind = 'create_topics' ORDER BY log_index")
                .fetch_all(&mut database)
                .await?;
        let of = |who: &str, by: String| (who.to_owned(), by, "127.0.0.1".to_owned());
        ensure!(rows == [of("service:ops", format!("token {token_id}")), of("user:ana", format!("session {session_id}"))], "{rows:?}");
        Ok(())
    })
    .await?;
    let mut feed = admin.get("/feed?from=0").stream().await?;
    let mut said = String::new();
    while !said.contains("by.session") {
        said += &String::from_utf8_lossy(&feed.chunk().await?.context("the feed ends")?);
    }
    ensure!(!said.contains(token_id) && !said.contains(session_id) && said.contains("user:ana"), "{said}");
    cluster.passed().await
}
