//! The whole state, and its digest.

use super::Node;
use super::answers::DigestAnswer;
use super::call;
use super::problem::Refused;
use super::whole;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use metadata::views::{self, StateView};
use metadata::{Code, Index, Rejection, snapshot};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

const BINARY: &str = "application/octet-stream";

pub async fn get(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let Asked { revision, state, .. } = Asked::read(&node, &parts, true).await?;
    let binary = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains(BINARY));
    if !binary {
        return Ok(Json(StateView { revision, ..views::full(&state) }).into_response());
    }
    let bytes = snapshot::encode_state(&state).map_err(|error| Refused::new(Code::InvalidRequest, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, BINARY)], bytes).into_response())
}

pub async fn digest(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let Asked { revision, state, .. } = Asked::read(&node, &parts, false).await?;
    Ok(DigestAnswer { revision, digest: state.digest() }.into_response())
}

/// The state that is asked for with its index: as it is, or as it was at an index or a time.
struct Asked {
    revision: Index,
    state: Arc<metadata::State>,
    /// Where all of it is asked for, or one that is past, which is made anew.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Asked {
    async fn read(node: &Node, parts: &Parts, all: bool) -> Result<Self, Refused> {
        let (query, view) = call::read(node, parts, &["index", "at_ms"]).await?;
        let (index, at_ms) = (query.parse::<Index>("index", "an index")?, query.parse::<u64>("at_ms", "milliseconds since 1970")?);
        let deadline = call::deadline(parts)?;
        let past = index.is_some() || at_ms.is_some();
        let turn = if all || past { Some(whole::turn(node, deadline).await?) } else { None };
        let index = match (index, at_ms) {
            (None, None) => return Ok(Asked { revision: view.applied, state: view.state.clone(), _turn: turn }),
            (Some(_), Some(at_ms)) => {
                let no = Rejection::new(Code::InvalidRequest, "It is asked for by an index or by a time");
                return Err(no.at("at_ms", at_ms, "no index with it").into());
            }
            (Some(index), None) => index,
            (None, Some(at_ms)) => node.controller.index_at(at_ms, deadline).await?,
        };
        if index > view.applied {
            // What is not committed yet is waited for, as `min_revision` does.
            node.controller.wait_applied(index, deadline).await?;
        }
        Ok(Asked { revision: index, state: node.controller.state_at(index, deadline).await?, _turn: turn })
    }
}
