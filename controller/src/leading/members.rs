//! The controllers' membership (K): one change at a time, by the leader alone, never below a majority that answers. And instances are
//! admitted once they were met.

use super::membership::{Members, refuse};
use crate::api::{MemberChange, Refusal, Replacement};
use crate::net::peers::Lane;
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use crate::{LONGEST_DEADLINE, Submission};
use metadata::access::{Credential, Demand};
use metadata::{Code, ControllerNode, Index, Intent, NodeId, Principal};
use openraft::async_runtime::WatchReceiver;
use openraft::error::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ASK: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);
/// How long a transfer of the leadership may take before it counts as failed.
const TRANSFER: Duration = Duration::from_secs(3);
/// K2: entries that a learner may lack when it becomes a voter.
const MOST_BEHIND: Index = 1_000;

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

/// K5: a change whose leader died between its two entries needs both majorities for everything until it is finished. Whoever loses its
/// vote by it stays as a learner, to be removed by whoever asks again.
pub(super) async fn finish(node: Arc<Inner>) {
    loop {
        tokio::time::sleep(RETRY).await;
        let joint = node.members_change();
        // One that is under way finishes itself.
        let Some(_one_at_a_time) = node.changing.try_lock().ok().filter(|_| joint) else { continue };
        match committed(&node, ChangeMembers::AddVoterIds(BTreeSet::new()), true, Instant::now() + LONGEST_DEADLINE).await {
            Ok(index) => tracing::info!(index, "a change of membership that another leader began was finished"),
            Err(refusal) => tracing::debug!(%refusal, "a change of membership that another leader began is not finished yet"),
        }
    }
}

/// K1: whether a new node may have this id and this address; `in_place_of` goes with the same change.
fn check_newcomer(
    node: &Inner,
    members: &Members,
    id: NodeId,
    url: &str,
    fields: [&str; 2],
    in_place_of: Option<NodeId>,
) -> Result<(), Refusal> {
    let [id_field, url_field] = fields;
    let view = node.hub.view();
    if members.urls.contains_key(&id) || view.machine.instances.knows(id) {
        let what = "This node id was used before, and ids are never used again";
        return Err(refuse(Code::InvalidRequest, id_field, id, what, "an id that was never used"));
    }
    if u32::try_from(id).is_ok_and(|id| view.state.broker(metadata::BrokerId(id)).is_some()) {
        let what = "A broker has this id; controllers and brokers share one number space";
        return Err(refuse(Code::InvalidRequest, id_field, id, what, "an id that no broker has"));
    }
    let taken = members.urls.iter().any(|(other, known)| known == url && Some(*other) != in_place_of);
    if taken {
        return Err(refuse(Code::InvalidRequest, url_field, url, "Another controller listens there", "the address of the new node"));
    }
    Ok(())
}

/// Whether the controller of this id listens there, and has a use for this cluster.
async fn check_listening(node: &Inner, id: NodeId, url: &str, [id_field, url_field]: [&str; 2]) -> Result<(), Refusal> {
    let newcomer = node.peers.connection(url, Lane::Control);
    let allowed = "the address of the new node";
    match newcomer.call(&Request::Status, ASK).await {
        Ok(Reply::Status(status)) if status.id == id => Ok(()),
        Ok(Reply::Status(status)) => {
            let what = format!("Controller {} listens at {url}", status.id);
            Err(refuse(Code::InvalidRequest, id_field, id, what, status.id.to_string()))
        }
        Ok(_) => Err(refuse(Code::InvalidRequest, url_field, url, "What listens there is no controller", allowed)),
        Err(error) => Err(refuse(Code::InvalidRequest, url_field, url, format!("The new node does not answer: {error}"), allowed)),
    }
}

/// Whether a change would be carried out now, and who would belong to the cluster after it. Nothing is changed.
///
/// # Errors
/// As [`change`], but for what only shows once it is begun.
pub(crate) async fn foresee(node: &Arc<Inner>, asked: &MemberChange, credential: &Credential) -> Result<Vec<ControllerNode>, Refusal> {
    theirs(node, credential, Instant::now() + LONGEST_DEADLINE).await?;
    if node.changing.try_lock().is_err() || node.members_change() {
        return Err(in_progress());
    }
    let asked = asked.clone().spoken(node.options.speaks);
    check(node, &asked).await?;
    let Members { mut urls, mut voters } = Members::of(node);
    match &asked {
        MemberChange::Add { id, url } => drop(urls.insert(*id, url.clone())),
        MemberChange::Promote { id } => drop(voters.insert(*id)),
        MemberChange::Demote { id } => drop(voters.remove(id)),
        MemberChange::Remove { id } => drop(urls.remove(id)),
        MemberChange::Replace(Replacement { remove, id, url }) => {
            urls.remove(remove);
            urls.insert(*id, url.clone());
            voters.insert(*id);
        }
        MemberChange::Lead { .. } => {}
    }
    Ok(urls.into_iter().map(|(id, url)| ControllerNode { id, url, voter: voters.contains(&id) }).collect())
}

/// Whether whoever shows this may change the membership. Nothing judges that once more when it is committed, so all that earlier terms
/// committed is applied first (C1).
async fn theirs(node: &Arc<Inner>, credential: &Credential, deadline: Instant) -> Result<(), Refusal> {
    if node.leading_term().is_none() {
        return Err(Refusal::new(Code::NotController, "This node does not lead"));
    }
    node.reads.confirm(deadline).await?;
    node.authorise(credential, &Demand::Admin)
}

/// Carries one out that somebody asks for.
///
/// # Errors
/// UNAUTHENTICATED, FORBIDDEN, and as [`change`].
pub(crate) async fn asked(node: &Arc<Inner>, asked: MemberChange, credential: &Credential, deadline: Instant) -> Result<Index, Refusal> {
    theirs(node, credential, deadline).await?;
    change(node, asked, deadline).await
}

/// Carries one change out; its index, once it is committed.
///
/// # Errors
/// NOT_CONTROLLER when this node does not lead (any more), MEMBERSHIP_CHANGE_IN_PROGRESS, what K1 to K7 refuse, OUTCOME_UNKNOWN.
async fn change(node: &Arc<Inner>, asked: MemberChange, deadline: Instant) -> Result<Index, Refusal> {
    if node.leading_term().is_none() {
        return Err(Refusal::new(Code::NotController, "This node does not lead"));
    }
    // Who leads is no matter of the membership: the leadership moves during a change as well.
    let changes = !matches!(asked, MemberChange::Lead { .. });
    let asked = asked.spoken(node.options.speaks);
    let _one_at_a_time = changes.then(|| node.changing.try_lock()).transpose().map_err(|_| in_progress())?;
    check(node, &asked).await?;
    match asked {
        MemberChange::Add { id, url } => add(node, id, url, deadline).await,
        MemberChange::Promote { id } => {
            let index = committed(node, ChangeMembers::AddVoterIds([id].into()), true, deadline).await?;
            tracing::info!(id, "a learner became a voter");
            Ok(index)
        }
        MemberChange::Demote { id } => take_vote(node, id, true, deadline).await,
        MemberChange::Remove { id } if Members::of(node).voters.contains(&id) => take_vote(node, id, false, deadline).await,
        MemberChange::Remove { id } => {
            let index = committed(node, ChangeMembers::RemoveNodes([id].into()), false, deadline).await?;
            tracing::info!(id, "a learner was removed");
            Ok(index)
        }
        MemberChange::Replace(replacement) => replace(node, replacement, deadline).await,
        MemberChange::Lead { id } => transfer(node, id, deadline).await,
    }
}

fn in_progress() -> Refusal {
    Refusal::new(Code::MembershipChangeInProgress, "Another change of the membership is under way")
}

/// What K1 to K7 refuse.
async fn check(node: &Arc<Inner>, asked: &MemberChange) -> Result<(), Refusal> {
    let members = Members::of(node);
    match asked {
        MemberChange::Add { id, url } => {
            const FIELDS: [&str; 2] = ["id", "url"];
            // Asked again, what was done is done.
            if members.urls.get(id) == Some(url) {
                return Ok(());
            }
            check_newcomer(node, &members, *id, url, FIELDS, None)?;
            check_listening(node, *id, url, FIELDS).await
        }
        MemberChange::Promote { id } => check_promotion(node, &members, *id),
        MemberChange::Demote { id } => {
            members.known("id", *id)?;
            if !members.voters.contains(id) {
                return Err(refuse(Code::InvalidRequest, "id", id, format!("Controller {id} is a learner"), "a voter"));
            }
            check_majority(node, &members, *id).await
        }
        MemberChange::Remove { id } => {
            members.known("id", *id)?;
            if members.voters.contains(id) { check_majority(node, &members, *id).await } else { Ok(()) }
        }
        MemberChange::Replace(replacement) => check_replacement(node, &members, replacement).await,
        MemberChange::Lead { id } => check_heir(node, &members, *id).await,
    }
}

async fn add(node: &Arc<Inner>, id: NodeId, url: String, deadline: Instant) -> Result<Index, Refusal> {
    let index = committed(node, ChangeMembers::AddNodes([(id, BasicNode::new(&url))].into()), true, deadline).await?;
    tracing::info!(id, url, "a controller joined as a learner");
    Ok(index)
}

fn check_promotion(node: &Arc<Inner>, members: &Members, id: NodeId) -> Result<(), Refusal> {
    members.known("id", id)?;
    if members.voters.contains(&id) {
        return Err(refuse(Code::InvalidRequest, "id", id, format!("Controller {id} votes already"), "a learner"));
    }
    let last = node.last_log_index();
    let matched = {
        let metrics = node.raft.data_metrics();
        let metrics = metrics.borrow_watched();
        metrics.replication.as_ref().and_then(|replication| replication.get(&id).copied().flatten()).map_or(0, |log_id| log_id.index)
    };
    let behind = last.saturating_sub(matched);
    if behind > MOST_BEHIND {
        let what = format!("Controller {id} lacks {behind} entries: as a voter it would hold the others up");
        return Err(refuse(Code::IneligibleReplica, "id", id, what, format!("a learner that lacks at most {MOST_BEHIND} entries")));
    }
    Ok(())
}

/// K3: whether without this voter those that answer are still a majority.
async fn check_majority(node: &Arc<Inner>, members: &Members, id: NodeId) -> Result<(), Refusal> {
    let rest: BTreeSet<NodeId> = members.voters.iter().copied().filter(|voter| *voter != id).collect();
    if rest.is_empty() {
        return Err(refuse(Code::PolicyViolation, "id", id, format!("Controller {id} is the only voter"), "one of several voters"));
    }
    // Asked now, not remembered: one that died a moment ago would be counted, and the change would wait for it for ever.
    let asked = rest.iter().filter(|voter| **voter != node.options.node_id).filter_map(|voter| members.urls.get(voter)).map(|url| {
        let connection = node.peers.connection(url, Lane::Control);
        async move { connection.call(&Request::Status, ASK).await }
    });
    let others = futures::future::join_all(asked).await.into_iter().filter(|answer| matches!(answer, Ok(Reply::Status(_)))).count();
    let answering = others + usize::from(rest.contains(&node.options.node_id));
    if answering * 2 <= rest.len() {
        let what = format!("Of the {} voters that would remain only {answering} answer: nothing could be decided any more", rest.len());
        return Err(refuse(Code::PolicyViolation, "id", id, what, "a voter without which a majority still answers"));
    }
    Ok(())
}

/// Takes a voter's vote; it stays as a learner, or goes.
async fn take_vote(node: &Arc<Inner>, id: NodeId, stays: bool, deadline: Instant) -> Result<Index, Refusal> {
    if id == node.options.node_id {
        // K3: the leadership first, and then the new leader goes on.
        super::hand_over(node).await;
        return Err(Refusal::new(Code::NotController, "This node leads no more: the new leader goes on"));
    }
    let index = committed(node, ChangeMembers::RemoveVoters([id].into()), stays, deadline).await?;
    tracing::info!(id, stays, "a voter lost its vote");
    Ok(index)
}

/// Commits a change of the membership.
pub(super) async fn committed(
    node: &Arc<Inner>,
    change: ChangeMembers<NodeId, BasicNode>,
    retain: bool,
    deadline: Instant,
) -> Result<Index, Refusal> {
    let late = |_| Refusal::new(Code::OutcomeUnknown, "The time ran out: the change of membership may yet happen");
    let changed = tokio::time::timeout_at(deadline, node.raft.change_membership(change, retain)).await.map_err(late)?;
    changed.map(|done| done.log_id.index).map_err(|error| match error {
        RaftError::APIError(ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_))) => in_progress(),
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => {
            Refusal::new(Code::InvalidRequest, format!("The membership cannot change so: {error}"))
        }
        RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => Refusal::new(Code::NotController, "This node leads no more"),
        error => Refusal::new(Code::OutcomeUnknown, format!("The membership does not change: {error}")),
    })
}

/// K6: whether the leadership may go to this voter.
async fn check_heir(node: &Arc<Inner>, members: &Members, id: NodeId) -> Result<(), Refusal> {
    members.known("node_id", id)?;
    if id == node.options.node_id {
        return Ok(());
    }
    if !members.voters.contains(&id) {
        let allowed = members.voters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(refuse(Code::InvalidRequest, "node_id", id, format!("Controller {id} is a learner, and leads nobody"), allowed));
    }
    let url = members.urls.get(&id).cloned().unwrap_or_default();
    let refused = |what: String| refuse(Code::IneligibleReplica, "node_id", id, what, "a voter that answers and has the whole log");
    match node.peers.connection(&url, Lane::Control).call(&Request::Status, ASK).await {
        Ok(Reply::Status(status)) if node.last_log_index().saturating_sub(status.last_log_index) <= MOST_BEHIND => Ok(()),
        Ok(Reply::Status(status)) => {
            Err(refused(format!("Controller {id} lacks {} entries", node.last_log_index().saturating_sub(status.last_log_index))))
        }
        Ok(_) | Err(_) => Err(refused(format!("Controller {id} does not answer"))),
    }
}

/// K6: the leadership goes to this voter.
async fn transfer(node: &Arc<Inner>, id: NodeId, deadline: Instant) -> Result<Index, Refusal> {
    if id == node.options.node_id {
        return Ok(node.hub.view().applied);
    }
    let mut metrics = node.raft.server_metrics();
    let until = deadline.min(Instant::now() + TRANSFER);
    if let Err(error) = node.raft.trigger().transfer_leader(id).await {
        return Err(Refusal::new(Code::OutcomeUnknown, format!("Raft has stopped: {error}")));
    }
    let moved = metrics.wait_until(|metrics| metrics.current_leader == Some(id));
    match tokio::time::timeout_at(until, moved).await {
        Ok(Ok(_)) => {
            tracing::info!(id, "the leadership was moved");
            Ok(node.hub.view().applied)
        }
        _ => Err(Refusal::new(Code::OutcomeUnknown, format!("Controller {id} did not take the leadership over in time: it may yet do"))),
    }
}

/// How far a replacement has come.
enum Replacing {
    /// Another leader finished it, and left the old one behind as a learner.
    LeftBehind,
    /// An attempt that was cut short left a learner behind: asked again, it is finished.
    Begun,
    New,
}

fn replacing(members: &Members, asked: &Replacement) -> Replacing {
    let there = members.urls.get(&asked.id) == Some(&asked.url);
    match (there, members.voters.contains(&asked.id)) {
        (true, true) if !members.voters.contains(&asked.remove) => Replacing::LeftBehind,
        (true, false) => Replacing::Begun,
        _ => Replacing::New,
    }
}

async fn check_replacement(node: &Arc<Inner>, members: &Members, asked: &Replacement) -> Result<(), Refusal> {
    const FIELDS: [&str; 2] = ["add.id", "add.url"];
    if asked.remove == node.options.node_id {
        let what = "This node leads: move the leadership first";
        return Err(refuse(Code::InvalidRequest, "remove", asked.remove, what, "a node that does not lead"));
    }
    members.known("remove", asked.remove)?;
    match replacing(members, asked) {
        Replacing::LeftBehind => return Ok(()),
        Replacing::Begun => {}
        Replacing::New => check_newcomer(node, members, asked.id, &asked.url, FIELDS, Some(asked.remove))?,
    }
    check_listening(node, asked.id, &asked.url, FIELDS).await
}

/// K7: puts an empty node in the place of a lost one: it learns all there is, then one change of membership swaps the two.
async fn replace(node: &Arc<Inner>, asked: Replacement, deadline: Instant) -> Result<Index, Refusal> {
    if matches!(replacing(&Members::of(node), &asked), Replacing::LeftBehind) {
        return committed(node, ChangeMembers::RemoveNodes([asked.remove].into()), false, deadline).await;
    }
    let unknown = |what: &str, error: &dyn std::fmt::Display| Refusal::new(Code::OutcomeUnknown, format!("{what}: {error}"));
    let late = |_| Refusal::new(Code::OutcomeUnknown, "The time ran out: the change of membership may yet happen");
    let learns = node.raft.add_learner(asked.id, BasicNode::new(&asked.url), true);
    tokio::time::timeout_at(deadline, learns).await.map_err(late)?.map_err(|error| unknown("The new node does not learn", &error))?;
    let mut voters = Members::of(node).voters;
    voters.remove(&asked.remove);
    voters.insert(asked.id);
    let index = committed(node, ChangeMembers::ReplaceAllVoters(voters), false, deadline).await?;
    tracing::info!(removed = asked.remove, added = asked.id, url = asked.url, "a controller was replaced");
    Ok(index)
}
