//! Callers who connect and say nothing: they take no file that the node itself needs, and nobody's place for long.

use crate::api::Api;
use crate::cluster::{Cluster, Limits};
use crate::load;
use crate::wait::until;
use crate::{fake, metrics};
use anyhow::{Result, ensure};
use tokio::net::TcpStream;

/// Of each node: half of them are for connections.
const OPEN_FILES: u64 = 240;
const PLACES: f64 = 120.0;
/// To each node, and more than all its files.
const SILENT: usize = 300;
/// Topics made meanwhile: each second one makes a snapshot, which needs files.
const TOPICS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn silent_callers_take_no_files_and_keep_no_places() -> Result<()> {
    let flags = [fake::LONG_SESSION, &["--snapshot-every", "2"]].concat();
    let mut cluster = Cluster::start_within(3, &flags, Limits { open_files: Some(OPEN_FILES), ..Limits::default() }).await?;
    fake::online(&cluster, fake::THREE).await?;
    let leader = cluster.api(cluster.leader().await?)?;
    let mut silent = Vec::new();
    for api in cluster.every_api() {
        for _ in 0..SILENT {
            silent.push(TcpStream::connect(&api.host).await?);
        }
        let seen = metrics::metrics(&api).await?;
        ensure!(seen["quorate_connections_limit"] == PLACES, "{}", seen["quorate_connections_limit"]);
    }
    // On connections that were there before.
    for turn in 0..TOPICS {
        load::made(&leader, &format!("crowd-{turn}")).await?;
    }
    for api in cluster.every_api() {
        let fault = api.get("/cluster").ok().await?.body["fault"].clone();
        ensure!(fault.is_null(), "node {}: {fault}", api.node);
    }
    // A node that comes back has to be let in by the others, as everybody who is new: its peers reach it and it reaches them.
    let follower = cluster.followers().await?[0];
    cluster.kill(follower)?;
    cluster.start_again(follower)?;
    cluster.ready().await?;
    for api in cluster.every_api() {
        let newcomer = Api::new(api.node, api.host.clone())?;
        until("a newcomer is served", async || newcomer.get("/topics/crowd-0").ok().await).await?;
        let name = format!("through-{}", api.node);
        until("a newcomer's creation is taken", async || load::made(&newcomer, &name).await).await?;
    }
    drop(silent);
    cluster.passed().await
}
