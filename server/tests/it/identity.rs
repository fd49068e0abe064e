//! A data directory is its node's identity: what was erased cannot vote again, and a named command replaces it.

use crate::fake;
use crate::feed::Feed;
use crate::load;
use crate::process::{address, command};
use crate::wait::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn erased_voter() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let leader = cluster.leader().await?;
    until("every instance is admitted", async || {
        let admitted = cluster.log(leader).matches("an instance was admitted").count();
        ensure!(admitted == 3, "{admitted} of 3 are");
        Ok(())
    })
    .await?;
    let victim = *cluster.followers().await?.first().context("no follower")?;
    load::made(&cluster.api(leader)?, "before").await?;
    cluster.kill(victim)?;
    std::fs::remove_dir_all(cluster.data_dir(victim))?;
    let status = cluster.ends_by_itself(victim).await?;
    let log = cluster.log(victim);
    ensure!(status.code() == Some(1), "it ended with {status}");
    let named = format!("quorate quorum replace {victim} --with");
    ensure!(log.contains(&named), "its log does not name the command: {log}");
    // Its old place cannot be taken under its old id, nor under one that is in use.
    let api = cluster.api(leader)?;
    let new = cluster.join(4).await?;
    let refusals = [(9, 4, "remove"), (victim, victim, "add.id"), (victim, 101, "add.id"), (victim, 5, "add.id"), (leader, 4, "remove")];
    for (remove, id, field) in refusals {
        let body = json!({ "remove": remove, "add": { "id": id, "url": new } });
        let refused = api.post("/quorum/replace", body).refused(400, "INVALID_REQUEST").await?;
        ensure!(refused.body["field"] == field, "{remove} by {id}: {}", refused.body);
    }
    let with = format!("4={}", new.trim_start_matches("http://"));
    let arguments = ["quorum", "replace", &victim.to_string(), "--with", &with, "--server", &format!("http://{}", api.host)];
    let output = command()?.args(arguments).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    cluster.forget(victim);
    cluster.ready().await?;
    let body = api.get("/cluster").ok().await?.body;
    let voters: Vec<u64> = body["controllers"]
        .as_array()
        .context("no controllers")?
        .iter()
        .filter(|node| node["voter"] == true)
        .filter_map(|node| node["id"].as_u64())
        .collect();
    ensure!(voters.len() == 3 && voters.contains(&4) && !voters.contains(&victim), "the voters are {voters:?}");
    // Whole again: it goes on without its leader.
    cluster.agree().await?;
    cluster.kill(leader)?;
    load::made(&cluster.api(4)?, "after").await?;
    cluster.start_again(leader)?;
    cluster.ready().await?;
    for api in cluster.apis() {
        for name in ["before", "after"] {
            api.get(&format!("/topics/{name}?consistency=linearizable")).ok().await?;
        }
    }
    cluster.passed().await
}

/// An empty directory under an id that was never a member's: it neither votes nor begins a cluster of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_begin() -> Result<()> {
    let cluster = fake::cluster().await?;
    let dir = tempfile::tempdir()?;
    let (listen, data_dir) = (address()?.to_string(), dir.path().display().to_string());
    let mut peers: Vec<String> = cluster.apis().iter().map(|api| format!("{}={}", api.node, api.host)).collect();
    peers.push(format!("4={listen}"));
    let arguments = ["serve", "--node-id", "4", "--listen", &listen, "--peers", &peers.join(","), "--data-dir", &data_dir];
    let mut stranger = tokio::process::Command::from(command()?);
    let ended = tokio::time::timeout(PATIENCE, stranger.args(arguments).kill_on_drop(true).output()).await.context("it runs")??;
    let log = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.code() == Some(1), "it ended with {}: {log}", ended.status);
    ensure!(log.contains(&data_dir) && log.contains("quorate quorum replace LOST --with 4=HOST:PORT"), "{log}");
    let view = cluster.api(1)?.get("/cluster").ok().await?.body;
    ensure!(view["controllers"].as_array().map(Vec::len) == Some(3), "{view}");
    cluster.passed().await
}

/// A data directory without its mark, or without its identity, is not the one that voted.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    let victim = cluster.leader().await?;
    for file in ["log-mark", "instance.json"] {
        cluster.kill(victim)?;
        let (path, aside) = (cluster.data_dir(victim).join(file), cluster.data_dir(victim).join("aside"));
        std::fs::rename(&path, &aside)?;
        let status = cluster.ends_by_itself(victim).await?;
        let log = cluster.log(victim);
        ensure!(status.code() == Some(1), "without {file} it ended with {status}");
        ensure!(log.contains(&path.display().to_string()) && log.contains("missing beside"), "without {file}: {log}");
        std::fs::rename(&aside, &path)?;
        cluster.start_again(victim)?;
        cluster.ready().await?;
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_belongs_to_one_node() -> Result<()> {
    let mut cluster = fake::cluster().await?;
    cluster.kill_all()?;
    let (one, two) = (cluster.data_dir(1), cluster.data_dir(2));
    std::fs::remove_dir_all(&two)?;
    std::fs::rename(&one, &two)?;
    let status = cluster.ends_by_itself(2).await?;
    ensure!(status.code() == Some(1), "it ended with {status}");
    let log = cluster.log(2);
    ensure!(log.contains("this data belongs to node 1") && log.contains("instance.json"), "{log}");
    cluster.ended_as_expected();
    Ok(())
}

/// A broker may say which cluster it belongs to, as a UUID or as Kafka's tools print it, through any node.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_by_its_id_in_either_form() -> Result<()> {
    let cluster = fake::cluster().await?;
    let view = cluster.api(1)?.get("/cluster").ok().await?.body;
    let id = uuid::Uuid::parse_str(view["cluster_id"].as_str().context("no cluster id")?)?;
    let kafka = base64url(id.as_bytes());
    ensure!(kafka.len() == 22, "{kafka}");
    let forms = [id.to_string(), id.to_string().to_uppercase(), id.simple().to_string(), kafka.clone()];
    for (nth, (api, form)) in cluster.apis().iter().cycle().zip(&forms).enumerate() {
        let mut body = fake::registration(200 + nth as u32, "d");
        body["cluster_id"] = json!(form);
        api.post("/brokers?dry_run=true", body.clone()).ok().await?;
        api.post("/brokers", body.clone()).ok().await?;
        // One letter of either form makes it another cluster's; the answer names the right one in both.
        let wrong = if form.starts_with(['a', 'A']) { form.replacen(['a', 'A'], "b", 1) } else { format!("A{}", &form[1..]) };
        body["cluster_id"] = json!(wrong);
        let no = api.post("/brokers", body).refused(409, "INCONSISTENT_CLUSTER_ID").await?;
        let allowed = no.body["allowed"].as_str().unwrap_or_default();
        ensure!(allowed.contains(&id.to_string()) && allowed.contains(&kafka) && no.body["value"] == wrong, "{}", no.body);
    }
    // A feed's history is named alike.
    let lineage = uuid::Uuid::parse_str(view["lineage"].as_str().context("no lineage")?)?;
    for form in [lineage.to_string(), base64url(lineage.as_bytes())] {
        let feed = format!("/feed?from=1&lineage={form}");
        cluster.api(2)?.get(&feed).refused(426, "UPGRADE_REQUIRED").await?;
        Feed::open(&cluster.api(2)?, &format!("lineage={form}")).await?;
    }
    cluster.passed().await
}

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let letters = bits.as_bytes().chunks(6).map(|chunk| {
        let value = chunk.iter().fold(0, |value, bit| value << 1 | usize::from(bit - b'0')) << (6 - chunk.len());
        char::from(ALPHABET[value])
    });
    letters.collect()
}
