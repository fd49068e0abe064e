//! One peer as openraft sees it: its connections, and what their failures are called there.

use super::connection::Connection;
use super::rpc::{Reply, Request};
use crate::raft::TypeConfig;
use metadata::NodeId;
use openraft::errors::{NetworkError, RPCError, Timeout, Unreachable};
use openraft::network::RPCTypes;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;

/// How long ago this node last heard a majority, ms; not there before it runs.
pub(super) type QuorumAge = Box<dyn Fn() -> u64 + Send + Sync>;

/// One peer as openraft sees it.
pub(crate) struct Network {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) main: Connection,
    pub(super) votes: Connection,
    pub(super) quorum_age: Arc<OnceLock<QuorumAge>>,
    pub(super) awaits_commit: Arc<Notify>,
}

pub(super) type RpcError = RPCError<TypeConfig>;

impl Network {
    /// How long ago this node last heard a majority.
    pub(super) fn quorum_age_ms(&self) -> u64 {
        self.quorum_age.get().map_or(0, |age_ms| age_ms())
    }

    pub(super) fn failed(&self, error: &io::Error, action: RPCTypes, timeout: Duration) -> RpcError {
        match error.kind() {
            io::ErrorKind::TimedOut => RPCError::Timeout(Timeout { action, id: self.from, target: self.to, timeout }),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => RPCError::Network(NetworkError::new(error)),
            _ => RPCError::Unreachable(Unreachable::new(error)),
        }
    }

    pub(super) async fn call(
        &self,
        connection: &Connection,
        request: Request,
        action: RPCTypes,
        timeout: Duration,
    ) -> Result<Reply, RpcError> {
        connection.call(&request, timeout).await.map_err(|error| self.failed(&error, action, timeout))
    }
}

pub(super) fn unexpected(reply: &Reply) -> io::Error {
    match reply {
        Reply::Refused(refusal) => io::Error::other(refusal.to_string()),
        _ => io::Error::new(io::ErrorKind::InvalidData, "a reply of another kind"),
    }
}
