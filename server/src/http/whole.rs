//! What is large as a whole, a state or all that is kept: a turn to make it, and a body that is sent as it is made.

use super::Node;
use super::problem::Refused;
use axum::BoxError;
use axum::body::{Body, Bytes};
use metadata::Code;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

/// Pieces of a body that wait to be sent.
const WAITING: usize = 4;

/// A turn to make it: a state of a million partitions is a gigabyte of JSON, so few are made at once, and who waits costs nothing.
///
/// # Errors
/// OVERLOADED when it does not come in time.
pub async fn turn(node: &Node, deadline: Instant) -> Result<OwnedSemaphorePermit, Refused> {
    let turn = tokio::time::timeout_at(deadline, node.whole_states.clone().acquire_owned()).await;
    turn.ok().and_then(Result::ok).ok_or_else(|| Refused::new(Code::Overloaded, "Others are taking what is whole"))
}

/// Where pieces are put, and the body that they become. One that ends in an error is not taken for a whole one.
pub fn pieces<E: Into<BoxError> + Send + 'static>() -> (mpsc::Sender<Result<Bytes, E>>, Body) {
    let (pieces, sending) = mpsc::channel(WAITING);
    let body = Body::from_stream(futures::stream::unfold(sending, |mut sending| async move { Some((sending.recv().await?, sending)) }));
    (pieces, body)
}
