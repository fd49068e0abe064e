//! B14: fences brokers whose session ended, one at a time, so that each fencing is visible before the next.

use crate::node::Inner;
use crate::{LONGEST_DEADLINE, Submission};
use metadata::{BrokerState, Intent, Principal};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const TICK: Duration = Duration::from_millis(200);
/// Entries of a large fencing that are under way together: while one is replicated and applied the next is planned on what it will
/// have done. Others have their turn between any two of them all the same.
const AT_ONCE: usize = 4;
/// A tick that comes this much too late means that this process slept: no silence before it counts.
const PAUSE_MS: u64 = 1_000;

pub(crate) async fn run(node: Arc<Inner>) {
    let mut expected_ms = node.environment.monotonic_ms();
    loop {
        tokio::time::sleep(TICK).await;
        let now_ms = node.environment.monotonic_ms();
        let late_ms = now_ms.saturating_sub(expected_ms + TICK.as_millis() as u64);
        if late_ms > PAUSE_MS {
            tracing::warn!(late_ms, "the fencing tick came late: every session gets its full time again");
            node.sessions.reseed(now_ms);
        }
        // Without a majority nothing can be fenced, and the silence may be this node's own.
        while let Some(intent) = Some(&node).filter(|node| node.has_majority()).and_then(|node| next(node)) {
            let at_once = if matches!(intent, Intent::ContinueFencing { .. }) { AT_ONCE } else { 1 };
            let submitted = (0..at_once).map(|_| {
                let submission = Submission::new(intent.clone(), Principal::controller(node.options.node_id));
                node.inbox.submit(submission, Instant::now() + LONGEST_DEADLINE)
            });
            if let Some(refusal) = futures::future::join_all(submitted).await.into_iter().find_map(Result::err) {
                tracing::warn!(%refusal, "a broker is not fenced yet");
                break;
            }
        }
        // Fencing itself may take long; only the pause between two ticks tells of a stall.
        expected_ms = node.environment.monotonic_ms();
    }
}

fn next(node: &Inner) -> Option<Intent> {
    let state = node.hub.view().state.clone();
    let unfinished = state.brokers().find(|broker| broker.state == BrokerState::Fencing);
    if let Some(broker) = unfinished {
        return Some(Intent::ContinueFencing { id: broker.id, broker_epoch: broker.epoch });
    }
    let (id, broker_epoch) = node.sessions.first_expired(&state, node.environment.monotonic_ms())?;
    tracing::info!(broker = %id, "the broker's session ended");
    Some(Intent::SessionExpired { id, broker_epoch })
}
