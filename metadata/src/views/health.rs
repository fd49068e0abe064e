//! How bad it is: levels, the condition of a topic, and the numbers of `GET /cluster`.

use super::level::Level;
use super::reasons::Finding;
use super::verdict::Verdict;
use crate::load::Tally;
use crate::state::State;
use serde::{Deserialize, Serialize};

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

/// How it is, as `GET /cluster` shows it: the verdict with what it rests on, and the partitions by condition. A partition counts
/// under every condition that it meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// The level of the worst reason.
    pub verdict: Level,
    /// The verdict in a sentence, as pages show it.
    pub headline: String,
    /// All that is not as it should be, worst first; empty while it is healthy.
    pub reasons: Vec<Finding>,
    pub offline: u32,
    pub below_min_isr: u32,
    pub at_min_isr: u32,
    pub under_replicated: u32,
    pub not_preferred: u32,
}

impl Health {
    /// Of this state, with the verdict on it.
    pub fn of(state: &State, verdict: Verdict) -> Self {
        let total = state.total();
        Health {
            verdict: verdict.level,
            headline: verdict.headline,
            reasons: verdict.findings,
            offline: total.offline,
            below_min_isr: total.below_min_isr,
            at_min_isr: total.at_min_isr,
            under_replicated: total.under_replicated,
            not_preferred: total.not_preferred,
        }
    }
}
