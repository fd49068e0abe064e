//! What an undo is compared with: what the commit that it undoes made has to be as it made it (U).

use crate::ids::{Index, TopicId};
use crate::intent::{AskedLeader, AskedMove, Intent};
use crate::reassignment::{Move, MoveState};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether the commit at `of` may be undone by asking this.
pub(super) fn check(state: &State, of: Index, intent: &Intent) -> Result<(), Rejection> {
    if !state.undoes() {
        return Err(Rejection::too_old());
    }
    let compares = match intent {
        // The plan, and apply, hold these against the object's revision.
        Intent::ChangeConfigs { expected, .. }
        | Intent::ChangeSettings { expected, .. }
        | Intent::FenceBroker { expected, .. }
        | Intent::UnfenceBroker { expected, .. }
        | Intent::DrainBroker { expected, .. }
        | Intent::StopDrain { expected, .. } => *expected == Some(of),
        Intent::CancelReassignment { id } => *id == of,
        // A name that is free, and a reassignment that runs.
        Intent::CreateTopics { .. } | Intent::LimitReassignment { .. } => true,
        Intent::Reassign { moves, .. } => return check_moves(state, of, moves),
        Intent::Lead { leaders } => return check_topics(state, of, leaders),
        _ => false,
    };
    if compares {
        return Ok(());
    }
    let no = Rejection::new(Code::InvalidRequest, format!("{} is not how the commit at index {of} is undone", intent.kind()));
    Err(no.at("intent", intent.kind(), format!("what takes back the commit at index {of}, compared with it")))
}

fn conflict(of: Index, what: String, now: &str) -> Rejection {
    Rejection::new(Code::RevisionConflict, format!("{what} is not as the commit at index {of} made it")).at("of", of, now)
}

/// Moves are taken back that the reassignment of that commit has done, from where it brought the partitions.
fn check_moves(state: &State, of: Index, asked: &[AskedMove]) -> Result<(), Rejection> {
    if state.reassignment(of).is_none() {
        return Err(conflict(of, format!("Reassignment {of}"), "a reassignment that is still kept"));
    }
    let done: BTreeMap<(TopicId, u32), &Arc<Move>> = state
        .moves_of(of, 0)
        .filter(|(_, movement)| movement.state == MoveState::Done)
        .map(|(_, movement)| ((movement.topic_id, movement.partition), movement))
        .collect();
    for one in asked {
        let movement = state.topic_by_name(&one.topic).and_then(|topic| done.get(&(topic.id, one.partition)));
        if movement.is_none_or(|movement| movement.from != one.replicas || !state.stays_at(movement)) {
            return Err(conflict(of, format!("{}-{}", one.topic, one.partition), "partitions that are where it brought them"));
        }
    }
    Ok(())
}

/// Epochs begin anew with a topic: one that was made later is another one, whatever its name.
fn check_topics(state: &State, of: Index, leaders: &[AskedLeader]) -> Result<(), Rejection> {
    let later = |one: &&AskedLeader| state.topic_by_name(&one.topic).is_some_and(|topic| topic.created_index > of);
    match leaders.iter().find(later) {
        Some(one) => Err(conflict(of, one.topic.clone(), "topics that are older than it")),
        None => Ok(()),
    }
}
