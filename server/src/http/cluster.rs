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
    let (pulse, fault) = (controller.pulse(), controller.fault().map(|fault| fault.to_string()));
    let known = views::Known {
        node_id: controller.node_id(),
        pulse: Some(&pulse),
        quorum_age_ms: controller.quorum_age_ms(),
        fault: fault.as_deref(),
    };
    let cluster = views::cluster(&view.state, &known);
    Ok(ClusterAnswer { revision: view.applied, cluster, fault }.into_response())
}
