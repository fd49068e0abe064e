//! People who come by a provider of identities: a real one, in the test, that signs with keys of its own.

use crate::claim::claim;
use crate::cluster::Cluster;
use crate::fake;
use crate::people::PASSWORD;
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::json;
use std::fs;

#[path = "../../../oidc/tests/it/provider.rs"]
#[expect(dead_code, reason = "the tests of the crate itself ask for more")]
mod provider;

use provider::{CLIENT, Key, Running, SECRET};

const SETTINGS: &str = r#"
client_id = "CLIENT"
client_secret_file = "secret"

[[rule]]
group = "sre"
role = "admin"

[[rule]]
group = "everybody"
role = "viewer"
"#;

/// A browser on its way to the provider and back: where it ends, its cookie there, and what is said.
async fn round(host: &str, provider: &Running, to: &str) -> Result<(u16, String, Option<String>, String)> {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let location =
        |answer: &reqwest::Response| answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
    let begun = http.get(format!("http://{host}/sign-in/provider?to={to}")).send().await?;
    let (status, away) = (begun.status().as_u16(), location(&begun));
    let cookie = begun.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()?.split(';').next().map(str::to_owned));
    if status != 303 {
        return Ok((status, away, None, begun.text().await?));
    }
    ensure!(away.starts_with(&provider.issuer()), "{away}");
    let there = http.get(away).send().await?;
    let back = location(&there);
    let cookie = cookie.context("nothing is remembered of what was begun")?;
    // Whoever is given that address by somebody else has begun nothing.
    let other = http.get(&back).send().await?;
    ensure!(other.status().as_u16() == 401 && other.headers().get(SET_COOKIE).is_none(), "{other:?}");
    let back = http.get(back).header(COOKIE, cookie).send().await?;
    let session = back.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let session = session.filter(|cookie| cookie.starts_with("quorate-session=")).map(str::to_owned).next();
    Ok((back.status().as_u16(), location(&back), session, back.text().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_the_provider_vouches_for_comes_in_with_the_role_of_a_group() -> Result<()> {
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as u64;
    let provider = Running::start(now_ms).await?;
    let dir = tempfile::tempdir()?;
    let settings = dir.path().join("oidc.toml");
    fs::write(&settings, format!("issuer = \"{}\"{}", provider.issuer(), SETTINGS.replace("CLIENT", CLIENT)))?;
    fs::write(dir.path().join("secret"), SECRET)?;
    std::process::Command::new("chmod").args(["600"]).arg(dir.path().join("secret")).status()?;
    let mut cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    let api = cluster.api(1)?;
    cluster.set_flag(1, "--oidc", &settings.display().to_string())?;
    cluster.set_flag(1, "--public-url", &format!("http://{}", api.host))?;
    cluster.stop(1).await?;
    cluster.start_again(1)?;
    cluster.ready().await?;
    provider.wishes().redirect = format!("http://{}/sign-in/provider/callback", api.host);
    claim(&cluster).await?;
    let nobody = api.with_token(None);
    let page = nobody.at(Method::GET, "/sign-in").send().await?;
    ensure!(String::from_utf8_lossy(&page.bytes).contains("Sign in with 127.0.0.1"), "the provider is not offered");
    let (status, to, cookie, said) = round(&api.host, &provider, "%2Ftopics").await?;
    ensure!(status == 303 && to == "/topics", "{status} {to} {said}");
    let cookie = cookie.context("no session")?;
    let who = nobody.get("/whoami").header("cookie", &cookie).ok().await?.body;
    ensure!(who["principal"] == "user:anna" && who["role"] == "admin", "{who}");
    let page = nobody.at(Method::GET, "/account").header("cookie", &cookie).header("accept", "text/html").send().await?;
    ensure!(page.status == 200 && !String::from_utf8_lossy(&page.bytes).contains("Change the password"), "a password is offered");
    // The groups of now decide, and a key that is new is known without a start.
    provider.wishes().keys = vec![Key::Es256(2)];
    provider.wishes().signs_with = Key::Es256(2);
    provider.wishes().claims = json!({ "groups": ["everybody"] });
    let (status, _, cookie, said) = round(&api.host, &provider, "%2F").await?;
    ensure!(status == 303, "{status} {said}");
    let who = nobody.get("/whoami").header("cookie", cookie.as_deref().context("no session")?).ok().await?.body;
    ensure!(who["role"] == "viewer", "{who}");
    // Whoever has no role here, is somebody else by that name, or comes from a provider that is down, is told so.
    let taken = json!({ "name": "ben", "role": "viewer", "password": PASSWORD });
    api.post("/accounts", taken).ok().await?;
    for (claims, status, words) in [
        (json!({ "groups": ["nobody"] }), 401, "No group of yours has a role here"),
        (json!({ "preferred_username": "ben" }), 409, "somebody else"),
        (json!({ "sub": "another" }), 409, "somebody else"),
        (json!({ "preferred_username": "Ben!" }), 401, "makes no account name"),
        (json!({ "nonce": "another" }), 401, "refused"),
    ] {
        provider.wishes().claims = claims.clone();
        let (answered, _, cookie, said) = round(&api.host, &provider, "%2F").await?;
        ensure!(answered == status && cookie.is_none() && said.contains(words), "{claims}: {answered} {said}");
    }
    until("all of it is written down", async || {
        let audit = api.get("/audit").ok().await?.body.to_string();
        ensure!(
            audit.contains("sign in as anna by the provider") && audit.contains("belongs to no sign-in that was begun here"),
            "{audit}"
        );
        Ok(())
    })
    .await?;
    provider.wishes().denies = Some("access_denied");
    let (status, _, cookie, said) = round(&api.host, &provider, "%2F").await?;
    ensure!(status == 401 && cookie.is_none() && said.contains("did not let you in"), "{status} {said}");
    cluster.passed().await
}

#[test]
fn what_is_wrong_with_the_settings_is_said_at_the_start() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("oidc.toml");
    fs::write(&file, "issuer = \"http://idp.example\"\nclient_id = \"q\"\n[[rule]]\ngroup = \"a\"\nrole = \"viewer\"\n")?;
    let path = file.display().to_string();
    for (flags, words) in [
        (vec!["--oidc", &path], "--public-url"),
        (vec!["--oidc", &path, "--public-url", "x"], "--public-url \"x\""),
        (vec!["--oidc", &path, "--public-url", "https://q.example"], "issuer"),
        (vec!["--oidc", "/nowhere", "--public-url", "https://q.example"], "/nowhere"),
    ] {
        let done = command()?.args(["serve", "--data-dir", "/nowhere", "--listen", "127.0.0.1:1"]).args(&flags).output()?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        ensure!(done.status.code() == Some(2) && said.contains(words), "{flags:?}: {said}");
    }
    Ok(())
}
