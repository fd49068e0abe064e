//! The cluster's settings: replicated, typed as topic configurations are, by Kafka's names where there are any (L).
//!
//! A topic's key that is set here is the default of every topic that does not set it itself (L1).

use crate::configs::{self, Key, Kind, MIN_INSYNC_REPLICAS, Unit};
use crate::ids::{Index, TopicId};
use crate::model::Configs;
use serde::{Deserialize, Serialize};

/// How long a session outlives its last heartbeat.
pub const SESSION_TIMEOUT: &str = "broker.session.timeout.ms";
/// Whether leaders return to their first replicas by themselves (E11).
pub const AUTO_LEADERS: &str = "auto.leader.rebalance.enable";
/// How many in a hundred of a broker's leaders may be elsewhere before they return (E11).
pub const IMBALANCE_PERCENTAGE: &str = "leader.imbalance.per.broker.percentage";
/// How often that is looked at (E11).
pub const IMBALANCE_INTERVAL: &str = "leader.imbalance.check.interval.seconds";
/// How long a broker has to have been online before leaders return to it (J10).
pub const RETURN_DELAY: &str = "leader.return.delay.ms";
/// How often leaderless partitions whose topic allows it get an unclean leader (E12).
pub const UNCLEAN_INTERVAL: &str = "unclean.leader.election.interval.ms";
/// Moves in flight into a broker and out of one (H10).
pub const MOVES_PER_BROKER: &str = "reassignment.max.per.broker";
/// Whether the replicas of a broker that stays down are placed elsewhere (J4).
pub const REPLACE: &str = "broker.replace.enable";
/// After how long (J4).
pub const REPLACE_AFTER: &str = "broker.replace.after";
/// What the pages call the cluster.
pub const CLUSTER_NAME: &str = "cluster.name";
/// Partitions of a topic that asks for no number (F4).
pub const PARTITIONS: &str = "num.partitions";
/// Replicas of a partition whose topic asks for no number (F4).
pub const REPLICATION_FACTOR: &str = "default.replication.factor";

const fn key(name: &'static str, default: &'static str, kind: Kind, unit: Unit, help: &'static str) -> Key {
    Key { name, default, kind, unit, help }
}

const fn number(name: &'static str, default: &'static str, min: i64, max: i64, help: &'static str) -> Key {
    key(name, default, Kind::Integer { min, max }, Unit::None, help)
}

const fn time(name: &'static str, default: &'static str, min: i64, help: &'static str) -> Key {
    key(name, default, Kind::Integer { min, max: DAY_MS * 7 }, Unit::Milliseconds, help)
}

const DAY_MS: i64 = 86_400_000;

/// The keys that are the cluster's own; every topic's key but those of one topic alone is one too.
pub const OWN: &[Key] = &[
    key(CLUSTER_NAME, "", Kind::Text { longest: 63 }, Unit::None, "What the pages call this cluster."),
    number(PARTITIONS, "1", 1, 10_000, "Partitions of a new topic that asks for no number."),
    number(REPLICATION_FACTOR, "3", 1, 32_767, "Replicas of each partition of a new topic that asks for no number."),
    key(AUTO_LEADERS, "true", Kind::Boolean, Unit::None, "Let leaders return to the first replica of their partition by themselves."),
    number(
        IMBALANCE_PERCENTAGE,
        "10",
        0,
        100,
        "How many in a hundred of the partitions that should be led by a broker may be led elsewhere before leaders return to it.",
    ),
    number(IMBALANCE_INTERVAL, "300", 1, 86_400, "How often, in seconds, it is looked whether leaders should return."),
    time(RETURN_DELAY, "300000", 0, "How long a broker has to have been online before leaders return to it."),
    time(
        UNCLEAN_INTERVAL,
        "300000",
        1_000,
        "How often partitions without a leader get one that may lack records, where their topic allows it.",
    ),
    time(SESSION_TIMEOUT, "9000", 100, "How long a broker may be silent before it is fenced."),
    number(MOVES_PER_BROKER, "10", 1, 10_000, "Partitions that move into a broker, and out of one, at the same time."),
    key(REPLACE, "false", Kind::Boolean, Unit::None, "Place the replicas of a broker that stays down on others."),
    time(REPLACE_AFTER, "1800000", 1_000, "How long a broker has to be down before its replicas are placed on others."),
];

/// Every key, the cluster's own first.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    OWN.iter().chain(configs::KEYS.iter().filter(|key| inherited(key.name)))
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name)
}

/// Whether topics inherit this key from the cluster.
pub fn inherited(name: &str) -> bool {
    !matches!(name, configs::LABELS | configs::DELETION_PROTECTION) && configs::find(name).is_some()
}

/// What is set, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settings {
    /// Only what was set.
    pub values: Configs,
    /// The index of the last change; 0 before the first.
    pub changed_index: Index,
    /// E9, L2: topics from this one on may hold an ELR that was judged by another minimum; none once all are cleared.
    pub clear_from: Option<TopicId>,
}

impl Settings {
    /// The value of a key: what is set, or its default; nothing of a key that there is not.
    pub fn value<'a>(&'a self, name: &str) -> &'a str {
        self.values.get(name).map_or_else(|| find(name).map_or("", |key| key.default), String::as_str)
    }

    /// Whether a key says yes.
    pub fn yes(&self, name: &str) -> bool {
        self.value(name) == "true"
    }

    /// The number of a key.
    pub fn number(&self, name: &str) -> u64 {
        self.value(name).parse().unwrap_or_default()
    }

    /// min.insync.replicas of a topic that does not set it (E8).
    pub fn min_isr(&self) -> usize {
        self.values.get(MIN_INSYNC_REPLICAS).and_then(|value| value.parse().ok()).unwrap_or(1)
    }
}

/// Where the value of a topic's key comes from (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Topic,
    Cluster,
    Default,
}

/// The value of a topic's key and where it comes from (L1).
pub fn effective<'a>(settings: &'a Settings, configs: &'a Configs, key: &'static Key) -> (&'a str, Origin) {
    if let Some(value) = configs.get(key.name) {
        return (value, Origin::Topic);
    }
    match settings.values.get(key.name).filter(|_| inherited(key.name)) {
        Some(value) => (value, Origin::Cluster),
        None => (key.default, Origin::Default),
    }
}
