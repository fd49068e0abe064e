//! A provider, who signs in by it, and the browser between the two.

use crate::provider::{REDIRECT, Running, SECRET};
use anyhow::Context;
use axum::extract::Query;
use oidc::{Callback, Limits, OidcError, Pending, Person, Provider, Settings};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The time of everything here.
pub const NOW_MS: u64 = 1_900_000_000_000;

pub const RULES: &str = r#"
    [[rule]]
    group = "sre"
    role = "admin"
"#;

pub struct World {
    pub idp: Running,
    pub oidc: Provider,
    pub now_ms: u64,
}

/// The usual ones, for a machine that is as slow as it likes.
pub fn limits() -> Limits {
    Limits { answer_within: Duration::from_secs(50), ..Limits::default() }
}

/// A file with this secret, for its user alone.
pub fn secret_file(directory: &Path, secret: &str) -> anyhow::Result<()> {
    let path = directory.join("secret");
    fs::write(&path, secret)?;
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// A client of this issuer. `more` are lines of its settings, rules last.
pub fn client(issuer: &str, secret: Option<&str>, more: &str, limits: Limits) -> anyhow::Result<Provider> {
    let directory = tempfile::tempdir()?;
    let mut written = format!("issuer = \"{issuer}\"\nclient_id = \"quorate\"\n");
    if let Some(secret) = secret {
        secret_file(directory.path(), secret)?;
        written += "client_secret_file = \"secret\"\n";
    }
    written += more;
    let settings = Settings::parse(&written, directory.path(), &REDIRECT.parse()?)?;
    Ok(Provider::new(settings, reqwest::Client::builder().no_proxy(), limits)?)
}

impl World {
    pub async fn new() -> anyhow::Result<Self> {
        World::with(RULES, limits()).await
    }

    pub async fn with(more: &str, limits: Limits) -> anyhow::Result<Self> {
        let idp = Running::start(NOW_MS).await?;
        let oidc = client(&idp.issuer(), Some(&format!("{SECRET}\n")), more, limits)?;
        Ok(World { idp, oidc, now_ms: NOW_MS })
    }

    /// The person goes to the provider and comes back.
    pub async fn sent(&self) -> anyhow::Result<(Pending, Callback)> {
        let (url, pending) = self.oidc.begin(self.now_ms).await?;
        let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let answer = browser.get(url).send().await?;
        let back = answer.headers().get("location").with_context(|| format!("{}", answer.status()))?.to_str()?.to_owned();
        let Query(callback) = Query::<Callback>::try_from_uri(&back.parse()?)?;
        Ok((pending, callback))
    }

    /// All of a sign-in. The outer error is the test's.
    pub async fn sign_in(&self) -> anyhow::Result<Result<Person, OidcError>> {
        let (pending, callback) = match self.sent().await {
            Err(error) => return error.downcast::<OidcError>().map(Err),
            Ok(sent) => sent,
        };
        Ok(self.oidc.finish(pending, &callback, self.now_ms).await)
    }
}
