//! The server's side of a connection: appends in their order, everything else beside them.

use super::rpc::{Reply, Request};
use super::{Duplex, wire};
use crate::node::Inner;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, poll};
use openraft::storage::Snapshot;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc;

/// Requests under way on one connection; further ones wait on the wire.
const MOST_UNDER_WAY: usize = 1_024;

/// Serves one connection until it ends.
pub(crate) async fn serve(node: Arc<Inner>, stream: impl Duplex) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (frames, mut queued) = mpsc::channel::<Vec<u8>>(MOST_UNDER_WAY);
    let write = async {
        let mut batch = Vec::new();
        while queued.recv_many(&mut batch, 64).await > 0 {
            wire::write_all(&mut writer, &mut batch).await?;
        }
        io::Result::Ok(())
    };
    let ended = tokio::select! {
        ended = read(&node, &mut reader, frames) => ended,
        ended = write => ended,
    };
    tracing::debug!(?ended, "a peer left");
}

async fn read(node: &Arc<Inner>, reader: &mut (impl tokio::io::AsyncRead + Unpin), frames: mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut under_way: FuturesUnordered<BoxFuture<'static, (u64, Reply)>> = FuturesUnordered::new();
    loop {
        let incoming = wire::read::<Request>(reader, &mut buffer);
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
        let mut answer = answer(node.clone(), request).map(move |reply| (id, reply)).boxed();
        // The first poll puts an append into Raft's queue: in the order of arrival.
        match poll!(&mut answer) {
            Poll::Ready((id, reply)) => frames.send(wire::frame(id, &reply)?).await.map_err(io::Error::other)?,
            Poll::Pending => under_way.push(answer),
        }
    }
}

async fn answer(node: Arc<Inner>, request: Request) -> Reply {
    let refused =
        |error: &dyn std::fmt::Display| Reply::Refused(crate::Refusal::new(metadata::Code::NoLeader, format!("Raft refused: {error}")));
    match request {
        Request::Append(rpc) => match node.raft.append_entries(rpc).await {
            Ok(response) => {
                if !matches!(response, openraft::raft::AppendEntriesResponse::HigherVote(_)) {
                    node.heard_leader();
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
        Request::Heartbeat { heartbeat, remaining_ms } => match node.heartbeat_as_leader(heartbeat, deadline(remaining_ms)).await {
            Ok((index, reply)) => Reply::Heartbeat { index, reply },
            Err(refusal) => Reply::Refused(refusal),
        },
        Request::ReadIndex { remaining_ms } => {
            node.read_index_as_leader(deadline(remaining_ms)).await.map_or_else(Reply::Refused, |index| Reply::ReadIndex { index })
        }
        Request::Pulse { pulse } => {
            node.take_pulse(pulse);
            Reply::Status(node.status())
        }
    }
}

fn deadline(remaining_ms: u64) -> tokio::time::Instant {
    let longest = crate::api::LONGEST_DEADLINE;
    tokio::time::Instant::now() + longest.min(std::time::Duration::from_millis(remaining_ms))
}
