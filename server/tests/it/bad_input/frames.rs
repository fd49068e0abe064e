//! What is around a body: paths, methods, hosts, origins, headers, parameters, and the feed's position.

use super::{Case, Known};
use reqwest::Method;
use serde_json::json;

const TOPICS: &str = "/api/v1/topics";

fn get(path: &str) -> Case {
    Case::new(Method::GET, path)
}

/// A creation that would be fine.
fn create() -> Case {
    Case::new(Method::POST, TOPICS).json(&json!({ "name": "new" }))
}

fn bad_header(case: Case, name: &'static str, value: &str, allowed: &'static str) -> Case {
    case.header(name, value).is(400, "INVALID_REQUEST").at(name, allowed)
}

fn bad_parameter(path: &str, name: &str, allowed: &'static str) -> Case {
    get(&format!("/api/v1{path}")).is(400, "INVALID_REQUEST").at(name, allowed)
}

pub fn cases(known: &Known) -> Vec<Case> {
    let mut cases = paths();
    cases.extend(guarded());
    cases.extend(headers());
    cases.extend(parameters());
    cases.extend(no_body());
    cases.extend(feed(known));
    cases
}

fn paths() -> Vec<Case> {
    let method = |method: Method, path: &str, allow| Case::new(method, path).is(405, "METHOD_NOT_ALLOWED").answers("allow", allow);
    let nothing = |path: &str| get(path).is(404, "NOT_FOUND");
    vec![
        nothing("/api/v1/nothing"),
        nothing("/api/v1"),
        nothing("/api/v1/"),
        nothing("/api/v1/topics/a/b"),
        nothing("/api/v1/topics/"),
        Case::new(Method::POST, "/api/v1/nothing").json(&json!({})).is(404, "NOT_FOUND"),
        method(Method::PUT, TOPICS, "POST"),
        method(Method::DELETE, TOPICS, "GET"),
        method(Method::POST, "/api/v1/cluster", "GET"),
        method(Method::POST, "/api/v1/topics/a.b", "DELETE"),
        method(Method::GET, "/api/v1/batch/topics", "POST"),
        method(Method::GET, "/api/v1/topics/a.b/configs", "PATCH"),
        method(Method::GET, "/api/v1/brokers/101/fence", "POST"),
        method(Method::DELETE, "/api/v1/feed", "GET"),
        method(Method::POST, "/healthz", "GET"),
    ]
}

fn guarded() -> Vec<Case> {
    let host = |path: &str, name: &str| get(path).header("host", name).is(421, "WRONG_HOST").at("Host", "127.0.0.1").held(name);
    let origin =
        |case: Case, origin: &str| case.header("origin", origin).is(403, "FORBIDDEN_ORIGIN").at("Origin", "http://127.0.0.1").held(origin);
    let delete = || Case::new(Method::DELETE, "/api/v1/topics/a.b");
    let site = |case: Case, site: &str| {
        case.header("sec-fetch-site", site).is(403, "FORBIDDEN_ORIGIN").at("Sec-Fetch-Site", "same-origin, none").held(site)
    };
    vec![
        site(create(), "cross-site"),
        site(delete(), "same-site"),
        site(upgrade(""), "cross-site"),
        site(create(), "anything"),
        host("/api/v1/cluster", "evil.example"),
        host("/api/v1/state", "evil.example:80"),
        host("/healthz", "127.0.0.1.evil.example"),
        host("/", "evil.example"),
        host("/no/such/page", "evil.example"),
        host("/api/v1/nothing", "evil.example"),
        create().header("host", "evil.example").is(421, "WRONG_HOST").at("Host", ""),
        origin(create(), "http://evil.example"),
        origin(create(), "null"),
        origin(create(), "http://127.0.0.1"),
        origin(create(), "http://127.0.0.1.evil.example"),
        origin(delete(), "https://evil.example"),
        origin(Case::new(Method::POST, "/api/v1/brokers/101/fence"), "http://evil.example"),
        origin(upgrade(""), "http://evil.example"),
    ]
}

fn headers() -> Vec<Case> {
    let delete = || Case::new(Method::DELETE, "/api/v1/topics/a.b");
    let key = |value: &str| bad_header(create(), "Idempotency-Key", value, "1 to 128 visible ASCII");
    let timeout = |case: Case, value: &str| bad_header(case, "Quorate-Timeout-Ms", value, "1 to 10000").held(value);
    let tag = |value: &str| bad_header(delete(), "If-Match", value, "an index in double quotes").held(value);
    let long = "k".repeat(129);
    vec![
        key(""),
        key("with a space"),
        key("n\u{e9}"),
        key(&long),
        create()
            .header("Idempotency-Key", "one")
            .header("Idempotency-Key", "two")
            .is(400, "INVALID_REQUEST")
            .at("Idempotency-Key", "1 to 128"),
        timeout(create(), "0"),
        timeout(create(), "10001"),
        timeout(create(), "-5"),
        timeout(create(), "soon"),
        timeout(get("/api/v1/topics"), "0"),
        tag("5"),
        tag("*"),
        tag("\"x\""),
        tag("W/\"5\""),
        tag("\"5\", \"6\""),
        bad_header(create(), "If-Match", "\"5\"", "nothing"),
        delete().header("If-Match", "\"1\"").is(412, "REVISION_CONFLICT").at("If-Match", "\"").held("\"1\""),
        delete().header("Quorate-Preview", "zz").is(400, "INVALID_REQUEST").at("preview", "48 hex digits").held("zz"),
        Case::new(Method::POST, TOPICS)
            .json(&json!({ "name": "new", "preview": "zz" }))
            .is(400, "INVALID_REQUEST")
            .at("preview", "48 hex digits")
            .held("zz"),
        Case::new(Method::POST, TOPICS).json(&json!({ "name": "new", "preview": "0".repeat(48) })).is(409, "STALE_PREVIEW"),
    ]
}

fn parameters() -> Vec<Case> {
    let mutation = |method, path: &str| Case::new(method, path).is(400, "INVALID_REQUEST");
    vec![
        bad_parameter("/topics?serch=a", "serch", "search").held("a"),
        bad_parameter("/topics?limit=0", "limit", "1 to 1000").held("0"),
        bad_parameter("/topics?limit=1001", "limit", "1 to 1000"),
        bad_parameter("/topics?limit=many", "limit", "1 to 1000").held("many"),
        bad_parameter("/topics?limit=1&limit=2", "limit", "once"),
        bad_parameter("/topics?health=fine", "health", "under_replicated").held("fine"),
        bad_parameter("/topics?configs=yes", "configs", "true, false").held("yes"),
        bad_parameter("/topics?consistency=strong", "consistency", "linearizable").held("strong"),
        bad_parameter("/topics?min_revision=-1", "min_revision", "an index").held("-1"),
        bad_parameter("/cluster?verbose=1", "verbose", "min_revision"),
        bad_parameter("/state?min_revisions=1", "min_revisions", "min_revision"),
        bad_parameter("/brokers?limit=1", "limit", "min_revision"),
        create().is(400, "INVALID_REQUEST").at("dryrun", "dry_run").held("true").under("/api/v1/topics?dryrun=true"),
        create().is(400, "INVALID_REQUEST").at("dry_run", "true, false").held("yes").under("/api/v1/topics?dry_run=yes"),
        create().is(400, "INVALID_REQUEST").at("min_revision", "dry_run").under("/api/v1/topics?min_revision=1"),
        mutation(Method::DELETE, "/api/v1/topics/a.b?force=true").at("force", "dry_run"),
        mutation(Method::POST, "/api/v1/brokers/101/heartbeat?dry_run=true")
            .json(&json!({ "broker_epoch": 1, "metadata_index": 1, "want_fence": false, "want_shut_down": false }))
            .at("dry_run", "no parameters"),
    ]
}

/// What is sent to a call that takes nothing, and a list in the place of an object.
fn no_body() -> Vec<Case> {
    let refused = |method: Method, path: &str| Case::new(method, path).is(400, "INVALID_REQUEST").at("body", "nothing, or {}");
    let something = || json!({ "held": false });
    vec![
        refused(Method::POST, "/api/v1/brokers/101/fence").json(&something()),
        refused(Method::POST, "/api/v1/brokers/101/unfence").json(&json!([])),
        refused(Method::DELETE, "/api/v1/topics/a.b").json(&something()),
        refused(Method::DELETE, "/api/v1/reassignments/1").json(&something()),
        refused(Method::POST, "/api/v1/quorum/members/2/promote").json(&something()),
        Case::new(Method::POST, "/api/v1/brokers/999/fence").json(&json!({})).is(404, "BROKER_ID_NOT_REGISTERED"),
        Case::new(Method::POST, TOPICS).json(&json!(["new", 1])).is(400, "INVALID_REQUEST").at("body", "a JSON object"),
    ]
}

/// A WebSocket's handshake as a plain request, so that the refusal can be read.
fn upgrade(query: &str) -> Case {
    get(&format!("/api/v1/feed{query}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "quorate.v1.json")
}

fn feed(known: &Known) -> Vec<Case> {
    let position = |query: &str, field: &str, allowed| upgrade(query).is(422, "INVALID_FEED_POSITION").at(field, allowed);
    let foreign = format!("?from=1&lineage={}", known.cluster_id);
    vec![
        get("/api/v1/feed").is(426, "UPGRADE_REQUIRED").answers("upgrade", "websocket"),
        get("/api/v1/feed?from=1").is(426, "UPGRADE_REQUIRED"),
        position(&format!("?from={}", known.newest + 1_000_000), "from", "0 to "),
        position(&format!("?from={}", u64::MAX), "from", "0 to "),
        position(&foreign, "lineage", ""),
        upgrade("?from=first").is(400, "INVALID_REQUEST").at("from", "an index").held("first"),
        upgrade("?from=-1").is(400, "INVALID_REQUEST").at("from", "an index"),
        upgrade("?from=1&lineage=mine").is(400, "INVALID_REQUEST").at("lineage", "UUID"),
        upgrade("?since=1").is(400, "INVALID_REQUEST").at("since", "from"),
    ]
}
