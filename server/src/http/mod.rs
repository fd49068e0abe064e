//! The outside: one router over the controller's handle.
//!
//! `guard` checks every request's Host and Origin and finishes every answer; `call` reads what all calls share (deadline,
//! key, preview, consistency); `body` and `query` are strict. `table` lists every operation, `operations` makes routes of them and `openapi` their
//! description; `answers` are the types that they answer; `whole` is for answers that are large. Each other file is one part of the contract.

mod accounts;
#[cfg(test)]
mod alone;
mod answers;
mod audit;
mod backup;
mod base_path;
mod batch;
mod body;
mod brokers;
mod call;
mod caller;
mod cluster;
#[cfg(test)]
mod decoders;
mod door;
mod doubled;
mod elections;
mod feed;
mod guard;
mod health;
mod history;
mod ids;
mod metrics;
mod mutation;
mod openapi;
mod operations;
mod problem;
mod query;
mod quorum;
mod raft;
mod reassignments;
mod seen;
mod settings;
mod site;
mod state;
mod table;
mod topics;
mod upgraded;
mod whole;

pub use base_path::BasePath;
pub use raft::serve_secured;
pub use site::assets;

use crate::people::People;
use crate::trail::Trail;
use acceptor::{Names, Places};
use axum::Router;
use axum::extract::OriginalUri;
use axum::routing::{any, get};
use controller::Controller;
use metadata::Code;
use metrics::Counters;
use problem::Refused;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Answers with the whole state that are made at once: of a million partitions each is up to a gigabyte.
const WHOLE_STATES: usize = 2;
/// How long a caller may send nothing in the middle of a body.
const BODY_SILENCE: Duration = Duration::from_secs(30);

/// What every handler sees: a pointer, as every layer of the router has one of its own for each request.
#[derive(Clone)]
pub struct Node(Arc<NodeParts>);

impl Deref for Node {
    type Target = NodeParts;

    fn deref(&self) -> &NodeParts {
        &self.0
    }
}

impl From<NodeParts> for Node {
    fn from(parts: NodeParts) -> Self {
        Node(Arc::new(parts))
    }
}

/// What a node's handlers share.
pub struct NodeParts {
    pub controller: Controller,
    pub names: Arc<Names>,
    pub counters: Arc<Counters>,
    pub places: Places,
    /// What it speaks TLS with.
    pub certificates: Option<tls::Certificates>,
    pub people: People,
    /// What is written down of who came in and who was refused.
    pub trail: Trail,
    /// What others know this node's paths to begin with.
    pub base: BasePath,
    /// Turns to make an answer that holds the whole state.
    pub whole_states: Arc<Semaphore>,
}

impl NodeParts {
    /// `most_feeds` may be open at once, on the connections that have `places`.
    pub fn new(controller: Controller, names: Names, most_feeds: u64, places: Places, base: BasePath) -> Self {
        let (names, counters) = (Arc::new(names), Arc::new(Counters::new(most_feeds)));
        NodeParts {
            controller,
            names,
            counters,
            places,
            certificates: None,
            people: People::default(),
            trail: Trail::default(),
            base,
            whole_states: Arc::new(Semaphore::new(WHOLE_STATES)),
        }
    }
}

async fn not_found() -> Refused {
    Refused::new(Code::NotFound, "There is no such path in the API")
}

async fn method_not_allowed(method: http::Method, OriginalUri(uri): OriginalUri) -> Refused {
    let refusal = metadata::Rejection::new(Code::MethodNotAllowed, format!("{} has no {method}", uri.path()));
    Refused::from(refusal.at("method", method, "see the Allow header"))
}

/// The whole router of a node; `pages` is the dashboard with what it is drawn with, or none.
pub fn router(node: Node, pages: Option<(Router, app::Assets)>) -> Router {
    let base = node.base.clone();
    let mut router = operations::routes(table::table())
        .route("/api", any(not_found))
        .route("/api/{*rest}", any(not_found))
        .route(controller::net::PATH, get(raft::upgrade))
        .merge(site::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(node.clone());
    router = match pages {
        Some((pages, assets)) => router.merge(door::before(pages, node.clone(), assets)),
        None => router.fallback(site::no_pages),
    };
    // In one layer of the router: it boxes what is within each, for every request.
    let around = tower::ServiceBuilder::new()
        .layer(tower_http::timeout::RequestBodyTimeoutLayer::new(BODY_SILENCE))
        .layer(guard::Guard(node))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .layer(tower_http::compression::CompressionLayer::new().gzip(true).compress_when(site::worth_compressing()));
    base.around(router.layer(around))
}
