//! What a reassignment comes to once all its moves are done.

use super::asked;
use super::board::destination;
use crate::command::PlannedMove;
use crate::ids::{BrokerId, TopicId};
use crate::reassignment::Source;
use crate::state::State;
use std::collections::BTreeMap;

/// Tells of every partition where it is to be without these moves (false) and with them (true). Of a plan too large for one entry all
/// its moves count, though `first` are only those of its first entry.
pub fn after_moves(state: &State, source: &Source, first: &[PlannedMove], mut tell: impl FnMut(&[BrokerId], bool)) {
    let all = match source {
        Source::Listed => None,
        planned => asked::from_source(state, planned, u32::MAX, usize::MAX).ok(),
    };
    let moves = all.as_ref().map_or(first, |(moves, _)| moves);
    let to: BTreeMap<(TopicId, u32), &PlannedMove> = moves.iter().map(|one| ((one.topic_id, one.partition), one)).collect();
    for (topic_id, partition) in state.all_partitions() {
        let before = destination(state, topic_id, partition);
        tell(&before, false);
        tell(to.get(&(topic_id, partition.partition)).map_or(&before, |one| &one.to), true);
    }
}
