//! The cluster's settings: replicated, typed as topic configurations are, by Kafka's names where there are any (L).
//!
//! A topic's key that is set here is the default of every topic that does not set it itself (L1).

use crate::configs::{self, Key, Kind, MIN_INSYNC_REPLICAS, Unit};
use crate::ids::{Index, TopicId};
use crate::model::Configs;
use serde::{Deserialize, Serialize};

const fn key(name: &'static str, default: &'static str, kind: Kind, unit: Unit, help: &'static str) -> Key {
    Key { name, default, kind, unit, help }
}

const fn number(name: &'static str, default: &'static str, min: i64, max: i64, help: &'static str) -> Key {
    key(name, default, Kind::Integer { min, max }, Unit::None, help)
}

const fn time(name: &'static str, default: &'static str, min: i64, help: &'static str) -> Key {
    key(name, default, Kind::Integer { min, max: WEEK_MS }, Unit::Milliseconds, help)
}

const fn switch(name: &'static str, default: &'static str, help: &'static str) -> Key {
    key(name, default, Kind::Boolean, Unit::None, help)
}

const WEEK_MS: i64 = 7 * 86_400_000;

/// What the pages call the cluster.
pub const CLUSTER_NAME: Key = key("cluster.name", "", Kind::Text { longest: 63 }, Unit::None, "What the pages call this cluster.");
/// Partitions of a topic that asks for no number (F4).
pub const PARTITIONS: Key = number("num.partitions", "1", 1, 10_000, "Partitions of a new topic that asks for no number.");
/// Replicas of a partition whose topic asks for no number (F4).
pub const REPLICATION_FACTOR: Key =
    number("default.replication.factor", "3", 1, 32_767, "Replicas of each partition of a new topic that asks for no number.");
/// Whether leaders return to their first replicas by themselves (E11).
pub const AUTO_LEADERS: Key =
    switch("auto.leader.rebalance.enable", "true", "Let leaders return to the first replica of their partition by themselves.");
/// How many in a hundred of a broker's leaders may be elsewhere before they return (E11).
pub const IMBALANCE_PERCENTAGE: Key = number(
    "leader.imbalance.per.broker.percentage",
    "10",
    0,
    100,
    "How many in a hundred of the partitions that should be led by a broker may be led elsewhere before leaders return to it.",
);
/// How often that is looked at (E11).
pub const IMBALANCE_INTERVAL: Key = number(
    "leader.imbalance.check.interval.seconds",
    "300",
    1,
    86_400,
    "How often, in seconds, it is looked whether leaders should return.",
);
/// How long a broker has to have been online before leaders return to it (J10).
pub const RETURN_DELAY: Key =
    time("leader.return.delay.ms", "300000", 0, "How long a broker has to have been online before leaders return to it.");
/// How often leaderless partitions whose topic allows it get an unclean leader (E12).
pub const UNCLEAN_INTERVAL: Key = time(
    "unclean.leader.election.interval.ms",
    "300000",
    1_000,
    "How often partitions without a leader get one that may lack records, where their topic allows it.",
);
/// How long a session outlives its last heartbeat.
pub const SESSION_TIMEOUT: Key = time("broker.session.timeout.ms", "9000", 100, "How long a broker may be silent before it is fenced.");
/// Moves in flight into a broker and out of one (H10).
pub const MOVES_PER_BROKER: Key =
    number("reassignment.max.per.broker", "10", 1, 10_000, "Partitions that move into a broker, and out of one, at the same time.");
/// Whether the replicas of a broker that stays down are placed elsewhere (J4).
pub const REPLACE: Key = switch("broker.replace.enable", "false", "Place the replicas of a broker that stays down on others.");
/// After how long (J4).
pub const REPLACE_AFTER: Key =
    time("broker.replace.after", "1800000", 1_000, "How long a broker has to be down before its replicas are placed on others.");
/// Bytes of each controller's journal of commits.
pub const HISTORY_BYTES: Key = key(
    "history.retention.bytes",
    "1073741824",
    Kind::Integer { min: 16 << 20, max: 1 << 50 },
    Unit::Bytes,
    "How much each controller keeps of what was committed, to look back at. The newest part is always kept.",
);
/// How old a commit in a journal may become.
pub const HISTORY_AGE: Key = key(
    "history.retention.ms",
    "-1",
    Kind::Integer { min: -1, max: i64::MAX },
    Unit::Milliseconds,
    "How long each controller keeps what was committed; -1 for as long as there is room.",
);

/// The keys that are the cluster's own; every topic's key but those of one topic alone is one too.
pub const OWN: &[Key] = &[
    CLUSTER_NAME,
    PARTITIONS,
    REPLICATION_FACTOR,
    AUTO_LEADERS,
    IMBALANCE_PERCENTAGE,
    IMBALANCE_INTERVAL,
    RETURN_DELAY,
    UNCLEAN_INTERVAL,
    SESSION_TIMEOUT,
    MOVES_PER_BROKER,
    REPLACE,
    REPLACE_AFTER,
    HISTORY_BYTES,
    HISTORY_AGE,
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
    /// The value of a key: what is set, or its default.
    pub fn value<'a>(&'a self, key: &Key) -> &'a str {
        self.values.get(key.name).map_or(key.default, String::as_str)
    }

    /// Whether a key says yes.
    pub fn yes(&self, key: &Key) -> bool {
        self.value(key) == "true"
    }

    /// The number of a key.
    pub fn number(&self, key: &Key) -> u64 {
        self.value(key).parse().unwrap_or_default()
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
