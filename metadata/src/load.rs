//! What is counted along with the state, in O(change): load per broker, health per topic and in all.

use crate::election;
use crate::ids::BrokerId;
use crate::model::Partition;
use serde::{Deserialize, Serialize};

/// What one broker carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    pub replicas: u32,
    pub leaders: u32,
    /// Replicas that are in sync.
    pub in_sync: u32,
    /// Partitions without a leader that it could lead, were it online.
    pub electable: u32,
}

impl Load {
    pub(crate) fn add(&mut self, other: Load) {
        self.zip(other, u32::wrapping_add);
    }

    pub(crate) fn sub(&mut self, other: Load) {
        self.zip(other, u32::wrapping_sub);
    }

    fn zip(&mut self, other: Load, f: impl Fn(u32, u32) -> u32) {
        self.replicas = f(self.replicas, other.replicas);
        self.leaders = f(self.leaders, other.leaders);
        self.in_sync = f(self.in_sync, other.in_sync);
        self.electable = f(self.electable, other.electable);
    }
}

/// Partitions by condition. A partition counts under every condition that it meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub partitions: u32,
    /// No leader.
    pub offline: u32,
    /// Fewer in sync than min.insync.replicas: acks=all writes stop.
    pub below_min_isr: u32,
    /// Exactly min.insync.replicas in sync and not all replicas.
    pub at_min_isr: u32,
    /// Fewer in sync than replicas.
    pub under_replicated: u32,
    /// Led by another than the first replica.
    pub not_preferred: u32,
}

impl Tally {
    /// What one partition counts as.
    pub fn of(partition: &Partition, min_isr: usize) -> Tally {
        let min_isr = min_isr.min(partition.factor());
        let in_sync = partition.isr.len();
        // A replica that a move still fills is not missed, and does not stand in for one that is.
        let filled = partition.isr.iter().filter(|id| partition.adding_replicas.contains(id)).count();
        let under = in_sync - filled < partition.factor();
        let preferred = partition.replicas.first().filter(|first| !partition.adding_replicas.contains(first));
        Tally {
            partitions: 1,
            offline: partition.leader.is_none().into(),
            below_min_isr: (in_sync < min_isr).into(),
            at_min_isr: (under && in_sync == min_isr).into(),
            under_replicated: under.into(),
            not_preferred: (partition.leader.is_some() && preferred.is_some_and(|first| partition.leader != Some(*first))).into(),
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.zip(other, u32::wrapping_add);
    }

    pub(crate) fn sub(&mut self, other: Tally) {
        self.zip(other, u32::wrapping_sub);
    }

    fn zip(&mut self, other: Tally, f: impl Fn(u32, u32) -> u32) {
        self.partitions = f(self.partitions, other.partitions);
        self.offline = f(self.offline, other.offline);
        self.below_min_isr = f(self.below_min_isr, other.below_min_isr);
        self.at_min_isr = f(self.at_min_isr, other.at_min_isr);
        self.under_replicated = f(self.under_replicated, other.under_replicated);
        self.not_preferred = f(self.not_preferred, other.not_preferred);
    }
}

/// Calls `f` with every broker that the partition loads and with how.
pub(crate) fn for_each_load(partition: &Partition, mut f: impl FnMut(BrokerId, Load)) {
    for &broker in &partition.replicas {
        f(
            broker,
            Load {
                replicas: 1,
                leaders: (partition.leader == Some(broker)).into(),
                in_sync: partition.isr.contains(&broker).into(),
                electable: (partition.leader.is_none() && election::electable(partition, broker)).into(),
            },
        );
    }
}
