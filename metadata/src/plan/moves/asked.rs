//! What people ask of moves: lists, rebalances, drains, limits, and that it stops. One group each, so a dry run shows what would be committed.

use super::board::destination;
use super::step::{start, take_back};
use super::{balance, factor, off, step};
use crate::apply::{has_duplicates, no_reassignment};
use crate::command::{Command, Group, PlannedMove};
use crate::ids::{BrokerId, Index};
use crate::intent::{AskedMove, Rebalance, Scope};
use crate::plan::topics::unknown_topic;
use crate::plan::{MOST_PARTITIONS, brokers};
use crate::reassignment::{Limits, MoveEnd, MoveState, Reassignment, ReassignmentState, Source, Why};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::collections::BTreeSet;

/// Moves that are taken back in the very entry that calls their reassignment off.
const MOST_TAKEN_BACK: usize = 1_000;
/// The largest limit that makes sense.
const MOST_PER_BROKER: u32 = 10_000;

fn check_limits(limits: Limits) -> Result<(), Rejection> {
    match limits.per_broker {
        Some(count) if count == 0 || count > MOST_PER_BROKER => Err(Rejection::new(
            Code::InvalidRequest,
            "No move could ever begin, or nothing is limited",
        )
        .at("limits.per_broker", count, format!("1 to {MOST_PER_BROKER}, or absent"))),
        _ => Ok(()),
    }
}

pub(in crate::plan) fn reassign(state: &State, asked: &[AskedMove], limits: Limits, allow_factor_change: bool) -> Result<Group, Rejection> {
    check_limits(limits)?;
    if asked.is_empty() || asked.len() > MOST_PARTITIONS {
        let code = if asked.is_empty() { Code::InvalidRequest } else { Code::PolicyViolation };
        let no = Rejection::new(code, format!("One request moves 1 to {MOST_PARTITIONS} partitions"));
        return Err(no.at("moves", asked.len(), format!("1 to {MOST_PARTITIONS}")));
    }
    let mut seen = BTreeSet::new();
    let mut moves = Vec::new();
    for (at, one) in asked.iter().enumerate() {
        let planned = planned(state, one, allow_factor_change).map_err(|no| no.within(&format!("moves[{at}].")))?;
        if !seen.insert((planned.0.topic_id, planned.0.partition)) {
            let no = Rejection::new(Code::InvalidReplicaAssignment, "The request moves this partition twice");
            return Err(no.at(format!("moves[{at}].partition"), one.partition, "a partition once in a request"));
        }
        moves.extend(planned.1.then_some(planned.0));
    }
    let total = moves.len() as u32;
    Ok(Group::of(vec![start(Why::Moves, limits, Source::Listed, total, moves)]))
}

/// A move that was asked for, and whether it moves anything.
fn planned(state: &State, asked: &AskedMove, allow_factor_change: bool) -> Result<(PlannedMove, bool), Rejection> {
    let topic = state.topic_by_name(&asked.topic).ok_or_else(|| unknown_topic(&asked.topic).renamed("topic"))?;
    let partition = state.partition(topic.id, asked.partition).ok_or_else(|| {
        let last = state.tally(topic.id).partitions.saturating_sub(1);
        let no = Rejection::new(Code::UnknownTopicOrPartition, format!("{} has no partition {}", topic.name, asked.partition));
        no.at("partition", asked.partition, format!("0 to {last}"))
    })?;
    let shown = || asked.replicas.iter().map(BrokerId::to_string).collect::<Vec<_>>().join(", ");
    let no = |detail: String, allowed: String| Err(Rejection::new(Code::InvalidReplicaAssignment, detail).at("replicas", shown(), allowed));
    if asked.replicas.is_empty() || has_duplicates(&asked.replicas) {
        return no(
            "A partition has at least one replica, and at most one on a broker".to_owned(),
            "brokers that are all different".to_owned(),
        );
    }
    if let Some(unknown) = asked.replicas.iter().find(|id| state.broker(**id).is_none()) {
        let known = state.brokers().map(|broker| broker.id.to_string()).collect::<Vec<_>>().join(", ");
        return no(format!("Broker {unknown} is not registered"), known);
    }
    let to_be = destination(state, topic.id, partition);
    if let Some(drained) = asked.replicas.iter().find(|id| state.draining(**id) && !to_be.contains(id)) {
        return no(format!("Broker {drained} is being drained"), "brokers that are not drained".to_owned());
    }
    let (factor, wanted) = (partition.factor(), asked.replicas.len());
    if factor != wanted && !allow_factor_change {
        let no =
            Rejection::new(Code::InvalidReplicationFactor, format!("The partition has {factor} replicas, and the move would change that"));
        return Err(no.at("replicas", shown(), format!("{factor} brokers, or allow_replication_factor_change: true")));
    }
    let min_isr = crate::configs::min_insync_replicas(&topic.configs).unwrap_or(1);
    if wanted < min_isr && wanted < factor {
        let no = Rejection::new(Code::InvalidReplicationFactor, format!("min.insync.replicas of {} is {min_isr}", topic.name));
        return Err(no.at("replicas", shown(), format!("at least {min_isr} brokers")));
    }
    let from = state.stands(topic.id, partition);
    let moves = to_be != asked.replicas;
    Ok((PlannedMove { topic_id: topic.id, partition: asked.partition, from, to: asked.replicas.clone() }, moves))
}

/// A list belongs to its scope, and a scope has its list: what is not meant is never ignored.
fn check_scope(asked: &Rebalance) -> Result<(), Rejection> {
    let lists = [
        ("rebalance.topics", asked.topics.len(), asked.scope == Scope::Topics, "topics"),
        ("rebalance.brokers", asked.brokers.len(), asked.scope == Scope::Brokers, "brokers"),
    ];
    match lists.into_iter().find(|(_, count, wanted, _)| (*count > 0) != *wanted) {
        Some((field, count, true, scope)) => {
            let no = Rejection::new(Code::InvalidRequest, format!("Scope {scope} is about those that are listed"));
            Err(no.at(field, count, "1 or more"))
        }
        Some((field, count, false, scope)) => {
            let no = Rejection::new(Code::InvalidRequest, format!("This list belongs to scope {scope}"));
            Err(no.at(field, count, format!("nothing, or scope {scope}")))
        }
        None => Ok(()),
    }
}

pub(in crate::plan) fn rebalance(state: &State, asked: &Rebalance, limits: Limits) -> Result<Group, Rejection> {
    check_limits(limits)?;
    if asked.max_moves == Some(0) {
        let no = Rejection::new(Code::InvalidRequest, "A rebalance of no move at all does nothing");
        return Err(no.at("rebalance.max_moves", 0, "1 or more, or absent"));
    }
    check_scope(asked)?;
    let (moves, total) = balance::moves(state, asked, u32::MAX, MOST_PARTITIONS)?;
    Ok(Group::of(vec![start(Why::Rebalance, limits, Source::Rebalance(asked.clone()), total, moves)]))
}

/// The moves that are left of a plan too large for one entry, and how many there are in all; at most `limit`, and `most` of them written down.
pub(super) fn from_source(state: &State, source: &Source, limit: u32, most: usize) -> Result<(Vec<PlannedMove>, u32), Rejection> {
    match source {
        Source::Listed => Ok((Vec::new(), 0)),
        Source::Rebalance(asked) => balance::moves(state, asked, limit, most),
        Source::Off(id) => off::moves(state, *id, most),
        Source::Factor { topic_id, factor } => Ok(factor::moves(state, *topic_id, *factor, most)),
    }
}

fn emptied(state: &State, id: BrokerId, epoch: Index, reason: Why, limits: Limits) -> Result<Vec<Command>, Rejection> {
    let (moves, total) = off::moves(state, id, MOST_PARTITIONS)?;
    Ok(vec![start(reason, limits, Source::Off(id), total, moves), Command::UpdateDrain { id, epoch, draining: true }])
}

/// The reassignment that empties a broker and has not ended.
fn emptying(state: &State, id: BrokerId) -> Option<&Reassignment> {
    let of = state.standing(id).draining.and_then(|of| state.reassignment(of));
    of.map(|of| &**of).filter(|of| of.state == ReassignmentState::Running)
}

pub(in crate::plan) fn drain(state: &State, id: BrokerId, limits: Limits, expected: Option<Index>) -> Result<Group, Rejection> {
    check_limits(limits)?;
    let (broker, expected) = brokers::by_operator(state, id, expected)?;
    // Asked again while it is under way, it goes on as it does, within other limits where some are given.
    let commands = match emptying(state, id) {
        Some(of) if limits != Limits::default() && limits != of.limits => {
            vec![Command::UpdateReassignment { id: of.id, state: of.state, limits }]
        }
        Some(_) => Vec::new(),
        None => emptied(state, id, broker.epoch, Why::Drain, limits)?,
    };
    Ok(Group { expected, commands })
}

pub(in crate::plan) fn replace(state: &State, id: BrokerId, epoch: Index) -> Result<Group, Rejection> {
    let due = state.broker(id).filter(|broker| broker.epoch == epoch && !broker.active() && !state.draining(id));
    match due {
        Some(broker) => Ok(Group::of(emptied(state, id, broker.epoch, Why::Replacement, Limits::default())?)),
        None => Ok(Group::default()),
    }
}

pub(in crate::plan) fn stop_drain(state: &State, id: BrokerId, expected: Option<Index>) -> Result<Group, Rejection> {
    let (broker, expected) = brokers::by_operator(state, id, expected)?;
    if !state.draining(id) {
        let no = Rejection::new(Code::NoReassignmentInProgress, format!("Broker {id} is not drained"));
        return Err(no.at("id", id, "a broker that is being drained, or was"));
    }
    let mut commands = emptying(state, id).map_or_else(Vec::new, |of| called_off(state, of));
    commands.push(Command::UpdateDrain { id, epoch: broker.epoch, draining: false });
    Ok(Group { expected, commands })
}

fn running(state: &State, id: Index) -> Result<&Reassignment, Rejection> {
    state.reassignment(id).map(|of| &**of).filter(|of| of.state == ReassignmentState::Running).ok_or_else(|| no_reassignment(id))
}

pub(in crate::plan) fn limit(state: &State, id: Index, limits: Limits) -> Result<Group, Rejection> {
    check_limits(limits)?;
    let of = running(state, id)?;
    let command = Command::UpdateReassignment { id, state: of.state, limits };
    Ok(Group::of(if of.limits == limits { Vec::new() } else { vec![command] }))
}

pub(in crate::plan) fn cancel(state: &State, id: Index) -> Result<Group, Rejection> {
    let of = running(state, id)?;
    let of_it = (id, 0)..=(id, u32::MAX);
    let open = || state.moving.range(of_it.clone()).chain(state.waiting.range(of_it.clone())).map(|(_, movement)| movement);
    let stuck = |movement: &std::sync::Arc<crate::reassignment::Move>| {
        step::wait_of(state, of.limits, true, movement) == Some(step::Wait::NobodyBefore)
    };
    // H8: what cannot be taken back goes on; where that is all there is, the answer is no.
    if let Some(movement) = open().next().filter(|_| open().all(stuck)) {
        let detail = format!(
            "Of the brokers that {}-{} was on before none is in sync: taken back it would lose records",
            movement.topic, movement.partition
        );
        return Err(Rejection::new(Code::EligibleLeadersNotAvailable, detail).at("id", id, "a reassignment that can be taken back"));
    }
    Ok(Group::of(called_off(state, of)))
}

/// The end of a reassignment, with the first of its moves; the leader goes on with the rest.
fn called_off(state: &State, of: &Reassignment) -> Vec<Command> {
    let id = of.id;
    let mut commands = vec![Command::UpdateReassignment { id, state: ReassignmentState::Cancelled, limits: of.limits }];
    let open = state.moving.range((id, 0)..=(id, u32::MAX)).chain(state.waiting.range((id, 0)..=(id, u32::MAX)));
    for (at, movement) in open.take(MOST_TAKEN_BACK) {
        let Some(partition) = state.partition(movement.topic_id, movement.partition) else { continue };
        commands.extend(take_back(state, *at, movement, partition, (MoveState::Cancelled, MoveEnd::CalledOff)).into_iter().flatten());
    }
    commands
}
