//! Whether the process lives, and whether it is of use.

use super::Node;
use super::answers::{AliveAnswer, ReadyAnswer};
use super::problem::Refused;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use metadata::Code;

pub async fn alive(State(node): State<Node>) -> Response {
    AliveAnswer { revision: node.controller.applied_index(), status: "alive" }.into_response()
}

/// Whether it is of use, and nothing more: a load balancer asks, and whoever else reaches the port.
pub async fn ready(State(node): State<Node>) -> Result<Response, Refused> {
    let controller = &node.controller;
    // Anybody may ask: why it takes no part is for those who may look at the cluster.
    if controller.fault().is_some() {
        return Err(Refused::new(Code::NotController, "This node takes no part"));
    }
    if !controller.ready() {
        return Err(Refused::new(Code::NoLeader, "This node is not caught up with a leader of a majority"));
    }
    Ok(ReadyAnswer { revision: controller.applied_index(), status: "ready", leader_id: controller.leader_id() }.into_response())
}
