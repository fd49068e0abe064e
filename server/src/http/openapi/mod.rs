//! `GET /openapi.json`: the description of the outside contract (OpenAPI 3.1), made from the table of operations and from the types themselves.
//!
//! `parameters` says what each parameter and header is, `schemas` collects the types, this file puts them together.

mod parameters;
mod schemas;

#[cfg(test)]
mod tests;

use super::Node;
use super::operations::{Answer, Routed};
use super::table::table;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use metadata::Code;
use metadata::contract::Kind;
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// It is the same for as long as the process lives, which serves one node.
static DOCUMENT: OnceLock<Bytes> = OnceLock::new();

pub async fn get(State(node): State<Node>) -> Response {
    let document = DOCUMENT.get_or_init(|| document(&table(), server(node.base.as_str())).to_string().into());
    ([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response()
}

/// Where the paths of the description are. They begin with a slash and are put behind it.
fn server(base: &str) -> &str {
    if base.is_empty() { "/" } else { base }
}

const ABOUT: &str = "Every node answers everything; a mutation on a follower is forwarded to the leader. Every answer has the headers \
    `Quorate-Revision` and `Quorate-Node`. A refusal is a problem document (RFC 9457) with a stable `code`. Unknown parameters and unknown \
    fields of a body are refused by name. Outcomes are three: committed (2xx), rejected (4xx, and 503: certainly nothing happened), unknown \
    (504 `OUTCOME_UNKNOWN`: retry with the same `Idempotency-Key`).";

/// Of a change of the membership.
const NO_KEY: &str = "It takes no `Idempotency-Key`: what was done is not done again. A dry run says who would belong to the cluster; it has no \
    commands and no preview, as the membership is Raft's own.";

/// Of an operation that changes something and has neither.
const NO_DRY_RUN: &str = "It has no dry run: `dry_run` is refused as a parameter that there is not. It takes no `Idempotency-Key` \
    either: to ask for it again does no harm.";

fn document(operations: &[Routed], server: &str) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for routed in operations {
        let method = routed.method.as_str().to_ascii_lowercase();
        paths.entry(routed.operation.path()).or_default().insert(method, described(routed, &mut schemas));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Quorate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The metadata controller of partitioned-log clusters",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": server, "description": "This node; any other answers alike" }],
        "tags": [
            { "name": "read", "description": "Local, unless the caller asks for more" },
            { "name": "mutation", "description": "Committed by a majority, or not at all; each can be run dry, unless it says otherwise" },
            { "name": "node", "description": "Of this one node" },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "headers": parameters::answer_headers(),
            "parameters": parameters::shared(),
        },
    })
}

fn described(routed: &Routed, schemas: &mut Schemas) -> Value {
    let tag = match routed.operation.kind() {
        Kind::Read | Kind::Feed => "read",
        Kind::Mutation | Kind::Command | Kind::Members => "mutation",
        Kind::Plain => "node",
    };
    let mut out = json!({
        "operationId": routed.operation.name(),
        "summary": routed.operation.summary(),
        "tags": [tag],
        "x-needs": routed.operation.needs().name(),
        "responses": responses(routed, schemas),
    });
    match routed.operation.kind() {
        Kind::Command => out["description"] = json!(NO_DRY_RUN),
        Kind::Members => out["description"] = json!(NO_KEY),
        _ => {}
    }
    let parameters = parameters::of(routed.operation);
    if !parameters.is_empty() {
        out["parameters"] = json!(parameters);
    }
    if let Some(body) = &routed.body {
        let schema = schemas.request(body);
        out["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    if routed.operation.kind() == Kind::Feed {
        out["x-subprotocols"] = json!(["quorate.v1.json", "quorate.v1.postcard"]);
        out["x-message"] = schemas.frame();
    }
    out
}

fn responses(routed: &Routed, schemas: &mut Schemas) -> Value {
    let mut out = Map::new();
    for answer in &routed.answers {
        out.insert(answer.status.as_str().to_owned(), good(answer, schemas));
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    routed.codes().into_iter().for_each(|code| by_status.entry(code.status()).or_default().push(code));
    for (status, codes) in by_status {
        out.insert(status.to_string(), refusal(&codes, schemas));
    }
    Value::Object(out)
}

fn good(answer: &Answer, schemas: &mut Schemas) -> Value {
    let mut by_type: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (content_type, schema) in &answer.content {
        let schema = schema.map_or_else(|| json!({}), |schema| schemas.answer(schema));
        by_type.entry(content_type).or_default().push(schema);
    }
    let content: Map<String, Value> = by_type
        .into_iter()
        .map(|(content_type, mut found)| {
            let schema = if found.len() > 1 { json!({ "anyOf": found }) } else { found.pop().unwrap_or_default() };
            (content_type.to_owned(), json!({ "schema": schema }))
        })
        .collect();
    let mut headers = parameters::on_every_answer();
    let mut add = |name: &str| headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
    if answer.tagged {
        add("ETag");
    }
    if answer.located && answer.status == StatusCode::CREATED {
        add("Location");
    }
    let mut out = json!({ "description": answer.description, "headers": headers });
    if !content.is_empty() {
        out["content"] = Value::Object(content);
    }
    out
}

/// A problem document with one of these codes, which share a status.
fn refusal(codes: &[Code], schemas: &mut Schemas) -> Value {
    let titles: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.name(), code.title())).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let schema = json!({ "allOf": [schemas.problem(), { "properties": { "code": { "enum": names } } }] });
    let mut headers = parameters::on_every_answer();
    if codes.contains(&Code::Overloaded) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    json!({ "description": titles.join(". "), "headers": headers, "content": { "application/problem+json": { "schema": schema } } })
}
