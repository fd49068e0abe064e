//! Reassignments and their moves: what begins them, what each step checks, and when they end (H).

use super::By;
use super::partitions::has_duplicates;
use super::topics::unknown_topic_id;
use crate::change::Change;
use crate::command::{Command, PartitionTarget, Placing, PlannedMove};
use crate::ids::{BrokerId, Index, TopicId};
use crate::model::Partition;
use crate::outcome::GroupOutcome;
use crate::reassignment::{Limits, MOST_MOVES, MOST_REASSIGNMENTS, Move, MoveEnd, MoveState, Reassignment, ReassignmentState, Why};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl State {
    pub(super) fn moves_command(&self, command: &Command, by: By<'_>, outcome: &mut GroupOutcome) -> Result<Vec<Change>, Rejection> {
        let By { index, at_ms, principal } = by;
        match command {
            Command::StartReassignment { reason, limits, source, total, moves } => {
                *outcome = GroupOutcome::Reassignment { id: index };
                let reassignment = Reassignment {
                    id: index,
                    reason: *reason,
                    principal: principal.clone(),
                    state: if *total == 0 { ReassignmentState::Done } else { ReassignmentState::Running },
                    limits: *limits,
                    source: source.clone(),
                    total: *total,
                    planned: moves.len() as u32,
                    started_at_ms: at_ms,
                    ended_at_ms: (*total == 0).then_some(at_ms),
                };
                self.started(reassignment, moves, at_ms)
            }
            Command::AddMoves { id, first, total, moves } => {
                *outcome = GroupOutcome::Reassignment { id: *id };
                self.added(*id, *first, *total, moves, at_ms)
            }
            Command::UpdateReassignment { id, state, limits } => {
                *outcome = GroupOutcome::Reassignment { id: *id };
                self.redirected(*id, *state, *limits, at_ms)
            }
            Command::MovePartition { target, placement, sender } => {
                if let Some((broker, epoch)) = sender {
                    self.broker_at(*broker, *epoch)?;
                }
                // Taken back with its whole reassignment, the answer is about that.
                if *outcome == GroupOutcome::Done {
                    *outcome = GroupOutcome::Partition { topic_id: target.topic_id, partition: target.partition };
                }
                self.moved(target, placement)
            }
            Command::UpdateMove { reassignment_id, number, state, end } => {
                self.stepped(*reassignment_id, *number, *state, *end, at_ms, outcome)
            }
            // The others are not about moves.
            _ => Ok(Vec::new()),
        }
    }

    fn started(&self, new: Reassignment, moves: &[PlannedMove], at_ms: u64) -> Result<Vec<Change>, Rejection> {
        let mut changes = self.make_room(new.total)?;
        let id = new.id;
        changes.push(Change::ReassignmentChanged { reassignment: Arc::new(new) });
        changes.extend(self.written(id, 0, moves, at_ms)?);
        Ok(changes)
    }

    fn added(&self, id: Index, first: u32, total: u32, moves: &[PlannedMove], at_ms: u64) -> Result<Vec<Change>, Rejection> {
        let old = self.running(id)?;
        let planned = first.saturating_add(moves.len() as u32);
        // They have had their room since the beginning.
        if old.planned != first || planned > total || total > old.total {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The reassignment was planned further meanwhile"));
        }
        let mut changes = Vec::new();
        let next = Reassignment { planned, total, ..Reassignment::clone(old) };
        let over = planned == total && moves.is_empty() && self.progress(id).open() == 0;
        changes.push(Change::ReassignmentChanged { reassignment: Arc::new(if over { self.ended(&next, 0, at_ms) } else { next }) });
        changes.extend(self.written(id, first, moves, at_ms)?);
        Ok(changes)
    }

    /// Drops the oldest ended reassignments until a new one of so many moves has room, those that are not written down yet included
    /// (F11). What replaced a broker goes last: while it is known, the broker may come back (J4).
    fn make_room(&self, more: u32) -> Result<Vec<Change>, Rejection> {
        let to_come: u32 = self.reassignments().map(|each| each.total.saturating_sub(each.planned)).sum();
        let (mut kept, mut count) = ((self.moves.len() as u32).saturating_add(to_come), self.reassignments.len());
        let mut changes = Vec::new();
        let replaced = |each: &&Arc<Reassignment>| each.reason == Why::Replacement;
        for old in self.reassignments().filter(|each| !replaced(each)).chain(self.reassignments().filter(replaced)) {
            if kept.saturating_add(more) <= MOST_MOVES && count < MOST_REASSIGNMENTS {
                break;
            }
            if old.ended_at_ms.is_some() {
                let progress = self.progress(old.id);
                kept = kept.saturating_sub(progress.open() + progress.ended());
                count -= 1;
                changes.push(Change::ReassignmentDropped { id: old.id });
            }
        }
        if kept.saturating_add(more) > MOST_MOVES || count >= MOST_REASSIGNMENTS {
            let detail =
                format!("{kept} moves of {count} reassignments are under way, and there is room for {MOST_MOVES} of {MOST_REASSIGNMENTS}");
            return Err(Rejection::new(Code::PolicyViolation, detail));
        }
        Ok(changes)
    }

    /// The moves as they begin, and the ends of those that they override (H6).
    fn written(&self, id: Index, first: u32, moves: &[PlannedMove], at_ms: u64) -> Result<Vec<Change>, Rejection> {
        let mut seen = BTreeSet::new();
        let mut changes = Vec::with_capacity(moves.len());
        let mut overridden = Vec::new();
        for (number, planned) in (first..).zip(moves) {
            let topic = self.topic(planned.topic_id).ok_or_else(|| unknown_topic_id(planned.topic_id))?;
            let partition = self.partition(planned.topic_id, planned.partition).ok_or_else(|| unknown_topic_id(planned.topic_id))?;
            let sound = !planned.to.is_empty()
                && !has_duplicates(&planned.to)
                // Who is gone may stay where it is, and comes nowhere anew.
                && planned.to.iter().all(|id| self.broker(*id).is_some() || planned.from.contains(id))
                && seen.insert((planned.topic_id, planned.partition));
            if !sound || self.stands(planned.topic_id, partition) != planned.from {
                return Err(Rejection::new(
                    Code::InvalidReplicaAssignment,
                    format!("Partition {} of {} changed meanwhile, or a broker that it goes to", planned.partition, topic.name),
                ));
            }
            overridden.extend(
                self.open_move(planned.topic_id, planned.partition)
                    .map(|(id, number)| (id, number, MoveState::Cancelled, MoveEnd::Overridden)),
            );
            let movement = Move {
                topic_id: planned.topic_id,
                topic: topic.name.clone(),
                partition: planned.partition,
                from: planned.from.clone(),
                to: planned.to.clone(),
                state: MoveState::Waiting,
                end: None,
            };
            changes.push(Change::MoveChanged { reassignment_id: id, number, movement: Arc::new(movement) });
        }
        let mut all = self.end_moves(&overridden, at_ms);
        all.append(&mut changes);
        Ok(all)
    }

    /// Where a partition is, or was before the move that is under way: what a cancelled move goes back to.
    pub(crate) fn stands(&self, topic_id: TopicId, partition: &Partition) -> Vec<BrokerId> {
        let base = partition.base();
        let open = self.open_move(topic_id, partition.partition).and_then(|(id, number)| self.movement(id, number));
        // In the order that was preferred before, and without those that an overridden move was adding.
        let there = |from: &Vec<BrokerId>| partition.moves() && from.iter().all(|id| base.contains(id));
        open.filter(|open| there(&open.from)).map_or(base, |open| open.from.clone())
    }

    fn running(&self, id: Index) -> Result<&Arc<Reassignment>, Rejection> {
        self.reassignment(id).filter(|found| found.ended_at_ms.is_none()).ok_or_else(|| no_reassignment(id))
    }

    fn redirected(&self, id: Index, state: ReassignmentState, limits: Limits, at_ms: u64) -> Result<Vec<Change>, Rejection> {
        let old = self.running(id)?;
        let fits = matches!(
            (old.state, state),
            (ReassignmentState::Running, ReassignmentState::Running | ReassignmentState::Cancelled)
                | (ReassignmentState::Cancelled, ReassignmentState::Cancelled)
        );
        if !fits {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The reassignment was called off meanwhile"));
        }
        let called_off = state == ReassignmentState::Cancelled;
        let total = if called_off { old.planned } else { old.total };
        let over = called_off && self.progress(id).open() == 0;
        let next = Reassignment { state, limits, total, ended_at_ms: over.then_some(at_ms), ..Reassignment::clone(old) };
        Ok(vec![Change::ReassignmentChanged { reassignment: Arc::new(next) }])
    }

    fn moved(&self, target: &PartitionTarget, placement: &Placing) -> Result<Vec<Change>, Rejection> {
        let old = self.partition_at(target)?;
        let Placing { replicas, adding, removing } = placement;
        let within = |ids: &[BrokerId]| ids.iter().all(|id| replicas.contains(id)) && !has_duplicates(ids);
        let known = replicas.iter().all(|id| self.broker(*id).is_some() || old.replicas.contains(id));
        if replicas.is_empty() || has_duplicates(replicas) || !known || !within(adding) || !within(removing) {
            return Err(Rejection::new(Code::InvalidReplicaAssignment, "A broker of the move is not registered, or named twice"));
        }
        self.check_roles(old, placement, target)?;
        // H7: who is not a replica any more has to learn it.
        let lost = old.replicas.iter().any(|id| !replicas.contains(id));
        let partition = Partition {
            replicas: replicas.clone(),
            adding_replicas: adding.clone(),
            removing_replicas: removing.clone(),
            leader_epoch: old.leader_epoch.saturating_add((lost || target.leader != old.leader).into()),
            ..target.over(old)
        };
        Ok(vec![Change::PartitionChanged { topic_id: target.topic_id, partition: Arc::new(partition) }])
    }

    fn stepped(
        &self,
        id: Index,
        number: u32,
        state: MoveState,
        end: Option<MoveEnd>,
        at_ms: u64,
        outcome: &mut GroupOutcome,
    ) -> Result<Vec<Change>, Rejection> {
        let old = self.movement(id, number).ok_or_else(|| no_reassignment(id))?;
        if old.state.ended() || (old.state == MoveState::Moving && state == MoveState::Waiting) {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The move has ended meanwhile"));
        }
        // The command before this one settled the partition, or nobody would.
        let partition = self.partition(old.topic_id, old.partition);
        let left = |partition: &Arc<Partition>| match state {
            MoveState::Done => partition.moves() || !partition.goes_to(&old.to),
            _ if state.ended() => partition.moves(),
            _ => !partition.goes_to(&old.to),
        };
        if partition.is_some_and(left) {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The partition began to move meanwhile"));
        }
        if *outcome == GroupOutcome::Done {
            *outcome = GroupOutcome::Partition { topic_id: old.topic_id, partition: old.partition };
        }
        let next = Move { state, end, ..Move::clone(old) };
        let mut changes = vec![Change::MoveChanged { reassignment_id: id, number, movement: Arc::new(next) }];
        if state.ended() {
            changes.extend(self.last_of(id, 1, (state == MoveState::Failed).into(), at_ms));
        }
        Ok(changes)
    }

    /// Ends moves of any reassignments, and those that have no open one left.
    pub(super) fn end_moves(&self, ends: &[(Index, u32, MoveState, MoveEnd)], at_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut counts: BTreeMap<Index, (u32, u32)> = BTreeMap::new();
        for (id, number, state, end) in ends {
            let Some(old) = self.movement(*id, *number) else { continue };
            let movement = Arc::new(Move { state: *state, end: Some(*end), ..Move::clone(old) });
            changes.push(Change::MoveChanged { reassignment_id: *id, number: *number, movement });
            let (ended, failed) = counts.entry(*id).or_default();
            *ended += 1;
            *failed += u32::from(*state == MoveState::Failed);
        }
        for (id, (ended, failed)) in counts {
            changes.extend(self.last_of(id, ended, failed, at_ms));
        }
        changes
    }

    /// The end of a reassignment, where these are the last of its moves.
    fn last_of(&self, id: Index, ended: u32, failed: u32, at_ms: u64) -> Option<Change> {
        let old = self.reassignment(id).filter(|old| old.planned == old.total && self.progress(id).open() == ended)?;
        Some(Change::ReassignmentChanged { reassignment: Arc::new(self.ended(old, failed, at_ms)) })
    }

    fn ended(&self, old: &Reassignment, failed: u32, at_ms: u64) -> Reassignment {
        let state = match old.state {
            ReassignmentState::Running if self.progress(old.id).failed + failed > 0 => ReassignmentState::Failed,
            ReassignmentState::Running => ReassignmentState::Done,
            called_off => called_off,
        };
        Reassignment { state, ended_at_ms: Some(at_ms), ..Reassignment::clone(old) }
    }
}

/// NO_REASSIGNMENT_IN_PROGRESS for an id.
pub(crate) fn no_reassignment(id: Index) -> Rejection {
    Rejection::new(Code::NoReassignmentInProgress, format!("No reassignment {id} is under way")).at(
        "id",
        id,
        "the id of a running reassignment",
    )
}
