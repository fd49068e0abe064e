//! The JSON form of entries, changes and frames: the serde form with the enum's tag moved inside, as `kind` or `type`,
//! and with partitions and brokers flat. The only place that knows it, in both directions; the attributes `schemars(tag)`
//! and `schemars(flatten)` on those types say the same for the description of the API.

use crate::change::{Change, Commit};
use crate::command::Group;
use crate::frame::Frame;
use crate::intent::Intent;
use serde::{Serialize, de::Error as _};
use serde_json::{Error, Map, Value, json};

/// `{ tag: variant, …fields }` from serde's `{ variant: { …fields } }`.
fn inline(value: Value, tag: &str) -> Value {
    let (variant, fields) = match value {
        Value::String(variant) => (variant, Value::Null),
        Value::Object(map) => match map.into_iter().next() {
            Some(pair) => pair,
            None => return Value::Null,
        },
        other => return other,
    };
    let mut out = Map::new();
    out.insert(tag.to_owned(), Value::String(variant));
    if let Value::Object(fields) = fields {
        out.extend(fields);
    }
    Value::Object(out)
}

/// The reverse of [`inline`].
fn outline(value: Value, tag: &str) -> Result<(String, Map<String, Value>), Error> {
    let Value::Object(mut fields) = value else { return Err(Error::custom("expected an object")) };
    match fields.remove(tag) {
        Some(Value::String(variant)) => Ok((variant, fields)),
        _ => Err(Error::custom(format!("expected a field {tag}"))),
    }
}

/// A change as `{ kind, … }`.
///
/// # Errors
/// None that a change can cause.
pub fn change(change: &Change) -> Result<Value, Error> {
    let mut value = inline(serde_json::to_value(change)?, "kind");
    let nested = match change {
        Change::PartitionChanged { .. } => "partition",
        Change::BrokerRegistered { .. } | Change::BrokerChanged { .. } => "broker",
        _ => return Ok(value),
    };
    if let Some(fields) = value.as_object_mut()
        && let Some(Value::Object(inner)) = fields.remove(nested)
    {
        fields.extend(inner);
    }
    Ok(value)
}

/// The change of its JSON form.
///
/// # Errors
/// When it is not one.
pub fn parse_change(value: Value) -> Result<Change, Error> {
    let (kind, mut fields) = outline(value, "kind")?;
    let fields = match kind.as_str() {
        "partition_changed" => {
            let topic_id = fields.remove("topic_id").unwrap_or_default();
            object([("topic_id".to_owned(), topic_id), ("partition".to_owned(), Value::Object(fields))])
        }
        "broker_registered" | "broker_changed" => object([("broker".to_owned(), Value::Object(fields))]),
        _ => Value::Object(fields),
    };
    serde_json::from_value(object([(kind, fields)]))
}

/// As `json!` makes it, which would copy every value.
fn object<const N: usize>(fields: [(String, Value); N]) -> Value {
    Value::Object(fields.into_iter().collect())
}

/// A list of changes.
///
/// # Errors
/// As [`change`].
pub fn changes(changes: &[Change]) -> Result<Vec<Value>, Error> {
    changes.iter().map(change).collect()
}

/// A list of changes as text. Made one after another: as values, those of a large commit take megabytes.
///
/// # Errors
/// As [`change`].
pub fn changes_text(changes: &[Change]) -> Result<String, Error> {
    let texts: Vec<String> = changes.iter().map(|each| text(&change(each)?)).collect::<Result<_, Error>>()?;
    Ok(format!("[{}]", texts.join(",")))
}

/// An intent as `{ kind, … }`.
///
/// # Errors
/// None that an intent can cause.
pub fn intent(intent: &Intent) -> Result<Value, Error> {
    Ok(inline(serde_json::to_value(intent)?, "kind"))
}

/// A group as `{ expected?, commands: [{ kind, … }] }`.
///
/// # Errors
/// None that a group can cause.
pub fn group(group: &Group) -> Result<Value, Error> {
    let commands: Vec<Value> =
        group.commands.iter().map(|command| Ok(inline(serde_json::to_value(command)?, "kind"))).collect::<Result<_, Error>>()?;
    let mut out = json!({ "commands": commands });
    if let Some(expected) = &group.expected {
        out["expected"] = inline(serde_json::to_value(expected)?, "kind");
    }
    Ok(out)
}

/// A commit, without its `type`.
///
/// # Errors
/// None that a commit can cause.
pub fn commit(commit: &Commit) -> Result<Value, Error> {
    Ok(json!({
        "index": commit.index,
        "prev_index": commit.prev_index,
        "term": commit.term,
        "at_ms": commit.at_ms,
        "principal": commit.principal,
        "intent": commit.intent.as_ref().map(intent).transpose()?,
        "digest": commit.digest,
        "changes": changes(&commit.changes)?,
    }))
}

/// A frame as `{ type, … }`, subprotocol `quorate.v1.json`.
///
/// # Errors
/// None that a frame can cause.
pub fn frame(frame: &Frame) -> Result<Value, Error> {
    match frame {
        Frame::Commit(inner) => {
            let mut value = commit(inner)?;
            value["type"] = json!("commit");
            Ok(value)
        }
        other => Ok(inline(serde_json::to_value(other)?, "type")),
    }
}

/// Text of any of these.
///
/// # Errors
/// None that a value can cause.
pub fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value)
}
