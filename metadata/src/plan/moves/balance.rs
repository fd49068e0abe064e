//! The least movement for a goal (J3): first every partition spread over racks, then replicas even over brokers, then leaders.

use super::board::{At, Board};
use crate::apply::unknown_broker;
use crate::command::PlannedMove;
use crate::ids::TopicId;
use crate::intent::{Goal, Rebalance, Scope};
use crate::plan::topics::unknown_topic;
use crate::rejection::Rejection;
use crate::state::State;
use std::collections::BTreeSet;

/// Passes over all brokers: each finds what the one before made possible.
const MOST_PASSES: usize = 6;

/// The moves of a rebalance, at most `most` of them, and how many there are in all; at most `limit`.
///
/// # Errors
/// UNKNOWN_TOPIC_OR_PARTITION, BROKER_ID_NOT_REGISTERED.
pub(super) fn moves(state: &State, asked: &Rebalance, limit: u32, most: usize) -> Result<(Vec<PlannedMove>, u32), Rejection> {
    let topics = match asked.scope {
        Scope::Topics => Some(ids_of(state, &asked.topics)?),
        _ => None,
    };
    if let Some(unknown) = asked.brokers.iter().find(|id| state.broker(**id).is_none()) {
        return Err(unknown_broker(*unknown).renamed("rebalance.brokers"));
    }
    let among = |id| asked.scope != Scope::Brokers || asked.brokers.contains(&id);
    let board = Board::of(state, among);
    let movable = board.parts.iter().map(|part| topics.as_ref().is_none_or(|topics| topics.contains(&part.topic_id))).collect();
    let limit = limit.min(asked.max_moves.unwrap_or(u32::MAX));
    let mut balance = Balance { board, movable, left: limit };
    if asked.goal != Goal::Leaders {
        balance.spread();
        balance.even_replicas();
    }
    if asked.goal != Goal::Replicas {
        balance.even_leaders();
    }
    let parts = 0..balance.board.parts.len();
    Ok(balance.board.moves(state, parts, most))
}

fn ids_of(state: &State, names: &[String]) -> Result<BTreeSet<TopicId>, Rejection> {
    names
        .iter()
        .map(|name| state.topic_by_name(name).map(|topic| topic.id).ok_or_else(|| unknown_topic(name).renamed("rebalance.topics")))
        .collect()
}

struct Balance {
    board: Board,
    /// Which partitions may move.
    movable: Vec<bool>,
    /// How many more may.
    left: u32,
}

impl Balance {
    fn place(&mut self, part: usize, replicas: Vec<At>) {
        if !self.board.parts[part].changed {
            self.left = self.left.saturating_sub(1);
        }
        self.board.place(part, replicas);
    }

    /// Whether a partition may be moved, further or at all.
    fn may(&self, part: usize) -> bool {
        self.movable[part] && (self.left > 0 || self.board.parts[part].changed)
    }

    /// Partitions that stand in fewer racks than they could.
    fn spread(&mut self) {
        let racks: BTreeSet<u32> = self.board.least_loaded().map(|at| self.board.rack(at)).collect();
        for part in 0..self.board.parts.len() {
            while self.may(part) {
                let replicas = self.board.parts[part].replicas.clone();
                if self.board.racks(&replicas) >= replicas.len().min(racks.len()) {
                    break;
                }
                let rack_of = |at: &At| self.board.rack(*at);
                // The one of a crowded rack that carries most goes; a follower before the leader.
                let crowded = |at: &&At| replicas.iter().filter(|other| rack_of(other) == rack_of(at)).count() > 1;
                let weight = |at: &&At| (replicas.first() != Some(*at), self.board.seats[**at as usize].replicas);
                let Some(out) = replicas.iter().filter(crowded).max_by_key(weight).copied() else { break };
                let free = |at: &At| replicas.iter().all(|other| rack_of(other) != rack_of(at));
                let Some(into) = self.board.least_loaded().find(free) else { break };
                self.place(part, replaced(&replicas, out, into));
            }
        }
    }

    /// Brokers that carry more than their share give to those that carry less: first what is above it, so that nothing moves twice; then
    /// between any two that differ, as racks may not let every broker have its share.
    fn even_replicas(&mut self) {
        let carried: Vec<u32> = self.board.least_loaded().map(|at| self.board.seats[at as usize].replicas).collect();
        let Some(brokers) = u32::try_from(carried.len()).ok().filter(|count| *count > 0) else { return };
        let total: u32 = carried.iter().sum();
        for share in [total.div_ceil(brokers), total / brokers] {
            self.give_away(|from, to| from > share && to < share);
        }
        self.give_away(|from, to| to + 1 < from);
    }

    /// Passes of replicas from those that carry most to those that carry least, as long as `better` says so of what the two carry.
    fn give_away(&mut self, better: impl Fn(u32, u32) -> bool + Copy) {
        for _ in 0..MOST_PASSES {
            let mut held: Vec<Vec<usize>> = self.board.seats.iter().map(|_| Vec::new()).collect();
            for (part, of) in self.board.parts.iter().enumerate() {
                of.replicas.iter().for_each(|at| held[*at as usize].push(part));
            }
            let mut over: Vec<At> = self.board.least_loaded().collect();
            over.reverse();
            let mut moved = false;
            for at in over {
                let mut parts = std::mem::take(&mut held[at as usize]);
                // Those that it only follows first: their leaders stay.
                parts.sort_by_key(|part| self.board.parts[*part].replicas.first() == Some(&at));
                for part in parts {
                    if !self.can_give(at, better) {
                        break;
                    }
                    moved |= self.may(part) && self.give(part, at, better);
                }
            }
            if !moved || self.left == 0 {
                break;
            }
        }
    }

    fn can_give(&self, at: At, better: impl Fn(u32, u32) -> bool) -> bool {
        let carried = |at: At| self.board.seats[at as usize].replicas;
        self.board.least_loaded().next().is_some_and(|least| better(carried(at), carried(least)))
    }

    fn give(&mut self, part: usize, out: At, better: impl Fn(u32, u32) -> bool) -> bool {
        let replicas = &self.board.parts[part].replicas;
        if !replicas.contains(&out) {
            return false;
        }
        let carried = self.board.seats[out as usize].replicas;
        let others: Vec<u32> = replicas.iter().filter(|at| **at != out).map(|at| self.board.rack(*at)).collect();
        let kept = self.board.rack(out);
        let fits = |at: &At| {
            let rack = self.board.rack(*at);
            !replicas.contains(at) && (rack == kept || !others.contains(&rack))
        };
        let into = self.board.least_loaded().take_while(|at| better(carried, self.board.seats[*at as usize].replicas)).find(fits);
        let Some(into) = into else { return false };
        let next = replaced(replicas, out, into);
        self.place(part, next);
        true
    }

    /// Brokers that lead more than their share let another replica of the partition lead.
    fn even_leaders(&mut self) {
        for _ in 0..MOST_PASSES {
            let mut moved = false;
            for part in 0..self.board.parts.len() {
                if !self.may(part) {
                    continue;
                }
                let replicas = &self.board.parts[part].replicas;
                let Some(first) = replicas.first().copied() else { continue };
                let leads = |at: At| self.board.seats[at as usize].leaders;
                let eligible = |at: &&At| self.board.seats[**at as usize].eligible;
                let Some(next) = replicas.iter().skip(1).filter(eligible).copied().min_by_key(|at| leads(*at)) else { continue };
                if leads(next) + 1 < leads(first) {
                    let order: Vec<At> = std::iter::once(next).chain(replicas.iter().copied().filter(|at| *at != next)).collect();
                    self.place(part, order);
                    moved = true;
                }
            }
            if !moved || self.left == 0 {
                break;
            }
        }
    }
}

fn replaced(replicas: &[At], out: At, into: At) -> Vec<At> {
    replicas.iter().map(|at| if *at == out { into } else { *at }).collect()
}
