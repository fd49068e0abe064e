//! What this node has written down of who came in and who was refused.

use super::problem::Refused;
use super::{Node, call, whole};
use audit::{Kind, MOST_READ, Query, Record};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use metadata::{Code, Index, NodeId};
use schemars::JsonSchema;
use serde::Serialize;

const USUAL: usize = 100;
/// Bytes of a piece of an export.
const PIECE: usize = 64 << 10;
pub const KINDS: &str =
    "signed_in, sign_in_refused, signed_out, refused, set_up, password_changed, accounts_changed, overflow, torn, broken, lost";

#[derive(Serialize, JsonSchema)]
pub struct AuditAnswer {
    revision: Index,
    node_id: NodeId,
    /// Newest first.
    records: Vec<RecordView>,
}

/// Something that was written down.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditRecord")]
struct RecordView {
    seq: u64,
    at_ms: u64,
    /// What happened.
    kind: String,
    principal: Option<String>,
    /// What proved it, by its name.
    credential: Option<String>,
    address: Option<String>,
    what: String,
    code: Option<String>,
    detail: Option<String>,
    /// How often it happened.
    times: u64,
}

fn name(kind: Kind) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        let Record { seq, at_ms, kind, principal, credential, address, what, code, detail, times, .. } = record;
        let address = address.map(|address| address.to_string());
        RecordView { seq, at_ms, kind: name(kind), principal, credential, address, what, code, detail, times }
    }
}

pub async fn list(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (query, view) = call::read(&node, &parts, &["before", "kind", "since_ms", "limit"]).await?;
    let most = query.check("limit", "1 to 1000", |text| text.parse().ok().filter(|most| (1..=MOST_READ).contains(most)))?;
    let asked = Query {
        before_seq: query.parse("before", "a number")?,
        since_ms: query.parse("since_ms", "milliseconds since 1970")?,
        kind: query.check("kind", KINDS, |text| serde_json::from_value(text.into()).ok())?,
        most: most.unwrap_or(USUAL),
    };
    let trail = node.trail.clone();
    let read = tokio::task::spawn_blocking(move || trail.read(&asked)).await;
    let records = read.map_err(unreadable)?.map_err(unreadable)?;
    let records = records.into_iter().map(RecordView::from).collect();
    Ok(Json(AuditAnswer { revision: view.applied, node_id: node.controller.node_id(), records }).into_response())
}

fn unreadable(error: impl std::fmt::Display) -> Refused {
    Refused::new(Code::Overloaded, format!("What was written down cannot be read: {error}"))
}

/// Every line that is kept, oldest first, as it was written.
pub async fn export(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    call::read(&node, &parts, &[]).await?;
    let turn = whole::turn(&node, call::deadline(&parts)?).await?;
    let (pieces, body) = whole::pieces::<audit::AuditError>();
    let trail = node.trail.clone();
    let opened = tokio::task::spawn_blocking(move || trail.dir().map(audit::export).transpose()).await;
    let lines = opened.map_err(unreadable)?.map_err(unreadable)?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let Some(lines) = lines else { return };
        let mut piece = Vec::with_capacity(PIECE);
        for line in lines {
            match line {
                Ok(line) => piece.extend(line.into_iter().chain([b'\n'])),
                Err(error) => {
                    tracing::warn!(%error, "what was noted cannot be read");
                    drop(pieces.blocking_send(Err(error)));
                    return;
                }
            }
            if piece.len() >= PIECE && pieces.blocking_send(Ok(std::mem::take(&mut piece).into())).is_err() {
                return;
            }
        }
        drop(pieces.blocking_send(Ok(piece.into())));
    });
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], body).into_response())
}
