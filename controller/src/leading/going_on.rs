//! What the leader goes on with by itself: moves that are open (H11), settings that take effect (L2), leaders that return (E11), unclean
//! elections where topics allow them (E12), brokers that are replaced (J4), and the format that every controller reads.

use crate::net::peers::Lane;
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use crate::{LONGEST_DEADLINE, Refusal, Submission, Submitted};
use metadata::intent::{ConfigOp, ConfigOpKind};
use metadata::plan::MOST_ELECTIONS;
use metadata::settings::{IMBALANCE_INTERVAL, REPLACE, REPLACE_AFTER, SESSION_TIMEOUT, UNCLEAN_INTERVAL};
use metadata::state::{FIRST_FORMAT, NEWEST_FORMAT};
use metadata::{BrokerId, Index, Intent, NodeId, Principal, State};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long two looks at open work are apart at least: moves that complete together are gone on with together.
const BREATH: Duration = Duration::from_millis(20);
/// How long open work is left alone when nothing is committed.
const PATIENCE: Duration = Duration::from_millis(500);
/// E11: between two runs when the cap was hit.
const AGAIN: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_millis(500);
const ASK: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(1);
/// J4: between two attempts to replace the same broker.
const REPLACE_AGAIN: Duration = Duration::from_secs(30);

async fn submit(node: &Arc<Inner>, intent: Intent) -> Result<Submitted, Refusal> {
    let submission = Submission::new(intent, Principal::controller(node.options.node_id));
    node.inbox.submit(submission, Instant::now() + LONGEST_DEADLINE).await
}

/// How many groups something came to: what was rejected after all is no step.
fn groups(submitted: &Submitted) -> usize {
    match submitted {
        Submitted::Done { outcomes, .. } => outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        Submitted::Planned { items, .. } => items.len(),
    }
}

/// Goes on with what is open, as long as this node leads.
pub(super) async fn with_open_work(node: Arc<Inner>) {
    let mut applied = node.hub.watch_applied();
    loop {
        drop(applied.borrow_and_update());
        let state = node.hub.view().state.clone();
        let mut went_on = 0;
        for intent in open_work(&state) {
            match submit(&node, intent).await {
                Ok(submitted) => went_on += groups(&submitted),
                Err(refusal) => tracing::warn!(%refusal, "open work does not go on yet"),
            }
        }
        tokio::time::sleep(BREATH).await;
        if went_on == 0 {
            // What it waits for is committed by others, or is a broker that is not heard.
            drop(tokio::time::timeout(PATIENCE, applied.changed()).await);
        }
    }
}

fn open_work(state: &State) -> Vec<Intent> {
    let moves = state.has_open_work().then_some(Intent::ContinueReassignments);
    let settings = state.settings().clear_from.map(|_| Intent::ContinueSettings);
    moves.into_iter().chain(settings).collect()
}

/// Looks at a pace whether leaders should return, be elected, or brokers be replaced.
pub(super) async fn at_a_pace(node: Arc<Inner>) {
    let (mut balanced, mut elected) = (Instant::now(), Instant::now());
    // What cannot be replaced is said once, and tried again after a while: each attempt looks at every partition.
    let mut tried: BTreeMap<(BrokerId, Index), Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(TICK).await;
        let state = node.hub.view().state.clone();
        if state.format() == FIRST_FORMAT || !node.has_majority() {
            continue;
        }
        let due = |since: Instant, every: Duration| since.elapsed() >= every;
        if due(balanced, Duration::from_secs(state.settings().number(&IMBALANCE_INTERVAL))) {
            run(&node, &Intent::BalanceLeaders).await;
            balanced = Instant::now();
        }
        if due(elected, Duration::from_millis(state.settings().number(&UNCLEAN_INTERVAL))) {
            run(&node, &Intent::ElectUnclean).await;
            elected = Instant::now();
        }
        let due = to_replace(&state, node.environment.wall_ms());
        tried.retain(|broker, _| due.contains(broker));
        for (id, broker_epoch) in due {
            if tried.get(&(id, broker_epoch)).is_some_and(|last| last.elapsed() < REPLACE_AGAIN) {
                continue;
            }
            let first = tried.insert((id, broker_epoch), Instant::now()).is_none();
            if let Err(refusal) = submit(&node, Intent::ReplaceBroker { id, broker_epoch }).await
                && first
            {
                tracing::warn!(broker = %id, %refusal, "the replicas of a broker that stays down cannot be placed elsewhere");
            }
        }
    }
}

/// Runs of elections, as long as each hits its cap.
async fn run(node: &Arc<Inner>, intent: &Intent) {
    loop {
        match submit(node, intent.clone()).await {
            Ok(submitted) if groups(&submitted) >= MOST_ELECTIONS => tokio::time::sleep(AGAIN).await,
            Ok(_) => return,
            Err(refusal) => return tracing::warn!(%refusal, "elections are put off"),
        }
    }
}

/// J4: brokers that have been down for too long, where that is switched on.
fn to_replace(state: &State, now_ms: u64) -> Vec<(BrokerId, Index)> {
    let settings = state.settings();
    if !settings.yes(&REPLACE) {
        return Vec::new();
    }
    let after_ms = settings.number(&REPLACE_AFTER);
    let due = |broker: &&Arc<metadata::Broker>| {
        let standing = state.standing(broker.id);
        let down = !broker.active() && standing.since_ms > 0 && standing.since_ms.saturating_add(after_ms) <= now_ms;
        down && standing.draining.is_none() && state.load(broker.id).replicas > 0
    };
    state.brokers().filter(due).map(|broker| (broker.id, broker.epoch)).collect()
}

/// Raises the format once every controller reads it. Then, and when this leader named the cluster, flags become settings (L3).
pub(super) async fn raise_format(node: Arc<Inner>, born: bool) {
    let adopts = born || node.hub.view().state.format() == FIRST_FORMAT;
    while node.hub.view().state.format() < NEWEST_FORMAT {
        if everybody_reads(&node).await
            && let Err(refusal) = submit(&node, Intent::RaiseFormat { format: NEWEST_FORMAT }).await
        {
            tracing::warn!(%refusal, "the format is not raised yet");
        }
        if node.hub.view().state.format() < NEWEST_FORMAT {
            tokio::time::sleep(RETRY).await;
        }
    }
    adopt_flags(&node, adopts).await;
}

async fn everybody_reads(node: &Arc<Inner>) -> bool {
    let own = node.options.node_id;
    let others: Vec<(NodeId, String)> =
        node.hub.view().state.controllers().filter(|each| each.id != own).map(|each| (each.id, each.url.clone())).collect();
    let asked = others.iter().map(|(_, url)| {
        let connection = node.peers.connection(url, Lane::Control);
        async move { connection.call(&Request::Format, ASK).await }
    });
    let answers = futures::future::join_all(asked).await;
    answers.iter().all(|answer| matches!(answer, Ok(Reply::Format { newest }) if *newest >= NEWEST_FORMAT))
}

/// L3: the flag is the value at the cluster's birth; afterwards the setting is, and a flag that differs is only reported.
async fn adopt_flags(node: &Arc<Inner>, adopts: bool) {
    let flag = node.options.broker_session_timeout.as_millis().to_string();
    let state = node.hub.view().state.clone();
    let settings = state.settings();
    if settings.value(&SESSION_TIMEOUT) == flag {
        return;
    }
    if settings.changed_index > 0 || !adopts {
        let setting = settings.value(&SESSION_TIMEOUT);
        tracing::warn!(flag, setting, "--broker-session-timeout-ms differs from the setting broker.session.timeout.ms, which holds");
        return;
    }
    let op = ConfigOp { key: SESSION_TIMEOUT.name.to_owned(), op: ConfigOpKind::Set, value: Some(flag) };
    if let Err(refusal) = submit(node, Intent::ChangeSettings { ops: vec![op], expected: Some(0) }).await {
        tracing::warn!(%refusal, "--broker-session-timeout-ms did not become a setting");
    }
}
