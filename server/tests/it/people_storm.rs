//! A storm of sign-ins: whoever comes is answered, heartbeats are heard, and nobody stands for election.

use crate::api::Api;
use crate::claim::claim;
use crate::cluster::Cluster;
use crate::fake;
use crate::people::{PASSWORD, post};
use anyhow::{Result, ensure};
use serde_json::json;
use std::collections::BTreeMap;

const SIGN_INS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ins_at_once_harm_nobody() -> Result<()> {
    let cluster = Cluster::start(3, &["--broker-session-timeout-ms", "30000"]).await?;
    let epochs = fake::online(&cluster, &[(101, "a")]).await?;
    let token = claim(&cluster).await?;
    let admin = cluster.led().await?;
    admin.post("/accounts", json!({ "name": "ana", "role": "viewer", "password": PASSWORD })).ok().await?;
    let broker = admin.post("/accounts", json!({ "name": "b-101", "role": "broker", "broker": 101, "token": {} })).ok().await?;
    let term = cluster.leadership().await?.term;
    let apis: Vec<Api> = cluster.apis();
    let mut tries = tokio::task::JoinSet::new();
    for at in 0..SIGN_INS {
        let api = apis[at % apis.len()].clone();
        let name = if at % 4 == 0 { "ana".to_owned() } else { format!("nobody-{at}") };
        tries.spawn(async move { post(&api, None, "/sign-in", &[("name", &name), ("password", PASSWORD)]).await });
    }
    // A broker is heard all the while.
    let beats = async {
        let heard = admin.with_token(broker.body["token"].as_str());
        for _ in 0..20 {
            fake::beat(&heard, 101, epochs[0]).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let (beaten, answers) = tokio::join!(beats, async {
        let mut answers = BTreeMap::new();
        while let Some(tried) = tries.join_next().await {
            *answers.entry(tried.map(|posted| posted.map_or(0, |posted| posted.status)).unwrap_or_default()).or_insert(0) += 1;
        }
        answers
    });
    beaten?;
    ensure!(answers.keys().all(|status| matches!(status, 303 | 401 | 429 | 503)), "{answers:?}");
    ensure!(answers.values().sum::<i32>() == SIGN_INS as i32 && answers.contains_key(&429), "{answers:?}");
    ensure!(cluster.leadership().await?.term == term, "somebody stood for election");
    cluster.broker_is(101, "online").await?;
    ensure!(!token.is_empty());
    cluster.passed().await
}
