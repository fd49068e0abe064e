//! What the leader goes on with, from the state alone (H9–H11): moves that begin, complete, fail or are taken back, and what is left to plan.

use super::step::{Wait, begin, blocked, completion, per_broker, take_back};
use super::{asked, step};
use crate::command::{Command, Group};
use crate::ids::{BrokerId, Index};
use crate::model::Partition;
use crate::plan::{MOST_PARTITIONS, Plan};
use crate::reassignment::{Flight, Move, MoveEnd, MoveState, ReassignmentState};
use crate::rejection::Code;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// Steps in one entry: between two entries others have their turn.
const MOST_STEPS: usize = 1_000;
/// Waiting moves that are looked at for one entry, shared between reassignments.
const MOST_LOOKED_AT: usize = 20_000;

/// The next steps of all reassignments; nothing where everything waits for others.
pub(in crate::plan) fn advance(state: &State) -> Plan {
    let mut items: Vec<Group> = Vec::new();
    for at in state.moving.keys().copied() {
        if items.len() == MOST_STEPS {
            break;
        }
        items.extend(go_on(state, at).map(Group::of));
    }
    let mut flights: BTreeMap<BrokerId, Flight> = BTreeMap::new();
    for at in looked_at(state) {
        if items.len() == MOST_STEPS {
            break;
        }
        items.extend(set_off(state, at, &mut flights).map(Group::of));
    }
    if items.is_empty() {
        items.extend(untie(state).map(|command| Group::of(vec![command])));
    }
    if items.is_empty() {
        items.extend(plan_on(state).map(|command| Group::of(vec![command])));
    }
    Plan { items: items.into_iter().map(Ok).collect() }
}

/// What moves hold that were overridden while they were under way may be all that others wait for, and nobody goes on with it before what
/// overrode it begins, which may wait for the others or for a broker that is down. Then one that holds it lets go (H6).
fn untie(state: &State) -> Option<Command> {
    let mut under_way: BTreeMap<BrokerId, Flight> = BTreeMap::new();
    for movement in state.moving.values() {
        let Some(partition) = state.partition(movement.topic_id, movement.partition) else { continue };
        partition.adding_replicas.iter().for_each(|id| under_way.entry(*id).or_default().into += 1);
        partition.removing_replicas.iter().for_each(|id| under_way.entry(*id).or_default().out_of += 1);
    }
    let moving = |id: BrokerId| under_way.get(&id).copied().unwrap_or_default();
    // Mostly nothing is left of any: then nobody has to be looked at.
    if state.brokers().all(|broker| state.flight(broker.id) == moving(broker.id)) {
        return None;
    }
    let (mut into, mut out_of) = (BTreeSet::new(), BTreeSet::new());
    for at in looked_at(state) {
        let Some((movement, partition, _)) = open(state, at) else { continue };
        let limit = state.reassignment(at.0).map_or(1, |of| per_broker(state, of.limits));
        match blocked(state, partition, &movement.to, limit, |id| state.flight(id)) {
            Some(Wait::Into(id, _)) if moving(id).into == 0 => drop(into.insert(id)),
            Some(Wait::OutOf(id, _)) if moving(id).out_of == 0 => drop(out_of.insert(id)),
            _ => {}
        }
    }
    if into.is_empty() && out_of.is_empty() {
        return None;
    }
    state.waiting.keys().find_map(|at| {
        let (movement, partition, end) = open(state, *at)?;
        let holds = |ids: &[BrokerId], tied: &BTreeSet<BrokerId>| ids.iter().any(|id| tied.contains(id));
        let lets_go = end.is_none() && (holds(&partition.adding_replicas, &into) || holds(&partition.removing_replicas, &out_of));
        lets_go.then(|| step::released(state, movement.topic_id, partition, &movement.from)).flatten()
    })
}

/// Waiting moves, the first of each reassignment, the oldest first: none stands in the way of those of another.
fn looked_at(state: &State) -> impl Iterator<Item = (Index, u32)> {
    let open: Vec<Index> = state.reassignments().filter(|each| each.ended_at_ms.is_none()).map(|each| each.id).collect();
    let each = (MOST_LOOKED_AT / open.len().max(1)).max(1);
    open.into_iter().flat_map(move |id| state.waiting.range((id, 0)..=(id, u32::MAX)).map(|(at, _)| *at).take(each))
}

/// An open move with its partition, and how it has to end if it has to.
type Open<'a> = (&'a Move, &'a Partition, Option<(MoveState, MoveEnd)>);

fn open(state: &State, at: (Index, u32)) -> Option<Open<'_>> {
    let movement = state.movement(at.0, at.1)?;
    let partition = state.partition(movement.topic_id, movement.partition)?;
    let called_off = state.reassignment(at.0).is_none_or(|of| of.state == ReassignmentState::Cancelled);
    let gone = || movement.to.iter().any(|id| state.broker(*id).is_none() && !movement.from.contains(id));
    let end = match called_off {
        true => Some((MoveState::Cancelled, MoveEnd::CalledOff)),
        false => gone().then_some((MoveState::Failed, MoveEnd::TargetUnregistered)),
    };
    Some((movement, partition, end))
}

/// A move that is under way.
fn go_on(state: &State, at: (Index, u32)) -> Option<Vec<Command>> {
    let (movement, partition, end) = open(state, at)?;
    match end {
        Some(end) => take_back(state, at, movement, partition, end),
        None => completion(state, movement.topic_id, partition, &partition.isr, None),
    }
}

/// A move that waits.
fn set_off(state: &State, at: (Index, u32), flights: &mut BTreeMap<BrokerId, Flight>) -> Option<Vec<Command>> {
    let (movement, partition, end) = open(state, at)?;
    if let Some(end) = end {
        return take_back(state, at, movement, partition, end);
    }
    let base = state.stands(movement.topic_id, partition);
    if base.len() != movement.from.len() || !base.iter().all(|id| movement.from.contains(id)) {
        return take_back(state, at, movement, partition, (MoveState::Failed, MoveEnd::Outdated));
    }
    let limit = per_broker(state, state.reassignment(at.0)?.limits);
    let flight = |id: BrokerId| flights.get(&id).copied().unwrap_or_else(|| state.flight(id));
    if blocked(state, partition, &movement.to, limit, flight).is_some() {
        return None;
    }
    let placing = step::placing(partition, &movement.to);
    let commands = begin(state, movement.topic_id, partition, at, &movement.to);
    if !placing.adding.is_empty() {
        let mut count = |id: &BrokerId, what: fn(&mut Flight) -> &mut u32| {
            let known = flights.entry(*id).or_insert_with(|| state.flight(*id));
            *what(known) += 1;
        };
        placing.adding.iter().filter(|id| !partition.adding_replicas.contains(id)).for_each(|id| count(id, |flight| &mut flight.into));
        placing
            .removing
            .iter()
            .filter(|id| !partition.removing_replicas.contains(id))
            .for_each(|id| count(id, |flight| &mut flight.out_of));
    }
    Some(commands)
}

/// The rest of a plan that was too large for one entry.
fn plan_on(state: &State) -> Option<Command> {
    let unfinished = state.reassignments().find(|each| each.state == ReassignmentState::Running && each.planned < each.total)?;
    let limit = unfinished.total - unfinished.planned;
    let (moves, rest) = match asked::from_source(state, &unfinished.source, limit, MOST_PARTITIONS) {
        Ok((moves, rest)) => (moves, rest.min(limit)),
        // It may be possible later: what there is to move has not become less.
        Err(no) if no.code == Code::InvalidReplicaAssignment => return None,
        // What it was about is gone.
        Err(_) => (Vec::new(), 0),
    };
    let moves: Vec<_> = moves.into_iter().take(limit as usize).collect();
    let total = unfinished.planned + rest;
    Some(Command::AddMoves { id: unfinished.id, first: unfinished.planned, total, moves })
}
