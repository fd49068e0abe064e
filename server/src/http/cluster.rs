//! The cluster in a few numbers.

use super::Node;
use super::answers::ClusterAnswer;
use super::call;
use super::problem::Refused;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use metadata::views;

pub async fn get(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let controller = &node.controller;
    let nodes = controller.pulse().nodes.clone();
    let cluster = views::cluster(&view.state, controller.node_id(), controller.leader_id(), controller.term(), nodes);
    let fault = controller.fault().map(|fault| fault.to_string());
    Ok(ClusterAnswer { revision: view.applied, cluster, fault }.into_response())
}
