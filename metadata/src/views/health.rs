//! One function of the state says whether all is well; every place that shows it calls this one.

use crate::load::Tally;
use crate::model::{Broker, BrokerState};
use crate::state::State;
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Healthy,
    Warning,
    Critical,
}

/// A topic's worst condition, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TopicHealth {
    Offline,
    BelowMinIsr,
    AtMinIsr,
    UnderReplicated,
    Healthy,
}

impl TopicHealth {
    /// Every value, worst first.
    pub const ALL: [TopicHealth; 5] =
        [TopicHealth::Offline, TopicHealth::BelowMinIsr, TopicHealth::AtMinIsr, TopicHealth::UnderReplicated, TopicHealth::Healthy];

    /// The worst condition that a tally shows.
    pub fn of(tally: &Tally) -> Self {
        match tally {
            Tally { offline: 1.., .. } => TopicHealth::Offline,
            Tally { below_min_isr: 1.., .. } => TopicHealth::BelowMinIsr,
            Tally { at_min_isr: 1.., .. } => TopicHealth::AtMinIsr,
            Tally { under_replicated: 1.., .. } => TopicHealth::UnderReplicated,
            _ => TopicHealth::Healthy,
        }
    }

    /// Its name in the outside contract.
    pub fn name(self) -> &'static str {
        match self {
            TopicHealth::Offline => "offline",
            TopicHealth::BelowMinIsr => "below_min_isr",
            TopicHealth::AtMinIsr => "at_min_isr",
            TopicHealth::UnderReplicated => "under_replicated",
            TopicHealth::Healthy => "healthy",
        }
    }

    /// The health of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        TopicHealth::ALL.into_iter().find(|health| health.name() == name)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            TopicHealth::Offline => "Offline",
            TopicHealth::BelowMinIsr => "Below minimum",
            TopicHealth::AtMinIsr => "At minimum",
            TopicHealth::UnderReplicated => "Under-replicated",
            TopicHealth::Healthy => "In sync",
        }
    }

    /// Its level.
    pub fn level(self) -> Level {
        match self {
            TopicHealth::Offline | TopicHealth::BelowMinIsr => Level::Critical,
            TopicHealth::AtMinIsr | TopicHealth::UnderReplicated => Level::Warning,
            TopicHealth::Healthy => Level::Healthy,
        }
    }
}

/// Partitions by condition, as `GET /cluster` shows them; a partition counts under every condition that it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthCounts {
    pub verdict: Level,
    pub offline: u32,
    pub below_min_isr: u32,
    pub at_min_isr: u32,
    pub under_replicated: u32,
    pub not_preferred: u32,
}

/// The level with what it rests on.
pub type Health = HealthCounts;

impl State {
    /// How bad it is: partitions that cannot be written are critical, missing copies and missing brokers a warning.
    pub fn level(&self) -> Level {
        let total = self.total();
        if total.offline > 0 || total.below_min_isr > 0 {
            return Level::Critical;
        }
        let all_there = self.brokers().all(|broker| matches!(broker.state, BrokerState::Online | BrokerState::ShuttingDown));
        if total.under_replicated > 0 || !all_there { Level::Warning } else { Level::Healthy }
    }

    /// The partitions by condition.
    pub fn health(&self) -> HealthCounts {
        let total = self.total();
        HealthCounts {
            verdict: self.level(),
            offline: total.offline,
            below_min_isr: total.below_min_isr,
            at_min_isr: total.at_min_isr,
            under_replicated: total.under_replicated,
            not_preferred: total.not_preferred,
        }
    }
}

/// The verdict in words: what, where, and how close it is to getting worse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub level: Level,
    /// Two or three words, for the sidebar and the phone's top bar.
    pub short: String,
    pub headline: String,
    pub explanation: String,
}

/// What the state says, in sentences.
pub fn verdict(state: &State) -> Verdict {
    let total = state.total();
    let level = state.level();
    let down: Vec<&Broker> = state
        .brokers()
        .filter(|broker| matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing))
        .map(|broker| &**broker)
        .collect();
    let short = match level {
        Level::Healthy => "All in sync",
        Level::Warning => "Degraded",
        Level::Critical if total.offline > 0 => "Partitions offline",
        Level::Critical => "Writes stopped",
    };
    Verdict { level, short: short.to_owned(), headline: headline(state, level, &down), explanation: explanation(state, level, &down) }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("{count} {one}") } else { format!("{count} {many}") }
}

fn fenced_words(down: &[&Broker]) -> String {
    match down {
        [one] => format!("Broker {} is fenced", one.id),
        many => format!("{} brokers are fenced", many.len()),
    }
}

fn headline(state: &State, level: Level, down: &[&Broker]) -> String {
    let total = state.total();
    match level {
        Level::Healthy if total.partitions == 0 => "All is well: nothing is stored yet".to_owned(),
        Level::Healthy => format!("All {} in sync", plural(total.partitions as usize, "partition", "partitions")),
        Level::Critical if total.offline > 0 => {
            format!("{} offline", plural(total.offline as usize, "partition is", "partitions are"))
        }
        Level::Critical => {
            format!(
                "{} below the minimum in sync: acks=all writes stop",
                plural(total.below_min_isr as usize, "partition is", "partitions are")
            )
        }
        Level::Warning if down.is_empty() => {
            format!("{} under-replicated, none offline", plural(total.under_replicated as usize, "partition is", "partitions are"))
        }
        Level::Warning if total.under_replicated == 0 => format!("{}, no partition is affected", fenced_words(down)),
        Level::Warning => {
            format!(
                "{}: {} under-replicated, none offline",
                fenced_words(down),
                plural(total.under_replicated as usize, "partition", "partitions")
            )
        }
    }
}

fn explanation(state: &State, level: Level, down: &[&Broker]) -> String {
    let total = state.total();
    let where_down = match down {
        [] => String::new(),
        [one] => format!("Broker {}{} is fenced. ", one.id, one.rack.as_ref().map(|rack| format!(" (rack {rack})")).unwrap_or_default()),
        many => format!("Brokers {} are fenced. ", many.iter().map(|broker| broker.id.to_string()).collect::<Vec<_>>().join(", ")),
    };
    match level {
        Level::Healthy if state.broker_count() == 0 => "No broker has registered yet.".to_owned(),
        Level::Healthy => {
            let online = state.brokers().filter(|broker| broker.active()).count();
            format!("{} online, every replica holds every acknowledged record, none offline.", plural(online, "broker is", "brokers are"))
        }
        Level::Critical => format!(
            "{where_down}{} offline, {} below min.insync.replicas, {} under-replicated in all.",
            total.offline, total.below_min_isr, total.under_replicated
        ),
        Level::Warning if total.at_min_isr > 0 => format!(
            "{where_down}{} exactly min.insync.replicas in sync: losing one more would stop acks=all writes.",
            plural(total.at_min_isr as usize, "partition has", "partitions have")
        ),
        Level::Warning if total.under_replicated > 0 => {
            format!("{where_down}Every affected partition keeps more in sync than min.insync.replicas asks for: writes go on.")
        }
        Level::Warning => format!("{where_down}Writes go on; a returning broker is unfenced by its heartbeat."),
    }
}
