//! One move: how it begins (H1, H2, H6), when and how it completes (H3, H4), how it is taken back (H5, H8), and what it waits for (H10).

use crate::command::{Command, PartitionTarget, Placing, PlannedMove};
use crate::election::{self, Electorate};
use crate::ids::{BrokerId, Index, TopicId};
use crate::model::Partition;
use crate::reassignment::{Flight, Limits, Move, MoveEnd, MoveState, Source, Why};
use crate::settings::MOVES_PER_BROKER;
use crate::state::State;

/// What a move waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// This broker is not online.
    Offline(BrokerId),
    /// The partition has no leader to copy from.
    Leader,
    /// So many partitions move into this broker already.
    Into(BrokerId, u32),
    /// So many partitions move out of this broker already.
    OutOf(BrokerId, u32),
    /// This broker has to come to be in sync.
    InSync(BrokerId),
    /// Nobody that it was on before is in sync: taking it back would lose records (H5).
    NobodyBefore,
}

/// The replicas while a partition goes there: `adding` is judged by those that no earlier move was still adding (H6).
pub(super) fn placing(old: &Partition, to: &[BrokerId]) -> Placing {
    let base = |id: &&BrokerId| old.replicas.contains(id) && !old.adding_replicas.contains(id);
    let adding: Vec<BrokerId> = to.iter().filter(|id| !base(id)).copied().collect();
    let removing: Vec<BrokerId> = old.replicas.iter().filter(|id| !to.contains(id)).copied().collect();
    Placing { replicas: to.iter().chain(&removing).copied().collect(), adding, removing }
}

/// H3: who stays in sync once the move is complete, if with this ISR it is.
fn stays(placing: &Placing, isr: &[BrokerId]) -> Option<Vec<BrokerId>> {
    let Placing { replicas, adding, removing } = placing;
    let isr: Vec<BrokerId> = isr.iter().filter(|id| !removing.contains(id)).copied().collect();
    let filled = adding.iter().all(|id| isr.contains(id));
    // KAFKA-19975: an unhealthy replica that does not move blocks only where the set becomes smaller.
    let whole = adding.len() >= removing.len() || replicas.iter().all(|id| removing.contains(id) || isr.contains(id));
    (!isr.is_empty() && filled && whole).then_some(isr)
}

/// Roles among other replicas: a leader that left is replaced, epochs are those that this was decided on.
fn roles(state: &State, topic_id: TopicId, old: &Partition, replicas: &[BrokerId], isr: Vec<BrokerId>, lossy: bool) -> PartitionTarget {
    let kept = |ids: &[BrokerId]| ids.iter().filter(|id| replicas.contains(id)).copied().collect::<Vec<_>>();
    let among = Partition {
        replicas: replicas.to_vec(),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        isr: isr.clone(),
        elr: kept(&old.elr),
        last_known_leader: old.last_known_leader.filter(|last| replicas.contains(last)),
        leader: old.leader.filter(|leader| replicas.contains(leader)),
        ..Partition::clone(old)
    };
    let acceptable = |id: BrokerId| state.active(id);
    let electorate = Electorate { min_isr: state.min_isr(topic_id), acceptable: &acceptable, unclean: None, lossy };
    election::next(topic_id, &among, isr, &electorate).unwrap_or_else(|| election::unchanged(topic_id, &among))
}

/// The commands that complete the move of a partition with this ISR; none while it does not complete (H3, H4).
pub(in crate::plan) fn completion(
    state: &State,
    topic_id: TopicId,
    old: &Partition,
    isr: &[BrokerId],
    sender: Option<(BrokerId, Index)>,
) -> Option<Vec<Command>> {
    let open = state.open_move(topic_id, old.partition);
    // H6: what overrode this placement waits to begin, and goes on from here. Completed now, it would count as done.
    let overridden = open.and_then(|(id, number)| state.movement(id, number)).is_some_and(|open| !old.goes_to(&open.to));
    if !old.moves() || overridden {
        return None;
    }
    let mut commands = vec![settled(state, topic_id, old, &under_way(old), isr, sender)?];
    commands.extend(open.map(|at| ended(at, MoveState::Done, None)));
    Some(commands)
}

/// The placement that a partition is on its way to.
fn under_way(old: &Partition) -> Placing {
    Placing { replicas: old.replicas.clone(), adding: old.adding_replicas.clone(), removing: old.removing_replicas.clone() }
}

/// The command that puts a partition on these replicas, with no move under way.
fn at_rest(target: PartitionTarget, replicas: Vec<BrokerId>, sender: Option<(BrokerId, Index)>) -> Command {
    Command::MovePartition { target, placement: Placing { replicas, adding: Vec::new(), removing: Vec::new() }, sender }
}

fn settled(
    state: &State,
    topic_id: TopicId,
    old: &Partition,
    placing: &Placing,
    isr: &[BrokerId],
    sender: Option<(BrokerId, Index)>,
) -> Option<Command> {
    let isr = stays(placing, isr)?;
    let replicas: Vec<BrokerId> = placing.replicas.iter().filter(|id| !placing.removing.contains(id)).copied().collect();
    let target = roles(state, topic_id, old, &replicas, isr, false);
    // H8: who is left may be in sync and on its way out.
    if old.leader.is_some() && target.leader.is_none() {
        return None;
    }
    Some(at_rest(target, replicas, sender))
}

pub(super) fn ended((reassignment_id, number): (Index, u32), state: MoveState, end: Option<MoveEnd>) -> Command {
    Command::UpdateMove { reassignment_id, number, state, end }
}

/// The commands that begin a move, or do all of it where nothing has to be copied or waited for (H1, H2).
pub(super) fn begin(state: &State, topic_id: TopicId, old: &Partition, at: (Index, u32), to: &[BrokerId]) -> Vec<Command> {
    let placement = placing(old, to);
    if placement.adding.is_empty() {
        if placement.removing.is_empty() {
            // H2: another order, and nothing else.
            let target = election::unchanged(topic_id, old);
            return vec![Command::MovePartition { target, placement, sender: None }, ended(at, MoveState::Done, None)];
        }
        if let Some(command) = settled(state, topic_id, old, &placement, &old.isr, None) {
            return vec![command, ended(at, MoveState::Done, None)];
        }
    }
    let target = election::unchanged(topic_id, old);
    vec![Command::MovePartition { target, placement, sender: None }, ended(at, MoveState::Moving, None)]
}

/// The command that takes a partition's move back, to `before` where those are its replicas; none where nobody that it was on before is
/// in sync (of a partition that nobody is in sync of: eligible), and the topic does not allow to lose records (H5, H8).
pub(super) fn taken_back(state: &State, topic_id: TopicId, old: &Partition, before: &[BrokerId]) -> Option<Command> {
    let base = old.base();
    // Others may be there that an overridden move was adding (H6).
    let there = !before.is_empty() && before.iter().all(|id| base.contains(id));
    let replicas = if there { before.to_vec() } else { base };
    let isr: Vec<BrokerId> = old.isr.iter().filter(|id| replicas.contains(id)).copied().collect();
    let lossy = state.unclean_allowed(topic_id);
    let stays = |id: &BrokerId| replicas.contains(id);
    let clean = match (old.isr.is_empty(), old.elr.is_empty()) {
        (true, true) => old.last_known_leader.as_ref().is_none_or(stays),
        (true, false) => old.elr.iter().any(stays),
        (false, _) => !isr.is_empty(),
    };
    if replicas.is_empty() || !(clean || lossy) {
        return None;
    }
    let target = roles(state, topic_id, old, &replicas, isr, lossy && !clean);
    // However lossy: nobody gives up a leader, or who has the records, for nobody.
    if (old.leader.is_some() || !clean) && target.leader.is_none() {
        return None;
    }
    Some(at_rest(target, replicas, None))
}

/// The command that ends what an overridden move began: taken back, and the one that overrode it waits on; or completed where nobody is in sync
/// to go back to, and then that one ends as outdated.
pub(super) fn released(state: &State, topic_id: TopicId, old: &Partition, before: &[BrokerId]) -> Option<Command> {
    taken_back(state, topic_id, old, before).or_else(|| settled(state, topic_id, old, &under_way(old), &old.isr, None))
}

/// Ends a move before its time; what had begun of it is taken back (H5, H9).
pub(super) fn take_back(
    state: &State,
    at: (Index, u32),
    movement: &Move,
    partition: &Partition,
    (next, end): (MoveState, MoveEnd),
) -> Option<Vec<Command>> {
    let mut commands = Vec::new();
    // One that waits may have overridden one that had begun.
    if partition.moves() {
        commands.push(taken_back(state, movement.topic_id, partition, &movement.from)?);
    }
    commands.push(ended(at, next, Some(end)));
    Some(commands)
}

/// The command that begins a reassignment with the first of its moves.
pub(super) fn start(reason: Why, limits: Limits, source: Source, total: u32, moves: Vec<PlannedMove>) -> Command {
    Command::StartReassignment { reason, limits, source, total, moves }
}

/// How many moves in flight a reassignment may have into a broker, and out of one (H10).
pub(super) fn per_broker(state: &State, limits: Limits) -> u32 {
    limits.per_broker.unwrap_or_else(|| u32::try_from(state.settings().number(&MOVES_PER_BROKER)).unwrap_or(u32::MAX)).max(1)
}

/// What keeps a move from beginning, given what is under way at each broker.
pub(super) fn blocked(
    state: &State,
    old: &Partition,
    to: &[BrokerId],
    per_broker: u32,
    flight: impl Fn(BrokerId) -> Flight,
) -> Option<Wait> {
    let placing = placing(old, to);
    if placing.adding.is_empty() {
        return None;
    }
    if let Some(id) = placing.adding.iter().find(|id| !state.active(**id)) {
        return Some(Wait::Offline(*id));
    }
    if old.leader.is_none() {
        return Some(Wait::Leader);
    }
    // What an overridden move was filling already is in flight as it is.
    let new = |id: &&BrokerId| !old.adding_replicas.contains(id);
    let gone = |id: &&BrokerId| !old.removing_replicas.contains(id);
    let into = placing.adding.iter().filter(new).find(|id| flight(**id).into >= per_broker);
    let out_of = || placing.removing.iter().filter(gone).find(|id| flight(**id).out_of >= per_broker);
    into.map(|id| Wait::Into(*id, flight(*id).into)).or_else(|| out_of().map(|id| Wait::OutOf(*id, flight(*id).out_of)))
}

/// What an open move waits for; none where it waits for nothing but its turn, or has ended.
pub fn wait_of(state: &State, limits: Limits, called_off: bool, movement: &Move) -> Option<Wait> {
    let old = state.partition(movement.topic_id, movement.partition)?;
    match movement.state {
        // It may have overridden one that had begun.
        MoveState::Waiting | MoveState::Moving if called_off => {
            let back = || taken_back(state, movement.topic_id, old, &movement.from);
            (old.moves() && back().is_none()).then_some(Wait::NobodyBefore)
        }
        MoveState::Waiting => blocked(state, old, &movement.to, per_broker(state, limits), |id| state.flight(id)),
        MoveState::Moving => {
            let missing = || old.replicas.iter().filter(|id| !old.removing_replicas.contains(id) && !old.isr.contains(id));
            let waited = missing().find(|id| old.adding_replicas.contains(id)).or_else(|| missing().next())?;
            Some(if state.active(*waited) { Wait::InSync(*waited) } else { Wait::Offline(*waited) })
        }
        _ => None,
    }
}
