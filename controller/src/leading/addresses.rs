//! Members' addresses say how their nodes are spoken to. When a cluster has gone over to TLS, or back, its leader writes them anew.

use super::members::committed;
use super::membership::Members;
use crate::LONGEST_DEADLINE;
use crate::node::Inner;
use openraft::{BasicNode, ChangeMembers};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Looks at every membership that is committed while this node leads.
pub(super) async fn follow(node: Arc<Inner>) {
    // In between both are right.
    let speaks = node.options.speaks;
    let Some(scheme) = speaks.scheme() else { return };
    let mut applied = node.hub.watch_applied();
    loop {
        applied.mark_unchanged();
        let members = Members::of(&node).urls;
        let other: BTreeMap<_, _> = members.iter().filter_map(|(id, url)| Some((*id, BasicNode::new(speaks.spoken(url)?)))).collect();
        let again = !other.is_empty();
        if again && let Ok(_one_at_a_time) = node.changing.try_lock() {
            let changed = committed(&node, ChangeMembers::SetNodes(other), true, Instant::now() + LONGEST_DEADLINE);
            match changed.await {
                Ok(index) => tracing::info!(index, scheme, "the controllers' addresses say how they are spoken to now"),
                Err(refusal) => tracing::warn!(%refusal, "the controllers' addresses are not written anew yet"),
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        // An idle cluster applies nothing.
        if !again && applied.changed().await.is_err() {
            return;
        }
    }
}
