//! People, from outside and as a browser without scripts does it: the first account, signing in and out, what is slowed, and what a session is
//! worth at other nodes.

use crate::api::Api;
use crate::claim::claim;
use crate::cluster::Cluster;
use crate::fake;
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

pub const PASSWORD: &str = "tulip engine marble fog";

/// A form as a browser posts it.
pub fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// What came of a form: the status, where to, and the cookie that was set.
#[derive(Debug)]
pub struct Posted {
    pub status: u16,
    pub to: String,
    pub cookie: Option<String>,
    pub headers: reqwest::header::HeaderMap,
    pub page: String,
}

pub async fn post(api: &Api, cookie: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Result<Posted> {
    let call = api.with_token(None);
    let call = call.at(Method::POST, path).text("application/x-www-form-urlencoded", form(fields));
    let call = call.header("sec-fetch-site", "same-origin").header("accept", "text/html");
    let call = match cookie {
        Some(cookie) => call.header("cookie", cookie),
        None => call,
    };
    let answer = call.send().await?;
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let cookie = header("set-cookie").and_then(|cookie| cookie.split(';').next().map(str::to_owned));
    let page = String::from_utf8_lossy(&answer.bytes).into_owned();
    Ok(Posted { status: answer.status, to: header("location").unwrap_or_default(), cookie, headers: answer.headers.clone(), page })
}

/// Signs in; the cookie.
pub async fn sign_in(api: &Api, name: &str, password: &str) -> Result<String> {
    let posted = post(api, None, "/sign-in", &[("name", name), ("password", password), ("to", "/topics")]).await?;
    ensure!(posted.status == 303 && posted.to == "/topics", "{posted:?}");
    posted.cookie.context("no cookie")
}

/// Who the holder of a cookie is at a node: the principal and the role.
async fn whoami(api: &Api, cookie: &str) -> Result<(String, String)> {
    let answer = api.with_token(None).get("/whoami").header("cookie", cookie).ok().await?;
    let text = |key: &str| answer.body[key].as_str().unwrap_or_default().to_owned();
    Ok((text("principal"), text("role")))
}

pub async fn person(admin: &Api, name: &str, role: &str) -> Result<()> {
    admin.post("/accounts", json!({ "name": name, "role": role, "password": PASSWORD })).ok().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_account_is_made_on_a_page_and_closes_the_cluster() -> Result<()> {
    let cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    let api = cluster.api(1)?;
    let open = api.at(Method::GET, "/topics").send().await?;
    ensure!(open.status == 200 && String::from_utf8_lossy(&open.bytes).contains("Anyone on this machine can change everything"));
    for (fields, at) in [
        (&[("name", "ana"), ("password", "short")][..], "password"),
        (&[("name", "ana"), ("password", "quoratequoratequorate")], "password"),
        (&[("name", "Ana!"), ("password", PASSWORD)], "name"),
        (&[], "password"),
    ] {
        let no = post(&api, None, "/set-up", fields).await?;
        ensure!(no.status == 400 && no.page.contains(&format!("id=\"{at}\"")) && no.page.contains("aria-invalid"), "{no:?}");
        ensure!(!no.page.contains(PASSWORD), "a password is repeated");
    }
    let made = post(&api, None, "/set-up", &[("name", "ana"), ("password", PASSWORD)]).await?;
    ensure!(made.status == 303 && made.to == "/", "{made:?}");
    let cookie = made.cookie.context("no cookie")?;
    // Everybody else is led to the door, at every node; with the cookie every node is open.
    for api in cluster.every_api() {
        until("the session is everywhere", async || {
            ensure!(whoami(&api, &cookie).await? == ("user:ana".to_owned(), "admin".to_owned()));
            Ok(())
        })
        .await?;
        let stranger = api.at(Method::GET, "/topics?search=a%20b").header("accept", "text/html").send().await?;
        ensure!(stranger.status == 303 && stranger.text("location") == "/sign-in?to=%2Ftopics%3Fsearch%3Da%2520b", "{stranger:?}");
        let page = api.at(Method::GET, "/topics").header("accept", "text/html").header("cookie", &cookie).send().await?;
        ensure!(page.status == 200 && page.text("cache-control") == "no-store", "{page:?}");
        let again = post(&api, None, "/set-up", &[("name", "eve"), ("password", PASSWORD)]).await?;
        ensure!(again.status == 303 && again.to == "/sign-in" && again.cookie.is_none(), "{again:?}");
    }
    let token = command()?.args(["accounts", "reset", "ana", "--local", &cluster.data_dir(1).display().to_string()]).output()?;
    let token = String::from_utf8(token.stdout)?;
    let token = token.split_whitespace().find(|word| word.starts_with("qrt_")).context("no token")?;
    cluster.every_api().iter().for_each(|api| api.shows(token));
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_worth_what_its_account_is_and_ends_everywhere() -> Result<()> {
    let cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    claim(&cluster).await?;
    let (admin, other) = (cluster.api(1)?, cluster.api(2)?);
    person(&admin, "ben", "viewer").await?;
    let first = sign_in(&admin, "ben", PASSWORD).await?;
    let second = sign_in(&other, "ben", PASSWORD).await?;
    ensure!(first != second && first.starts_with("quorate-session="), "{first}");
    until("both sessions are everywhere", async || {
        for api in cluster.every_api() {
            whoami(&api, &first).await?;
            whoami(&api, &second).await?;
        }
        Ok(())
    })
    .await?;
    // A viewer sees, and cannot: by the API as by a form.
    let shown = other.with_token(None);
    shown.get("/topics").header("cookie", &first).ok().await?;
    let create = shown.post("/topics", json!({ "name": "a" })).header("cookie", &first).header("sec-fetch-site", "same-origin");
    create.refused(403, "FORBIDDEN").await?;
    let by_form = post(&other, Some(&first), "/_fn/create_topic", &[("name", "a")]).await?;
    ensure!(by_form.status == 303 && by_form.to.contains("refused=FORBIDDEN"), "{by_form:?}");
    let page = shown.at(Method::GET, "/create-topic").header("accept", "text/html").header("cookie", &first).send().await?;
    let page = String::from_utf8_lossy(&page.bytes).into_owned();
    ensure!(page.contains("Your role is viewer") && page.contains("disabled"), "the page does not say why it is off");
    let accounts = shown.at(Method::GET, "/accounts").header("accept", "text/html").header("cookie", &first).send().await?;
    let accounts = String::from_utf8_lossy(&accounts.bytes).into_owned();
    ensure!(accounts.contains("An admin sees every account here") && !accounts.contains(">ops<"), "a viewer sees accounts");
    // A feed that the cookie opened ends with the session, which signs out everywhere else.
    let mut feed = shown.get("/feed").header("cookie", &first).stream().await?;
    ensure!(feed.chunk().await?.is_some(), "no event");
    let out = post(&admin, Some(&second), "/account/end-sessions", &[]).await?;
    ensure!(out.status == 303 && out.to == "/account?done=sessions", "{out:?}");
    for api in cluster.every_api() {
        until("the other session has ended", async || {
            api.with_token(None).get("/whoami").header("cookie", &first).refused(401, "UNAUTHENTICATED").await
        })
        .await?;
        whoami(&api, &second).await?;
    }
    let ends = async {
        while feed.chunk().await?.is_some() {}
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ends).await.context("the feed goes on")??;
    // Another password: only with the one that there is, and not one that is tried first.
    for (current, new, refused) in [
        ("wrong wrong wrong wrong", "walnut ladder orbit sleeve", Some("UNAUTHENTICATED&field=current")),
        (PASSWORD, "passwordpassword", Some("INVALID_REQUEST&field=password")),
        (PASSWORD, "walnut ladder orbit sleeve", None),
    ] {
        let changed = post(&admin, Some(&second), "/account/password", &[("current", current), ("password", new)]).await?;
        let expected = refused.map_or("/account?done=password".to_owned(), |refused| format!("/account?refused={refused}"));
        ensure!(changed.status == 303 && changed.to == expected, "{changed:?}");
    }
    whoami(&admin, &second).await?;
    let old = post(&admin, None, "/sign-in", &[("name", "ben"), ("password", PASSWORD)]).await?;
    ensure!(old.status == 401 && old.page.contains("No account has this name and this password"), "{old:?}");
    let out = post(&admin, Some(&second), "/sign-out", &[]).await?;
    ensure!(
        out.status == 303 && out.headers.contains_key("clear-site-data") && out.cookie.as_deref() == Some("quorate-session="),
        "{out:?}"
    );
    admin.with_token(None).get("/whoami").header("cookie", &second).refused(401, "UNAUTHENTICATED").await?;
    cluster.passed().await
}

/// docs/security.md, "Forged requests": by what a browser sends along, whose page asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_only_good_for_pages_of_this_node() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    claim(&cluster).await?;
    let admin = cluster.api(1)?;
    person(&admin, "ops-ana", "admin").await?;
    let cookie = sign_in(&admin, "ops-ana", PASSWORD).await?;
    let api = admin.with_token(None);
    let own = format!("http://{}", api.host);
    let foreign = "https://evil.example".to_owned();
    let cases: [(Option<&str>, Option<&str>, bool); 12] = [
        (Some(&own), Some("same-origin"), true),
        (Some(&own), None, true),
        (None, Some("same-origin"), true),
        (None, Some("none"), true),
        (None, None, false),
        (None, Some("same-site"), false),
        (None, Some("cross-site"), false),
        (Some(&own), Some("cross-site"), false),
        (Some(&foreign), Some("same-origin"), false),
        (Some(&foreign), None, false),
        (Some("null"), None, false),
        (Some("null"), Some("cross-site"), false),
    ];
    for (host, known) in [(None, true), (Some("evil.example"), false)] {
        for (origin, site, allowed) in cases {
            for (method, path) in
                [(Method::POST, "/api/v1/topics?dry_run=true"), (Method::POST, "/_fn/create_topic"), (Method::POST, "/sign-out")]
            {
                let signs_out = path == "/sign-out";
                if signs_out && known && allowed {
                    continue;
                }
                let call = api.at(method.clone(), path).header("cookie", &cookie);
                let call = match path {
                    "/api/v1/topics?dry_run=true" => call.json(&json!({ "name": "a" })),
                    _ => call.text("application/x-www-form-urlencoded", ""),
                };
                let said = [("origin", origin), ("sec-fetch-site", site), ("host", host)];
                let said = said.into_iter().filter_map(|(name, value)| Some((name, value?)));
                let call = said.fold(call, |call, (name, value)| call.header(name, value));
                let answer = call.send().await?;
                let refused = matches!(answer.code(), "FORBIDDEN_ORIGIN" | "WRONG_HOST");
                ensure!(refused != (known && allowed), "{path} {host:?} {origin:?} {site:?}: {answer:?}");
            }
        }
    }
    // What only looks needs to say nothing, and the session is still there.
    whoami(&api, &cookie).await?;
    // A token is shown by nobody's browser.
    admin.post("/topics?dry_run=true", json!({ "name": "a" })).send().await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_passwords_is_slowed_by_the_leader_for_all_nodes() -> Result<()> {
    let cluster = Cluster::start(3, &["--trusted-proxies", "127.0.0.0/8"]).await?;
    claim(&cluster).await?;
    let admin = cluster.led().await?;
    person(&admin, "ana", "viewer").await?;
    person(&admin, "ben", "viewer").await?;
    let mut waits = Vec::new();
    for try_ in 0..7 {
        let api = cluster.api(1 + try_ % 3)?;
        let no = post(&api, None, "/sign-in", &[("name", "ana"), ("password", "wrong wrong wrong wrong")]).await?;
        waits.push((no.status, no.headers.contains_key("retry-after")));
    }
    let wrong = waits.iter().filter(|wait| **wait == (401, false)).count();
    let slowed = waits.iter().filter(|wait| **wait == (429, true)).count();
    // However slow this machine is, five are free and the sixth, if it came at once, is not.
    ensure!(wrong >= 5 && wrong + slowed == 7, "{waits:?}");
    // Nobody is locked out: after the wait the right one is taken, and another account never waited.
    sign_in(&cluster.api(1)?, "ben", PASSWORD).await?;
    let number = AtomicU32::new(0);
    let fields = form(&[("name", "ana"), ("password", PASSWORD)]);
    until("the right password is taken", async || {
        // Each from another address, as a proxy says it: those are limited apart.
        let from = std::net::Ipv4Addr::from(0x0a00_0000 + number.fetch_add(1, Ordering::Relaxed)).to_string();
        let api = cluster.api(2)?.with_token(None);
        let call = api.at(Method::POST, "/sign-in").text("application/x-www-form-urlencoded", fields.clone());
        let answer = call.header("x-forwarded-for", &from).send().await?;
        ensure!(answer.status == 303, "{answer:?}");
        Ok(())
    })
    .await?;
    let unknown = post(&cluster.api(1)?, None, "/sign-in", &[("name", "nobody"), ("password", PASSWORD)]).await?;
    ensure!(unknown.status == 401 && unknown.page.contains("No account has this name and this password"), "{unknown:?}");
    cluster.passed().await
}

/// A node that lost its majority still shows what it has to who gives the password, and nothing is changed.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_one_signs_in_to_look() -> Result<()> {
    let mut cluster = Cluster::start(3, fake::LONG_SESSION).await?;
    claim(&cluster).await?;
    person(&cluster.led().await?, "ana", "admin").await?;
    let alone = 1;
    until("the account is there", async || {
        let accounts = cluster.api(alone)?.get("/accounts").ok().await?.body;
        ensure!(accounts["accounts"].as_array().is_some_and(|accounts| accounts.len() == 2), "{accounts}");
        Ok(())
    })
    .await?;
    for id in [2, 3] {
        cluster.kill(id)?;
    }
    let api = cluster.api(alone)?;
    let door = until("it has noticed that it is alone", async || {
        let page = api.with_token(None).at(Method::GET, "/topics?search=a").header("accept", "text/html").send().await?;
        ensure!(page.status == 503, "{page:?}");
        Ok(String::from_utf8_lossy(&page.bytes).into_owned())
    })
    .await?;
    ensure!(door.contains("/sign-in?to=") && door.contains("Sign in to look"), "{door}");
    let cookie = until("it has noticed", async || sign_in(&api, "ana", PASSWORD).await).await?;
    let who = api.with_token(None).get("/whoami").header("cookie", &cookie).send().await?;
    // A session may have been begun before the loss was noticed; then it says so.
    ensure!(who.status == 503 || (who.body["principal"] == "user:ana" && who.body["role"] == "viewer"), "{who:?}");
    let page = api.with_token(None).at(Method::GET, "/topics").header("accept", "text/html").header("cookie", &cookie).send().await?;
    ensure!(page.status == 200, "{page:?}");
    let browser = api.with_token(None);
    let create = browser.post("/topics", json!({ "name": "a" })).header("cookie", &cookie).header("sec-fetch-site", "same-origin");
    ensure!(create.send().await?.status >= 403, "something was changed");
    let wrong = post(&api, None, "/sign-in", &[("name", "ana"), ("password", "wrong wrong wrong wrong")]).await?;
    ensure!(wrong.status == 401, "{wrong:?}");
    for id in [2, 3] {
        cluster.start_again(id)?;
    }
    cluster.ready().await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_makes_the_first_account_once() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("password");
    fs::write(&file, format!("{PASSWORD}\n"))?;
    let file = file.display().to_string();
    let flags = ["--initial-admin", "root", "--initial-admin-password-file", &file];
    let mut cluster = Cluster::start(3, &flags).await?;
    let cookie = until("somebody can sign in", async || sign_in(&cluster.api(1)?, "root", PASSWORD).await).await?;
    let admin = cluster.api(1)?.with_token(None);
    let made =
        admin.post("/tokens", json!({ "account": "root" })).header("cookie", &cookie).header("sec-fetch-site", "same-origin").ok().await?;
    let token = made.body["token"].as_str().context("no token")?.to_owned();
    cluster.every_api().iter().for_each(|api| api.shows(&token));
    // With another password in the file a start changes nothing: there is an account.
    fs::write(dir.path().join("password"), "walnut ladder orbit sleeve\n")?;
    cluster.stop(1).await?;
    cluster.start_again(1)?;
    cluster.ready().await?;
    sign_in(&cluster.api(1)?, "root", PASSWORD).await?;
    fs::write(dir.path().join("password"), "short\n")?;
    let refused = command()?.args(["serve", "--data-dir", "/nowhere", "--listen", "127.0.0.1:1"]).args(flags).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(2) && said.contains("--initial-admin-password-file") && !said.contains("short\n"), "{said}");
    cluster.passed().await
}

#[test]
fn beyond_loopback_it_is_tls_or_nothing() -> Result<()> {
    for (flags, starts) in [(&["--listen", "0.0.0.0:1"][..], false), (&["--listen", "0.0.0.0:1", "--initial-admin", "x"], false)] {
        let done = command()?.arg("serve").args(flags).args(["--data-dir", "/nowhere"]).output()?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        ensure!(done.status.code() == Some(2) && !starts, "{said}");
        for part in ["quorate cert ca --dir ca", "quorate cert controller --id 1", "/nowhere/setup-code", "--insecure"] {
            ensure!(said.contains(part), "{part} is not in: {said}");
        }
    }
    Ok(())
}
