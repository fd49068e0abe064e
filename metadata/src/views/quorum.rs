//! The controllers that decide: how many there are, how many it takes, and how many are there.

use crate::ids::NodeId;
use crate::travel::frame::{Pulse, Role};
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
    /// How many of them answer: the leader, or this node where it hears none. At least so many while a majority is heard and
    /// nobody has told who it is.
    pub reachable: u32,
    /// Whether this node heard a majority's leader in the last three seconds and takes part: something can be decided.
    pub available: bool,
    /// How long ago it heard one, ms; of a leader, how long ago a majority answered it.
    pub age_ms: u64,
}

impl Quorum {
    /// Of what a pulse says of the controllers, where a majority was heard so long ago.
    pub fn of(pulse: Option<&Pulse>, age_ms: u64, takes_part: bool) -> Self {
        let voters = || pulse.iter().flat_map(|pulse| &pulse.nodes).filter(|node| node.voter);
        let all = voters().count() as u32;
        let (needed, available) = (all / 2 + 1, takes_part && age_ms <= STALE_MS);
        let there = voters().filter(|node| node.role != Role::Unreachable).count() as u32;
        let reachable = if available && !pulse.is_some_and(told) { there.max(needed.min(all)) } else { there };
        Quorum { voters: all, needed, reachable, available, age_ms }
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

/// Whether a pulse says who answers: that of a node which follows a leader, and was not told by it yet, does not.
fn told(pulse: &Pulse) -> bool {
    pulse.leader_id.is_none() || pulse.nodes.iter().any(|node| node.role == Role::Leader)
}

/// The controllers that do not answer.
pub(super) fn unreachable(pulse: &Pulse) -> Vec<NodeId> {
    let silent = pulse.nodes.iter().filter(|node| node.role == Role::Unreachable && told(pulse));
    silent.map(|node| node.id).collect()
}
