//! What can be wrong, in the one order that every surface goes by, and what a node knows that decides on it.

use super::level::Level;
use super::quorum::{Quorum, unreachable};
use crate::ids::NodeId;
use crate::model::{Broker, BrokerState};
use crate::state::State;
use crate::travel::frame::{Backup, Pulse};
use serde::{Deserialize, Serialize};

/// What can be wrong, worst first. That nothing can be decided comes before anything that would have to be decided upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// This node takes no part: what it has may be old.
    NodeFault,
    /// Too few controllers are in reach.
    NoQuorum,
    /// Enough are, and none leads.
    NoLeader,
    OfflinePartitions,
    BelowMinIsr,
    /// Controllers are missing, and without one more nothing can be decided.
    QuorumAtMinimum,
    AtMinIsr,
    BrokersFenced,
    UnderReplicated,
    /// Controllers are missing, and more may be.
    ControllersUnreachable,
    BackupFailing,
}

impl Reason {
    /// Every one, worst first.
    pub const ALL: [Reason; 11] = [
        Reason::NodeFault,
        Reason::NoQuorum,
        Reason::NoLeader,
        Reason::OfflinePartitions,
        Reason::BelowMinIsr,
        Reason::QuorumAtMinimum,
        Reason::AtMinIsr,
        Reason::BrokersFenced,
        Reason::UnderReplicated,
        Reason::ControllersUnreachable,
        Reason::BackupFailing,
    ];

    /// Its name in the outside contract.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NodeFault => "node_fault",
            Reason::NoQuorum => "no_quorum",
            Reason::NoLeader => "no_leader",
            Reason::OfflinePartitions => "offline_partitions",
            Reason::BelowMinIsr => "below_min_isr",
            Reason::QuorumAtMinimum => "quorum_at_minimum",
            Reason::AtMinIsr => "at_min_isr",
            Reason::BrokersFenced => "brokers_fenced",
            Reason::UnderReplicated => "under_replicated",
            Reason::ControllersUnreachable => "controllers_unreachable",
            Reason::BackupFailing => "backup_failing",
        }
    }

    /// How bad it is.
    pub fn level(self) -> Level {
        if self <= Reason::BelowMinIsr { Level::Critical } else { Level::Warning }
    }

    /// Whether it is about the controllers, and not about what they hold.
    pub fn of_controllers(self) -> bool {
        matches!(self, Reason::NodeFault | Reason::NoQuorum | Reason::NoLeader | Reason::QuorumAtMinimum | Reason::ControllersUnreachable)
    }

    /// Whether the committed state alone says so.
    pub fn of_state(self) -> bool {
        !self.of_controllers() && self != Reason::BackupFailing
    }

    /// Two or three words, for the sidebar and the tab.
    pub(super) fn short(self) -> &'static str {
        match self {
            Reason::NodeFault => "Takes no part",
            Reason::NoQuorum => "No quorum",
            Reason::NoLeader => "No leader",
            Reason::OfflinePartitions => "Partitions offline",
            Reason::BelowMinIsr => "Writes stopped",
            Reason::QuorumAtMinimum | Reason::ControllersUnreachable => "Controller down",
            Reason::AtMinIsr | Reason::BrokersFenced | Reason::UnderReplicated => "Degraded",
            Reason::BackupFailing => "Backup failing",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    pub reason: Reason,
    pub level: Level,
    /// In a sentence.
    pub detail: String,
}

/// What is known beside the state.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The node that says all this.
    pub node_id: NodeId,
    pub pulse: Option<&'a Pulse>,
    /// How long ago it heard a majority's leader, ms.
    pub quorum_age_ms: u64,
    /// Why it takes no part, if it does not.
    pub fault: Option<&'a str>,
}

impl Known<'_> {
    /// How it stands with the majority.
    pub fn quorum(&self) -> Quorum {
        Quorum::of(self.pulse, self.quorum_age_ms, self.fault.is_none())
    }

    pub(super) fn unreachable(&self) -> Vec<NodeId> {
        self.pulse.map(unreachable).unwrap_or_default()
    }

    /// The leader's word on the backup: nobody else writes it.
    pub(super) fn failing_backup(&self) -> Option<&str> {
        match &self.pulse.filter(|pulse| pulse.leader_id.is_some())?.backup {
            Backup::Off | Backup::Following { .. } => None,
            Backup::Failing { error, .. } => Some(error),
        }
    }

    pub(super) fn reasons(&self) -> impl Iterator<Item = Reason> {
        let quorum = self.quorum();
        let missing = !self.unreachable().is_empty();
        let spare = quorum.spare().filter(|_| quorum.voters > 0);
        let majority = match spare {
            _ if self.fault.is_some() => None,
            None if !quorum.available => Some(Reason::NoQuorum),
            Some(_) if !quorum.available => Some(Reason::NoLeader),
            // A majority was heard just now: who does not answer in time is late, or the majority is being lost.
            None | Some(0) if missing && !quorum.whole() => Some(Reason::QuorumAtMinimum),
            _ => missing.then_some(Reason::ControllersUnreachable),
        };
        let fault = self.fault.map(|_| Reason::NodeFault);
        let backup = self.failing_backup().map(|_| Reason::BackupFailing);
        fault.into_iter().chain(majority).chain(backup)
    }
}

pub(super) fn down(state: &State) -> Vec<&Broker> {
    let fenced = |broker: &&Broker| matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing);
    state.brokers().map(|broker| &**broker).filter(fenced).collect()
}

/// What the committed state alone says, worst first.
pub(super) fn of_state(state: &State) -> impl Iterator<Item = Reason> {
    let total = state.total();
    [
        (total.offline > 0, Reason::OfflinePartitions),
        (total.below_min_isr > 0, Reason::BelowMinIsr),
        (total.at_min_isr > 0, Reason::AtMinIsr),
        (!down(state).is_empty(), Reason::BrokersFenced),
        (total.under_replicated > 0, Reason::UnderReplicated),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
}

impl State {
    /// How bad it is by the committed state alone: partitions that cannot be written are critical, missing copies and missing
    /// brokers a warning.
    pub fn level(&self) -> Level {
        of_state(self).next().map_or(Level::Healthy, Reason::level)
    }
}
