//! openraft's network: appends pipelined on one connection, heartbeats, votes and snapshots each on their own.

use super::connection::Connection;
use super::greeting::Greeter;
use super::network::{Network, QuorumAge, RpcError, unexpected};
use super::pipeline::Appended;
use super::rpc::{Reply, Request};
use super::{Transport, pipeline};
use crate::raft::{TypeConfig, Vote};
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use metadata::NodeId;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, v2::RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::storage::Snapshot;
use openraft::{BasicNode, OptionalSend};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Notify;

/// What a connection is for; each lane has its own, so that none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Append,
    Heartbeat,
    Vote,
    Snapshot,
    /// What brokers say that they are alive.
    Sessions,
    /// Forwarded intents, reads and soft state.
    Control,
    /// What is missing in a journal.
    History,
}

/// Where to, what for, and who has to be there.
type Way = (String, Lane, Option<NodeId>);

/// The connections to all peers.
pub(crate) struct Peers {
    node_id: NodeId,
    transport: Arc<dyn Transport>,
    greeter: Arc<Greeter>,
    connections: Mutex<BTreeMap<Way, Connection>>,
    quorum_age: Arc<OnceLock<QuorumAge>>,
    /// Followers that wait for a commit, told to the appends to them.
    waiting: Mutex<BTreeMap<NodeId, Arc<Notify>>>,
}

impl Peers {
    pub(crate) fn new(node_id: NodeId, transport: Arc<dyn Transport>, greeter: Arc<Greeter>) -> Arc<Self> {
        Arc::new(Peers {
            node_id,
            transport,
            greeter,
            connections: Mutex::default(),
            quorum_age: Arc::default(),
            waiting: Mutex::default(),
        })
    }

    /// The node runs: appends say from now on how long ago it heard a majority.
    pub(crate) fn runs(&self, quorum_age_ms: impl Fn() -> u64 + Send + Sync + 'static) {
        drop(self.quorum_age.set(Box::new(quorum_age_ms)));
    }

    pub(crate) fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Who this node is, and whom it has met.
    pub(crate) fn greeter(&self) -> &Arc<Greeter> {
        &self.greeter
    }

    /// To whoever is found at this address.
    pub(crate) fn connection(&self, url: &str, lane: Lane) -> Connection {
        self.connection_to(None, url, lane)
    }

    fn connection_to(&self, expected: Option<NodeId>, url: &str, lane: Lane) -> Connection {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections
            .entry((url.to_owned(), lane, expected))
            .or_insert_with(|| Connection::new(url, expected, self.transport.clone(), self.greeter.clone()))
            .clone()
    }

    /// A follower was told of a commit and waits until it has applied it: that it is committed goes there at once.
    pub(crate) fn awaits_commit(&self, follower: NodeId) {
        self.waits(follower).notify_one();
    }

    fn waits(&self, follower: NodeId) -> Arc<Notify> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(follower).or_default().clone()
    }

    fn network(&self, target: NodeId, node: &BasicNode, lane: Lane) -> Network {
        Network {
            from: self.node_id,
            to: target,
            main: self.connection_to(Some(target), &node.addr, lane),
            votes: self.connection_to(Some(target), &node.addr, Lane::Vote),
            quorum_age: self.quorum_age.clone(),
            awaits_commit: self.waits(target),
        }
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

impl RaftNetworkV2<TypeConfig> for Network {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcError> {
        match self
            .call(&self.main, Request::Append { rpc, quorum_age_ms: self.quorum_age_ms() }, RPCTypes::AppendEntries, option.soft_ttl())
            .await?
        {
            Reply::Append(response) => Ok(response),
            other => Err(RPCError::Network(NetworkError::new(&unexpected(&other)))),
        }
    }

    fn stream_append<'s, S>(&'s mut self, input: S, option: RPCOption) -> BoxFuture<'s, Result<BoxStream<'s, Appended>, RpcError>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let answers = pipeline::stream(&*self, input, option.soft_ttl());
        Box::pin(async move { Ok(answers) })
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
