//! Topics: names, counts, configurations, assignments, and what a body may look like.

use super::Case;
use reqwest::Method;
use serde_json::{Value, json};

const TOPICS: &str = "/api/v1/topics";
const NAME: &str = "1 to 249 characters";

fn create(body: &Value) -> Case {
    Case::new(Method::POST, TOPICS).json(body)
}

fn named(name: &str) -> Case {
    create(&json!({ "name": name })).is(422, "INVALID_TOPIC").at("name", NAME).held(name)
}

/// A new topic with one more field.
fn with(field: &str, value: Value) -> Case {
    let mut body = json!({ "name": "new" });
    body[field] = value;
    create(&body)
}

fn config(key: &str, value: Value) -> Case {
    with("configs", json!({ key: value }))
}

fn raw(text: &str) -> Case {
    Case::new(Method::POST, TOPICS).content("application/json", text.as_bytes().to_vec()).is(400, "INVALID_REQUEST")
}

fn edit(ops: Value) -> Case {
    Case::new(Method::PATCH, "/api/v1/topics/a.b/configs").json(&json!({ "ops": ops }))
}

pub fn cases() -> Vec<Case> {
    let mut cases = names();
    cases.extend(counts());
    cases.extend(configs());
    cases.extend(assignments());
    cases.extend(bodies());
    cases.extend(existing());
    cases.extend(growths());
    cases
}

fn names() -> Vec<Case> {
    let long = "n".repeat(250);
    let mut cases: Vec<Case> =
        ["", &long, "with a space", "..", ".", "a/b", "new\n", "n\u{e9}", "a:b", "..\\", "<b>"].into_iter().map(named).collect();
    cases.push(create(&json!({ "name": "a_b" })).is(422, "INVALID_TOPIC").at("name", "").held("a_b"));
    cases.push(create(&json!({ "name": "a.b" })).is(409, "TOPIC_ALREADY_EXISTS").at("name", "").held("a.b"));
    cases
}

fn counts() -> Vec<Case> {
    let partitions =
        |count: i64| with("partitions", json!(count)).is(422, "INVALID_PARTITIONS").at("partitions", "1 to 10000").held(&count.to_string());
    let factor = |count: i64| {
        with("replication_factor", json!(count))
            .is(422, "INVALID_REPLICATION_FACTOR")
            .at("replication_factor", "1 to 3")
            .held(&count.to_string())
    };
    let too_many = |count: i64| {
        with("partitions", json!(count)).is(403, "POLICY_VIOLATION").at("partitions", "at most 10000").held(&count.to_string())
    };
    let batch: Vec<Value> = (0..3).map(|at| json!({ "name": format!("new-{at}"), "partitions": 4_000 })).collect();
    vec![
        partitions(0),
        partitions(-1),
        partitions(-2),
        partitions(i64::MIN),
        too_many(10_001),
        too_many(i64::MAX),
        factor(0),
        factor(-2),
        factor(4),
        factor(i64::MAX),
        Case::new(Method::POST, "/api/v1/batch/topics")
            .json(&json!({ "topics": batch }))
            .is(403, "POLICY_VIOLATION")
            .at("topics", "at most 10000")
            .held("12000"),
    ]
}

fn configs() -> Vec<Case> {
    let bad = |key: &str, value: &str, allowed| {
        config(key, json!(value)).is(422, "INVALID_CONFIG").at(&format!("configs.{key}"), allowed).held(value)
    };
    let patched = |op: Value, field: &str, allowed| edit(json!([op])).is(422, "INVALID_CONFIG").at(field, allowed);
    vec![
        bad("retention.millis", "5", "retention.ms"),
        bad("retention.ms", "soon", "a whole number"),
        bad("retention.ms", "-2", "a whole number"),
        bad("cleanup.policy", "keep", "compact"),
        bad("cleanup.policy", "compact,compact", "compact"),
        bad("deletion.protection", "yes", "true, false"),
        bad("min.cleanable.dirty.ratio", "1.5", "0 to 1"),
        bad("min.insync.replicas", "4", "1 to 3"),
        bad("min.insync.replicas", "0", "a whole number"),
        config("retention.ms", json!(5)).is(400, "INVALID_REQUEST").at("configs.retention.ms", "a string"),
        config("retention.ms", Value::Null).is(400, "INVALID_REQUEST").at("configs.retention.ms", "a string"),
        patched(json!({ "key": "retention.millis", "op": "set", "value": "5" }), "ops[0].key", "retention.ms").held("retention.millis"),
        patched(json!({ "key": "retention.ms", "op": "set" }), "ops[0].value", "a string"),
        patched(json!({ "key": "retention.ms", "op": "set", "value": "x" }), "configs.retention.ms", "a whole number").held("x"),
        patched(json!({ "key": "retention.ms", "op": "append", "value": "5" }), "ops[0].op", "set, delete"),
        patched(json!({ "key": "min.insync.replicas", "op": "set", "value": "4" }), "configs.min.insync.replicas", "1 to 3").held("4"),
        edit(json!([{ "key": "retention.ms", "op": "replace", "value": "5" }])).is(400, "INVALID_REQUEST").at("ops[0].op", "set"),
        edit(json!({})).is(400, "INVALID_REQUEST").at("ops", ""),
    ]
}

fn assignments() -> Vec<Case> {
    let assigned = |rows: Value| with("assignments", rows).is(422, "INVALID_REPLICA_ASSIGNMENT");
    let both = json!({ "name": "new", "partitions": 1, "assignments": [[101]] });
    let factor = json!({ "name": "new", "replication_factor": 1, "assignments": [[101]] });
    vec![
        assigned(json!([[101, 999]])).at("assignments[0]", "101, 102, 103").held("[101, 999]"),
        assigned(json!([[101, 102], [103, 103]])).at("assignments[1]", "different"),
        assigned(json!([[101, 102], [103]])).at("assignments[1]", "2 brokers"),
        assigned(json!([[]])).at("assignments[0]", "1 brokers"),
        assigned(json!([])).at("assignments", "a list"),
        create(&both).is(422, "INVALID_REPLICA_ASSIGNMENT").at("partitions", "nothing"),
        create(&factor).is(422, "INVALID_REPLICA_ASSIGNMENT").at("replication_factor", "nothing"),
        with("assignments", json!([["101"]])).is(400, "INVALID_REQUEST").at("assignments[0][0]", ""),
        with("assignments", json!([[-1]])).is(400, "INVALID_REQUEST").at("assignments[0][0]", ""),
    ]
}

fn bodies() -> Vec<Case> {
    let typed = |field: &str, value: Value| with(field, value).is(400, "INVALID_REQUEST").at(field, "");
    let large = format!("{{\"name\":\"{}\"}}", "n".repeat(10 << 20)).into_bytes();
    let too_large = |path: &str, bytes: &[u8]| {
        Case::new(Method::POST, path).content("application/json", bytes.to_vec()).is(413, "PAYLOAD_TOO_LARGE").at("body", "at most")
    };
    let typeless = |content_type| {
        Case::new(Method::POST, TOPICS).content(content_type, b"{\"name\":\"new\"}".to_vec()).is(415, "UNSUPPORTED_MEDIA_TYPE")
    };
    vec![
        raw("{\"name\":").at("body", "valid JSON"),
        raw("").at("body", "valid JSON"),
        raw("{\"name\":\"new\"} x").at("body", "valid JSON"),
        raw("{\"name\":\"new\",\"name\":\"newer\"}").at("name", ""),
        raw("{\"name\":\"\u{0}\"}").at("body", "valid JSON"),
        raw("[]").at("body", ""),
        raw("null").at("body", ""),
        raw("{}").at("name", "required").held("absent"),
        raw("{\"name\":\"new\",\"partitions\":1e3}").at("partitions", ""),
        raw("{\"name\":\"new\",\"partitions\":99999999999999999999}").at("partitions", ""),
        typed("name", json!(5)),
        typed("name", Value::Null),
        typed("partitions", json!("3")),
        typed("partitions", json!(1.5)),
        typed("replication_factor", json!([])),
        typed("configs", json!([])),
        typed("assignments", json!(3)),
        with("partitons", json!(3)).is(400, "INVALID_REQUEST").at("partitons", "partitions").held("partitons"),
        Case::new(Method::POST, "/api/v1/batch/topics").json(&json!({ "topics": {} })).is(400, "INVALID_REQUEST").at("topics", ""),
        Case::new(Method::POST, "/api/v1/batch/topics")
            .json(&json!({ "topics": [{ "name": "new" }, { "name": "newer", "partitons": 1 }] }))
            .is(400, "INVALID_REQUEST")
            .at("topics[1].partitons", "partitions"),
        Case::new(Method::POST, "/api/v1/batch/topics")
            .json(&json!({ "topics": [{ "name": "new", "preview": "x" }] }))
            .is(400, "INVALID_REQUEST")
            .at("topics[0].preview", "nothing"),
        too_large(TOPICS, &large),
        too_large(TOPICS, &large).chunked(),
        too_large("/api/v1/batch/topics", &large),
        too_large("/api/v1/batch/topics", &large).chunked(),
        typeless("text/plain").at("Content-Type", "application/json").held("text/plain"),
        typeless("application/x-www-form-urlencoded").at("Content-Type", "application/json"),
        typeless("application/jsonx").at("Content-Type", "application/json"),
        Case::new(Method::POST, TOPICS).is(415, "UNSUPPORTED_MEDIA_TYPE").at("Content-Type", "application/json").held(""),
    ]
}

fn existing() -> Vec<Case> {
    let unknown = |method, path: &str| Case::new(method, path).is(404, "UNKNOWN_TOPIC_OR_PARTITION");
    let ops = json!({ "ops": [{ "key": "retention.ms", "op": "set", "value": "5" }] });
    vec![
        unknown(Method::GET, "/api/v1/topics/none").at("name", "").held("none"),
        unknown(Method::DELETE, "/api/v1/topics/none").at("name", "").held("none"),
        unknown(Method::DELETE, "/api/v1/topics/a_b").at("name", "").held("a_b"),
        unknown(Method::PATCH, "/api/v1/topics/none/configs").json(&ops).at("name", "").held("none"),
        unknown(Method::GET, "/api/v1/topics/none/partitions/0").at("name", ""),
        unknown(Method::GET, "/api/v1/topics/a.b/partitions/2").at("partition", "0 to 1").held("2"),
        Case::new(Method::GET, "/api/v1/topics/a.b/partitions/x").is(400, "INVALID_REQUEST").at("partition", "0 to 1").held("x"),
    ]
}

/// Of the topic a.b, which has two partitions.
fn growths() -> Vec<Case> {
    let grow = |body: Value| Case::new(Method::POST, "/api/v1/topics/a.b/partitions").json(&body);
    let count = |count: i64| grow(json!({ "count": count })).at("count", "").held(&count.to_string());
    let assigned = |count: i64, rows: Value| grow(json!({ "count": count, "assignments": rows })).is(422, "INVALID_REPLICA_ASSIGNMENT");
    vec![
        count(2).is(422, "INVALID_PARTITIONS").at("count", "3 to 10002"),
        count(0).is(422, "INVALID_PARTITIONS"),
        count(-1).is(422, "INVALID_PARTITIONS"),
        count(i64::MIN).is(422, "INVALID_PARTITIONS"),
        count(10_003).is(403, "POLICY_VIOLATION").at("count", "3 to 10002"),
        count(i64::MAX).is(403, "POLICY_VIOLATION"),
        assigned(3, json!([])).at("assignments", "1 list").held("0"),
        assigned(3, json!([[999]])).at("assignments[0]", ""),
        grow(json!({})).is(400, "INVALID_REQUEST").at("count", "required").held("absent"),
        grow(json!({ "count": "3" })).is(400, "INVALID_REQUEST").at("count", ""),
        grow(json!({ "count": 3, "partitions": 3 })).is(400, "INVALID_REQUEST").at("partitions", "count"),
        Case::new(Method::POST, "/api/v1/topics/none/partitions")
            .json(&json!({ "count": 3 }))
            .is(404, "UNKNOWN_TOPIC_OR_PARTITION")
            .at("name", "")
            .held("none"),
    ]
}
