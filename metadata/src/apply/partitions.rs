//! Where partitions are, who leads them and who is in sync.

use super::topics::unknown_topic_id;
use crate::change::Change;
use crate::command::{Assignment, PartitionTarget, Placing};
use crate::ids::{BrokerId, TopicId};
use crate::model::Partition;
use crate::outcome::GroupOutcome;
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::sync::Arc;

impl State {
    pub(super) fn assigned(&self, topic_id: TopicId, first: u32, assignments: &[Assignment]) -> Result<Vec<Change>, Rejection> {
        self.topic(topic_id).ok_or_else(|| unknown_topic_id(topic_id))?;
        if self.tally(topic_id).partitions != first {
            return Err(Rejection::new(Code::InvalidPartitions, "The topic's partitions changed meanwhile"));
        }
        self.check_assignments(assignments)?;
        let factor = self.replication_factor(topic_id);
        if first > 0 && assignments.iter().any(|assignment| assignment.replicas.len() != factor) {
            return Err(Rejection::new(Code::InvalidReplicaAssignment, "The topic's replication factor changed meanwhile"));
        }
        Ok(placed(topic_id, first, assignments).collect())
    }

    /// Whether new partitions may stand where the leader put them.
    pub(super) fn check_assignments(&self, assignments: &[Assignment]) -> Result<(), Rejection> {
        for assignment in assignments {
            let known = assignment.replicas.iter().all(|id| self.broker(*id).is_some());
            let active = assignment.isr.iter().all(|id| self.active(*id) && assignment.replicas.contains(id));
            if !known
                || !active
                || has_duplicates(&assignment.replicas)
                || has_duplicates(&assignment.isr)
                || !assignment.isr.contains(&assignment.leader)
            {
                return Err(Rejection::new(Code::InvalidReplicaAssignment, "A broker of the placement is no longer active"));
            }
        }
        Ok(())
    }

    /// The partition that a target was decided on, if it is still as it was (D6).
    pub(super) fn partition_at(&self, target: &PartitionTarget) -> Result<&Arc<Partition>, Rejection> {
        let old = self.partition(target.topic_id, target.partition).ok_or_else(|| unknown_topic_id(target.topic_id))?;
        if (old.leader_epoch, old.partition_epoch) != (target.leader_epoch, target.partition_epoch) {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The partition changed meanwhile").at(
                "partition_epoch",
                target.partition_epoch,
                old.partition_epoch.to_string(),
            ));
        }
        Ok(old)
    }

    /// Whether these replicas may have these roles.
    pub(super) fn check_roles(&self, old: &Partition, next: &Placing, target: &PartitionTarget) -> Result<(), Rejection> {
        let replicas = &next.replicas;
        let in_replicas = |ids: &[BrokerId]| ids.iter().all(|id| replicas.contains(id)) && !has_duplicates(ids);
        let sound = in_replicas(&target.isr)
            && in_replicas(&target.elr)
            && target.elr.iter().all(|id| !target.isr.contains(id))
            && target.leader.is_none_or(|leader| target.isr.contains(&leader));
        if !sound {
            return Err(Rejection::new(
                Code::InvalidRequest,
                "The leader must be in the ISR, the ISR in the replicas, the ELR outside the ISR",
            ));
        }
        // E6: the minimum may have become another one since it was decided.
        let minimum = self.min_isr(target.topic_id).min(replicas.len() - next.adding.len());
        if !target.elr.is_empty() && target.isr.len() >= minimum {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "Another minimum of replicas in sync came meanwhile"));
        }
        let eligible = |id: &BrokerId| self.active(*id) || old.isr.contains(id);
        if !target.isr.iter().all(eligible) || target.leader.is_some_and(|id| target.leader != old.leader && !self.active(id)) {
            return Err(Rejection::new(Code::IneligibleReplica, "A replica became inactive meanwhile"));
        }
        Ok(())
    }

    pub(super) fn retargeted(&self, target: &PartitionTarget, outcome: &mut GroupOutcome) -> Result<Vec<Change>, Rejection> {
        let old = self.partition_at(target)?;
        let Partition { replicas, adding_replicas: adding, removing_replicas: removing, .. } = &**old;
        let next = Placing { replicas: replicas.clone(), adding: adding.clone(), removing: removing.clone() };
        self.check_roles(old, &next, target)?;
        *outcome = GroupOutcome::Partition { topic_id: target.topic_id, partition: target.partition };
        let partition = target.over(old);
        Ok(vec![Change::PartitionChanged { topic_id: target.topic_id, partition: Arc::new(partition) }])
    }
}

pub(super) fn placed(topic_id: TopicId, first: u32, assignments: &[Assignment]) -> impl Iterator<Item = Change> {
    let change = move |(number, assignment): (u32, &Assignment)| Change::PartitionChanged {
        topic_id,
        partition: Arc::new(assignment.partition(number)),
    };
    (first..).zip(assignments).map(change)
}

pub(crate) fn has_duplicates(ids: &[BrokerId]) -> bool {
    ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id))
}
