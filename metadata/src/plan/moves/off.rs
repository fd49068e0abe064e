//! Everything off a broker: a drain, or what replaces one that is gone (J4). Leaders first.

use super::board::Board;
use crate::command::PlannedMove;
use crate::ids::BrokerId;
use crate::rejection::{Code, Rejection};
use crate::state::State;

/// Partitions that a refusal names.
const MOST_NAMED: usize = 10;

/// The moves that empty a broker, at most `most` of them, and how many there are in all.
///
/// # Errors
/// INVALID_REPLICA_ASSIGNMENT with the partitions that no other broker can take without fewer replicas or racks.
pub(super) fn moves(state: &State, id: BrokerId, most: usize) -> Result<(Vec<PlannedMove>, u32), Rejection> {
    let mut board = Board::of(state, |other| other != id);
    let Some(out) = board.at(id) else { return Ok((Vec::new(), 0)) };
    let mut held: Vec<usize> = (0..board.parts.len()).filter(|part| board.parts[*part].replicas.contains(&out)).collect();
    held.sort_by_key(|part| {
        let part = &board.parts[*part];
        state.partition(part.topic_id, part.number).is_none_or(|partition| partition.leader != Some(id))
    });
    let (mut stuck, mut named) = (0_usize, Vec::new());
    for part in &held {
        let replicas = board.parts[*part].replicas.clone();
        match board.stand_in(&replicas, out) {
            Some(into) => board.place(*part, replicas.iter().map(|at| if *at == out { into } else { *at }).collect()),
            None => {
                stuck += 1;
                let part = &board.parts[*part];
                let name = state.topic(part.topic_id).map_or_else(|| part.topic_id.to_string(), |topic| topic.name.to_string());
                if named.len() < MOST_NAMED {
                    named.push(format!("{name}-{}", part.number));
                }
            }
        }
    }
    if stuck > 0 {
        let more = if stuck > named.len() { format!(" and {} more", stuck - named.len()) } else { String::new() };
        let detail = format!(
            "No other broker can take {stuck} of the partitions of broker {id} without fewer replicas or racks: {}{more}",
            named.join(", ")
        );
        return Err(Rejection::new(Code::InvalidReplicaAssignment, detail).at(
            "id",
            id,
            "a broker whose replicas fit on others, online and not drained themselves",
        ));
    }
    Ok(board.moves(state, held.into_iter(), most))
}
