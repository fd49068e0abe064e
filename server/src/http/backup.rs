//! What this node keeps of the history, as one file to restore from.

use super::problem::Refused;
use super::{Node, call, whole};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use controller::Refusal;
use http::header;
use http::request::Parts;

pub async fn export(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    call::read(&node, &parts, &[]).await?;
    let deadline = call::deadline(&parts)?;
    let turn = whole::turn(&node, deadline).await?;
    let mut export = node.controller.export(deadline).await?;
    let (pieces, body) = whole::pieces::<Refusal>();
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
    let name = "attachment; filename=\"quorate-backup.gz\"";
    Ok(([(header::CONTENT_TYPE, "application/gzip"), (header::CONTENT_DISPOSITION, name)], body).into_response())
}
