//! What the leader does by the clock: fences (B14), returns leaders (E11), elects uncleanly (E12), replaces (J4); and a heartbeat that
//! cannot wait for a commit (B2).

use crate::cluster::{BROKERS, Cluster, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use controller::Proven;
use metadata::intent::{AskedMove, ConfigOp, ConfigOpKind, Heartbeat, NewTopic};
use metadata::model::Configs;
use metadata::reassignment::{Limits, Why};
use metadata::{BrokerId, BrokerState, Change, Index, Intent, Principal};
use std::time::Duration;
use tokio::time::Instant;

const NEVER: Duration = Duration::from_secs(3_600);
/// More than two runs of elections have (E11, E12).
const MANY: u32 = 2_300;
const A_RUN: usize = 1_000;

async fn set(cluster: &Cluster, pairs: &[(&str, &str)]) -> Result<()> {
    until("settings are changed", async || {
        let op = |(key, value): &(&str, &str)| ConfigOp { key: (*key).into(), op: ConfigOpKind::Set, value: Some((*value).into()) };
        cluster.submit(Intent::ChangeSettings { ops: pairs.iter().map(op).collect(), expected: None }, Principal::anonymous()).await
    })
    .await?;
    Ok(())
}

async fn ask(cluster: &Cluster, what: &str, intent: Intent) -> Result<()> {
    until(what, async || cluster.submit(intent.clone(), Principal::anonymous()).await).await?;
    Ok(())
}

/// A heartbeat of a broker that has all the metadata; whether it is fenced then.
async fn beat(cluster: &Cluster, id: u32, want_fence: bool) -> Result<bool> {
    let leader = cluster.leader()?;
    let state = leader.state();
    let broker_epoch = state.broker(BrokerId(id)).context("no such broker")?.epoch;
    let heartbeat = Heartbeat { id: BrokerId(id), broker_epoch, metadata_index: leader.applied_index(), want_fence, want_shut_down: false };
    Ok(leader.heartbeat(heartbeat, Proven::default(), Instant::now() + PATIENCE).await?.1.fenced)
}

/// A topic whose partitions are all on these brokers, the first of them preferred.
async fn topic(cluster: &Cluster, name: &str, partitions: u32, on: &[u32]) -> Result<()> {
    let replicas: Vec<BrokerId> = on.iter().map(|id| BrokerId(*id)).collect();
    let assignments = Some(vec![replicas; partitions as usize]);
    let wanted = NewTopic { name: name.into(), assignments, configs: Configs::new(), ..NewTopic::default() };
    ask(cluster, "a topic is created", Intent::CreateTopics { topics: vec![wanted] }).await
}

/// How many partitions changed in each commit after this one, in order.
fn changed(cluster: &Cluster, after: Index) -> Result<Vec<usize>> {
    let mut commits = cluster.leader()?.recent(usize::MAX);
    commits.retain(|commit| commit.index > after);
    commits.sort_by_key(|commit| commit.index);
    let changed = |changes: &[Change]| changes.iter().filter(|change| matches!(change, Change::PartitionChanged { .. })).count();
    Ok(commits.iter().map(|commit| changed(&commit.changes)).filter(|count| *count > 0).collect())
}

/// B2: the session lives, what the heartbeat asked for comes with a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_heartbeat_does_not_wait_for_a_commit_that_does_not_come() -> Result<()> {
    let cluster = Cluster::start(NEVER).await?;
    cluster.created("before").await?;
    let (leader, _) = cluster.leader_and_follower().await?;
    let followers: Vec<u64> = cluster.nodes.keys().copied().filter(|id| *id != leader).collect();
    followers.iter().for_each(|id| cluster.disks[id].fill(true));
    // It is proposed, and nobody else can store it.
    let fenced = beat(&cluster, BROKERS[0], true).await?;
    ensure!(!fenced, "it was fenced by one of three disks");
    ensure!(cluster.nodes[&leader].late_heartbeats() == 1, "it is not counted");
    followers.iter().for_each(|id| cluster.disks[id].fill(false));
    until("a later heartbeat fences it", async || {
        ensure!(beat(&cluster, BROKERS[0], true).await?, "not yet");
        Ok(())
    })
    .await?;
    cluster.agree().await?;
    cluster.stop().await;
    Ok(())
}

/// B14: who slept does not judge others by the time that it slept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_that_comes_late_gives_every_session_its_full_time() -> Result<()> {
    const SESSION_MS: u64 = 6_000;
    let cluster = Cluster::start(NEVER).await?;
    set(&cluster, &[("broker.session.timeout.ms", "6000")]).await?;
    let (leader, _) = cluster.leader_and_follower().await?;
    for id in BROKERS {
        beat(&cluster, id, false).await?;
    }
    let ahead = |ms| cluster.memories.values().for_each(|memory| memory.jump(ms));
    let now = || cluster.memories[&leader].monotonic();
    ahead(10 * SESSION_MS);
    let woken = now();
    until("the sessions end", async || {
        let state = cluster.leader()?.state();
        let fenced = state.brokers().filter(|broker| broker.state == BrokerState::Fenced).count();
        ensure!(fenced == 0 || now() - woken >= SESSION_MS, "fenced {} ms after the sleep", now() - woken);
        if fenced == 0 {
            // A step that is no sleep.
            ahead(300);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        ensure!(fenced == BROKERS.len(), "{fenced} are fenced");
        Ok(())
    })
    .await?;
    cluster.stop().await;
    Ok(())
}

/// E11, E12: what is more than a run has goes on at once, and not when the interval is over again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn elections_of_the_leader_go_on_in_runs_of_a_thousand() -> Result<()> {
    let cluster = Cluster::start(NEVER).await?;
    let [first, second, _] = BROKERS;
    set(&cluster, &[("leader.return.delay.ms", "0"), ("reassignment.max.per.broker", "10000")]).await?;
    topic(&cluster, "many", MANY, &[first, second]).await?;
    // Its leaders stay while the order of the replicas turns.
    let turned = |partition| AskedMove { topic: "many".into(), partition, replicas: vec![BrokerId(second), BrokerId(first)] };
    let moves = (0..MANY).map(turned).collect();
    ask(&cluster, "replicas change places", Intent::Reassign { moves, limits: Limits::default(), allow_factor_change: false }).await?;
    until("all have changed places", async || {
        let state = cluster.leader()?.state();
        let topic = state.topic_by_name("many").context("no topic")?.id;
        let turned = state.partitions_of(topic).filter(|partition| partition.replicas.first() == Some(&BrokerId(second))).count();
        ensure!(turned == MANY as usize, "{turned} have");
        Ok(())
    })
    .await?;
    let led = |id: u32| -> Result<usize> { Ok(cluster.leader()?.state().load(BrokerId(id)).leaders as usize) };
    runs(&cluster, "leader.imbalance.check.interval.seconds", "1", "86400", || led(second)).await?;

    // E12: the one that is in sync goes, the other one comes back.
    for (id, fence) in [(first, true), (second, true), (first, false)] {
        let (id, expected) = (BrokerId(id), None);
        let intent = if fence { Intent::FenceBroker { id, expected } } else { Intent::UnfenceBroker { id, expected } };
        ask(&cluster, "a broker is fenced or not", intent).await?;
        until("it is so", async || {
            let fenced = if fence { true } else { beat(&cluster, id.0, false).await? };
            ensure!(fenced == fence && (led(second)? == 0 || id.0 == first), "not yet");
            Ok(())
        })
        .await?;
    }
    ensure!(led(first)? == 0, "it leads without having been in sync");
    set(&cluster, &[("unclean.leader.election.enable", "true")]).await?;
    runs(&cluster, "unclean.leader.election.interval.ms", "1000", "86400000", || led(first)).await?;
    cluster.agree().await?;
    cluster.stop().await;
    Ok(())
}

/// Sets the interval to its least until the first run is there, and then to a day: the rest comes all the same.
async fn runs(cluster: &Cluster, interval: &str, least: &str, day: &str, led: impl Fn() -> Result<usize>) -> Result<()> {
    let before = cluster.agree().await?;
    ensure!(led()? == 0, "{interval}: it has begun");
    set(cluster, &[(interval, least)]).await?;
    until("the first run", async || {
        ensure!(!changed(cluster, before)?.is_empty(), "{interval}: not yet");
        Ok(())
    })
    .await?;
    set(cluster, &[(interval, day)]).await?;
    until("the last run", async || {
        ensure!(led()? == MANY as usize, "{interval}: {} are led", led()?);
        Ok(())
    })
    .await?;
    let each = changed(cluster, before)?;
    ensure!(each == [A_RUN, A_RUN, MANY as usize - 2 * A_RUN], "{interval}: {each:?}");
    Ok(())
}

/// J4: not before its time, and then by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_down_for_long_enough_is_replaced() -> Result<()> {
    const AFTER_MS: u64 = 1_800_000;
    let cluster = Cluster::start(NEVER).await?;
    let [first, second, third] = BROKERS;
    set(&cluster, &[("broker.replace.enable", "true")]).await?;
    topic(&cluster, "placed", 4, &[first, third]).await?;
    ask(&cluster, "the broker is fenced", Intent::FenceBroker { id: BrokerId(third), expected: None }).await?;
    let since_ms = cluster.leader()?.state().standing(BrokerId(third)).since_ms;
    let later = |ms| cluster.memories.values().for_each(|memory| memory.later(ms));
    later(AFTER_MS - 60_000);
    topic(&cluster, "meanwhile", 1, &[first]).await?;
    ensure!(cluster.leader()?.state().reassignments().next().is_none(), "it was replaced before its time");
    later(60_000);
    until("it is replaced", async || {
        let state = cluster.leader()?.state();
        let replaces = state.reassignments().find(|each| each.reason == Why::Replacement).context("not yet")?;
        ensure!(replaces.started_at_ms >= since_ms + AFTER_MS, "{} ms after it went", replaces.started_at_ms - since_ms);
        Ok(())
    })
    .await?;
    until("it is placed on the other one", async || {
        let state = cluster.leader()?.state();
        let placed = state.topic_by_name("placed").context("no topic")?.id;
        let there = state.partitions_of(placed).filter(|partition| partition.replicas.contains(&BrokerId(second))).count();
        ensure!(there == 4, "{there} of 4 are");
        Ok(())
    })
    .await?;
    cluster.stop().await;
    Ok(())
}
