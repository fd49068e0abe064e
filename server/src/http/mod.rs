//! The outside: one router over the controller's handle.
//!
//! `guard` checks every request's Host and Origin and finishes every answer; `call` reads what all calls share (deadline,
//! key, preview, consistency); `body` and `query` are strict; each other file is one part of the contract.

mod batch;
mod body;
mod brokers;
mod call;
mod cluster;
mod feed;
mod guard;
mod health;
mod mutation;
mod problem;
mod query;
mod quorum;
mod raft;
mod site;
mod state;
mod topics;

pub use guard::Names;
pub use site::assets;

use axum::Router;
use axum::extract::OriginalUri;
use axum::routing::{any, get, post};
use controller::Controller;
use metadata::Code;
use problem::Refused;
use std::sync::Arc;

/// What every handler sees.
#[derive(Clone)]
pub struct Node {
    pub controller: Controller,
    pub names: Arc<Names>,
}

async fn not_found() -> Refused {
    Refused::new(Code::NotFound, "There is no such path in the API")
}

async fn method_not_allowed(method: http::Method, OriginalUri(uri): OriginalUri) -> Refused {
    let refusal = metadata::Rejection::new(Code::MethodNotAllowed, format!("{} has no {method}", uri.path()));
    Refused::from(refusal.at("method", method, "see the Allow header"))
}

/// The whole router of a node; `pages` is the dashboard, or none.
pub fn router(node: Node, pages: Option<Router>) -> Router {
    let api = Router::new()
        .route("/cluster", get(cluster::get))
        .route("/topics", get(topics::list).post(topics::create))
        .route("/batch/topics", post(batch::create))
        .route("/topics/{name}", get(topics::get).delete(topics::delete))
        .route("/topics/{name}/configs", axum::routing::patch(topics::change_configs))
        .route("/topics/{name}/partitions/{partition}", get(topics::partition))
        .route("/brokers", get(brokers::list).post(brokers::register))
        .route("/brokers/{id}", get(brokers::get).delete(brokers::unregister))
        .route("/brokers/{id}/heartbeat", post(brokers::heartbeat))
        .route("/brokers/{id}/isr", post(brokers::change_isr))
        .route("/brokers/{id}/fence", post(brokers::fence))
        .route("/brokers/{id}/unfence", post(brokers::unfence))
        .route("/quorum/replace", post(quorum::replace))
        .route("/state", get(state::get))
        .route("/state/digest", get(state::digest))
        .route("/feed", get(feed::open))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    let mut router = Router::new()
        .nest("/api/v1", api)
        .route("/api", any(not_found))
        .route("/api/{*rest}", any(not_found))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route(controller::net::PATH, get(raft::upgrade))
        .merge(site::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(node.clone());
    router = match pages {
        Some(pages) => router.merge(pages),
        None => router.fallback(site::no_pages),
    };
    router
        .layer(tower_http::compression::CompressionLayer::new().gzip(true).compress_when(site::worth_compressing()))
        .layer(axum::middleware::from_fn_with_state(node, guard::guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
}
