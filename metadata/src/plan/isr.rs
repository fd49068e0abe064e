//! A leader's proposals for its partitions' ISR (D1–D10), each checked in the order of the table and each a group of its own.

use super::{MOST_PARTITIONS, Plan, moves};
use crate::apply::{has_duplicates, unknown_topic_id};
use crate::command::{Command, Group, PartitionTarget};
use crate::election::{self, Electorate};
use crate::ids::{BrokerId, Index};
use crate::intent::IsrChange;
use crate::model::{Partition, RecoveryState};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::collections::BTreeSet;

pub(super) fn change(state: &State, sender: BrokerId, epoch: Index, changes: &[IsrChange]) -> Result<Plan, Rejection> {
    state.broker_at(sender, epoch)?;
    if changes.len() > MOST_PARTITIONS {
        return Err(Rejection::new(Code::PolicyViolation, "Too many changes in one request").at(
            "changes",
            changes.len(),
            format!("at most {MOST_PARTITIONS}"),
        ));
    }
    let mut decided = BTreeSet::new();
    let items = changes.iter().map(|change| {
        let group = decide(state, sender, epoch, change)?;
        if !group.commands.is_empty() && !decided.insert((change.topic_id, change.partition)) {
            // The one before it moves the epoch that this one names (D6).
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The request changes this partition twice").at(
                "partition",
                change.partition,
                "a partition once in a request",
            ));
        }
        Ok(group)
    });
    Ok(Plan { items: items.collect() })
}

fn decide(state: &State, sender: BrokerId, sender_epoch: Index, change: &IsrChange) -> Result<Group, Rejection> {
    state.topic(change.topic_id).ok_or_else(|| unknown_topic_id(change.topic_id))?;
    let old = state.partition(change.topic_id, change.partition).ok_or_else(|| {
        Rejection::new(Code::UnknownTopicOrPartition, format!("The topic has no partition {}", change.partition)).at(
            "partition",
            change.partition,
            format!("0 to {}", state.tally(change.topic_id).partitions.saturating_sub(1)),
        )
    })?;
    check_epochs(old, sender, change)?;
    let isr: Vec<BrokerId> = change.isr.iter().map(|member| member.broker).collect();
    check_isr(old, sender, &isr, change)?;
    check_members(state, change)?;
    let acceptable = |broker: BrokerId| state.active(broker);
    let electorate = Electorate { min_isr: state.min_isr(change.topic_id), acceptable: &acceptable, unclean: None, lossy: false };
    let recovery_state = change.recovery_state.unwrap_or(old.recovery_state);
    let target = match election::next(change.topic_id, old, isr, &electorate) {
        Some(target) => Some(PartitionTarget { recovery_state, ..target }),
        None if recovery_state != old.recovery_state => {
            Some(PartitionTarget { recovery_state, ..election::unchanged(change.topic_id, old) })
        }
        None => None,
    };
    let reported = Partition { recovery_state, ..Partition::clone(old) };
    if let Some(target) = &target
        && let Some(commands) = moves::completion(state, change.topic_id, &reported, &target.isr, Some((sender, sender_epoch)))
    {
        return Ok(Group::of(commands));
    }
    Ok(Group::of(target.map(|target| Command::UpdateIsr { broker: sender, broker_epoch: sender_epoch, target }).into_iter().collect()))
}

/// D3–D6.
fn check_epochs(old: &Partition, sender: BrokerId, change: &IsrChange) -> Result<(), Rejection> {
    if change.leader_epoch > old.leader_epoch || change.partition_epoch > old.partition_epoch {
        return Err(Rejection::new(Code::NotController, "The request knows newer epochs than this controller").at(
            "leader_epoch, partition_epoch",
            format!("{}, {}", change.leader_epoch, change.partition_epoch),
            format!("{}, {}", old.leader_epoch, old.partition_epoch),
        ));
    }
    if change.leader_epoch < old.leader_epoch {
        return Err(Rejection::new(Code::FencedLeaderEpoch, "Another leader epoch has begun").at(
            "leader_epoch",
            change.leader_epoch,
            old.leader_epoch.to_string(),
        ));
    }
    if old.leader != Some(sender) {
        let leader = old.leader.map_or_else(|| "nobody".to_owned(), |leader| format!("broker {leader}"));
        return Err(
            Rejection::new(Code::InvalidRequest, format!("{leader} leads this partition, not broker {sender}")).at("id", sender, leader)
        );
    }
    if change.partition_epoch < old.partition_epoch {
        return Err(Rejection::new(Code::InvalidUpdateVersion, "The partition changed since; fetch it again").at(
            "partition_epoch",
            change.partition_epoch,
            old.partition_epoch.to_string(),
        ));
    }
    Ok(())
}

/// D7, D8.
fn check_isr(old: &Partition, sender: BrokerId, isr: &[BrokerId], change: &IsrChange) -> Result<(), Rejection> {
    let shown = |ids: &[BrokerId]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    let no = |detail: &str| {
        let allowed = format!("the leader {sender} and any of {}, each once", shown(&old.replicas));
        Err(Rejection::new(Code::InvalidRequest, detail.to_owned()).at("isr", shown(isr), allowed))
    };
    if isr.is_empty() {
        return no("The ISR cannot be empty");
    }
    if has_duplicates(isr) {
        return no("The ISR names a broker twice");
    }
    if isr.iter().any(|id| !old.replicas.contains(id)) {
        return no("The ISR names a broker that is no replica");
    }
    if !isr.contains(&sender) {
        return no("The ISR lacks the leader");
    }
    let next = change.recovery_state.unwrap_or(old.recovery_state);
    let recovery_no =
        |detail: &str| Err(Rejection::new(Code::InvalidRequest, detail.to_owned()).at("recovery_state", "recovering", "recovered"));
    if old.recovery_state == RecoveryState::Recovered && next == RecoveryState::Recovering {
        return recovery_no("A recovered partition does not go back to recovering");
    }
    if next == RecoveryState::Recovering && isr.len() > 1 {
        return recovery_no("While it recovers, the leader is alone in the ISR");
    }
    Ok(())
}

/// D9.
fn check_members(state: &State, change: &IsrChange) -> Result<(), Rejection> {
    for member in &change.isr {
        let id = member.broker;
        let current = state.broker(id).filter(|broker| broker.active() && member.broker_epoch.is_none_or(|epoch| epoch == broker.epoch));
        if current.is_none() {
            let allowed = "brokers that are online, at their current epoch";
            return Err(
                Rejection::new(Code::IneligibleReplica, format!("Broker {id} is not online, or not at that epoch")).at("isr", id, allowed)
            );
        }
    }
    Ok(())
}
