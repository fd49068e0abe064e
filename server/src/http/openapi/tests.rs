//! The description and the router against each other: neither says more than the other.

use super::document;
use crate::http::alone::Alone;
use crate::http::operations::Routed;
use crate::http::table::table;
use anyhow::{Context, Result, ensure};
use http::{Method, StatusCode, header};
use metadata::Code;
use metadata::contract::Kind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Routes that are no part of the contract: refusals of the API, the other controllers, the dashboard's files.
const UNDESCRIBED: [&str; 5] = ["/api", "/api/{*rest}", controller::net::PATH, "/pkg/{*path}", "/favicon.ico"];

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// A path of the operation, with objects that do not exist.
fn filled(routed: &Routed) -> String {
    routed.operation.path().replace("{name}", "nothing").replace("{id}", "4242").replace("{partition}", "0")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_routed_and_refused_only_as_described() -> Result<()> {
    let alone = Alone::start().await?;
    for routed in table() {
        let body = routed.body.as_ref().map(|_| json!({}));
        let what = format!("{} {}", routed.method, routed.operation.path());
        let answered = alone.ask(routed.method.clone(), &filled(&routed), body).await?;
        ensure!(answered.status != StatusCode::METHOD_NOT_ALLOWED, "{what} is not routed");
        if answered.status.is_success() {
            let described = routed.answers.iter().any(|answer| answer.status == answered.status);
            ensure!(described, "{what} was answered {}", answered.status);
            continue;
        }
        let document = answered.json();
        let code = document["code"].as_str().and_then(Code::from_name).with_context(|| format!("{what}: {}", answered.text))?;
        ensure!(code != Code::NotFound, "{what} is not routed");
        ensure!(routed.codes().contains(&code), "{what} was refused with {code:?}, which it does not describe");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described() -> Result<()> {
    let alone = Alone::start().await?;
    // The router tells its paths in its debug form alone; should that change, the comparison below fails.
    let shown = format!("{:?}", alone.router);
    let own = shown.split("fallback_router").next().unwrap_or_default();
    let routed: BTreeSet<&str> = own.split('"').filter(|part| part.starts_with('/')).collect();
    let operations = table();
    let described: BTreeSet<&str> = operations.iter().map(|routed| routed.operation.path()).chain(UNDESCRIBED).collect();
    ensure!(routed == described, "routed, not described: {:?}; described, not routed: {:?}", &routed - &described, &described - &routed);

    let mut methods: BTreeMap<String, BTreeSet<Method>> = BTreeMap::new();
    for routed in &operations {
        methods.entry(filled(routed)).or_default().insert(routed.method.clone());
    }
    for (path, described) in methods {
        let allowed: BTreeSet<String> =
            described.iter().map(Method::to_string).chain(described.contains(&Method::GET).then(|| "HEAD".to_owned())).collect();
        for method in METHODS.into_iter().filter(|method| !described.contains(method)) {
            let answered = alone.ask(method.clone(), &path, None).await?;
            ensure!(answered.status == StatusCode::METHOD_NOT_ALLOWED, "{method} {path} is routed and not described");
            let allow = answered.headers.get(header::ALLOW).and_then(|allow| allow.to_str().ok()).unwrap_or_default();
            ensure!(allow.split(',').map(|method| method.trim().to_owned()).collect::<BTreeSet<_>>() == allowed, "{path} allows {allow}");
        }
    }
    Ok(())
}

/// What a call names when it refuses a parameter or a field is what the description says.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_and_fields_are_those_that_the_calls_know() -> Result<()> {
    let alone = Alone::start().await?;
    let described = document(&table(), "/");
    let set = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    for routed in table().iter().filter(|routed| routed.operation.kind() != Kind::Plain) {
        let what = format!("{} {}", routed.method, routed.operation.path());
        let entry = &described["paths"][routed.operation.path()][routed.method.as_str().to_ascii_lowercase()];
        let resolve = |reference: &Value| described.pointer(reference["$ref"].as_str().unwrap_or_default().trim_start_matches('#'));
        let parameters: Vec<&Value> = entry["parameters"].as_array().into_iter().flatten().filter_map(resolve).collect();
        let query = parameters.iter().filter(|parameter| parameter["in"] == "query").filter_map(|parameter| parameter["name"].as_str());
        let query = set(query.collect());
        let path = filled(routed);
        // A body that can be read, so that the query is what is refused.
        let body = routed.body.as_ref().map(|body| sample(&body.name));
        let refused = alone.ask(routed.method.clone(), &format!("{path}?nonsense=1"), body).await?.json();
        ensure!(refused["field"] == "nonsense", "{what} takes any parameter: {refused}");
        let known = refused["allowed"].as_str().unwrap_or_default();
        let known = if known == "no parameters" { BTreeSet::new() } else { set(known.split(", ").collect()) };
        ensure!(query == known, "{what} describes {query:?} and knows {known:?}");

        let Some(body) = &routed.body else { continue };
        let refused = alone.ask(routed.method.clone(), &path, Some(json!({ "nonsense": 1 }))).await?.json();
        ensure!(refused["field"] == "nonsense", "{what} takes any field: {refused}");
        let fields = described["components"]["schemas"][&*body.name]["properties"].as_object().context("no properties")?;
        let fields = set(fields.keys().map(String::as_str).collect());
        let known = refused["allowed"].as_str().unwrap_or_default().replace(" or ", ", ");
        let known = set(known.split(", ").collect());
        ensure!(fields == known, "{what} describes {fields:?} and knows {known:?}");
    }
    Ok(())
}

fn sample(request: &str) -> Value {
    match request {
        "TopicRequest" => json!({ "name": "nothing" }),
        "BatchRequest" => json!({ "topics": [] }),
        "ConfigsRequest" => json!({ "ops": [] }),
        "RegistrationRequest" => json!({ "id": 4242, "incarnation_id": "6f9b2c1e-0000-4000-8000-000000000001", "endpoints": [] }),
        "HeartbeatRequest" => json!({ "broker_epoch": 1, "metadata_index": 1, "want_fence": false, "want_shut_down": false }),
        "IsrRequest" => json!({ "broker_epoch": 1, "changes": [] }),
        "SettingsRequest" => json!({ "ops": [] }),
        "ElectionRequest" => json!({ "type": "preferred" }),
        "ReassignmentRequest" => json!({ "moves": [] }),
        "LimitsRequest" => json!({ "limits": {} }),
        _ => json!({}),
    }
}

fn walk<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str)) {
    match value {
        Value::Object(fields) => {
            fields.get("$ref").and_then(Value::as_str).into_iter().for_each(&mut *visit);
            fields.values().for_each(|inner| walk(inner, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

#[test]
fn the_description_is_whole() -> Result<()> {
    let described = document(&table(), "/");
    let mut references = BTreeSet::new();
    walk(&described, &mut |reference| {
        references.insert(reference);
    });
    for reference in &references {
        ensure!(described.pointer(reference.trim_start_matches('#')).is_some(), "{reference} is nowhere");
    }
    for part in ["parameters", "headers", "schemas"] {
        for name in described["components"][part].as_object().context("no components")?.keys() {
            ensure!(references.contains(&*format!("#/components/{part}/{name}")), "nothing refers to {part}/{name}");
        }
    }
    let names: BTreeSet<&str> = table().iter().map(|routed| routed.operation.name()).collect();
    ensure!(names.len() == table().len(), "two operations share a name");
    let codes = described["components"]["schemas"]["Code"].to_string();
    for code in Code::ALL {
        ensure!(codes.contains(&format!("\"{}\"", code.name())), "{code:?} is not described");
    }
    Ok(())
}

#[test]
fn what_has_no_dry_run_says_so() -> Result<()> {
    let described = document(&table(), "/");
    let mut without = BTreeSet::new();
    for routed in table().iter().filter(|routed| routed.method != Method::GET) {
        let entry = &described["paths"][routed.operation.path()][routed.method.as_str().to_ascii_lowercase()];
        let references: Vec<&str> = entry["parameters"].as_array().into_iter().flatten().filter_map(|one| one["$ref"].as_str()).collect();
        let has = |name: &str| references.iter().any(|reference| reference.rsplit('/').next() == Some(name));
        let tells = |what: &str| entry["description"].as_str().is_some_and(|text| text.contains(what));
        let (told, keyless) = (tells("no dry run"), tells("no `Idempotency-Key`"));
        ensure!(told != has("dry_run") && keyless != has("Idempotency-Key"), "{} {}: {entry}", routed.method, routed.operation.path());
        if told {
            without.insert(routed.operation.name());
        }
    }
    // One only touches a session; the others are about the table of rights, of which nothing is shown beforehand.
    let rights =
        ["addAccount", "addToken", "changeRole", "endSessions", "removeAccount", "revokeCertificate", "revokeToken", "setPassword"];
    ensure!(without == rights.into_iter().chain(["heartbeat"]).collect(), "{without:?}");
    Ok(())
}
