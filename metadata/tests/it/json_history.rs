//! The JSON forms of undos, of kept commits and of what differs.

use crate::fixture::{World, by_hand, configs};
use crate::samples;
use crate::undo::{configure, deleted, kept, set, undo};
use metadata::history::{Beside, Record, diff};
use metadata::intent::NewTopic;
use metadata::{Intent, json};
use serde::Serialize;
use serde_json::{Value, json};

fn tree_of(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn world() -> World {
    let mut world = World::online(&[101, 102]);
    world.create(NewTopic { configs: configs(&[("retention.ms", "5")]), ..by_hand("t", &[&[101, 102]]) });
    world
}

#[test]
fn an_undo_holds_what_it_asks_with_its_kind() {
    let undo = samples::intents().into_iter().find(|(name, _)| *name == "Undo").unwrap().1;
    let expected = json!({ "kind": "undo", "of": 400, "intent": { "kind": "fence_broker", "id": 101, "expected": 400 } });
    assert_eq!(tree_of(json::intent(&undo)), expected);
    let of_unit = Intent::Undo { of: 7, intent: Box::new(Intent::BalanceLeaders) };
    assert_eq!(tree_of(json::intent(&of_unit)), json!({ "kind": "undo", "of": 7, "intent": { "kind": "balance_leaders" } }));
    let commit = metadata::Commit { intent: Some(undo), ..samples::commit() };
    assert_eq!(tree_of(json::commit(&commit))["intent"], expected);
}

#[test]
fn a_kept_commit_is_the_commit_with_names_and_what_it_replaced() {
    let mut world = world();
    let id = world.topic_id("t");
    let record = kept(&mut world, configure("t", vec![set("retention.ms", "6")]));
    let mut expected = tree_of(json::commit(&record.commit));
    expected["topics"] = json!({ id.to_string(): "t" });
    assert_eq!(tree_of(json::record(&record, false)), expected);
    expected["changes"][0]["before"] = json!({ "kind": "configs_changed", "topic_id": id, "configs": { "retention.ms": "5" } });
    assert_eq!(tree_of(json::record(&record, true)), expected);
    let undone = undo(&mut world, &record);
    assert_eq!(tree_of(json::record(&undone, false))["intent"]["of"], record.commit.index);
    let (topic, row) = (world.state().topic(id).unwrap().clone(), world.partition("t", 0).clone());
    let gone = kept(&mut world, deleted("t"));
    let before = json!({
        "kind": "topic_created", "topic_id": id, "name": "t", "configs": { "retention.ms": "5" },
        "created_index": topic.created_index, "created_at_ms": topic.created_at_ms, "partitions": [*row],
    });
    assert_eq!(tree_of(json::record(&gone, true))["changes"][0]["before"], before);
    let made = kept(&mut world, Intent::CreateTopics { topics: vec![by_hand("v", &[&[101]])] });
    let changes = tree_of(json::record(&made, true))["changes"].clone();
    assert!(changes.as_array().unwrap().iter().all(|change| change["before"] == Value::Null), "{changes}");
    // What is kept of it is short of something: then nothing is known.
    let short = Record { beside: Beside::default(), ..made };
    assert_eq!(tree_of(json::record(&short, true))["changes"].as_array().unwrap().len(), short.commit.changes.len());
}

#[test]
fn what_differs_names_entities_by_their_kind() {
    let mut world = world();
    let from = world.state().clone();
    kept(&mut world, configure("t", vec![set("retention.ms", "6")]));
    world.expire(102);
    let id = world.topic_id("t");
    let shown = tree_of(json::diff(&diff(&from, world.state(), 100)));
    assert_eq!((&shown["from"], &shown["to"], &shown["total"]), (&json!(from.revision()), &json!(world.index), &json!(4)));
    assert_eq!(shown["topics"], json!({ id.to_string(): "t" }));
    let kinds: Vec<&str> = shown["differences"].as_array().unwrap().iter().map(|one| one["what"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["broker", "standing", "topic", "partition"]);
    let configs = |value: &str| json!({ "kind": "configs_changed", "topic_id": id, "configs": { "retention.ms": value } });
    let topic = json!({ "what": { "kind": "topic", "topic_id": id }, "before": configs("5"), "after": configs("6") });
    assert_eq!(shown["differences"][2], topic);
    assert_eq!(shown["differences"][3]["after"]["isr"], json!([101]), "flat");
    assert_eq!(tree_of(json::diff(&diff(&from, &from, 9)))["differences"], json!([]));
}

#[cfg(feature = "schema")]
#[test]
fn what_is_shown_is_described() {
    let record = tree_of(schemars::schema_for!(Record));
    let fields: Vec<&String> = record["properties"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["at_ms", "changes", "digest", "index", "intent", "prev_index", "principal", "term", "topics"]);
    let undo =
        record["$defs"]["Intent"]["oneOf"].as_array().unwrap().iter().find(|one| one["properties"]["kind"]["const"] == "undo").unwrap();
    assert_eq!(undo["properties"]["intent"]["$ref"], "#/$defs/Intent");
    assert!(record["$defs"]["Replacing"]["properties"]["before"].is_object(), "{record}");
    let diff = tree_of(schemars::schema_for!(metadata::history::Diff));
    assert!(diff["$defs"]["Entity"]["oneOf"].as_array().unwrap().iter().any(|one| one["properties"]["kind"]["const"] == "partition"));
}
