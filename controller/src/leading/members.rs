//! Membership: an empty node takes the place of a lost one, and instances are admitted once they were met.

use crate::api::{Refusal, Replacement};
use crate::net::peers::Lane;
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use crate::{LONGEST_DEADLINE, Submission};
use metadata::{Code, Index, Intent, Principal, Rejection};
use openraft::async_runtime::WatchReceiver;
use openraft::{BasicNode, ChangeMembers};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ASK: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);

/// The request's fields.
const ID: &str = "add.id";
const URL: &str = "add.url";

/// Replicates the instances that this leader met, as long as it leads.
pub(super) async fn admit(node: Arc<Inner>) {
    let mut met = node.peers.greeter().watch();
    loop {
        let members: BTreeSet<_> = node.raft.server_metrics().borrow_watched().membership_config.nodes().map(|(id, _)| *id).collect();
        for (node_id, instance_id) in node.peers.greeter().strangers().into_iter().filter(|(id, _)| members.contains(id)) {
            let intent = Intent::AdmitInstance { node_id, instance_id };
            let submission = Submission::new(intent, Principal::controller(node.options.node_id));
            match node.inbox.submit(submission, Instant::now() + LONGEST_DEADLINE).await {
                Ok(_) => tracing::info!(node_id, %instance_id, "an instance was admitted"),
                Err(refusal) => {
                    tracing::warn!(node_id, %refusal, "an instance is not admitted yet");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        if met.changed().await.is_err() {
            return;
        }
    }
}

fn refuse(field: &str, value: impl ToString, what: impl Into<String>, allowed: &str) -> Refusal {
    Rejection::new(Code::InvalidRequest, what).at(field, value.to_string(), allowed).into()
}

fn check(node: &Inner, asked: &Replacement) -> Result<(), Refusal> {
    let metrics = node.raft.server_metrics();
    let metrics = metrics.borrow_watched();
    let members: BTreeMap<_, _> = metrics.membership_config.nodes().map(|(id, peer)| (*id, peer.addr.clone())).collect();
    if !members.contains_key(&asked.remove) {
        let allowed = members.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(refuse("remove", asked.remove, format!("Controller {} is no member", asked.remove), &allowed));
    }
    let view = node.hub.view();
    // An attempt that was cut short left a learner behind: asked again, it is finished.
    let begun = members.get(&asked.id) == Some(&asked.url) && metrics.membership_config.voter_ids().all(|voter| voter != asked.id);
    if begun {
        return Ok(());
    }
    if members.contains_key(&asked.id) || view.machine.instances.knows(asked.id) {
        return Err(refuse(ID, asked.id, "This node id was used before, and ids are never used again", "an id that was never used"));
    }
    if u32::try_from(asked.id).is_ok_and(|id| view.state.broker(metadata::BrokerId(id)).is_some()) {
        return Err(refuse(
            ID,
            asked.id,
            "A broker has this id; controllers and brokers share one number space",
            "an id that no broker has",
        ));
    }
    if members.values().any(|url| *url == asked.url) && members.get(&asked.remove) != Some(&asked.url) {
        return Err(refuse(URL, &asked.url, "Another controller listens there", "the address of the new node"));
    }
    Ok(())
}

/// Puts an empty node in the place of a lost one: it learns all there is, then one change of membership swaps the two.
///
/// # Errors
/// When this node does not lead, no controller answers at the new address, or it does not catch up in time.
pub(crate) async fn replace(node: &Arc<Inner>, asked: Replacement, deadline: Instant) -> Result<Index, Refusal> {
    if node.leading_term().is_none() {
        return Err(Refusal::new(Code::NotController, "This node does not lead"));
    }
    if asked.remove == node.options.node_id {
        return Err(refuse("remove", asked.remove, "This node leads: move the leadership first", "a node that does not lead"));
    }
    check(node, &asked)?;
    let newcomer = node.peers.connection(&asked.url, Lane::Control);
    match newcomer.call(&Request::Status, ASK).await {
        Ok(Reply::Status(status)) if status.id == asked.id => {}
        Ok(Reply::Status(status)) => {
            return Err(refuse(ID, asked.id, format!("Controller {} listens at {}", status.id, asked.url), &status.id.to_string()));
        }
        Ok(_) => return Err(refuse(URL, &asked.url, "What listens there is no controller", "the address of the new node")),
        Err(error) => {
            return Err(refuse(URL, &asked.url, format!("The new node does not answer: {error}"), "the address of the new node"));
        }
    }
    let raft = &node.raft;
    let unknown = |what: &str, error: &dyn std::fmt::Display| Refusal::new(Code::OutcomeUnknown, format!("{what}: {error}"));
    let late = |_| Refusal::new(Code::OutcomeUnknown, "The time ran out: the change of membership may yet happen");
    let learns = raft.add_learner(asked.id, BasicNode::new(&asked.url), true);
    tokio::time::timeout_at(deadline, learns).await.map_err(late)?.map_err(|error| unknown("The new node does not learn", &error))?;
    let mut voters: BTreeSet<_> = raft.server_metrics().borrow_watched().membership_config.voter_ids().collect();
    voters.remove(&asked.remove);
    voters.insert(asked.id);
    let changes = raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), false);
    let changed = tokio::time::timeout_at(deadline, changes).await.map_err(late)?;
    let changed = changed.map_err(|error| unknown("The membership does not change", &error))?;
    tracing::info!(removed = asked.remove, added = asked.id, url = asked.url, "a controller was replaced");
    Ok(changed.log_id.index)
}
