//! The feed's guarantees for many subscribers at once, while nodes die and the ring turns over: ordered, unique, reliable,
//! atomic, resumable, bookmarkable. Who does not read is let go, and costs the others nothing.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::Feed;
use crate::load::made;
use crate::resume::same_as_the_state;
use crate::subscriber::{Ledger, Subscriber};
use crate::wait::{Dice, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

const SUBSCRIBERS: usize = 50;
/// Those that fold everything into a state.
const FOLDING: usize = 3;
/// Those that sleep until their position is not kept any more.
const SLEEPING: usize = 10;
/// Those that begin in the middle.
const LATE: usize = 12;
/// Commits that a node keeps.
const RING: usize = 4_096;
/// A sleeper has heard at most so many.
const HEARD: usize = 250;
/// With room for what the sleepers heard, and for what was committed before anybody listened.
const COMMITS: usize = RING + 2 * HEARD;
const WORKERS: usize = 16;
/// One change in so many creates a topic; these are large, so that they fill the sockets' buffers as well.
const CREATION: usize = 8;
const PARTITIONS: usize = 32;
/// More than two sockets' buffers hold, and so more than may be sent to who does not read.
const MOST_BUFFERED: usize = 5 << 20;
/// A node lets go who takes nothing for ten seconds; the rest is for a machine that has other work.
const LET_GO: Duration = Duration::from_secs(20);

/// What was acknowledged: its index, and the topic's id if it was a creation.
type Acknowledged = Vec<(u64, Option<String>)>;

#[derive(Default)]
struct Load {
    turn: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    async fn work(self: Arc<Self>, worker: usize, apis: Vec<Api>) -> Result<Acknowledged> {
        let mut acknowledged = Vec::new();
        while !self.stop.load(Ordering::SeqCst) {
            let turn = self.turn.fetch_add(1, Ordering::SeqCst);
            let api = &apis[turn % apis.len()];
            let call = if turn.is_multiple_of(CREATION) {
                api.post("/topics", json!({ "name": format!("t-{turn}"), "partitions": PARTITIONS, "replication_factor": 2 }))
            } else {
                let ops = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": turn.to_string() }] });
                api.call(Method::PATCH, &format!("/topics/edited-{worker}/configs")).json(&ops)
            };
            match call.header("quorate-timeout-ms", "4000").send().await {
                Ok(answer) if matches!(answer.status, 503 | 504) => {}
                Ok(answer) => {
                    let answer = answer.ok()?;
                    let id = (answer.status == 201).then(|| answer.body["topic"]["id"].as_str().map(str::to_owned)).flatten();
                    acknowledged.push((answer.index()?, id));
                }
                // The node is down or just died.
                Err(error) if error.is::<reqwest::Error>() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(acknowledged)
    }
}

async fn committed(ledger: &Ledger, count: usize) -> Result<()> {
    until(&format!("somebody has heard of {count} commits"), async || {
        let now = ledger.commits();
        ensure!(now >= count, "{now}");
        Ok(())
    })
    .await
}

async fn subscribers(
    cluster: &Cluster,
    ledger: &Arc<Ledger>,
    dice: &mut Dice,
    target: &watch::Receiver<Option<u64>>,
) -> JoinSet<Result<Subscriber>> {
    let mut running = JoinSet::new();
    let apis = cluster.every_api();
    for at in 0..SUBSCRIBERS {
        let subscriber = Subscriber::new(ledger);
        let subscriber = match at {
            0..FOLDING => subscriber.folding(),
            _ if at < FOLDING + SLEEPING => subscriber.sleeping_after(1 + dice.below(HEARD as u64) as usize),
            _ if at < FOLDING + SLEEPING + LATE => subscriber.beginning_after(dice.below(COMMITS as u64 / 2) as usize),
            _ => subscriber,
        };
        running.spawn(subscriber.run(apis.clone(), dice.fork(), target.clone()));
    }
    running
}

/// Kills each node but one in turn, the leader first, while the load goes on.
async fn kill_and_restart(cluster: &mut Cluster, ledger: &Ledger, spared: u64) -> Result<()> {
    let leader = cluster.leader().await?;
    ensure!(leader != spared, "the spared node leads");
    let others = cluster.ids().into_iter().filter(|id| *id != spared && *id != leader);
    for (turn, victim) in (1..).zip([leader].into_iter().chain(others)) {
        committed(ledger, turn * COMMITS / 4).await?;
        cluster.kill(victim)?;
        committed(ledger, ledger.commits() + 150).await?;
        cluster.start_again(victim)?;
        cluster.ready().await?;
    }
    committed(ledger, COMMITS).await
}

/// Reads what the sockets' buffers hold of what was sent to who did not read; then there must be no more.
async fn was_let_go(mut idle: Feed, ledger: &Arc<Ledger>, target: u64) -> Result<()> {
    let mut subscriber = Subscriber::new(ledger);
    let mut bytes = 0;
    while let Some(text) = idle.next_text().await? {
        bytes += text.len();
        if let Some(oldest) = subscriber.take(&text)? {
            println!("who did not read was told after {bytes} bytes that everything up to {oldest} is gone");
            return Ok(());
        }
        let progress: serde_json::Value = serde_json::from_str(&text)?;
        ensure!(progress["index"].as_u64().is_none_or(|index| index < target), "who did not read was sent everything");
    }
    println!("who did not read was let go after {bytes} bytes");
    ensure!(bytes < MOST_BUFFERED, "{bytes} bytes were kept for who did not read");
    Ok(())
}

/// An index at which nothing changed is a position as good as any.
async fn bookmarks(cluster: &mut Cluster) -> Result<()> {
    let last = made(&cluster.apis()[0], "before-the-bookmark").await?.index()?;
    // A new leader begins with an entry that changes nothing.
    let leader = cluster.leader().await?;
    cluster.kill(leader)?;
    cluster.leader().await?;
    cluster.start_again(leader)?;
    cluster.ready().await?;
    let mut resumed = Vec::new();
    for api in cluster.apis() {
        let mut feed = Feed::open(&api, &format!("from={last}")).await?;
        let index = feed.next_of("progress").await?["index"].as_u64().context("progress without an index")?;
        ensure!(index > last, "the blank entry of the new leader does not show: {index} after {last}");
        resumed.push((index, Feed::open(&api, &format!("from={index}")).await?));
    }
    let made = made(&cluster.apis()[0], "after-the-bookmark").await?.index()?;
    for (from, mut feed) in resumed {
        let commit = feed.next_of("commit").await?;
        ensure!(commit["index"] == made && commit["prev_index"] == last, "from {from} the first commit is {commit}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_guarantees() -> Result<()> {
    let mut dice = Dice::new("feed_guarantees");
    // With a history on the disk nothing would be gone.
    let mut cluster = fake::cluster_with(&["--no-history"]).await?;
    let ledger = Arc::new(Ledger::default());
    let (target, watcher) = watch::channel(None);
    for worker in 0..WORKERS {
        made(&cluster.api(1)?, &format!("edited-{worker}")).await?;
    }
    let spared = *cluster.followers().await?.first().context("no follower")?;
    let idle = Feed::narrow(&cluster.api(spared)?, "from=0").await?;
    let mut running = subscribers(&cluster, &ledger, &mut dice, &watcher).await;

    let load = Arc::new(Load::default());
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(load.clone().work(worker, cluster.every_api()));
    }
    let began = Instant::now();
    kill_and_restart(&mut cluster, &ledger, spared).await?;
    load.stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    while let Some(ended) = workers.join_next().await {
        acknowledged.extend(ended??);
    }
    let loaded = Instant::now();
    println!("{} acknowledged in {:?}", acknowledged.len(), loaded - began);
    // Unknown outcomes may still come: the last of all is what everybody agrees on when nothing moves any more.
    made(&cluster.api(spared)?, "the-last").await?;
    let last = cluster.agree().await?;
    target.send_replace(Some(last));

    let mut done = Vec::new();
    while let Some(ended) = tokio::time::timeout(PATIENCE * 4, running.join_next()).await? {
        done.push(ended??);
    }
    ensure!(done.len() == SUBSCRIBERS, "{} of {SUBSCRIBERS} subscribers", done.len());
    ledger.check()?;
    done.iter().try_for_each(|subscriber| subscriber.check(ledger.last()))?;
    let sum = |of: fn(&Subscriber) -> usize| done.iter().map(of).sum::<usize>();
    let (connections, gone) = (sum(|each| each.connections), sum(|each| each.gone));
    println!("{} commits of {} bytes over {connections} connections", ledger.commits(), ledger.bytes());
    println!("{gone} times gone, {} times resumed where nothing changed", sum(|each| each.bookmarks));
    ensure!(connections > SUBSCRIBERS * 5 && gone >= SLEEPING, "{connections} connections, {gone} times gone");
    for subscriber in done.iter().filter(|subscriber| subscriber.fold.is_some()) {
        same_as_the_state(&cluster, subscriber.fold.as_ref().context("no fold")?).await?;
        let told = |(index, id): &&(u64, Option<String>)| {
            id.as_ref().is_none_or(|id| subscriber.gone > 0 || subscriber.created.get(index).is_some_and(|ids| ids.contains(id)))
        };
        ensure!(acknowledged.iter().all(|each| told(&each)), "a creation was acknowledged that the feed does not tell of");
    }
    ensure!(done.iter().any(|subscriber| subscriber.fold.is_some() && subscriber.gone == 0), "nobody has heard it all");
    let lost = acknowledged.iter().find(|(index, _)| !ledger.has(*index));
    ensure!(lost.is_none(), "{lost:?} was acknowledged, and the feed does not tell of it");

    ensure!(ledger.bytes() > MOST_BUFFERED, "{} bytes fit into buffers", ledger.bytes());
    sleep_until(loaded + LET_GO).await;
    was_let_go(idle, &ledger, last).await?;
    bookmarks(&mut cluster).await?;
    cluster.passed().await
}
