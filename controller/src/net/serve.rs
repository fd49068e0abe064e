//! The server's side of a connection: appends in their order, everything else beside them.

use super::rpc::{Reply, Request};
use super::{Certified, Duplex, wire};
use crate::api::{MemberChange, Proven, Refusal, Submission};
use crate::following::succession;
use crate::leading::members;
use crate::node::Inner;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, poll};
use metadata::access::Credential;
use metadata::intent::Heartbeat;
use metadata::{Code, NodeId, Principal};
use openraft::storage::Snapshot;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;

/// Requests under way on one connection; further ones wait on the wire.
const MOST_UNDER_WAY: usize = 1_024;

/// How long a fresh connection may stay silent.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a greeting; before it nobody is known, and nobody gets more memory than this.
const LONGEST_GREETING: u32 = 1 << 10;
const FAREWELL: Duration = Duration::from_millis(200);

/// Serves one connection until it ends.
pub(crate) async fn serve(node: Arc<Inner>, stream: impl Duplex, proven: Option<Certified>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = wire::buffered(reader);
    let (frames, mut queued) = mpsc::channel::<Vec<u8>>(MOST_UNDER_WAY);
    let write = async {
        let mut batch = Vec::new();
        while queued.recv_many(&mut batch, 64).await > 0 {
            wire::write_all(&mut writer, &mut batch).await?;
        }
        io::Result::Ok(())
    };
    let ended = tokio::select! {
        ended = read(&node, proven, &mut reader, frames) => ended,
        ended = write => ended,
        () = node.stop.cancelled() => Ok(()),
    };
    tracing::debug!(?ended, "a peer left");
}

async fn read(
    node: &Arc<Inner>,
    proven: Option<Certified>,
    reader: &mut (impl tokio::io::AsyncRead + Unpin),
    frames: mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let Some(peer) = greet(node, proven, reader, &mut buffer, &frames).await? else { return Ok(()) };
    let ended = requests(node, peer, proven, reader, buffer, frames).await;
    tokio::spawn(succession::peer_left(node.clone(), peer));
    ended
}

async fn requests(
    node: &Arc<Inner>,
    peer: NodeId,
    proven: Option<Certified>,
    reader: &mut (impl tokio::io::AsyncRead + Unpin),
    mut buffer: Vec<u8>,
    frames: mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut under_way: FuturesUnordered<BoxFuture<'static, (u64, Reply)>> = FuturesUnordered::new();
    loop {
        let greeter = node.peers.greeter();
        let incoming = async {
            match greeter.member(peer) {
                true => wire::read::<Request>(reader, &mut buffer).await,
                false => wire::read_of_unknown::<Request>(reader, &mut buffer, greeter.turns()).await,
            }
        };
        tokio::pin!(incoming);
        let (id, request) = loop {
            tokio::select! {
                biased;
                Some((id, reply)) = under_way.next() => {
                    frames.send(wire::frame(id, &reply)?).await.map_err(io::Error::other)?;
                }
                // Cancel-safe: it is pinned outside this inner loop and polled to its end.
                got = &mut incoming, if under_way.len() < MOST_UNDER_WAY => match got? {
                    Some(request) => break request,
                    None => return Ok(()),
                },
            }
        };
        // K4: it is told why when it greets again.
        if node.peers.greeter().removed(peer) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "this peer was removed from the membership"));
        }
        if node.peers.greeter().revoked(proven) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "this peer's certificate is revoked"));
        }
        if let Err(refusal) = may(peer, node.peers.greeter().member(peer), &request) {
            frames.send(wire::frame(id, &Reply::Refused(refusal))?).await.map_err(io::Error::other)?;
            continue;
        }
        let mut answer = answer(node.clone(), peer, request).map(move |reply| (id, reply)).boxed();
        // The first poll puts an append into Raft's queue: in the order of arrival.
        match poll!(&mut answer) {
            Poll::Ready((id, reply)) => frames.send(wire::frame(id, &reply)?).await.map_err(io::Error::other)?,
            Poll::Pending => under_way.push(answer),
        }
    }
}

/// What a peer may ask. Raft's own messages and what tells whether two nodes belong together are taken from a node that this one
/// has not heard of yet: it may be far behind, and the leader a newcomer. Everything else is for members.
fn may(peer: NodeId, member: bool, request: &Request) -> Result<(), Refusal> {
    match request {
        Request::Append { .. }
        | Request::Vote(_)
        | Request::PreVote(_)
        | Request::TransferLeader(_)
        | Request::Snapshot { .. }
        | Request::Hello(_)
        | Request::Status
        | Request::Members
        | Request::Format => Ok(()),
        _ if !member => {
            let detail = format!("Node {peer} is no controller of this cluster, as far as this node knows");
            Err(Refusal::new(Code::NotController, detail))
        }
        // It forwards what others ask, and decides as nobody but itself.
        Request::Submit { submission, .. } | Request::SubmitProven { submission, .. } | Request::SubmitBy { submission, .. }
            if submission.principal.is_controller() && submission.principal != Principal::controller(peer) =>
        {
            let detail = format!("Node {peer} does not speak for {}", submission.principal.0);
            Err(Refusal::new(Code::PolicyViolation, detail))
        }
        _ => Ok(()),
    }
}

/// The first frame says who speaks; none for a peer that may not.
async fn greet(
    node: &Arc<Inner>,
    proven: Option<Certified>,
    reader: &mut (impl tokio::io::AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    frames: &mpsc::Sender<Vec<u8>>,
) -> io::Result<Option<NodeId>> {
    let first = tokio::time::timeout(GREETING_TIMEOUT, wire::read_up_to::<Request>(reader, buffer, LONGEST_GREETING)).await;
    let Some((id, Request::Hello(peer))) = first.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the first frame was no greeting"));
    };
    let greeter = node.peers.greeter();
    let (welcome, reply) = match greeter.is_proven(&peer, proven).and_then(|()| greeter.meet(&peer)) {
        Ok(()) => (true, Reply::Hello(greeter.answer(&peer))),
        Err(refusal) => {
            tracing::warn!(peer = peer.node_id, %refusal, "a controller was refused");
            (false, Reply::Refused(refusal))
        }
    };
    frames.send(wire::frame(id, &reply)?).await.map_err(io::Error::other)?;
    if !welcome {
        // Its answer goes out before the connection ends.
        tokio::time::sleep(FAREWELL).await;
    }
    Ok(welcome.then_some(peer.node_id))
}

async fn answer(node: Arc<Inner>, peer: NodeId, request: Request) -> Reply {
    let reply = decide(&node, request).await;
    if let Reply::Submit(_) | Reply::Heartbeat { .. } | Reply::ReadIndex { .. } | Reply::Replaced { .. } = &reply {
        node.peers.awaits_commit(peer);
    }
    reply
}

async fn decide(node: &Arc<Inner>, request: Request) -> Reply {
    let refused =
        |error: &dyn std::fmt::Display| Reply::Refused(crate::Refusal::new(metadata::Code::NoLeader, format!("Raft refused: {error}")));
    match request {
        Request::Append { rpc, quorum_age_ms } => match node.raft.append_entries(rpc).await {
            Ok(response) => {
                if !matches!(response, openraft::raft::AppendEntriesResponse::HigherVote(_)) {
                    node.heard_leader(quorum_age_ms);
                }
                Reply::Append(response)
            }
            Err(error) => refused(&error),
        },
        Request::Vote(rpc) => node.raft.vote(rpc).await.map_or_else(|error| refused(&error), Reply::Vote),
        Request::PreVote(rpc) => node.raft.pre_vote(rpc).await.map_or_else(|error| refused(&error), Reply::Vote),
        Request::TransferLeader(rpc) => {
            node.raft.handle_transfer_leader(rpc).await.map_or_else(|error| refused(&error), Reply::TransferLeader)
        }
        Request::Snapshot { vote, meta, content } => {
            let installed = node.raft.install_full_snapshot(vote, Snapshot { meta, snapshot: content }).await;
            installed.map_or_else(|error| refused(&error), Reply::Snapshot)
        }
        Request::Submit { submission, remaining_ms } => {
            let result = node.submit_as_leader(*submission, deadline(remaining_ms)).await;
            result.map_or_else(Reply::Refused, Reply::Submit)
        }
        Request::Heartbeat { heartbeat, remaining_ms } => beat(node, heartbeat, Proven::default(), remaining_ms).await,
        Request::ReadIndex { remaining_ms } => {
            node.read_index_as_leader(deadline(remaining_ms)).await.map_or_else(Reply::Refused, |index| Reply::ReadIndex { index })
        }
        Request::Pulse { pulse } => {
            node.take_pulse(pulse);
            Reply::Status(node.status())
        }
        Request::Status => Reply::Status(node.status()),
        Request::Members => Reply::Members { ids: node.members() },
        Request::Hello(_) => refused(&"a second greeting"),
        Request::DigestAt { index } => Reply::DigestAt { digest: node.proofs.at(index) },
        Request::Doubt { index } => {
            node.proofs.suspect(index);
            Reply::Status(node.status())
        }
        Request::Replace { replacement, remaining_ms } => {
            change_members(node, MemberChange::Replace(replacement), &Credential::Nobody, remaining_ms).await
        }
        Request::Change { change, remaining_ms } => change_members(node, change, &Credential::Nobody, remaining_ms).await,
        Request::Foresee { change } => foresee(node, &change, &Credential::Nobody).await,
        Request::SubmitProven { submission, proof, remaining_ms } => {
            let submission = Submission { proof: Some(proof), ..*submission };
            node.submit_as_leader(submission, deadline(remaining_ms)).await.map_or_else(Reply::Refused, Reply::Submit)
        }
        Request::HeartbeatProven { heartbeat, proof, remaining_ms } => {
            beat(node, heartbeat, Proven { session: Some(proof), ..Proven::default() }, remaining_ms).await
        }
        Request::HeartbeatBy { heartbeat, proven, remaining_ms } => beat(node, heartbeat, proven, remaining_ms).await,
        Request::SubmitBy { submission, proven, remaining_ms } => {
            let Proven { session: proof, credential, address } = proven;
            let submission = Submission { proof, credential, address, ..*submission };
            node.submit_as_leader(submission, deadline(remaining_ms)).await.map_or_else(Reply::Refused, Reply::Submit)
        }
        Request::ChangeBy { change, credential, remaining_ms } => change_members(node, change, &credential, remaining_ms).await,
        Request::ForeseeBy { change, credential } => foresee(node, &change, &credential).await,
        Request::MayTry { account, address } => {
            let wait_ms = node.may_try(&account, address).map_or_else(|wait| (wait.as_millis() as u64).max(1), |()| 0);
            Reply::MayTry { wait_ms }
        }
        Request::Kept => Reply::Kept { segments: node.history.kept() },
        Request::Commits { after, upto } => Reply::Commits { commits: node.history.commits(after, upto).await },
        Request::StateAt { index } => Reply::StateAt { content: node.history.content_at(index).await },
        Request::Format => Reply::Format { newest: metadata::state::NEWEST_FORMAT },
    }
}

async fn beat(node: &Arc<Inner>, heartbeat: Heartbeat, proven: Proven, remaining_ms: u64) -> Reply {
    let answered = node.heartbeat_as_leader(heartbeat, proven, deadline(remaining_ms)).await;
    answered.map_or_else(Reply::Refused, |(index, reply)| Reply::Heartbeat { index, reply })
}

async fn change_members(node: &Arc<Inner>, change: MemberChange, credential: &Credential, remaining_ms: u64) -> Reply {
    let changed = members::asked(node, change, credential, deadline(remaining_ms)).await;
    changed.map_or_else(Reply::Refused, |index| Reply::Replaced { index })
}

async fn foresee(node: &Arc<Inner>, change: &MemberChange, credential: &Credential) -> Reply {
    let foreseen = members::foresee(node, change, credential).await;
    foreseen.map_or_else(Reply::Refused, |controllers| Reply::Foreseen { controllers })
}

fn deadline(remaining_ms: u64) -> tokio::time::Instant {
    let longest = crate::api::LONGEST_DEADLINE;
    tokio::time::Instant::now() + longest.min(std::time::Duration::from_millis(remaining_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::Intent;

    #[test]
    fn a_stranger_asks_for_nothing_and_nobody_speaks_for_another_controller() {
        let submit = |principal: Principal| {
            let submission = Submission::new(Intent::DeleteTopic { name: "orders".to_owned(), expected: None }, principal);
            Request::Submit { submission: Box::new(submission), remaining_ms: 1 }
        };
        for (request, stranger, member) in [
            (Request::Status, true, true),
            (Request::Members, true, true),
            (Request::ReadIndex { remaining_ms: 1 }, false, true),
            (Request::DigestAt { index: 1 }, false, true),
            (Request::Doubt { index: 1 }, false, true),
            (Request::Change { change: MemberChange::Remove { id: 1 }, remaining_ms: 1 }, false, true),
            (submit(Principal::anonymous()), false, true),
            (submit(Principal::controller(4)), false, true),
            (submit(Principal::controller(1)), false, false),
            (submit(Principal::quorum()), false, false),
        ] {
            assert_eq!((may(4, false, &request).is_ok(), may(4, true, &request).is_ok()), (stranger, member));
        }
    }
}
