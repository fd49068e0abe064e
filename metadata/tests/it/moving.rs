//! What the tests of moves share: asking for them, the leader that goes on, leaders of partitions that report who is in sync.

use crate::fixture::{World, id, ids};
use metadata::intent::AskedMove;
use metadata::reassignment::{Limits, MoveEnd, MoveState, ReassignmentState};
use metadata::{GroupOutcome, Index, Intent, Partition, Rejection, views};

pub const SLOW: Limits = Limits { per_broker: Some(1) };

pub fn moves(asked: &[(&str, u32, &[u32])], limits: Limits) -> Intent {
    let one = |(topic, partition, replicas): &(&str, u32, &[u32])| AskedMove {
        topic: (*topic).to_owned(),
        partition: *partition,
        replicas: ids(replicas),
    };
    Intent::Reassign { moves: asked.iter().map(one).collect(), limits, allow_factor_change: true }
}

/// Begins a reassignment; its id.
pub fn start(world: &mut World, intent: Intent) -> Result<Index, Rejection> {
    match world.submit(intent)?.remove(0)? {
        GroupOutcome::Reassignment { id } => Ok(id),
        other => panic!("{other:?}"),
    }
}

/// The leader goes on until there is nothing more for it to do; how many entries that took.
pub fn go_on(world: &mut World) -> usize {
    let mut entries = 0;
    loop {
        let outcomes = world.submit(Intent::ContinueReassignments).unwrap();
        if outcomes.is_empty() {
            return entries;
        }
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        entries += 1;
    }
}

/// Every leader reports all that are active in sync.
pub fn sync(world: &mut World) {
    let all: Vec<_> = world.state().all_partitions().map(|(topic, partition)| (topic, partition.clone())).collect();
    for (topic_id, partition) in all {
        let Some(leader) = partition.leader else { continue };
        let isr: Vec<u32> = partition.replicas.iter().filter(|id| world.state().active(**id)).map(|id| id.0).collect();
        let change = metadata::intent::IsrChange {
            topic_id,
            partition: partition.partition,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            isr: isr.iter().map(|broker| metadata::intent::IsrMember { broker: id(*broker), broker_epoch: None }).collect(),
            recovery_state: None,
        };
        for outcome in world.propose(leader.0, vec![change]).unwrap() {
            outcome.unwrap();
        }
    }
}

pub fn plain(ids: &[metadata::BrokerId]) -> Vec<u32> {
    ids.iter().map(|id| id.0).collect()
}

pub fn placed(partition: &Partition) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    (plain(&partition.replicas), plain(&partition.adding_replicas), plain(&partition.removing_replicas))
}

pub fn state_of(world: &World, id: Index) -> (ReassignmentState, Vec<(MoveState, Option<MoveEnd>)>) {
    let of = world.state().reassignment(id).unwrap();
    (of.state, world.state().moves_of(id, 0).map(|(_, one)| (one.state, one.end)).collect())
}

/// What the moves of a reassignment wait for, in words.
pub fn waits(world: &World, id: Index) -> Vec<Option<String>> {
    let of = world.state().reassignment(id).unwrap();
    views::reassignment(world.state(), of, None, 100).moves.into_iter().map(|one| one.waits_for).collect()
}
