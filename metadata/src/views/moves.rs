//! Reassignments and their moves, and what each that is open waits for.

use crate::command::Command;
use crate::ids::{BrokerId, Index, TopicId};
use crate::plan::{Wait, after_moves, wait_of};
use crate::principal::Principal;
use crate::reassignment::{Limits, Move, MoveEnd, MoveState, Progress, Reassignment, ReassignmentState, Source, Why};
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A move of a reassignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MoveView {
    /// From 0, within its reassignment.
    pub number: u32,
    pub topic_id: TopicId,
    pub topic: Arc<str>,
    pub partition: u32,
    pub from: Vec<BrokerId>,
    pub to: Vec<BrokerId>,
    pub state: MoveState,
    /// Why it ended, where it was not done.
    pub end: Option<MoveEnd>,
    /// In words, while it is open and waits for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// A reassignment with a page of its moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReassignmentView {
    pub id: Index,
    pub reason: Why,
    pub principal: Principal,
    pub state: ReassignmentState,
    pub limits: Limits,
    pub source: Source,
    pub moves: Vec<MoveView>,
    /// What to give as `after` for the next page of moves; none on the last.
    pub next: Option<u32>,
    pub done: u32,
    pub total: u32,
    /// How many of them are written down already; the rest follows.
    pub planned: u32,
    pub progress: Progress,
    pub started_at_ms: u64,
    pub ended_at_ms: Option<u64>,
}

impl ReassignmentView {
    /// The reassignment as committed, without its moves.
    pub fn committed(&self) -> Reassignment {
        Reassignment {
            id: self.id,
            reason: self.reason,
            principal: self.principal.clone(),
            state: self.state,
            limits: self.limits,
            source: self.source.clone(),
            total: self.total,
            planned: self.planned,
            started_at_ms: self.started_at_ms,
            ended_at_ms: self.ended_at_ms,
        }
    }
}

impl MoveView {
    /// The move as committed.
    pub fn committed(self) -> Move {
        let MoveView { topic_id, topic, partition, from, to, state, end, .. } = self;
        Move { topic_id, topic, partition, from, to, state, end }
    }
}

/// What a broker carries before and after, where that differs or may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BrokerEffect {
    pub id: u32,
    pub replicas_before: u32,
    pub replicas_after: u32,
    /// Partitions whose first replica it is.
    pub leaders_before: u32,
    pub leaders_after: u32,
}

/// The words for what a move waits for.
pub fn waiting_words(wait: Wait) -> String {
    match wait {
        Wait::Offline(id) => format!("broker {id} to be online"),
        Wait::Leader => "the partition to have a leader".to_owned(),
        Wait::Into(id, count) => format!("one of {count} moves into broker {id} to end"),
        Wait::OutOf(id, count) => format!("one of {count} moves out of broker {id} to end"),
        Wait::InSync(id) => format!("broker {id} to be in sync"),
        Wait::NobodyBefore => "a broker that it was on before to be in sync".to_owned(),
    }
}

/// A reassignment with its moves after this number, at most so many.
pub fn reassignment(state: &State, of: &Reassignment, after: Option<u32>, limit: usize) -> ReassignmentView {
    let called_off = of.state == ReassignmentState::Cancelled;
    let mut rest = state.moves_of(of.id, after.map_or(0, |after| after.saturating_add(1)));
    let view = |(number, each): (u32, &Arc<Move>)| MoveView {
        number,
        topic_id: each.topic_id,
        topic: each.topic.clone(),
        partition: each.partition,
        from: each.from.clone(),
        to: each.to.clone(),
        state: each.state,
        end: each.end,
        waits_for: wait_of(state, of.limits, called_off, each).map(waiting_words),
    };
    let moves: Vec<MoveView> = rest.by_ref().take(limit).map(view).collect();
    let next = rest.next().and(moves.last().map(|last| last.number));
    let progress = state.progress(of.id);
    ReassignmentView {
        id: of.id,
        reason: of.reason,
        principal: of.principal.clone(),
        state: of.state,
        limits: of.limits,
        source: of.source.clone(),
        moves,
        next,
        done: progress.done,
        total: of.total,
        planned: of.planned,
        progress,
        started_at_ms: of.started_at_ms,
        ended_at_ms: of.ended_at_ms,
    }
}

/// The partitions that a called-off reassignment leaves, or is leaving, with fewer in-sync replicas than their minimum, as
/// `topic-partition`; at most so many (H8).
pub fn below_minimum(state: &State, of: &Reassignment, most: usize) -> Vec<String> {
    let below = |(_, each): (u32, &Arc<Move>)| {
        let called_off = each.state == MoveState::Moving || each.end == Some(MoveEnd::CalledOff);
        let partition = state.partition(each.topic_id, each.partition).filter(|_| called_off)?;
        let stays = partition.replicas.iter().filter(|id| !partition.adding_replicas.contains(id));
        let in_sync = partition.isr.iter().filter(|id| !partition.adding_replicas.contains(id)).count();
        (in_sync < state.min_isr(each.topic_id).min(stays.count())).then(|| format!("{}-{}", each.topic, each.partition))
    };
    state.moves_of(of.id, 0).filter_map(below).take(most).collect()
}

/// What each broker carries before and after these commands begin a reassignment that ends well.
pub fn effect(state: &State, commands: &[Command]) -> Option<Vec<BrokerEffect>> {
    let (source, moves) = commands.iter().find_map(|command| match command {
        Command::StartReassignment { source, moves, .. } => Some((source, moves)),
        _ => None,
    })?;
    let mut effects: BTreeMap<BrokerId, BrokerEffect> = BTreeMap::new();
    for broker in state.brokers() {
        effects.insert(broker.id, BrokerEffect { id: broker.id.0, ..BrokerEffect::default() });
    }
    after_moves(state, source, moves, |replicas, is| {
        for (nth, id) in replicas.iter().enumerate() {
            let Some(effect) = effects.get_mut(id) else { continue };
            let (count, leaders) = match is {
                false => (&mut effect.replicas_before, &mut effect.leaders_before),
                true => (&mut effect.replicas_after, &mut effect.leaders_after),
            };
            *count += 1;
            *leaders += u32::from(nth == 0);
        }
    });
    Some(effects.into_values().collect())
}
