//! The cluster's settings, and the values that hold for a topic (L).

use super::Node;
use super::answers::{SettingsAnswer, TopicConfigsAnswer};
use super::body::{self, ONE_MIB};
use super::call::{self, Call};
use super::mutation::{self, Done};
use super::problem::Refused;
use super::topics;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use metadata::intent::ConfigOp;
use metadata::{Intent, State as Metadata, views};
use schemars::JsonSchema;
use serde::Deserialize;

/// Steps of a change to the settings: all of them or none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SettingsRequest")]
pub struct Asked {
    ops: Vec<ConfigOp>,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

fn answer(revision: u64, state: &Metadata) -> Response {
    let changed_index = state.settings().changed_index;
    let mut response = SettingsAnswer { revision, changed_index, settings: views::settings(state) }.into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{changed_index}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub async fn get(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    Ok(answer(view.applied, &view.state))
}

pub async fn change(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?;
    let Asked { ops, preview } = body::json(&parts.headers, &bytes)?;
    let intent = Intent::ChangeSettings { ops, expected: call.if_match };
    match mutation::submit(&node, &call, call.submission(intent, preview)).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, .. } => Ok(answer(index, &node.controller.state())),
    }
}

pub async fn of_topic(State(node): State<Node>, Path(name): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let configs = views::topic_configs(&view.state, &name).ok_or_else(|| topics::unknown(&name, view.applied))?;
    Ok(TopicConfigsAnswer { revision: view.applied, configs }.into_response())
}
