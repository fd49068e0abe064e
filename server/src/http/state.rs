//! The whole state, and its digest.

use super::Node;
use super::answers::DigestAnswer;
use super::call;
use super::problem::Refused;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use metadata::views::{self, StateView};
use metadata::{Code, snapshot};

const BINARY: &str = "application/octet-stream";

pub async fn get(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    // A state of a million partitions is a gigabyte of JSON: few are made at once, and who waits for a turn costs nothing.
    let turn = tokio::time::timeout_at(call::deadline(&parts)?, node.whole_states.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Refused::new(Code::Overloaded, "Others are taking the whole state")) };
    let binary = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains(BINARY));
    if !binary {
        return Ok(Json(StateView { revision: view.applied, ..views::full(&view.state) }).into_response());
    }
    let bytes = snapshot::encode_state(&view.state).map_err(|error| Refused::new(Code::InvalidRequest, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, BINARY)], bytes).into_response())
}

pub async fn digest(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    Ok(DigestAnswer { revision: view.applied, digest: view.state.digest() }.into_response())
}
