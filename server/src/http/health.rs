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

pub async fn ready(State(node): State<Node>) -> Result<Response, Refused> {
    let controller = &node.controller;
    if let Some(fault) = controller.fault() {
        return Err(Refused::new(Code::NotController, format!("This node takes no part: {fault}")));
    }
    if !controller.ready() {
        let age = controller.quorum_age_ms();
        return Err(Refused::new(Code::NoLeader, format!("Not caught up with a leader of a majority, last heard {age} ms ago")));
    }
    Ok(ReadyAnswer { revision: controller.applied_index(), status: "ready", leader_id: controller.leader_id() }.into_response())
}
