//! What a follower does when the leader's process is gone: it stands for election at once, and does not wait until the
//! leader has been silent for long enough.
//!
//! A process that dies closes its connections, and nobody listens at its address any more. Both together are proof enough
//! to ask for votes as after a transfer of the leadership; that an election is asked for too early costs a term, never a
//! commit. A leader that is merely cut off or paused is waited for as ever.

use crate::net::peers::Lane;
use crate::net::rpc::{Reply, Request};
use crate::node::Inner;
use metadata::{Index, NodeId};
use openraft::async_runtime::WatchReceiver;
use openraft::raft::TransferLeaderRequest;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const ASK: Duration = Duration::from_millis(50);
const CONNECT: Duration = Duration::from_millis(200);
const LOOKS: usize = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// One follower after another, so that their elections do not meet.
const TURN: Duration = Duration::from_millis(60);

/// A connection from this peer has ended.
pub(crate) async fn peer_left(node: Arc<Inner>, peer: NodeId) {
    if leader(&node) != Some(peer) || node.stop.is_cancelled() || node.succeeding.swap(true, Ordering::AcqRel) {
        return;
    }
    succeed(&node, peer).await;
    node.succeeding.store(false, Ordering::Release);
}

fn leader(node: &Inner) -> Option<NodeId> {
    node.raft.server_metrics().borrow_watched().current_leader
}

async fn succeed(node: &Arc<Inner>, lost: NodeId) {
    let Some(url) = node.url_of(lost) else { return };
    if !gone(node, &url).await {
        return;
    }
    tokio::time::sleep(TURN * before(node, lost).await).await;
    let vote = node.raft.server_metrics().borrow_watched().vote;
    if leader(node) != Some(lost) || node.stop.is_cancelled() {
        return;
    }
    tracing::info!(lost, "the leader's process is gone: this node stands for election");
    let request = TransferLeaderRequest::new(vote, node.options.node_id, None);
    if let Err(error) = node.raft.handle_transfer_leader(request).await {
        tracing::debug!(%error, "no election");
    }
}

/// Whether nobody listens at an address any more. A process that is dying may still be on its way out when its first
/// connection ends.
async fn gone(node: &Arc<Inner>, url: &str) -> bool {
    for _ in 0..LOOKS {
        match tokio::time::timeout(CONNECT, node.peers.transport().connect(url)).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => return true,
            // Somebody answers, or stands still: that is for the election time-out.
            Ok(Ok(_)) | Err(_) => return false,
            Ok(Err(_)) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
    false
}

/// How many other followers should stand first: those with more of the log, then those with a smaller id.
async fn before(node: &Arc<Inner>, lost: NodeId) -> u32 {
    let own: (Index, NodeId) = (node.last_log_index(), node.options.node_id);
    let others = node.voters().1.into_iter().filter(|(id, _)| *id != lost).map(|(id, url)| {
        let connection = node.peers.connection(&url, Lane::Control);
        async move {
            match connection.call(&Request::Status, ASK).await {
                Ok(Reply::Status(status)) => status.last_log_index > own.0 || (status.last_log_index == own.0 && id < own.1),
                _ => false,
            }
        }
    });
    futures::future::join_all(others).await.into_iter().filter(|first| *first).count() as u32
}
