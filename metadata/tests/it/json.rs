//! The JSON form of the feed, exactly as the outside contract shows it, and back.

use crate::{samples, samples_small};
use damage::cases;
use metadata::frame::Backup;
use metadata::json::{self, Stamped, parse_change};
use metadata::{BrokerId, Change, Code, Group, Partition, RecoveryState};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const TOPIC: &str = "01070000-0000-4000-8000-000000000001";

fn tree_of(form: impl Serialize) -> Value {
    serde_json::to_value(form).expect("a model type")
}

fn read(text: &str) -> Result<Change, serde_json::Error> {
    parse_change(&mut serde_json::Deserializer::from_str(text))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn every_change_has_the_shape_of_the_contract() {
    let endpoints = json!([{ "name": "main", "host": "s1.example", "port": 9092 }]);
    let expected = [
        json!({
            "kind": "cluster_bootstrapped",
            "identity": { "cluster_id": "00000000-0000-0000-0000-0000000000c1", "lineage": "00000000-0000-0000-0000-000000000011" },
        }),
        json!({ "kind": "topic_created", "topic_id": TOPIC, "name": "orders", "configs": { "min.insync.replicas": "2" } }),
        json!({ "kind": "topic_deleted", "topic_id": TOPIC, "name": "orders" }),
        json!({
            "kind": "partition_changed", "topic_id": TOPIC, "partition": 7, "leader": 101, "leader_epoch": 7, "partition_epoch": 1000,
            "replicas": [101, 104, 103], "isr": [101], "elr": [104], "last_known_leader": null, "recovery_state": "recovered",
            "adding_replicas": [103], "removing_replicas": [104],
        }),
        json!({ "kind": "configs_changed", "topic_id": TOPIC, "configs": { "segment.ms": "5" } }),
        json!({
            "kind": "broker_registered", "id": 101, "epoch": 301, "changed_index": 400, "incarnation_id": "00000000-0000-0000-0000-000000000065",
            "rack": "r1", "endpoints": endpoints, "push_url": null, "state": "fenced", "held": true, "shutdown_index": null,
        }),
        json!({
            "kind": "broker_changed", "id": 102, "epoch": 302, "changed_index": 400, "incarnation_id": "00000000-0000-0000-0000-000000000066",
            "rack": null, "endpoints": endpoints, "push_url": null, "state": "shutting_down", "held": false, "shutdown_index": 500,
        }),
        json!({ "kind": "broker_removed", "id": 101 }),
        json!({
            "kind": "controllers_changed",
            "controllers": [{ "id": 1, "url": "http://c1:9091", "voter": true }, { "id": 2, "url": "http://c2:9091", "voter": false }],
        }),
        json!({ "kind": "format_raised", "format": 2 }),
        json!({
            "kind": "settings_changed",
            "settings": { "values": { "min.insync.replicas": "2" }, "changed_index": 510, "clear_from": TOPIC },
        }),
        json!({ "kind": "standing_changed", "id": 101, "standing": { "since_ms": 1_700_000_000_000_u64, "draining": 700 } }),
        json!({
            "kind": "reassignment_changed",
            "reassignment": {
                "id": 700, "reason": "factor", "principal": "user:ada", "state": "running", "limits": { "per_broker": 5 },
                "source": { "factor": { "topic_id": TOPIC, "factor": 3 } }, "total": 300, "planned": 2,
                "started_at_ms": 1_700_000_000_000_u64, "ended_at_ms": null,
            },
        }),
        json!({
            "kind": "move_changed", "reassignment_id": 700, "number": 3,
            "move": {
                "topic_id": TOPIC, "topic": "orders.eu", "partition": 3, "from": [101, 104], "to": [103, 101], "state": "moving", "end": null,
            },
        }),
        json!({ "kind": "reassignment_dropped", "id": 600 }),
    ];
    let changes = samples::changes();
    assert_eq!(changes.len(), expected.len());
    for ((name, change), expected) in changes.iter().zip(expected) {
        assert_eq!(tree_of(json::change(change)), expected, "{name}");
        // A tree has its keys in the order of the alphabet, a text as it was written.
        assert_eq!(parse_change(expected).unwrap(), *change, "{name}");
        assert_eq!(read(&serde_json::to_string(&json::change(change)).unwrap()).unwrap(), *change, "{name}");
    }
}

#[test]
fn a_change_of_a_push_has_its_commits_index_and_time() {
    for (name, change) in samples::changes() {
        let stamped = Stamped { index: 7, at_ms: 9, change };
        let tree = tree_of(json::stamped(7, 9, &stamped.change));
        let mut expected = tree_of(json::change(&stamped.change));
        (expected["index"], expected["at_ms"]) = (json!(7), json!(9));
        assert_eq!(tree, expected, "{name}");
        let text = serde_json::to_string(&json::stamped(7, 9, &stamped.change)).unwrap();
        assert_eq!(serde_json::from_str::<Stamped>(&text).unwrap(), stamped, "{name}: {text}");
        assert_eq!(serde_json::from_value::<Stamped>(tree.clone()).unwrap(), stamped, "{name}");
        for stamp in ["index", "at_ms"] {
            let mut without = tree.clone();
            without.as_object_mut().unwrap().remove(stamp);
            let refused = serde_json::from_value::<Stamped>(without).unwrap_err().to_string();
            assert!(refused.contains(stamp), "{name}: {refused}");
        }
    }
}

#[test]
fn every_frame_has_the_shape_of_the_contract() {
    let shapes: Vec<Value> = samples::frames().iter().map(|(_, frame)| tree_of(json::frame(frame))).collect();
    let hello = json!({
        "type": "hello", "schema": 1, "cluster_id": "00000000-0000-0000-0000-0000000000c1", "lineage": "00000000-0000-0000-0000-000000000011",
        "node_id": 2, "term": 3, "index": 600,
    });
    assert_eq!(shapes[0], hello);
    assert_eq!(keys(&shapes[1]), ["at_ms", "changes", "digest", "index", "intent", "prev_index", "principal", "term", "type"]);
    assert_eq!(shapes[2], json!({ "type": "progress", "index": 601, "quorum_age_ms": 12 }));
    assert_eq!(shapes[3], json!({ "type": "gone", "oldest": 500 }));
    assert_eq!(keys(&shapes[4]), ["age_ms", "at_ms", "backup", "brokers", "commits_10s", "leader_id", "nodes", "since", "term", "type"]);
    assert_eq!((&shapes[1]["type"], &shapes[4]["type"]), (&json!("commit"), &json!("pulse")));
}

#[test]
fn a_commit_carries_intent_digest_and_changes() {
    let commit = samples::commit();
    let value = tree_of(json::commit(&commit));
    assert_eq!(
        (&value["index"], &value["prev_index"], &value["term"], &value["principal"]),
        (&json!(600), &json!(598), &json!(3), &json!("user:ada"))
    );
    let digest = value["digest"].as_str().unwrap();
    assert!(digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    assert_eq!(metadata::digest::Digest::from_hex(digest), Some(commit.digest));
    assert_eq!((&value["intent"]["kind"], &value["intent"]["topics"][0]["name"]), (&json!("create_topics"), &json!("orders")));
    let back: Vec<Change> = value["changes"].as_array().unwrap().iter().map(|change| parse_change(change.clone()).unwrap()).collect();
    assert_eq!(back, commit.changes);
    let membership = metadata::Commit { intent: None, ..commit };
    assert_eq!(tree_of(json::commit(&membership))["intent"], Value::Null);
}

#[test]
fn a_pulse_names_roles_levels_and_the_backup() {
    let of = |backup| serde_json::to_value(samples::pulse(backup)).unwrap();
    let backups: Vec<Value> = samples_small::backups().into_iter().map(|(_, backup)| of(backup)["backup"].clone()).collect();
    assert_eq!(
        backups,
        [
            json!("off"),
            json!({ "following": { "watermark": 600 } }),
            json!({ "failing": { "watermark": 599, "error": "the database is away" } })
        ]
    );
    let pulse = of(Backup::Off);
    let roles: Vec<&str> = pulse["nodes"].as_array().unwrap().iter().map(|node| node["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["leader", "follower", "learner", "unreachable"]);
    assert_eq!(pulse["since"]["level"], "warning");
}

#[test]
fn intents_and_commands_are_named_by_their_kind() {
    for (name, intent) in samples::intents() {
        assert_eq!(tree_of(json::intent(&intent))["kind"], intent.kind(), "{name}");
    }
    let commands: Vec<_> = samples::commands().into_iter().map(|(_, command)| command).collect();
    let mut group = Group { commands, expected: None };
    let value = tree_of(json::group(&group));
    let kinds: Vec<&str> = value["commands"].as_array().unwrap().iter().map(|command| command["kind"].as_str().unwrap()).collect();
    let expected = [
        "bootstrap_cluster",
        "register_broker",
        "unregister_broker",
        "update_broker_status",
        "register_topic",
        "assign_partitions",
        "update_topic_config",
        "delete_topic",
        "update_partition_leader",
        "update_isr",
        "admit_instance",
        "raise_format",
        "update_settings",
        "clear_elr",
        "start_reassignment",
        "add_moves",
        "update_reassignment",
        "move_partition",
        "update_move",
        "update_drain",
        "bind_broker",
        "change_access",
        "require",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(keys(&value), ["commands"]);
    for ((_, expected), kind) in samples::expectations().into_iter().zip(["topic", "broker", "settings"]) {
        group.expected = Some(expected);
        assert_eq!(tree_of(json::group(&group))["expected"]["kind"], kind);
    }
}

#[test]
fn what_is_no_change_is_refused() {
    let created = tree_of(json::change(&samples::changes()[1].1));
    let with = |key: &str, value: Value| {
        let mut fields = created.as_object().unwrap().clone();
        fields.insert(key.to_owned(), value);
        Value::Object(fields)
    };
    let bad = [
        Value::Null,
        json!([]),
        json!("topic_created"),
        json!({}),
        json!({ "kind": 1 }),
        json!({ "kind": "topic_created" }),
        json!({ "kind": "partition_changed" }),
        json!({ "kind": "broker_changed", "broker": {} }),
        with("kind", json!("topic_renamed")),
        with("kind", Value::Null),
        with("name", json!(7)),
        with("topic_id", json!("not a uuid")),
    ];
    for value in bad {
        assert!(parse_change(value.clone()).is_err(), "{value}");
    }
}

/// The table of the contract, read once by a person.
const STATUS: &[(u16, &str)] = &[
    (400, "INVALID_REQUEST"),
    (401, "UNAUTHENTICATED"),
    (403, "POLICY_VIOLATION FORBIDDEN_ORIGIN FORBIDDEN"),
    (404, "UNKNOWN_TOPIC_OR_PARTITION UNKNOWN_TOPIC_ID BROKER_ID_NOT_REGISTERED NO_REASSIGNMENT_IN_PROGRESS NOT_FOUND"),
    (404, "UNKNOWN_ACCOUNT UNKNOWN_TOKEN"),
    (405, "METHOD_NOT_ALLOWED"),
    (409, "TOPIC_ALREADY_EXISTS STALE_BROKER_EPOCH DUPLICATE_BROKER_REGISTRATION INCONSISTENT_CLUSTER_ID FENCED_LEADER_EPOCH"),
    (409, "INVALID_UPDATE_VERSION INELIGIBLE_REPLICA ELECTION_NOT_NEEDED PREFERRED_LEADER_NOT_AVAILABLE"),
    (409, "ELIGIBLE_LEADERS_NOT_AVAILABLE NEW_LEADER_ELECTED STALE_PREVIEW MEMBERSHIP_CHANGE_IN_PROGRESS ACCOUNT_EXISTS"),
    (412, "REVISION_CONFLICT"),
    (413, "PAYLOAD_TOO_LARGE"),
    (415, "UNSUPPORTED_MEDIA_TYPE"),
    (421, "WRONG_HOST"),
    (422, "INVALID_TOPIC INVALID_PARTITIONS INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG INVALID_REGISTRATION"),
    (422, "IDEMPOTENCY_KEY_REUSED INVALID_FEED_POSITION"),
    (426, "UPGRADE_REQUIRED"),
    (429, "TOO_MANY_ATTEMPTS"),
    (503, "NO_LEADER NOT_CONTROLLER OVERLOADED"),
    (504, "OUTCOME_UNKNOWN REVISION_NOT_REACHED"),
];

#[test]
fn every_code_has_the_status_of_the_contract() {
    let contract: BTreeSet<(&str, u16)> = STATUS.iter().flat_map(|(status, names)| names.split(' ').map(|name| (name, *status))).collect();
    let ours: BTreeSet<(&str, u16)> = Code::ALL.iter().map(|code| (code.name(), code.status())).collect();
    assert_eq!(ours, contract);
    for code in Code::ALL {
        assert_eq!(Code::from_name(code.name()), Some(*code));
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        assert!(!code.title().is_empty());
    }
    assert_eq!(Code::from_name("NO_SUCH_CODE"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let field = prop_oneof!["kind", "topic_id", "partition", "broker", "replicas", "id", "[a-z_]{1,8}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((field, inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn kinds() -> impl Strategy<Value = String> {
    let kinds: Vec<String> =
        samples::changes().iter().map(|(_, change)| tree_of(json::change(change))["kind"].as_str().unwrap().to_owned()).collect();
    prop_oneof![proptest::sample::select(kinds), "[a-z_]{0,8}"]
}

fn ids() -> impl Strategy<Value = Vec<BrokerId>> {
    prop::collection::vec(any::<u32>().prop_map(BrokerId), 0..4)
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_partition_is_read_back(
        numbers in any::<[u32; 3]>(),
        lists in [ids(), ids(), ids(), ids(), ids()],
        leader in any::<Option<u32>>(),
        last_known in any::<Option<u32>>(),
        recovering in any::<bool>(),
    ) {
        let [partition, leader_epoch, partition_epoch] = numbers;
        let [replicas, isr, elr, adding_replicas, removing_replicas] = lists;
        let partition = Partition {
            partition, leader: leader.map(BrokerId), leader_epoch, partition_epoch, replicas, isr, elr,
            last_known_leader: last_known.map(BrokerId),
            recovery_state: if recovering { RecoveryState::Recovering } else { RecoveryState::Recovered },
            adding_replicas, removing_replicas,
        };
        let change = Change::PartitionChanged { topic_id: samples::TOPIC, partition: partition.into() };
        prop_assert_eq!(&parse_change(tree_of(json::change(&change))).unwrap(), &change);
        prop_assert_eq!(&read(&serde_json::to_string(&json::change(&change)).unwrap()).unwrap(), &change);
    }

    // In the order of the alphabet, and with the kind first: each is read in its own way, and to the same end.
    #[test]
    fn any_json_is_survived(kind in kinds(), value in any_json()) {
        let tree = parse_change(value.clone());
        drop(read(&value.to_string()));
        if let Value::Object(mut fields) = value {
            fields.remove("kind");
            let rest = Value::Object(fields.clone()).to_string();
            let comma = if fields.is_empty() { "" } else { "," };
            let first = read(&format!("{{\"kind\":{}{comma}{}", json!(kind), &rest[1..]));
            fields.insert("kind".to_owned(), json!(kind));
            prop_assert_eq!(first.ok(), parse_change(Value::Object(fields)).ok());
        } else {
            prop_assert!(tree.is_err());
        }
    }

    // A change with one field of it gone or replaced: refused, or read as a change that is written the same way.
    #[test]
    fn a_damaged_change_is_survived(which in any::<prop::sample::Index>(), field in any::<prop::sample::Index>(), value in proptest::option::of(any_json())) {
        let changes = samples::changes();
        let mut fields = tree_of(json::change(&which.get(&changes).1)).as_object().unwrap().clone();
        let key = fields.keys().nth(field.index(fields.len())).unwrap().clone();
        match value {
            Some(value) => fields.insert(key, value),
            None => fields.remove(&key),
        };
        if let Ok(change) = parse_change(Value::Object(fields)) {
            prop_assert_eq!(parse_change(tree_of(json::change(&change))).unwrap(), change);
        }
    }
}
