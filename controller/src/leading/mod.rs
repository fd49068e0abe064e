//! What only a leader does: seed the sessions, name the cluster, fence who is silent, gather the pulse, push, back up, slow who tries passwords.
//!
//! One task watches the term; each term's work runs under a token that ends with it.

mod addresses;
pub(crate) mod attempts;
mod fencing;
mod going_on;
pub(crate) mod members;
mod membership;
mod push;
pub(crate) mod sessions;

use crate::backup;
use crate::following::pulse::{self, PULSE_EVERY};
use crate::net::rpc::Request;
use crate::node::Inner;
use crate::{LONGEST_DEADLINE, Submission};
use metadata::frame::{NodePulse, Role};
use metadata::model::Identity;
use metadata::{Draw, Intent, Principal, Term};
use openraft::async_runtime::WatchReceiver;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const FIRST_PULSE_AFTER: Duration = Duration::from_millis(50);
/// How long a leader that stops waits for another to take over.
const HAND_OVER: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(100);

/// Follows the term until the node stops.
pub(crate) async fn run(node: Arc<Inner>) {
    let mut metrics = node.raft.server_metrics();
    let mut current: Option<(Term, CancellationToken)> = None;
    loop {
        let leading = node.leading_term();
        if current.as_ref().map(|(term, _)| *term) != leading {
            if let Some((term, token)) = current.take() {
                tracing::info!(term, "leadership ended");
                token.cancel();
                node.sessions.clear();
            }
            if let Some(term) = leading {
                tracing::info!(term, "leadership began");
                let token = node.stop.child_token();
                current = Some((term, token.clone()));
                tokio::spawn(lead(node.clone(), term, token));
            }
        }
        tokio::select! {
            changed = metrics.changed() => if changed.is_err() { return },
            () = node.stop.cancelled() => return,
        }
    }
}

async fn lead(node: Arc<Inner>, term: Term, token: CancellationToken) {
    let duties = async {
        // C1: nothing is judged before everything of earlier terms is applied.
        while node.reads.confirm(Instant::now() + LONGEST_DEADLINE).await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
        node.sessions.seed(&node.hub.view().state, node.environment.monotonic_ms());
        let born = bootstrap(&node).await;
        let stop = token.clone();
        let (pushes, saves) = (push::run(node.clone(), term), backup::run(node.clone(), term));
        node.background.spawn(async move { stop.run_until_cancelled(async { tokio::join!(pushes, saves) }).await });
        tokio::join!(
            fencing::run(node.clone()),
            tell_pulse(&node),
            members::admit(node.clone()),
            members::finish(node.clone()),
            addresses::follow(node.clone()),
            going_on::raise_format(node.clone(), born),
            going_on::with_open_work(node.clone()),
            going_on::at_a_pace(node.clone()),
        );
    };
    tokio::select! {
        () = duties => {}
        () = token.cancelled() => {}
    }
}

/// The first leader names the cluster; until that is committed every mutation is answered NO_LEADER. Whether it was this one.
async fn bootstrap(node: &Arc<Inner>) -> bool {
    let draw = Draw::at(node.environment.wall_ms(), node.environment.seed());
    let identity = Identity { cluster_id: draw.uuid(0), lineage: draw.uuid(1) };
    let born = node.hub.view().state.identity().is_none();
    while node.hub.view().state.identity().is_none() {
        let intent = Intent::BootstrapCluster { identity: identity.clone() };
        let submission = Submission::new(intent, Principal::controller(node.options.node_id));
        if let Err(refusal) = node.inbox.submit(submission, Instant::now() + LONGEST_DEADLINE).await {
            tracing::warn!(%refusal, "the cluster's identity is not committed yet");
            tokio::time::sleep(RETRY).await;
        }
    }
    born
}

/// Tells every controller the soft state, and hears theirs.
async fn tell_pulse(node: &Arc<Inner>) {
    // The first round only hears the others: what it tells them right after is whole.
    let mut wait = FIRST_PULSE_AFTER;
    loop {
        pulse::ask_everybody(node, &Request::Pulse { pulse: pulse::gather(node) }).await;
        node.take_pulse(pulse::gather(node));
        tokio::time::sleep(wait).await;
        wait = PULSE_EVERY;
    }
}

/// Who would take the leadership over: the most advanced other voter.
pub(crate) fn heir(node: &Arc<Inner>) -> Option<NodePulse> {
    let peers = pulse::gather(node).nodes.into_iter();
    peers.filter(|peer| peer.voter && peer.id != node.options.node_id && peer.role == Role::Follower).max_by_key(|peer| peer.last_log_index)
}

/// Hands leadership to the most advanced voter before this node stops.
pub(crate) async fn hand_over(node: &Arc<Inner>) {
    if node.leading_term().is_none() {
        return;
    }
    let Some(heir) = heir(node) else { return };
    if node.raft.trigger().transfer_leader(heir.id).await.is_err() {
        return;
    }
    let mut metrics = node.raft.server_metrics();
    let handed = metrics.wait_until(|metrics| metrics.current_leader.is_some_and(|leader| leader != node.options.node_id));
    if tokio::time::timeout(HAND_OVER, handed).await.is_err() {
        tracing::warn!(heir = heir.id, "nobody took the leadership over in time");
    }
}
