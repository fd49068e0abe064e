//! openraft's network: appends pipelined on one connection, heartbeats, votes and snapshots each on their own.

use super::Transport;
use super::connection::Connection;
use super::greeting::Greeter;
use super::rpc::{Reply, Request};
use crate::raft::{TypeConfig, Vote};
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use metadata::NodeId;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, v2::RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::storage::Snapshot;
use openraft::{BasicNode, OptionalSend};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Append requests under way to one follower.
const PIPELINE: usize = 64;

/// What a connection is for; each lane has its own, so that none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Append,
    Heartbeat,
    Vote,
    Snapshot,
    /// Forwarded intents, reads and soft state.
    Control,
}

/// The connections to all peers.
pub(crate) struct Peers {
    node_id: NodeId,
    transport: Arc<dyn Transport>,
    greeter: Arc<Greeter>,
    connections: Mutex<HashMap<(String, Lane), Connection>>,
}

impl Peers {
    pub(crate) fn new(node_id: NodeId, transport: Arc<dyn Transport>, greeter: Arc<Greeter>) -> Arc<Self> {
        Arc::new(Peers { node_id, transport, greeter, connections: Mutex::default() })
    }

    pub(crate) fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Who this node is, and whom it has met.
    pub(crate) fn greeter(&self) -> &Arc<Greeter> {
        &self.greeter
    }

    pub(crate) fn connection(&self, url: &str, lane: Lane) -> Connection {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections
            .entry((url.to_owned(), lane))
            .or_insert_with(|| Connection::new(url, self.transport.clone(), self.greeter.clone()))
            .clone()
    }

    fn network(&self, target: NodeId, node: &BasicNode, lane: Lane) -> Network {
        Network { from: self.node_id, to: target, main: self.connection(&node.addr, lane), votes: self.connection(&node.addr, Lane::Vote) }
    }
}

/// Makes openraft's clients.
pub(crate) struct Factory(pub Arc<Peers>);

impl RaftNetworkFactory<TypeConfig> for Factory {
    type Network = Network;

    async fn new_client(&mut self, target: NodeId, node: &BasicNode) -> Network {
        self.0.network(target, node, Lane::Append)
    }

    async fn new_heartbeat_client(&mut self, target: NodeId, node: &BasicNode) -> Network {
        self.0.network(target, node, Lane::Heartbeat)
    }

    async fn new_snapshot_client(&mut self, target: NodeId, node: &BasicNode) -> Network {
        self.0.network(target, node, Lane::Snapshot)
    }
}

/// One peer as openraft sees it.
pub(crate) struct Network {
    from: NodeId,
    to: NodeId,
    main: Connection,
    votes: Connection,
}

type RpcError = RPCError<TypeConfig>;

impl Network {
    fn failed(&self, error: &io::Error, action: RPCTypes, timeout: Duration) -> RpcError {
        match error.kind() {
            io::ErrorKind::TimedOut => RPCError::Timeout(Timeout { action, id: self.from, target: self.to, timeout }),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => RPCError::Network(NetworkError::new(error)),
            _ => RPCError::Unreachable(Unreachable::new(error)),
        }
    }

    async fn call(&self, connection: &Connection, request: Request, action: RPCTypes, timeout: Duration) -> Result<Reply, RpcError> {
        connection.call(&request, timeout).await.map_err(|error| self.failed(&error, action, timeout))
    }
}

fn unexpected(reply: &Reply) -> io::Error {
    match reply {
        Reply::Refused(refusal) => io::Error::other(refusal.to_string()),
        _ => io::Error::new(io::ErrorKind::InvalidData, "a reply of another kind"),
    }
}

impl RaftNetworkV2<TypeConfig> for Network {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcError> {
        match self.call(&self.main, Request::Append(rpc), RPCTypes::AppendEntries, option.soft_ttl()).await? {
            Reply::Append(response) => Ok(response),
            other => Err(RPCError::Network(NetworkError::new(&unexpected(&other)))),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RpcError>>, RpcError>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let pipeline = Pipeline { network: self, input: input.fuse(), pending: VecDeque::new(), idle: option.soft_ttl(), ended: false };
        let stream: BoxStream<'s, _> = futures::stream::unfold(pipeline, |mut pipeline| async move {
            let item = pipeline.next().await?;
            Some((item, pipeline))
        })
        .boxed();
        Box::pin(async move { Ok(stream) })
    }

    async fn vote(&mut self, rpc: VoteRequest<TypeConfig>, option: RPCOption) -> Result<VoteResponse<TypeConfig>, RpcError> {
        match self.call(&self.votes, Request::Vote(rpc), RPCTypes::Vote, option.soft_ttl()).await? {
            Reply::Vote(response) => Ok(response),
            other => Err(RPCError::Network(NetworkError::new(&unexpected(&other)))),
        }
    }

    async fn pre_vote(&mut self, rpc: VoteRequest<TypeConfig>, option: RPCOption) -> Result<VoteResponse<TypeConfig>, RpcError> {
        match self.call(&self.votes, Request::PreVote(rpc), RPCTypes::Vote, option.soft_ttl()).await? {
            Reply::Vote(response) => Ok(response),
            other => Err(RPCError::Network(NetworkError::new(&unexpected(&other)))),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<crate::raft::CommittedLeaderId, NodeId, BasicNode, Bytes>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let request = Request::Snapshot { vote, meta: snapshot.meta, content: snapshot.snapshot };
        let sent = self.call(&self.main, request, RPCTypes::InstallSnapshot, option.soft_ttl());
        let reply = tokio::select! {
            reply = sent => reply?,
            closed = cancel => return Err(StreamingError::Closed(closed)),
        };
        match reply {
            Reply::Snapshot(response) => Ok(response),
            other => Err(StreamingError::Network(NetworkError::new(&unexpected(&other)))),
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        match self.call(&self.votes, Request::TransferLeader(rpc), RPCTypes::TransferLeader, option.soft_ttl()).await? {
            Reply::TransferLeader(response) => Ok(response),
            other => Err(RPCError::Network(NetworkError::new(&unexpected(&other)))),
        }
    }
}

type LogIds = (Option<crate::raft::LogId>, Option<crate::raft::LogId>);

/// Appends under way: sent in order, answered in order.
struct Pipeline<'s, S> {
    network: &'s Network,
    input: futures::stream::Fuse<S>,
    pending: VecDeque<(LogIds, oneshot::Receiver<Reply>)>,
    /// How long the oldest may stay unanswered.
    idle: Duration,
    ended: bool,
}

impl<S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin + Send> Pipeline<'_, S> {
    async fn next(&mut self) -> Option<Result<StreamAppendResult<TypeConfig>, RpcError>> {
        loop {
            if self.ended {
                return None;
            }
            let room = self.pending.len() < PIPELINE;
            match self.pending.front_mut() {
                None => {
                    let request = self.input.next().await?;
                    if let Err(error) = self.send(request).await {
                        return Some(Err(error));
                    }
                }
                Some((_, reply)) => {
                    tokio::select! {
                        biased;
                        answered = tokio::time::timeout(self.idle, reply) => {
                            let (ids, _) = self.pending.pop_front()?;
                            return Some(self.answer(ids, answered));
                        }
                        Some(request) = self.input.next(), if room => {
                            if let Err(error) = self.send(request).await {
                                return Some(Err(error));
                            }
                        }
                    }
                }
            }
        }
    }

    async fn send(&mut self, request: AppendEntriesRequest<TypeConfig>) -> Result<(), RpcError> {
        let last = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
        let ids = (request.prev_log_id, last);
        let request = Request::Append(request);
        let sent = tokio::time::timeout(self.idle, self.network.main.start(&request)).await;
        match sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(reply) => {
                self.pending.push_back((ids, reply));
                Ok(())
            }
            Err(error) => {
                self.ended = true;
                Err(self.network.failed(&error, RPCTypes::AppendEntries, self.idle))
            }
        }
    }

    fn answer(
        &mut self,
        (prev, last): LogIds,
        answered: Result<Result<Reply, oneshot::error::RecvError>, tokio::time::error::Elapsed>,
    ) -> Result<StreamAppendResult<TypeConfig>, RpcError> {
        let error = match answered {
            Ok(Ok(Reply::Append(response))) => {
                let partial = matches!(&response, AppendEntriesResponse::PartialSuccess(upto) if *upto != last);
                let conflict_without_prev = response.is_conflict() && prev.is_none();
                if !conflict_without_prev {
                    let result = response.into_stream_result(prev, last);
                    // What was sent behind a refusal or a part is void.
                    self.ended = partial || result.is_err();
                    return Ok(result);
                }
                io::Error::new(io::ErrorKind::InvalidData, "a conflict at the very beginning of the log")
            }
            Ok(Ok(other)) => unexpected(&other),
            Ok(Err(_)) => io::Error::from(io::ErrorKind::ConnectionReset),
            Err(_) => io::Error::from(io::ErrorKind::TimedOut),
        };
        self.ended = true;
        Err(self.network.failed(&error, RPCTypes::AppendEntries, self.idle))
    }
}
