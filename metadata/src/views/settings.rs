//! Settings, and the values of a topic's keys with where each comes from (L1).

use crate::configs::{self, Key, Kind, Unit};
use crate::settings::{self, Origin};
use crate::state::State;
use serde::Serialize;

/// A key of the cluster's settings or of a topic's configuration, with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingView {
    pub key: &'static str,
    pub value: String,
    pub default: &'static str,
    /// Of a setting `set` or `default`; of a topic's key `topic`, `cluster` or `default`.
    pub source: &'static str,
    /// `integer`, `decimal`, `boolean`, `choice`, `list`, `labels` or `text`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub unit: Option<&'static str>,
    /// What it may hold, in words.
    pub allowed: String,
    /// One sentence for a person.
    pub help: &'static str,
}

fn view(key: &'static Key, value: &str, source: &'static str) -> SettingView {
    let kind = match key.kind {
        Kind::Integer { .. } | Kind::IntegerOr { .. } => "integer",
        Kind::Ratio => "decimal",
        Kind::Boolean => "boolean",
        Kind::OneOf(_) => "choice",
        Kind::ListOf(_) | Kind::Replicas => "list",
        Kind::Labels => "labels",
        Kind::Text { .. } => "text",
    };
    let unit = match key.unit {
        Unit::None => None,
        Unit::Milliseconds => Some("ms"),
        Unit::Bytes => Some("bytes"),
    };
    SettingView {
        key: key.name,
        value: value.to_owned(),
        default: key.default,
        source,
        kind,
        unit,
        allowed: key.kind.allowed(),
        help: key.help,
    }
}

/// Every setting of the cluster.
pub fn settings(state: &State) -> Vec<SettingView> {
    let all = state.settings();
    let source = |key: &Key| if all.values.contains_key(key.name) { "set" } else { "default" };
    settings::keys().map(|key| view(key, all.value(key), source(key))).collect()
}

/// Every key of a topic's configuration as it holds for it (L1).
pub fn topic_configs(state: &State, name: &str) -> Option<Vec<SettingView>> {
    let topic = state.topic_by_name(name)?;
    let each = |key: &'static Key| {
        let (value, origin) = settings::effective(state.settings(), &topic.configs, key);
        let source = match origin {
            Origin::Topic => "topic",
            Origin::Cluster => "cluster",
            Origin::Default => "default",
        };
        view(key, value, source)
    };
    Some(configs::KEYS.iter().map(each).collect())
}
