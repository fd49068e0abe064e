//! The controllers that decide: how many there are, how many it takes, and how many are there.

use crate::frame::{NodePulse, Role};
use crate::ids::NodeId;
use serde::{Deserialize, Serialize};

/// Who hears nothing of a majority for this long does not know what is true now, and can have nothing decided.
pub const STALE_MS: u64 = 3_000;

/// How it stands with the majority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quorum {
    /// Controllers that vote.
    pub voters: u32,
    /// How many of them are a majority.
    pub needed: u32,
    /// How many of them answer: the leader, or this node where it hears none.
    pub reachable: u32,
    /// Whether this node heard a majority's leader in the last three seconds and takes part: something can be decided.
    pub available: bool,
    /// How long ago it heard one, ms; of a leader, how long ago a majority answered it.
    pub age_ms: u64,
}

impl Quorum {
    /// Of these controllers, where a majority was heard so long ago.
    pub fn of(nodes: &[NodePulse], age_ms: u64, takes_part: bool) -> Self {
        let voters = nodes.iter().filter(|node| node.voter);
        let (all, reachable) = voters.fold((0, 0), |(all, there), node| (all + 1, there + u32::from(node.role != Role::Unreachable)));
        Quorum { voters: all, needed: all / 2 + 1, reachable, available: takes_part && age_ms <= STALE_MS, age_ms }
    }

    /// How many more voters may fail before nothing can be decided any more; none when that is so already.
    pub fn spare(&self) -> Option<u32> {
        self.reachable.checked_sub(self.needed)
    }

    /// Whether every voter is there.
    pub fn whole(&self) -> bool {
        self.reachable == self.voters
    }
}

/// The controllers that do not answer.
pub(super) fn unreachable(nodes: &[NodePulse]) -> Vec<NodeId> {
    nodes.iter().filter(|node| node.role == Role::Unreachable).map(|node| node.id).collect()
}
