//! What controllers say to each other: framed, multiplexed, pipelined, over HTTP connections that were upgraded once and stay.
//!
//! `rpc` is the vocabulary, `wire` the framing, `connection` the client's side of one connection, `network` one peer as openraft sees it, `peers` all of
//! them, `pipeline` its appends to one follower, `serve` the server's side, `pipes` a network inside one process. A peer has one connection per lane, so that neither a big append nor
//! a snapshot delays a Raft heartbeat.

pub(crate) mod connection;
pub(crate) mod greeting;
mod network;
pub(crate) mod peers;
mod pipeline;
mod pipes;
pub(crate) mod rpc;
pub(crate) mod serve;
pub(crate) mod wire;

pub use pipes::Pipes;

use futures::future::BoxFuture;
use metadata::NodeId;
use metadata::access::Fingerprint;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream between two controllers.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// Which controller is at the other end of a connection, as its certificate proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certified {
    pub id: NodeId,
    pub fingerprint: Fingerprint,
}

/// A connection to another controller.
pub struct Dialled {
    pub stream: Box<dyn Duplex>,
    /// Who is at its other end, where that is proven.
    pub proven: Option<Certified>,
}

impl Dialled {
    /// One whose other end has not proven anything.
    pub fn plain(stream: impl Duplex) -> Self {
        Dialled { stream: Box::new(stream), proven: None }
    }
}

/// How connections to peers are made: TCP in a server, anything else in a simulation.
pub trait Transport: Send + Sync + 'static {
    /// Connects to the controller at this URL.
    fn connect(&self, url: &str) -> BoxFuture<'static, io::Result<Dialled>>;
}

/// The path that a connection is upgraded on.
pub const PATH: &str = "/raft/v1";
/// The protocol that it is upgraded to.
pub const PROTOCOL: &str = "quorate-raft";
