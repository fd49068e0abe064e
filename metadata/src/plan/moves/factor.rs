//! Another replication factor for a topic (H1): replicas are added where they are missed least, and taken where they are missed least.

use super::board::{At, Board};
use super::step::start;
use crate::command::{Group, PlannedMove};
use crate::configs;
use crate::ids::{Index, TopicId};
use crate::plan::{MOST_PARTITIONS, topics};
use crate::reassignment::{Limits, Source, Why};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::cmp::Reverse;

pub(in crate::plan) fn change_factor(
    state: &State,
    name: &str,
    asked: i64,
    limits: Limits,
    expected: Option<Index>,
) -> Result<Group, Rejection> {
    let (topic, expected) = topics::find(state, name, expected).map_err(|no| no.renamed("factor.topic"))?;
    let eligible = state.brokers().filter(|broker| broker.active() && !state.draining(broker.id)).count();
    let min_isr = configs::min_insync_replicas(&topic.configs).unwrap_or(1);
    let no = |detail: String| {
        let no = Rejection::new(Code::InvalidReplicationFactor, detail);
        no.at("factor.replication_factor", asked, format!("{min_isr} to {eligible}"))
    };
    let factor =
        u32::try_from(asked).ok().filter(|factor| *factor > 0).ok_or_else(|| no("A partition has at least one replica".to_owned()))?;
    if (factor as usize) < min_isr {
        return Err(no(format!("{} of {name} is {min_isr}: fewer replicas could never be in sync", configs::MIN_INSYNC_REPLICAS)));
    }
    if factor as usize > state.replication_factor(topic.id) && factor as usize > eligible {
        return Err(no(format!("{factor} replicas need {factor} brokers that are online, and {eligible} are")));
    }
    let source = Source::Factor { topic_id: topic.id, factor };
    let (moves, total) = moves(state, topic.id, factor, MOST_PARTITIONS);
    Ok(Group { expected, commands: vec![start(Why::Factor, limits, source, total, moves)] })
}

/// The moves that give each of a topic's partitions so many replicas.
pub(super) fn moves(state: &State, topic_id: TopicId, factor: u32, most: usize) -> (Vec<PlannedMove>, u32) {
    let mut board = Board::of(state, |_| true);
    let parts: Vec<usize> = (0..board.parts.len()).filter(|part| board.parts[*part].topic_id == topic_id).collect();
    for part in &parts {
        let mut replicas = board.parts[*part].replicas.clone();
        let partition = state.partition(topic_id, board.parts[*part].number);
        while replicas.len() < factor as usize {
            let Some(next) = more(&board, &replicas) else { break };
            replicas.push(next);
        }
        while replicas.len() > factor as usize {
            let in_sync = |at: At| partition.is_some_and(|partition| partition.isr.contains(&board.seats[at as usize].id));
            let leads = |at: At| partition.is_some_and(|partition| partition.leader == Some(board.seats[at as usize].id));
            let crowded = |at: At| replicas.iter().filter(|other| board.rack(**other) == board.rack(at)).count();
            let Some(out) = replicas
                .iter()
                .copied()
                .min_by_key(|at| (leads(*at), in_sync(*at), Reverse(crowded(*at)), Reverse(board.seats[*at as usize].replicas)))
            else {
                break;
            };
            replicas.retain(|at| *at != out);
        }
        if replicas != board.parts[*part].replicas {
            board.place(*part, replicas);
        }
    }
    board.moves(state, parts.into_iter(), most)
}

/// One more replica: in a rack of its own if there is one, where least is carried.
fn more(board: &Board, replicas: &[At]) -> Option<At> {
    let free = |at: &At| !replicas.contains(at);
    let new_rack = |at: &At| free(at) && replicas.iter().all(|other| board.rack(*other) != board.rack(*at));
    board.least_loaded().find(new_rack).or_else(|| board.least_loaded().find(free))
}
