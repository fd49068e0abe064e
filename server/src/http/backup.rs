//! What this node keeps of the history, as one file to restore from.

use super::Node;
use super::call;
use super::problem::Refused;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use controller::Refusal;
use http::header;
use http::request::Parts;
use metadata::Code;
use tokio::sync::mpsc;

/// Pieces that wait to be sent.
const PIECES: usize = 4;

pub async fn export(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    call::read(&node, &parts, &[]).await?;
    let deadline = call::deadline(&parts)?;
    let turn = tokio::time::timeout_at(deadline, node.whole_states.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(Refused::new(Code::Overloaded, "Others are taking what is whole")) };
    let mut export = node.controller.export(deadline).await?;
    let (pieces, sending) = mpsc::channel::<Result<Bytes, Refusal>>(PIECES);
    tokio::spawn(async move {
        let _turn = turn;
        loop {
            let piece = match export.next().await {
                Ok(Some(piece)) => Ok(piece),
                Ok(None) => return,
                // A body that ends in an error is not taken for a whole one, and the file lacks its end as well.
                Err(refusal) => {
                    tracing::warn!(%refusal, "a backup that was asked for is not whole");
                    Err(refusal)
                }
            };
            let failed = piece.is_err();
            if pieces.send(piece).await.is_err() || failed {
                return;
            }
        }
    });
    let body = Body::from_stream(futures::stream::unfold(sending, |mut sending| async move { Some((sending.recv().await?, sending)) }));
    let name = "attachment; filename=\"quorate-backup.gz\"";
    Ok(([(header::CONTENT_TYPE, "application/gzip"), (header::CONTENT_DISPOSITION, name)], body).into_response())
}
