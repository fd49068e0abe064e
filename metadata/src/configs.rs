//! The topic configuration: every key there is, its default, what it may hold, and what it is for.

use crate::labels;
use crate::model::Configs;
use crate::rejection::{Code, Rejection};

/// What a value of a key may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number in this range.
    Integer {
        min: i64,
        max: i64,
    },
    /// A decimal between 0 and 1.
    Ratio,
    Boolean,
    OneOf(&'static [&'static str]),
    /// A comma-separated list without repetition.
    ListOf(&'static [&'static str]),
    /// Pairs in the syntax of Kubernetes' labels.
    Labels,
}

/// How a page shows a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    Milliseconds,
    Bytes,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    /// One sentence for a person.
    pub help: &'static str,
}

/// The longest value, in bytes (F6).
pub const LONGEST_VALUE: usize = 32_766;
/// A topic with this key set to `true` cannot be deleted (J5).
pub const DELETION_PROTECTION: &str = "deletion.protection";
/// How many replicas must be in sync for an acks=all write.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
/// What a topic belongs to: `apply --prune --selector` goes by it.
pub const LABELS: &str = "labels";

const fn key(name: &'static str, default: &'static str, kind: Kind, unit: Unit, help: &'static str) -> Key {
    Key { name, default, kind, unit, help }
}

const fn from(min: i64) -> Kind {
    Kind::Integer { min, max: i64::MAX }
}

const INT: i64 = i32::MAX as i64;

/// Every key, in the order in which a form shows them.
pub const KEYS: &[Key] = &[
    key(
        "cleanup.policy",
        "delete",
        Kind::ListOf(&["delete", "compact"]),
        Unit::None,
        "Delete old segments after retention, or keep the last record of every key.",
    ),
    key("retention.ms", "604800000", from(-1), Unit::Milliseconds, "How long records are kept. -1 keeps them for ever."),
    key(
        MIN_INSYNC_REPLICAS,
        "1",
        Kind::Integer { min: 1, max: INT },
        Unit::None,
        "How many replicas must be in sync for an acks=all write. Two of three means a write survives the loss of any one broker.",
    ),
    key("max.message.bytes", "1048588", Kind::Integer { min: 0, max: INT }, Unit::Bytes, "Largest record batch that a producer may send."),
    key(DELETION_PROTECTION, "false", Kind::Boolean, Unit::None, "Refuse to delete this topic until it is taken off."),
    key("retention.bytes", "-1", from(-1), Unit::Bytes, "How large a partition may grow. -1 sets no limit."),
    key(
        "segment.bytes",
        "1073741824",
        Kind::Integer { min: 1_048_576, max: INT },
        Unit::Bytes,
        "How large a segment file grows before a new one begins.",
    ),
    key("segment.ms", "604800000", from(1), Unit::Milliseconds, "How long a segment stays open at most."),
    key(
        "compression.type",
        "producer",
        Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        Unit::None,
        "How records are compressed on disk.",
    ),
    key("delete.retention.ms", "86400000", from(0), Unit::Milliseconds, "How long deletion markers stay in a compacted topic."),
    key("min.compaction.lag.ms", "0", from(0), Unit::Milliseconds, "How long a record stays uncompacted at least."),
    key("max.compaction.lag.ms", "9223372036854775807", from(1), Unit::Milliseconds, "How long a record stays uncompacted at most."),
    key(
        "min.cleanable.dirty.ratio",
        "0.5",
        Kind::Ratio,
        Unit::None,
        "How much of a compacted log may be dirty before it is compacted again.",
    ),
    key("message.timestamp.type", "CreateTime", Kind::OneOf(&["CreateTime", "LogAppendTime"]), Unit::None, "Whose clock stamps a record."),
    key(
        "unclean.leader.election.enable",
        "false",
        Kind::Boolean,
        Unit::None,
        "Let a replica lead that may lack acknowledged records. Data can be lost.",
    ),
    key(LABELS, "", Kind::Labels, Unit::None, "What the topic belongs to, as app=orders,team=blue. Files and tools select by it."),
];

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// min.insync.replicas as configured, before it is capped by the replication factor (E8).
pub fn min_insync_replicas(configs: &Configs) -> usize {
    configs.get(MIN_INSYNC_REPLICAS).and_then(|value| value.parse().ok()).unwrap_or(1)
}

/// Whether two values of a key mean the same.
pub fn same(name: &str, one: &str, other: &str) -> bool {
    one == other || (name == LABELS && labels::parse(one).is_some_and(|one| labels::parse(other).as_ref() == Some(&one)))
}

/// Whether a topic is protected from deletion (J5).
pub fn deletion_protected(configs: &Configs) -> bool {
    configs.get(DELETION_PROTECTION).is_some_and(|value| value == "true")
}

impl Kind {
    /// What it may hold, in words.
    pub fn allowed(self) -> String {
        match self {
            Kind::Integer { min, max: i64::MAX } => format!("a whole number, {min} or more"),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Ratio => "a decimal from 0 to 1".to_owned(),
            Kind::Boolean => "true, false".to_owned(),
            Kind::OneOf(options) => options.join(", "),
            Kind::ListOf(options) => format!("one or more of {}, separated by commas", options.join(", ")),
            Kind::Labels => labels::ALLOWED.to_owned(),
        }
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Kind::Integer { min, max } => value.parse().is_ok_and(|number: i64| (min..=max).contains(&number)),
            Kind::Ratio => is_ratio(value),
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::OneOf(options) => options.contains(&value),
            Kind::ListOf(options) => {
                let items: Vec<&str> = value.split(',').collect();
                items.iter().enumerate().all(|(at, item)| options.contains(item) && !items[..at].contains(item))
            }
            Kind::Labels => labels::parse(value).is_some(),
        }
    }
}

// Decided on text: no float takes part in what every replica must decide alike.
fn is_ratio(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(fraction) && (whole == "0" || (whole == "1" && fraction.bytes().all(|byte| byte == b'0')))
}

/// Checks every key and value, and min.insync.replicas against the replication factor (F6, J8).
///
/// # Errors
/// INVALID_CONFIG with the key, the value and what is allowed.
pub fn validate(configs: &Configs, replication_factor: usize) -> Result<(), Rejection> {
    for (name, value) in configs {
        let field = format!("configs.{name}");
        let Some(key) = find(name) else {
            let allowed = KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
            return Err(Rejection::new(Code::InvalidConfig, "There is no such configuration key").at(field, value, allowed));
        };
        if value.len() > LONGEST_VALUE {
            return Err(Rejection::new(Code::InvalidConfig, format!("The value of {name} is too long")).at(
                field,
                value,
                format!("at most {LONGEST_VALUE} bytes"),
            ));
        }
        if !key.kind.accepts(value) {
            return Err(Rejection::new(Code::InvalidConfig, format!("{name} cannot hold this value")).at(field, value, key.kind.allowed()));
        }
    }
    let min_isr = min_insync_replicas(configs);
    if configs.contains_key(MIN_INSYNC_REPLICAS) && min_isr > replication_factor {
        return Err(Rejection::new(
            Code::InvalidConfig,
            format!("{MIN_INSYNC_REPLICAS} cannot exceed the replication factor, {replication_factor}"),
        )
        .at(format!("configs.{MIN_INSYNC_REPLICAS}"), min_isr, format!("1 to {replication_factor}")));
    }
    Ok(())
}
