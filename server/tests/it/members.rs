//! The controllers' membership (K): nodes that join, vote, stop voting, leave, and who leads.

use crate::cluster::Cluster;
use crate::fake;
use crate::load::{Load, Outcome};
use crate::steering::verb;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

pub fn voters(answer: &Value) -> Vec<u64> {
    let of = |node: &Value| node["id"].as_u64().filter(|_| node["voter"] == true);
    answer["controllers"].as_array().into_iter().flatten().filter_map(of).collect()
}

fn ids(answer: &Value) -> Vec<u64> {
    answer["controllers"].as_array().into_iter().flatten().filter_map(|node| node["id"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_grows_to_five_controllers_and_shrinks_to_three() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let api = cluster.api(1)?;
    api.post("/topics", json!({ "name": "kept", "partitions": 4, "replication_factor": 3 })).ok().await?;
    for id in [4, 5] {
        let url = cluster.join(id).await?;
        let added = api.post("/quorum/members", json!({ "id": id, "url": url })).ok().await?.body;
        ensure!(ids(&added).contains(&id) && !voters(&added).contains(&id), "{added}");
        // A learner serves reads, and carries what is asked of it to the leader.
        let learner = cluster.api(id)?;
        until("the learner has it all", async || {
            learner.get("/topics/kept").ok().await?;
            Ok(())
        })
        .await?;
        let made = learner.post("/topics", json!({ "name": format!("by-{id}"), "partitions": 1, "replication_factor": 1 })).ok().await?;
        ensure!(made.body["revision"].is_u64());
        let promoted =
            until("it is near enough to vote", async || api.call(Method::POST, &format!("/quorum/members/{id}/promote")).ok().await)
                .await?
                .body;
        ensure!(voters(&promoted).contains(&id), "{promoted}");
    }
    // Any one is asked, and two of five may be gone.
    let (code, said, error) = verb(&cluster.api(4)?, &["quorum"])?;
    ensure!(code == Some(0) && said.lines().count() == 7, "{code:?} {said} {error}");
    let leader = cluster.leader().await?;
    let two: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != leader).take(2).collect();
    for id in &two {
        cluster.kill(*id)?;
    }
    let alive = cluster.api(leader)?;
    alive.post("/topics", json!({ "name": "three-of-five", "partitions": 1, "replication_factor": 1 })).ok().await?;
    // K3: with two of five gone, none that answers may lose its vote.
    let other = cluster.ids().into_iter().find(|id| *id != leader && !two.contains(id)).context("nobody")?;
    alive.call(Method::POST, &format!("/quorum/members/{other}/demote")).refused(403, "POLICY_VIOLATION").await?;
    for id in two {
        cluster.start_again(id)?;
    }
    cluster.ready().await?;

    // The leader goes as well: it hands over first.
    let leader = cluster.leader().await?;
    let asked = cluster.followers().await?[0];
    let gone =
        until("the leader is removed", async || cluster.api(asked)?.delete(&format!("/quorum/members/{leader}")).ok().await).await?.body;
    ensure!(!ids(&gone).contains(&leader), "{gone}");
    let removed = cluster.api(leader)?;
    until("the removed node says why it serves nothing", async || {
        let view = removed.get("/cluster").ok().await?.body;
        ensure!(view["fault"].as_str().is_some_and(|fault| fault.contains("was removed")), "{view}");
        Ok(())
    })
    .await?;
    removed.post("/topics", json!({ "name": "no" })).refused(503, "NOT_CONTROLLER").await?;
    ensure!(cluster.log(leader).contains("was removed"), "its log does not say so");
    cluster.kill(leader)?;
    cluster.forget(leader);
    let now = cluster.leader().await?;
    let next = *cluster.followers().await?.last().context("nobody follows")?;
    let api = cluster.api(now)?;
    let demoted = api.call(Method::POST, &format!("/quorum/members/{next}/demote")).ok().await?.body;
    ensure!(ids(&demoted).contains(&next) && !voters(&demoted).contains(&next), "{demoted}");
    let removed = api.delete(&format!("/quorum/members/{next}")).ok().await?.body;
    ensure!(ids(&removed).len() == 3 && voters(&removed).len() == 3, "{removed}");
    cluster.kill(next)?;
    cluster.forget(next);
    // Ids are never used again.
    let url = cluster.join(9).await?;
    let problem = api.post("/quorum/members", json!({ "id": next, "url": url })).refused(400, "INVALID_REQUEST").await?.body;
    ensure!(problem["field"] == "id", "{problem}");
    cluster.kill(9)?;
    cluster.forget(9);
    api.get("/topics/kept").ok().await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leadership_goes_where_it_is_asked_to() -> Result<()> {
    let cluster = fake::cluster().await?;
    for turn in 0..3 {
        let followers = cluster.followers().await?;
        let [heir, asked] = followers[..] else { anyhow::bail!("{followers:?}") };
        let moved = cluster.api(asked)?.post("/quorum/leader", json!({ "node_id": heir })).ok().await?.body;
        ensure!(moved["leader_id"] == heir && moved["term"].is_u64() && moved["revision"].is_u64(), "{moved}");
        ensure!(cluster.leader().await? == heir);
        cluster
            .api(asked)?
            .post("/topics", json!({ "name": format!("after-{turn}"), "partitions": 1, "replication_factor": 1 }))
            .ok()
            .await?;
    }
    let api = cluster.api(1)?;
    let learner = {
        let follower = cluster.followers().await?[0];
        let asked = cluster.api(follower)?;
        let seen = asked.call(Method::POST, &format!("/quorum/members/{follower}/demote?dry_run=true")).ok().await?.body;
        ensure!(seen["dry_run"] == true && ids(&seen) == [1, 2, 3] && voters(&seen).len() == 2, "{seen}");
        let seen = asked.call(Method::DELETE, &format!("/quorum/members/{follower}?dry_run=true")).ok().await?.body;
        ensure!(ids(&seen).len() == 2, "{seen}");
        follower
    };
    api.post("/quorum/members?dry_run=true", json!({ "id": 4, "url": "http://127.0.0.1:1" })).refused(400, "INVALID_REQUEST").await?;
    api.post("/quorum/leader?dry_run=true", json!({ "node_id": learner })).ok().await?;
    let (code, said, error) = verb(&api, &["quorum", "remove", &learner.to_string(), "--dry-run"])?;
    ensure!(code == Some(0) && said.contains("would be the controllers"), "{code:?} {said} {error}");
    let unchanged = api.get("/cluster").ok().await?.body;
    ensure!(voters(&unchanged["quorum"]).len() == 3 || voters(&unchanged).len() == 3, "{unchanged}");
    ensure!(cluster.leader().await? != learner, "a dry run moved the leadership");
    let problem = api.post("/quorum/leader", json!({ "node_id": 9 })).refused(400, "INVALID_REQUEST").await?.body;
    ensure!(problem["field"] == "node_id" && problem["allowed"] == "1, 2, 3", "{problem}");
    api.post("/quorum/members", json!({ "id": 101, "url": "http://127.0.0.1:1" })).refused(400, "INVALID_REQUEST").await?;
    api.post("/quorum/members", json!({ "id": 4, "url": "127.0.0.1:1" })).refused(400, "INVALID_REQUEST").await?;
    api.post("/quorum/members", json!({ "id": 4, "url": "http://127.0.0.1:1" })).refused(400, "INVALID_REQUEST").await?;
    api.call(Method::POST, "/quorum/members/1/promote").refused(400, "INVALID_REQUEST").await?;
    api.delete("/quorum/members/x").refused(400, "INVALID_REQUEST").await?;
    let (code, said, error) = verb(&api, &["quorum", "transfer", &cluster.followers().await?[0].to_string()])?;
    ensure!(code == Some(0) && said.contains("leads in term"), "{code:?} {said} {error}");
    cluster.passed().await
}

/// K2, K6: who lacks too much neither votes nor leads; who does not answer does not lead.
#[tokio::test(flavor = "multi_thread")]
async fn who_lacks_too_much_neither_votes_nor_leads() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let leader = cluster.leader().await?;
    let api = cluster.api(leader)?;
    let url = cluster.join(4).await?;
    api.post("/quorum/members", json!({ "id": 4, "url": url })).ok().await?;
    let learner = cluster.api(4)?;
    until("the learner follows", async || learner.get("/topics").ok().await).await?;
    let behind = *cluster.followers().await?.iter().find(|id| **id != 4).context("nobody follows")?;
    for id in [4, behind] {
        cluster.pause(id)?;
    }
    let load = Load::begin("lacks", std::slice::from_ref(&api), 1_100, 32);
    let outcomes = load.end(false).await?;
    ensure!(outcomes.values().all(|outcome| matches!(outcome, Outcome::Acknowledged(_))), "two of three are a majority");
    let problem = api.call(Method::POST, "/quorum/members/4/promote").refused(409, "INELIGIBLE_REPLICA").await?.body;
    ensure!(problem["field"] == "id" && problem["allowed"].as_str().is_some_and(|allowed| allowed.contains("1000")), "{problem}");
    api.post("/quorum/leader", json!({ "node_id": behind })).refused(409, "INELIGIBLE_REPLICA").await?;
    api.post("/quorum/leader", json!({ "node_id": 4 })).refused(400, "INVALID_REQUEST").await?;
    for id in [4, behind] {
        cluster.resume(id)?;
    }
    cluster.ready().await?;
    until("it has caught up and votes", async || api.call(Method::POST, "/quorum/members/4/promote").ok().await).await?;
    until("it has caught up and leads", async || api.post("/quorum/leader", json!({ "node_id": behind })).ok().await).await?;
    cluster.passed().await
}

/// K3: nobody would be left to decide anything.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_voter_keeps_its_vote() -> Result<()> {
    let cluster = Cluster::start(1, fake::LONG_SESSION).await?;
    let api = cluster.api(1)?;
    api.call(Method::POST, "/quorum/members/1/demote").refused(403, "POLICY_VIOLATION").await?;
    api.delete("/quorum/members/1").refused(403, "POLICY_VIOLATION").await?;
    api.get("/topics?consistency=linearizable").ok().await?;
    cluster.passed().await
}
