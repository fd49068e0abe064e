//! The topic configuration: `keys` is every key there is, `value` how a value is read, this file what a whole configuration
//! has to satisfy.

mod keys;
mod value;

pub use keys::KEYS;
pub(crate) use value::items;

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
    /// A whole number in this range, or one other.
    IntegerOr {
        other: i64,
        min: i64,
        max: i64,
    },
    /// A decimal between 0 and 1.
    Ratio,
    Boolean,
    OneOf(&'static [&'static str]),
    /// A comma-separated list without repetition.
    ListOf(&'static [&'static str]),
    /// A comma-separated list of PARTITION:BROKER, or `*`.
    Replicas,
    /// Pairs in the syntax of Kubernetes' labels.
    Labels,
    /// One line of text of at most so many characters.
    Text {
        longest: usize,
    },
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
const REMOTE_STORAGE: &str = "remote.storage.enable";
const DELETE_REMOTE: &str = "remote.log.delete.on.disable";
/// How many replicas must be in sync for an acks=all write.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// Whether a replica may lead that may lack acknowledged records (E3).
pub const UNCLEAN_ELECTION: &str = "unclean.leader.election.enable";

/// What a topic belongs to: `apply --prune --selector` goes by it.
pub const LABELS: &str = "labels";

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// min.insync.replicas as configured, before it is capped by the replication factor (E8); none where the topic does not set it.
pub fn min_insync_replicas(configs: &Configs) -> Option<usize> {
    configs.get(MIN_INSYNC_REPLICAS).and_then(|value| value.parse().ok())
}

/// Whether a topic is protected from deletion (J5).
pub fn deletion_protected(configs: &Configs) -> bool {
    configs.get(DELETION_PROTECTION).is_some_and(|value| value == "true")
}

/// A value in the one form in which it is kept, read as Kafka's ConfigDef reads it.
///
/// # Errors
/// INVALID_CONFIG with the key, the value and what is allowed (F6, J8).
pub fn canonical(name: &str, value: &str) -> Result<String, Rejection> {
    let Some(key) = find(name) else {
        let allowed = KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
        let no = Rejection::new(Code::InvalidConfig, "There is no such configuration key");
        return Err(no.at(format!("configs.{name}"), value, allowed));
    };
    canonical_of(key, value).map_err(|no| no.within("configs."))
}

/// The same of any key, a cluster's setting among them; the field is the key's name.
///
/// # Errors
/// INVALID_CONFIG with the key, the value and what is allowed (F6, J8).
pub fn canonical_of(key: &Key, value: &str) -> Result<String, Rejection> {
    let name = key.name;
    if value.len() > LONGEST_VALUE {
        let no = Rejection::new(Code::InvalidConfig, format!("The value of {name} is too long"));
        return Err(no.at(name, value, format!("at most {LONGEST_VALUE} bytes")));
    }
    key.kind
        .canonical(value)
        .ok_or_else(|| Rejection::new(Code::InvalidConfig, format!("{name} cannot hold this value")).at(name, value, key.kind.allowed()))
}

/// A value as it is kept; one that cannot be stays as it was given.
pub(crate) fn kept(name: &str, value: &str) -> String {
    canonical(name, value).unwrap_or_else(|_| value.to_owned())
}

/// Whether two values of a key mean the same.
pub fn same(name: &str, one: &str, other: &str) -> bool {
    one == other || kept(name, one) == kept(name, other)
}

/// Reads every value, checks the whole, and min.insync.replicas against the replication factor (F6, J8); answers it in the form
/// in which it is kept.
///
/// # Errors
/// INVALID_CONFIG with the key, the value and what is allowed.
pub fn checked(configs: &Configs, replication_factor: usize) -> Result<Configs, Rejection> {
    let read = |(name, value): (&String, &String)| Ok((name.clone(), canonical(name, value)?));
    let configs = configs.iter().map(read).collect::<Result<Configs, Rejection>>()?;
    if let Some(min_isr) = min_insync_replicas(&configs).filter(|min_isr| *min_isr > replication_factor) {
        return Err(Rejection::new(
            Code::InvalidConfig,
            format!("{MIN_INSYNC_REPLICAS} cannot exceed the replication factor, {replication_factor}"),
        )
        .at(format!("configs.{MIN_INSYNC_REPLICAS}"), min_isr, format!("1 to {replication_factor}")));
    }
    check_together(&configs)?;
    Ok(configs)
}

/// What Kafka's LogConfig refuses of values that are each allowed alone.
pub(crate) fn check_together(configs: &Configs) -> Result<(), Rejection> {
    let text = |name: &str| configs.get(name).map_or_else(|| find(name).map_or("", |key| key.default), String::as_str);
    let number = |name: &str| text(name).parse::<i64>().unwrap_or_default();
    let no = |name: &str, detail: String, allowed: String| {
        Err(Rejection::new(Code::InvalidConfig, detail).at(format!("configs.{name}"), text(name), allowed))
    };
    let (least, most) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"));
    if least > most {
        return no("min.compaction.lag.ms", "min.compaction.lag.ms is above max.compaction.lag.ms".to_owned(), format!("0 to {most}"));
    }
    if text(REMOTE_STORAGE) != "true" {
        return Ok(());
    }
    if text("cleanup.policy").contains("compact") {
        return no(REMOTE_STORAGE, "Remote storage takes no compacted topic".to_owned(), "false, or cleanup.policy=delete".to_owned());
    }
    for (local, whole) in [("local.retention.ms", "retention.ms"), ("local.retention.bytes", "retention.bytes")] {
        let (kept, limit) = (number(local), number(whole));
        if limit >= 0 && (kept == -1 || kept > limit) {
            return no(local, format!("{local} is above {whole}, {limit}"), format!("-2, or 0 to {limit}"));
        }
        if text("remote.log.copy.disable") == "true" && kept != -2 && kept != limit {
            return no(local, format!("Without copies to remote storage {local} is {whole}"), format!("-2 or {limit}"));
        }
    }
    Ok(())
}

/// What Kafka refuses of a change whose result would be allowed: records in remote storage that nobody could find again (KIP-950).
///
/// # Errors
/// INVALID_CONFIG with the key and what to set beside it.
pub fn check_change(old: &Configs, new: &Configs) -> Result<(), Rejection> {
    let on = |configs: &Configs, name: &str| configs.get(name).is_some_and(|value| value == "true");
    if on(old, REMOTE_STORAGE) && !on(new, REMOTE_STORAGE) && !on(new, DELETE_REMOTE) {
        let detail = format!(
            "Switching remote storage off leaves what is there behind: set {DELETE_REMOTE}=true to delete it, or keep it readable with remote.log.copy.disable=true"
        );
        return Err(Rejection::new(Code::InvalidConfig, detail).at(
            format!("configs.{REMOTE_STORAGE}"),
            "false",
            format!("true, or false with {DELETE_REMOTE}=true"),
        ));
    }
    Ok(())
}
