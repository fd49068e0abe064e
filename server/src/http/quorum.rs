//! The controllers' membership, and who of them leads (K).

use super::Node;
use super::answers::{ForeseenAnswer, LeaderAnswer, ReplacedAnswer};
use super::body::{self, ONE_MIB};
use super::call;
use super::caller;
use super::problem::Refused;
use super::query::Query;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use controller::{MemberChange, Replacement};
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

/// A node that joins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Newcomer {
    /// An id that was never used.
    id: NodeId,
    /// Where it listens: http://HOST:PORT.
    url: String,
}

/// Whether nothing is to be changed.
fn dry_run(parts: &Parts) -> Result<bool, Refused> {
    Ok(Query::read(parts.uri.query(), &["dry_run"])?.parse("dry_run", "true, false")?.unwrap_or(false))
}

/// The answer to a dry run.
async fn foreseen(node: &Node, parts: &Parts, change: MemberChange) -> Result<Response, Refused> {
    let controllers = node.controller.foresee_members(change, &caller::asker(parts)?.credential, call::deadline(parts)?).await?;
    Ok(ForeseenAnswer { revision: node.controller.applied_index(), dry_run: true, groups: Vec::new(), controllers }.into_response())
}

/// Who is to lead.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Successor {
    node_id: NodeId,
}

impl Newcomer {
    /// Id and address, as far as they can be told apart from typing errors here.
    fn checked(self, [id_field, url_field]: [&str; 2]) -> Result<(NodeId, String), Refused> {
        let url = self.url.trim_end_matches('/').to_owned();
        let address = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")).map_or("", |(_, address)| address);
        let named = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        if !named || self.id == 0 {
            let (field, value, allowed) =
                if named { (id_field, self.id.to_string(), "1 or more") } else { (url_field, self.url, "http://HOST:PORT") };
            return Err(Rejection::new(Code::InvalidRequest, "That is no controller's id and address").at(field, value, allowed).into());
        }
        Ok((self.id, url))
    }
}

async fn changed(node: &Node, parts: &Parts, dry_run: bool, change: MemberChange) -> Result<Response, Refused> {
    if dry_run {
        return foreseen(node, parts, change).await;
    }
    let index = node.controller.change_members(change, &caller::asker(parts)?.credential, call::deadline(parts)?).await?;
    let controllers = node.controller.state().controllers().cloned().collect();
    Ok(ReplacedAnswer { revision: index, controllers }.into_response())
}

fn id(text: &str) -> Result<NodeId, Refused> {
    let no = || Rejection::new(Code::InvalidRequest, "A controller's id is a number").at("id", text, "1 or more").into();
    text.parse().ok().filter(|id| *id > 0).ok_or_else(no)
}

pub async fn replace(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let dry_run = dry_run(&parts)?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let Replace { remove, add } = body::json(&parts.headers, &bytes)?;
    let (id, url) = add.checked(["add.id", "add.url"])?;
    changed(&node, &parts, dry_run, MemberChange::Replace(Replacement { remove, id, url })).await
}

pub async fn add(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let dry_run = dry_run(&parts)?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let newcomer: Newcomer = body::json(&parts.headers, &bytes)?;
    let (id, url) = newcomer.checked(["id", "url"])?;
    changed(&node, &parts, dry_run, MemberChange::Add { id, url }).await
}

pub async fn promote(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let dry_run = dry_run(&parts)?;
    let id = id(&text)?;
    changed(&node, &parts, dry_run, MemberChange::Promote { id }).await
}

pub async fn demote(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let dry_run = dry_run(&parts)?;
    let id = id(&text)?;
    changed(&node, &parts, dry_run, MemberChange::Demote { id }).await
}

pub async fn remove(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let dry_run = dry_run(&parts)?;
    let id = id(&text)?;
    changed(&node, &parts, dry_run, MemberChange::Remove { id }).await
}

pub async fn lead(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let dry_run = dry_run(&parts)?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let Successor { node_id } = body::json(&parts.headers, &bytes)?;
    if dry_run {
        return foreseen(&node, &parts, MemberChange::Lead { id: node_id }).await;
    }
    let deadline = call::deadline(&parts)?;
    let index = node.controller.change_members(MemberChange::Lead { id: node_id }, &caller::asker(&parts)?.credential, deadline).await?;
    // This node may hear of the new leader a moment later than the old one did.
    node.controller.led_by(node_id, deadline).await;
    let revision = index.max(node.controller.applied_index());
    Ok(LeaderAnswer { revision, leader_id: node_id, term: node.controller.term() }.into_response())
}
