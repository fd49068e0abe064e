//! The controllers' membership: an empty node in the place of a lost one.

use super::Node;
use super::answers::ReplacedAnswer;
use super::body::{self, ONE_MIB};
use super::call;
use super::problem::Refused;
use super::query::Query;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use controller::Replacement;
use http::request::Parts;
use metadata::{Code, NodeId, Rejection};
use schemars::JsonSchema;
use serde::Deserialize;

/// An empty node in the place of a lost one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// The node id whose data is lost.
    remove: NodeId,
    add: Newcomer,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Newcomer {
    /// An id that was never used.
    id: NodeId,
    /// Where it listens: http://HOST:PORT.
    url: String,
}

pub async fn replace(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    Query::read(parts.uri.query(), &[])?;
    let deadline = call::deadline(&parts)?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let asked: Replace = body::json(&parts.headers, &bytes)?;
    let url = asked.add.url.trim_end_matches('/').to_owned();
    let address = url.strip_prefix("http://").unwrap_or_default();
    let named = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    if !named || asked.add.id == 0 {
        let (field, value, allowed) =
            if named { ("add.id", asked.add.id.to_string(), "1 or more") } else { ("add.url", asked.add.url, "http://HOST:PORT") };
        return Err(Rejection::new(Code::InvalidRequest, "That is no controller's id and address").at(field, value, allowed).into());
    }
    let replacement = Replacement { remove: asked.remove, id: asked.add.id, url };
    let index = node.controller.replace(replacement, deadline).await?;
    let controllers = node.controller.state().controllers().cloned().collect();
    Ok(ReplacedAnswer { revision: index, controllers }.into_response())
}
