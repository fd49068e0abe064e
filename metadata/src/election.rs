//! Who leads, who is in sync and who is eligible, after something about a partition or a broker changed (E1, E3–E8).

use crate::command::PartitionTarget;
use crate::ids::{BrokerId, TopicId};
use crate::model::{Partition, RecoveryState};

/// What an election may use beside the partition.
pub struct Electorate<'a> {
    /// min.insync.replicas of the topic; capped by the replication factor here (E8).
    pub min_isr: usize,
    /// Active, with the overrides of the case: never the broker being removed, but the broker being unfenced.
    pub acceptable: &'a dyn Fn(BrokerId) -> bool,
    /// A broker that stopped uncleanly: it leaves the ELR too, as it may have lost what it held (A5).
    pub unclean: Option<BrokerId>,
    /// Any acceptable replica may lead where no other can: records may be lost (E3).
    pub lossy: bool,
}

/// The partition's next state when its ISR becomes `isr`: election (E1, E5, E4), ELR and last-known leader (E6, E7).
/// None when nothing changes.
pub fn next(topic_id: TopicId, old: &Partition, isr: Vec<BrokerId>, electorate: &Electorate<'_>) -> Option<PartitionTarget> {
    let mut isr = isr;
    let mut elr = maintain_elr(old, &isr, electorate);
    let mut recovery_state = old.recovery_state;
    let acceptable = electorate.acceptable;
    let valid = |broker: BrokerId| acceptable(broker) && (isr.contains(&broker) || (isr.is_empty() && elr.contains(&broker)));
    let mut leader = old.leader.filter(|leader| valid(*leader)).or_else(|| old.replicas.iter().copied().find(|broker| valid(*broker)));
    if leader.is_none() && isr.is_empty() && elr.is_empty() {
        // E4: the last resort, and an unclean one: the log may lack what only the lost replicas held.
        leader = old.last_known_leader.filter(|last| acceptable(*last) && old.replicas.contains(last));
        if leader.is_some() {
            recovery_state = RecoveryState::Recovering;
        }
    }
    if leader.is_none() && electorate.lossy {
        leader = old.replicas.iter().copied().find(|broker| acceptable(*broker));
        if leader.is_some() {
            elr.clear();
            isr.clear();
            recovery_state = RecoveryState::Recovering;
        }
    }
    if let Some(elected) = leader.filter(|leader| !isr.contains(leader)) {
        isr = vec![elected];
        // Alone it may be enough by a smaller minimum than the others were judged by (E6, E9).
        let enough = electorate.min_isr.min(old.factor()) <= 1;
        elr.retain(|broker| *broker != elected && !enough);
    }
    let last_known_leader = match leader {
        Some(_) => None,
        // E7: remembered when the ISR empties for the first time.
        None if isr.is_empty() => old.last_known_leader.or(old.leader),
        None => old.last_known_leader,
    };
    let target = PartitionTarget {
        topic_id,
        partition: old.partition,
        leader_epoch: old.leader_epoch,
        partition_epoch: old.partition_epoch,
        leader,
        isr,
        elr,
        last_known_leader,
        recovery_state,
    };
    (!same(old, &target)).then_some(target)
}

/// The partition's roles as they are.
pub(crate) fn unchanged(topic_id: TopicId, old: &Partition) -> PartitionTarget {
    PartitionTarget {
        topic_id,
        partition: old.partition,
        leader_epoch: old.leader_epoch,
        partition_epoch: old.partition_epoch,
        leader: old.leader,
        isr: old.isr.clone(),
        elr: old.elr.clone(),
        last_known_leader: old.last_known_leader,
        recovery_state: old.recovery_state,
    }
}

/// Whether this replica, were it online, could lead the partition as it stands (E1, E5, E4).
pub(crate) fn electable(partition: &Partition, broker: BrokerId) -> bool {
    match (&*partition.isr, &*partition.elr) {
        ([], []) => partition.last_known_leader == Some(broker),
        ([], elr) => elr.contains(&broker),
        (isr, _) => isr.contains(&broker),
    }
}

/// E6: enough in sync empties the ELR; otherwise who leaves the ISR stays eligible.
fn maintain_elr(old: &Partition, isr: &[BrokerId], electorate: &Electorate<'_>) -> Vec<BrokerId> {
    if isr.len() >= electorate.min_isr.min(old.factor()) {
        return Vec::new();
    }
    old.replicas
        .iter()
        .copied()
        .filter(|broker| old.elr.contains(broker) || old.isr.contains(broker))
        .filter(|broker| !isr.contains(broker) && Some(*broker) != electorate.unclean)
        .collect()
}

fn same(old: &Partition, target: &PartitionTarget) -> bool {
    old.leader == target.leader
        && old.isr == target.isr
        && old.elr == target.elr
        && old.last_known_leader == target.last_known_leader
        && old.recovery_state == target.recovery_state
}
