//! F6: every key of a topic's configuration, what it takes and in which form it is kept, and what is refused.

use crate::fixture::{World, configs, topic};
use metadata::configs::{KEYS, Unit, canonical, find, same};
use metadata::intent::{ConfigOp, ConfigOpKind, NewTopic};
use metadata::{Code, Intent, Rejection};

/// The topic keys of Kafka 4 with their defaults.
const KAFKA: [(&str, &str); 33] = [
    ("cleanup.policy", "delete"),
    ("compression.gzip.level", "-1"),
    ("compression.lz4.level", "9"),
    ("compression.type", "producer"),
    ("compression.zstd.level", "3"),
    ("delete.retention.ms", "86400000"),
    ("file.delete.delay.ms", "60000"),
    ("flush.messages", "9223372036854775807"),
    ("flush.ms", "9223372036854775807"),
    ("follower.replication.throttled.replicas", ""),
    ("index.interval.bytes", "4096"),
    ("leader.replication.throttled.replicas", ""),
    ("local.retention.bytes", "-2"),
    ("local.retention.ms", "-2"),
    ("max.compaction.lag.ms", "9223372036854775807"),
    ("max.message.bytes", "1048588"),
    ("message.timestamp.after.max.ms", "3600000"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.type", "CreateTime"),
    ("min.cleanable.dirty.ratio", "0.5"),
    ("min.compaction.lag.ms", "0"),
    ("min.insync.replicas", "1"),
    ("preallocate", "false"),
    ("remote.log.copy.disable", "false"),
    ("remote.log.delete.on.disable", "false"),
    ("remote.storage.enable", "false"),
    ("retention.bytes", "-1"),
    ("retention.ms", "604800000"),
    ("segment.bytes", "1073741824"),
    ("segment.index.bytes", "10485760"),
    ("segment.jitter.ms", "0"),
    ("segment.ms", "604800000"),
    ("unclean.leader.election.enable", "false"),
];
/// Ours.
const OWN: [&str; 2] = ["deletion.protection", "labels"];

/// What a value may be written as, and how it is kept.
const READ: &[(&str, &[(&str, &str)])] = &[
    ("cleanup.policy", &[("compact , delete", "compact,delete"), (" delete", "delete"), ("\tcompact\n", "compact")]),
    ("retention.ms", &[(" 5 ", "5"), ("+5", "5"), ("007", "7"), ("-1", "-1"), ("-0", "0"), ("9223372036854775807", "9223372036854775807")]),
    ("max.message.bytes", &[("0", "0"), ("2147483647", "2147483647")]),
    ("deletion.protection", &[("TRUE", "true"), (" False ", "false")]),
    ("preallocate", &[("tRuE", "true")]),
    ("compression.type", &[(" zstd ", "zstd"), ("uncompressed", "uncompressed")]),
    ("compression.gzip.level", &[("-1", "-1"), ("1", "1"), ("9", "9")]),
    ("compression.lz4.level", &[("1", "1"), ("17", "17")]),
    ("compression.zstd.level", &[("-131072", "-131072"), ("0", "0"), ("22", "22")]),
    (
        "min.cleanable.dirty.ratio",
        &[
            ("0", "0"),
            ("0.0", "0"),
            ("1", "1"),
            ("1.000", "1"),
            (".5", "0.5"),
            ("0.50", "0.5"),
            ("5e-1", "0.5"),
            ("0.05E+1", "0.5"),
            ("0.5d", "0.5"),
            ("+0.5f", "0.5"),
            ("10e-1", "1"),
            ("0.", "0"),
            ("-0.0", "0"),
            ("1e-3", "0.001"),
            ("0.999999999999", "0.999999999999"),
        ],
    ),
    ("message.timestamp.type", &[(" LogAppendTime", "LogAppendTime")]),
    (
        "leader.replication.throttled.replicas",
        &[(" 0:101 , 1:102", "0:101,1:102"), ("00:0101,0:101,1:7", "0:101,1:7"), (" * ", "*"), (" ", "")],
    ),
    ("follower.replication.throttled.replicas", &[("0:0", "0:0")]),
    ("local.retention.ms", &[("-2", "-2"), ("-1", "-1"), ("0", "0")]),
    ("labels", &[("team=blue, app=orders", "app=orders,team=blue"), ("", "")]),
];

/// What cannot be.
const REFUSED: &[(&str, &[&str])] = &[
    ("cleanup.policy", &["", "\u{a0}delete", "Delete", "delete,", "delete,delete", "drop"]),
    ("compression.gzip.level", &["0", "10", "-2", ""]),
    ("compression.lz4.level", &["0", "18", "-1"]),
    ("compression.type", &["", "zip", "none", "ZSTD"]),
    ("compression.zstd.level", &["-131073", "23"]),
    ("delete.retention.ms", &["-1"]),
    ("deletion.protection", &["", "1", "yes", "t"]),
    ("file.delete.delay.ms", &["-1"]),
    ("flush.messages", &["0"]),
    ("flush.ms", &["-1"]),
    ("follower.replication.throttled.replicas", &["*,0:1", "0", "0:1:2", "a:b", "-1:0", "+1:0", "0:2147483648", ":"]),
    ("index.interval.bytes", &["-1", "2147483648"]),
    ("labels", &["app", "=orders", "app=orders,", "app=orders,app=payments", "app = orders", "-app=orders"]),
    ("leader.replication.throttled.replicas", &["0:x", "**"]),
    ("local.retention.bytes", &["-3"]),
    ("local.retention.ms", &["-3"]),
    ("max.compaction.lag.ms", &["0"]),
    ("max.message.bytes", &["-1", "2147483648", "1_000"]),
    ("message.timestamp.after.max.ms", &["-1"]),
    ("message.timestamp.before.max.ms", &["-1"]),
    ("message.timestamp.type", &["createtime", ""]),
    (
        "min.cleanable.dirty.ratio",
        &["", "1.1", "2", "-0.1", ".", "e1", "0.x", "NaN", "Infinity", "1e1", "1e99999999999999999999", "1e-400", "0x1p-1"],
    ),
    ("min.compaction.lag.ms", &["-1"]),
    ("min.insync.replicas", &["0", "-1", "2147483648", "4"]),
    ("preallocate", &["on"]),
    ("remote.log.copy.disable", &[""]),
    ("remote.log.delete.on.disable", &["no"]),
    ("remote.storage.enable", &["0"]),
    ("retention.bytes", &["-2"]),
    ("retention.ms", &["", "-2", "1.5", "ten", "9223372036854775808", "5 5", "0x5", "5L"]),
    ("segment.bytes", &["1048575"]),
    ("segment.index.bytes", &["3"]),
    ("segment.jitter.ms", &["-1"]),
    ("segment.ms", &["0"]),
    ("unclean.leader.election.enable", &["maybe"]),
];

fn with(values: &[(&str, &str)]) -> NewTopic {
    NewTopic { configs: configs(values), ..topic("t", 1, 3) }
}

fn world() -> World {
    World::online(&[101, 102, 103])
}

fn refused(values: &[(&str, &str)]) -> Rejection {
    let outcomes = world().submit(Intent::CreateTopics { topics: vec![with(values)] }).expect("only the topic is refused");
    outcomes.into_iter().next().expect("an outcome").expect_err("it is refused")
}

#[test]
fn kafka_topic_keys_are_all_there_with_their_defaults() {
    for (name, default) in KAFKA {
        let key = find(name).unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(key.default, default, "{name}");
        let unit = if name.ends_with(".ms") {
            Unit::Milliseconds
        } else if name.ends_with(".bytes") {
            Unit::Bytes
        } else {
            Unit::None
        };
        assert_eq!(key.unit, unit, "{name}");
        assert!(key.help.ends_with('.') && key.help.len() > 20, "{name}: {}", key.help);
    }
    assert_eq!(KEYS.len(), KAFKA.len() + OWN.len());
    assert!(OWN.iter().all(|name| find(name).is_some()));
}

#[test]
fn kafka_topic_keys_are_read_as_kafka_reads_them_and_kept_in_one_form() {
    for key in KEYS {
        assert_eq!(canonical(key.name, key.default).as_deref(), Ok(key.default), "the default of {}", key.name);
    }
    for (name, values) in READ {
        for (given, kept) in *values {
            let mut world = world();
            world.create(with(&[(name, given)]));
            let topic = world.state().topic_by_name("t").expect("it was created");
            assert_eq!(topic.configs.get(*name).map(String::as_str), Some(*kept), "{name} as {given:?}");
            assert_eq!(canonical(name, kept).as_deref(), Ok(*kept), "{name}: the kept form is read as itself");
            assert!(same(name, given, kept), "{name}: {given:?} and {kept:?} are one value");
        }
    }
}

#[test]
fn kafka_topic_keys_refuse_what_kafka_refuses() {
    assert_eq!(REFUSED.iter().map(|(name, _)| *name).collect::<Vec<_>>().len(), KEYS.len());
    for (name, values) in REFUSED {
        let key = find(name).expect(name);
        for value in *values {
            let no = refused(&[(name, value)]);
            assert_eq!((no.code, no.field, no.value), (Code::InvalidConfig, Some(format!("configs.{name}")), Some((*value).to_owned())));
            // What is above the replication factor is refused for that.
            assert!(no.allowed == Some(key.kind.allowed()) || *value == "4", "{name} {value}: {:?}", no.allowed);
        }
    }
}

#[test]
fn kafka_topic_keys_are_checked_together() {
    let remote = ("remote.storage.enable", "true");
    let good: [&[(&str, &str)]; 6] = [
        &[("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "5")],
        &[remote],
        &[remote, ("local.retention.ms", "604800000")],
        &[remote, ("retention.ms", "-1"), ("local.retention.ms", "-1")],
        &[("local.retention.ms", "99999999999"), ("retention.ms", "5")],
        &[remote, ("remote.log.copy.disable", "true"), ("local.retention.ms", "604800000")],
    ];
    for values in good {
        world().create(with(values));
    }
    let bad: [(&[(&str, &str)], &str); 6] = [
        (&[("min.compaction.lag.ms", "6"), ("max.compaction.lag.ms", "5")], "min.compaction.lag.ms"),
        (&[remote, ("cleanup.policy", "compact")], "remote.storage.enable"),
        (&[remote, ("local.retention.ms", "604800001")], "local.retention.ms"),
        (&[remote, ("local.retention.ms", "-1")], "local.retention.ms"),
        (&[remote, ("retention.bytes", "5"), ("local.retention.bytes", "6")], "local.retention.bytes"),
        (&[remote, ("remote.log.copy.disable", "true"), ("local.retention.ms", "5")], "local.retention.ms"),
    ];
    for (values, field) in bad {
        let no = refused(values);
        assert_eq!((no.code, no.field), (Code::InvalidConfig, Some(format!("configs.{field}"))), "{values:?}: {}", no.detail);
        assert!(no.allowed.is_some(), "{values:?}");
    }
}

/// What is there already, what is asked of it, and what it is then; none where it is refused.
type Step = (&'static [(&'static str, &'static str)], ConfigOpKind, &'static str, &'static str, Option<&'static str>);

#[test]
fn kafka_topic_keys_change_from_what_they_were() {
    use ConfigOpKind::{Append, Delete, Set, Subtract};
    let (throttled, remote) = ("leader.replication.throttled.replicas", "remote.storage.enable");
    let kept: &[(&str, &str)] = &[("leader.replication.throttled.replicas", "0:101,1:102")];
    let away: &[(&str, &str)] = &[("remote.storage.enable", "true")];
    let cleared: &[(&str, &str)] = &[("remote.storage.enable", "true"), ("remote.log.delete.on.disable", "true")];
    let steps: [Step; 10] = [
        (kept, Append, throttled, " 00:0101 , 2:103", Some("0:101,1:102,2:103")),
        (kept, Subtract, throttled, "001:102", Some("0:101")),
        (kept, Subtract, throttled, "9:9", Some("0:101,1:102")),
        (kept, Append, throttled, "*", None),
        (&[], Append, "cleanup.policy", " compact ", Some("delete,compact")),
        (&[], Subtract, "cleanup.policy", "delete", None),
        // KIP-950: what is in remote storage is deleted with it or stays readable.
        (away, Set, remote, "FALSE", None),
        (away, Delete, remote, "", None),
        (cleared, Set, remote, "false", Some("false")),
        (cleared, Delete, remote, "", Some("")),
    ];
    for (before, op, key, value, then) in steps {
        let mut world = world();
        world.create(with(before));
        let value = (op != Delete).then(|| value.to_owned());
        let ops = vec![ConfigOp { op, key: key.to_owned(), value: value.clone() }];
        let outcome = world.submit(Intent::ChangeConfigs { name: "t".to_owned(), ops, expected: None });
        let configs = &world.state().topic_by_name("t").expect("it is there").configs;
        let now = configs.get(key).map_or("", String::as_str);
        match (then, outcome) {
            (Some(then), Ok(_)) => assert_eq!(now, then, "{op:?} {value:?}"),
            (None, Err(no)) => {
                assert_eq!((no.code, no.field), (Code::InvalidConfig, Some(format!("configs.{key}"))), "{op:?} {value:?}");
                assert_eq!(Some(now), before.iter().find(|(name, _)| *name == key).map(|(_, value)| *value).or(Some("")));
            }
            (_, outcome) => panic!("{op:?} {value:?}: {outcome:?}"),
        }
    }
}
