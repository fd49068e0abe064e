//! Readers of the feed who never stop talking: nobody listens to what they say, and nobody else waits for it.

use crate::fake;
use crate::feed::Feed;
use crate::load;
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// More than a node has threads for feeds.
const TALKERS: usize = 6;
/// Far more than an answer takes while they talk, and far less than for ever.
const PATIENCE: Duration = Duration::from_secs(40);

/// Small frames: the most work for each byte.
fn talk() -> Vec<u8> {
    const TEXT: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    [TEXT.repeat(2_000), PING.to_vec()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn talkative_readers_hold_nobody_up() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(cluster.leader().await?)?;
    let mut talkers = JoinSet::new();
    for _ in 0..TALKERS {
        let feed = Feed::open(&api, "").await?;
        talkers.spawn(feed.talk_for_ever(talk()));
    }
    let mut reader = Feed::open(&api, "").await?;
    for turn in 0..10 {
        let name = format!("talk-{turn}");
        timeout(PATIENCE, load::made(&api, &name)).await.with_context(|| format!("{name} is not created while they talk"))??;
        let heard = timeout(PATIENCE, reader.next_of("commit")).await.context("the other reader hears nothing")??;
        ensure!(heard["changes"][0]["name"] == name.as_str(), "{heard}");
    }
    ensure!(!talkers.is_empty() && talkers.try_join_next().is_none(), "a talker was cut off");
    talkers.shutdown().await;
    cluster.passed().await
}
