//! A cluster that somebody has claimed, and accounts for its tests.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::wait::until;
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// A node's API as somebody with this token asks it.
pub fn by(api: &Api, token: &str) -> Api {
    api.with_token(Some(token))
}

/// Claims the cluster, which is asked by its admin from now on; the admin's token.
pub async fn claim(cluster: &Cluster) -> Result<String> {
    let body = json!({ "name": "ops", "role": "admin", "token": { "expires_in_days": 30 } });
    let answer = until("the cluster can be claimed", async || cluster.api(1)?.post("/accounts", body.clone()).ok().await).await?;
    let token = answer.body["token"].as_str().context("no token")?.to_owned();
    cluster.every_api().iter().for_each(|api| api.shows(&token));
    everywhere(cluster, &token).await?;
    Ok(token)
}

/// Waits until every live node knows a token.
pub async fn everywhere(cluster: &Cluster, token: &str) -> Result<()> {
    until("every node knows the token", async || {
        for api in cluster.apis() {
            by(&api, token).get("/whoami").ok().await?;
        }
        Ok(())
    })
    .await
}

/// An account with this role; its token.
pub async fn account(admin: &Api, name: &str, role: Value) -> Result<String> {
    let mut body = json!({ "name": name, "token": {} });
    for (key, value) in role.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = admin.post("/accounts", body).ok().await?.body;
    made["token"].as_str().map(str::to_owned).context("no token")
}
