//! Soft state: gathered by the leader about once a second, relayed by followers with its age. A node that no leader tells of it
//! looks around by itself.

use crate::following::board::STALE_MS;
use crate::hub::Encoded;
use crate::net::peers::Lane;
use crate::net::rpc::{NodeStatus, Reply, Request};
use crate::node::Inner;
use metadata::frame::{BrokerPulse, Frame, NodePulse, Pulse, Role};
use metadata::{Index, NodeId};
use openraft::async_runtime::WatchReceiver;
use std::sync::Arc;
use std::time::Duration;

/// How often the soft state is gathered.
pub(crate) const PULSE_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_millis(800);

/// The newest pulse with its age; this node's own knowledge when there is none that still says something.
pub(crate) fn read(node: &Inner) -> Arc<Pulse> {
    if node.leading_term().is_some() {
        return Arc::new(gather(node));
    }
    match node.board.told(node.environment.monotonic_ms()) {
        Some((pulse, age_ms)) => {
            let mut pulse = Pulse { age_ms, leader_id: node.leader_id(), term: node.term(), ..Pulse::clone(&pulse) };
            // Of itself a node knows best.
            let own = gather(node).nodes.into_iter().find(|own| own.id == node.options.node_id);
            if let (Some(own), Some(relayed)) = (own, pulse.nodes.iter_mut().find(|relayed| relayed.id == node.options.node_id)) {
                *relayed = own;
            }
            Arc::new(pulse)
        }
        None => Arc::new(gather(node)),
    }
}

/// The newest pulse, gathered and encoded once for all who were told of it.
pub(crate) fn shared(node: &Inner) -> Arc<Encoded> {
    node.board.once(|| Encoded::new(Frame::Pulse(read(node))))
}

/// What this node knows: as a leader all there is to know.
pub(crate) fn gather(node: &Inner) -> Pulse {
    let leading = node.leading_term().is_some();
    let now_ms = node.environment.monotonic_ms();
    let wall_ms = node.environment.wall_ms();
    let state = node.hub.view().state.clone();
    let leader_id = node.leader_id();
    let brokers = if leading { broker_pulses(node, now_ms) } else { Vec::new() };
    Pulse {
        at_ms: wall_ms,
        age_ms: 0,
        leader_id,
        term: node.term(),
        nodes: nodes(node, leader_id, now_ms),
        brokers,
        backup: node.board.backup(),
        since: node.hub.since().filter(|_| state.revision() > 0),
        commits_10s: node.hub.count_since(wall_ms.saturating_sub(10_000)),
    }
}

fn nodes(node: &Inner, leader_id: Option<NodeId>, now_ms: u64) -> Vec<NodePulse> {
    let own = node.status();
    // Nobody is called unreachable whom a new leader has not asked yet.
    let asked = node.leading_term().is_none_or(|term| node.board.has_asked(term));
    let statuses = node.board.statuses();
    let metrics = node.raft.server_metrics();
    let metrics = metrics.borrow_watched();
    let voters: Vec<NodeId> = metrics.membership_config.voter_ids().collect();
    let pulse = |id: NodeId, url: String| {
        let me = id == own.id;
        let heard = statuses.get(&id).map(|(status, at_ms)| (status, now_ms.saturating_sub(*at_ms)));
        let status = if me { Some((&own, 0)) } else { heard };
        let fresh = !asked || status.is_some_and(|(_, age_ms)| age_ms < STALE_MS);
        let voter = voters.contains(&id);
        let role = match (fresh, leader_id == Some(id), voter) {
            (true, true, _) => Role::Leader,
            (true, false, true) => Role::Follower,
            (true, false, false) => Role::Learner,
            (false, ..) => Role::Unreachable,
        };
        let index = |of: fn(&NodeStatus) -> Index| status.map_or(0, |(status, _)| of(status));
        NodePulse {
            id,
            url,
            role,
            voter,
            last_log_index: index(|status| status.last_log_index),
            applied_index: index(|status| status.applied_index),
            last_contact_ms: status.map(|(_, age_ms)| age_ms),
            digest: status.map(|(status, _)| status.digest),
            snapshot_index: status.map(|(status, _)| status.snapshot_index).filter(|index| *index > 0),
        }
    };
    metrics.membership_config.nodes().map(|(id, peer)| pulse(*id, peer.addr.clone())).collect()
}

/// Tells every other controller this, and hears how far each of them is.
pub(crate) async fn ask_everybody(node: &Inner, request: &Request) {
    let term = node.leading_term();
    let peers = gather(node).nodes.into_iter().filter(|peer| peer.id != node.options.node_id);
    let asked = peers.map(async |peer| {
        let connection = node.peers.connection(&peer.url, Lane::Control);
        if let Ok(Reply::Status(status)) = connection.call(request, ANSWER_WITHIN).await {
            node.board.note_status(status, node.environment.monotonic_ms());
        }
    });
    futures::future::join_all(asked).await;
    if let Some(term) = term {
        node.board.note_asked(term);
    }
}

/// While no leader tells who is there, this node asks itself: what it says of a lost majority is what it saw.
pub(crate) async fn look_around(node: Arc<Inner>) {
    loop {
        let alone = || node.leading_term().is_none() && node.board.told(node.environment.monotonic_ms()).is_none();
        if alone() {
            ask_everybody(&node, &Request::Status).await;
            if alone() {
                node.board.tell();
            }
        }
        tokio::time::sleep(PULSE_EVERY).await;
    }
}

fn broker_pulses(node: &Inner, now_ms: u64) -> Vec<BrokerPulse> {
    let liveness = node.sessions.liveness(&node.hub.view().state, now_ms);
    let pulse = |id, epoch| {
        let session = liveness.sessions.get(&id).filter(|session| session.broker_epoch == epoch);
        BrokerPulse {
            id,
            heartbeat_age_ms: session.map(|session| now_ms.saturating_sub(session.contact_ms)),
            acknowledged_index: session.map(|session| session.metadata_index).filter(|index| *index > 0),
        }
    };
    node.hub.view().state.brokers().map(|broker| pulse(broker.id, broker.epoch)).collect()
}
