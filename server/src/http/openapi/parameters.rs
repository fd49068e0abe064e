//! What each parameter and each header is, by name. The operations say which of them they have.

use controller::LONGEST_DEADLINE;
use metadata::BrokerId;
use metadata::contract::{Kind, Need, Operation};
use metadata::views::TopicHealth;
use serde_json::{Map, Value, json};

/// The query parameters that every operation of a kind knows.
fn query_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Read => &["min_revision", "consistency"],
        Kind::Mutation | Kind::Members => &["dry_run"],
        Kind::Command | Kind::Feed | Kind::Plain => &[],
    }
}

fn headers_of(operation: Operation) -> Vec<&'static str> {
    let mut headers = Vec::new();
    if operation.kind() != Kind::Plain {
        headers.push("Quorate-Timeout-Ms");
    }
    if operation.kind() == Kind::Mutation {
        headers.extend(["Idempotency-Key", "Quorate-Preview"]);
    }
    if operation.conditional() {
        headers.push("If-Match");
    }
    if operation.needs() == Need::OwnId {
        headers.push("Quorate-Session");
    }
    if operation.kind() == Kind::Feed {
        headers.push("Last-Event-ID");
    }
    headers
}

/// References to an operation's parameters: those in the path, in the query, and headers.
pub fn of(operation: Operation) -> Vec<Value> {
    let path = operation.path_parameters().map(str::to_owned);
    let query = operation.query().iter().chain(query_of(operation.kind())).map(|name| own_sense(operation, name));
    let headers = headers_of(operation).into_iter().map(str::to_owned);
    path.chain(query).chain(headers).map(|key| json!({ "$ref": format!("#/components/parameters/{key}") })).collect()
}

/// Where a query parameter is described: some names mean something else to those that look back.
fn own_sense(operation: Operation, name: &str) -> String {
    let back = matches!(operation, Operation::ListHistory | Operation::ExportHistory | Operation::DiffStates);
    let state = matches!(operation, Operation::GetState | Operation::GetDigest);
    match name {
        "before" | "kind" | "after" | "from" | "limit" if back => format!("history.{name}"),
        "index" | "at_ms" if state => format!("state.{name}"),
        _ => name.to_owned(),
    }
}

/// Every parameter there is: where, and what. A reference to one that is not here is found by the test of the description.
pub fn shared() -> Value {
    let longest = LONGEST_DEADLINE.as_millis() as u64;
    let index = json!({ "type": "integer", "format": "uint64", "minimum": 0 });
    let text = json!({ "type": "string" });
    let health = TopicHealth::ALL.map(TopicHealth::name);
    let all = [
        ("path", "name", "A topic's name", text.clone()),
        ("path", "id", "A broker's id", json!({ "type": "integer", "minimum": 0, "maximum": BrokerId::MAX })),
        ("path", "partition", "A partition's number", json!({ "type": "integer", "format": "uint32", "minimum": 0 })),
        ("path", "index", "The index of a commit", index.clone()),
        ("query", "state.index", "As the newest commit at or before this index left it", index.clone()),
        ("query", "state.at_ms", "As the newest commit at or before this time left it, in milliseconds since 1970", index.clone()),
        ("query", "topic", "Only commits about this topic, by the name that it had then", text.clone()),
        ("query", "broker", "Only commits about this broker", json!({ "type": "integer", "minimum": 0, "maximum": BrokerId::MAX })),
        ("query", "principal", "Only commits by this one, as `user:mario`", text.clone()),
        ("query", "history.kind", "Only commits of this kind of intent, as `change_configs`", text.clone()),
        ("query", "from_index", "Only commits from this index on", index.clone()),
        ("query", "to_index", "Only commits up to and with this index", index.clone()),
        ("query", "from_ms", "Only commits from this time on, in milliseconds since 1970", index.clone()),
        ("query", "to_ms", "Only commits up to this time, in milliseconds since 1970", index.clone()),
        ("query", "history.after", "Only commits before this one: `next` of the page before", index.clone()),
        ("query", "history.before", "Each change with what it replaced", json!({ "type": "boolean", "default": false })),
        ("query", "history.from", "The index of the one state", index.clone()),
        ("query", "to", "The index of the other state; absent: as it is now", index.clone()),
        (
            "query",
            "history.limit",
            "How many at most: of commits up to 1000, of differences up to 10000",
            json!({ "type": "integer", "minimum": 1, "maximum": 10_000 }),
        ),
        ("query", "format", "JSON lines with all there is, or a table", json!({ "enum": ["json", "csv"], "default": "json" })),
        ("query", "min_revision", "Wait until this node has applied this index", index.clone()),
        (
            "query",
            "consistency",
            "`linearizable` confirms with the leader first",
            json!({ "enum": ["local", "linearizable"], "default": "local" }),
        ),
        ("query", "dry_run", "Say what would be committed, and commit nothing", json!({ "type": "boolean", "default": false })),
        ("query", "search", "Only names that contain this, whatever the case", text.clone()),
        ("query", "health", "Only topics whose worst condition is this", json!({ "enum": health })),
        ("query", "after", "Only names after this one: `next` of the page before", text.clone()),
        (
            "query",
            "before",
            "Only records with a smaller number: the last `seq` of the page before",
            json!({ "type": "integer", "format": "uint64", "minimum": 0 }),
        ),
        (
            "query",
            "since_ms",
            "Only records of this time and later, in milliseconds since 1970",
            json!({ "type": "integer", "format": "uint64", "minimum": 0 }),
        ),
        (
            "query",
            "kind",
            "Only records of this kind",
            json!({ "type": "string", "enum": crate::http::audit::KINDS.split(", ").collect::<Vec<_>>() }),
        ),
        ("query", "limit", "How many at most", json!({ "type": "integer", "minimum": 1, "maximum": 1_000, "default": 100 })),
        ("query", "configs", "With each topic's configuration", json!({ "type": "boolean", "default": false })),
        ("query", "from", "Begin after this index; absent: from now", index.clone()),
        ("query", "lineage", "The history that `from` is of", json!({ "type": "string", "format": "uuid" })),
        (
            "query",
            "subprotocol",
            "Of an event stream alone: what a WebSocket names in its handshake. With the binary one, data is base64",
            json!({ "enum": ["quorate.v1.json", "quorate.v1.postcard"], "default": "quorate.v1.json" }),
        ),
        ("header", "Last-Event-ID", "Of an event stream alone: stands before `from`, as a browser resumes with it", index),
        (
            "header",
            "Quorate-Session",
            "A secret that the broker chose when it registered: from then on nobody speaks for that registration without it. The answer to the \
             registration says `Quorate-Session: bound`, and pushes carry its SHA-256 as `Quorate-Push-Proof`",
            json!({ "type": "string", "pattern": "^[!-~]{32,128}$" }),
        ),
        (
            "header",
            "Quorate-Timeout-Ms",
            "How long the call may take",
            json!({ "type": "integer", "minimum": 1, "maximum": longest, "default": longest }),
        ),
        (
            "header",
            "Idempotency-Key",
            "The same key with the same request within 10 minutes is answered with the first committed outcome",
            json!({ "type": "string", "pattern": "^[!-~]{1,128}$" }),
        ),
        (
            "header",
            "Quorate-Preview",
            "The `preview` of a dry run: exactly what it showed is committed, or STALE_PREVIEW. A body's own `preview` stands before it",
            json!({ "type": "string", "pattern": "^[0-9a-f]{48}$" }),
        ),
        (
            "header",
            "If-Match",
            "The object's ETag, its `changed_index` in double quotes: commit only if it has not changed since",
            json!({ "type": "string", "pattern": "^\"[0-9]+\"$" }),
        ),
    ];
    let described = all.into_iter().map(|(place, key, description, schema)| {
        let required = place == "path";
        let name = key.split_once('.').map_or(key, |(_, name)| name);
        (key.to_owned(), json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema }))
    });
    Value::Object(described.collect())
}

/// The headers of answers.
pub fn answer_headers() -> Value {
    let all = [
        (
            "Quorate-Revision",
            "The index applied on this node when it answered",
            json!({ "type": "integer", "format": "uint64", "minimum": 0 }),
        ),
        ("Quorate-Node", "The node that answered", json!({ "type": "integer", "format": "uint64", "minimum": 1 })),
        ("ETag", "The object's `changed_index` in double quotes", json!({ "type": "string" })),
        ("Location", "The path of what was made", json!({ "type": "string" })),
        ("Retry-After", "Seconds to wait; with OVERLOADED", json!({ "type": "integer" })),
    ];
    let described =
        all.into_iter().map(|(name, description, schema)| (name.to_owned(), json!({ "description": description, "schema": schema })));
    Value::Object(described.collect::<Map<_, _>>())
}

/// References to the headers that every answer has.
pub fn on_every_answer() -> Value {
    json!({
        "Quorate-Revision": { "$ref": "#/components/headers/Quorate-Revision" },
        "Quorate-Node": { "$ref": "#/components/headers/Quorate-Node" },
    })
}
