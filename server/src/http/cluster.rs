//! The cluster in a few numbers.

use super::Node;
use super::call;
use super::problem::Refused;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use metadata::{Code, views};

pub async fn get(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let controller = &node.controller;
    let nodes = controller.pulse().nodes.clone();
    let cluster = views::cluster(&view.state, controller.node_id(), controller.leader_id(), controller.term(), nodes);
    let mut body = serde_json::to_value(cluster).map_err(|error| Refused::new(Code::InvalidRequest, error.to_string()))?;
    body["revision"] = view.applied.into();
    if let Some(fault) = controller.fault() {
        body["fault"] = fault.to_string().into();
    }
    Ok(Json(body).into_response())
}
