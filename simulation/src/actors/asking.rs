//! What people ask for: anything that a controller takes, about what there is.

use crate::world::chance::Lot;
use metadata::intent::{AskedMove, ConfigOp, ConfigOpKind, Election, Goal, Limits, NewTopic, Rebalance, Scope, TopicPartition};
use metadata::settings::{
    AUTO_LEADERS, IMBALANCE_INTERVAL, IMBALANCE_PERCENTAGE, MOVES_PER_BROKER, REPLACE, REPLACE_AFTER, RETURN_DELAY, SESSION_TIMEOUT,
    UNCLEAN_INTERVAL,
};
use metadata::{BrokerId, Intent, Partition, State, Topic, TopicId};
use std::sync::Arc;

/// More topics than this are not made.
const MOST_TOPICS: usize = 25;
const MOST_PARTITIONS: u64 = 6;

/// Something to ask, and whether nobody else ever asks for exactly that. None where there is nothing that it could be about.
pub fn something(lot: &Lot, state: &State, tag: &str) -> Option<(Intent, bool)> {
    if state.topic_count() < 3 || (state.topic_count() < MOST_TOPICS && lot.one_in(3)) {
        return Some((create(lot, tag), true));
    }
    let topics: Vec<_> = state.topics_after(None).cloned().collect();
    let topic = lot.pick(&topics)?;
    let name = topic.name.to_string();
    // Some say what they have seen.
    let expected = lot.one_in(2).then_some(topic.changed_index);
    let limits = Limits { per_broker: lot.one_in(3).then(|| lot.between(1..=3) as u32) };
    Some(match lot.between(0..=16) {
        0 | 1 => (configure(&topic, tag, expected), true),
        2 => (Intent::DeleteTopic { name, expected }, false),
        3 => {
            let count = (state.partitions_of(topic.id).count() as i64 + 1).min(MOST_PARTITIONS as i64);
            (Intent::GrowTopic { name, count, assignments: None, expected }, false)
        }
        4 | 5 => (Intent::Reassign { moves: moves(lot, state), limits, allow_factor_change: lot.one_in(3) }, false),
        6 => (Intent::Rebalance { rebalance: rebalance(lot), limits }, false),
        7 => (Intent::ChangeFactor { name, replication_factor: lot.between(1..=3) as i64, limits, expected: None }, false),
        8 => (elect(lot, state)?, false),
        9..=13 => (of_a_broker(lot, state, limits)?, false),
        14 => (of_a_reassignment(lot, state)?, false),
        _ => (setting(lot), false),
    })
}

fn create(lot: &Lot, tag: &str) -> Intent {
    let factor = lot.between(1..=3) as i64;
    let topics = vec![NewTopic {
        name: format!("t-{tag}"),
        partitions: Some(lot.between(1..=MOST_PARTITIONS) as i64),
        replication_factor: Some(factor),
        ..NewTopic::default()
    }];
    Intent::CreateTopics { topics }
}

fn op(key: &str, value: impl Into<String>) -> ConfigOp {
    ConfigOp { key: key.to_owned(), op: ConfigOpKind::Set, value: Some(value.into()) }
}

fn configure(topic: &Topic, tag: &str, expected: Option<u64>) -> Intent {
    // A number that nobody else sets.
    let value = tag.bytes().fold(1_000_u64, |sum, byte| sum * 37 % 1_000_000_007 + u64::from(byte));
    Intent::ChangeConfigs { name: topic.name.to_string(), ops: vec![op("retention.ms", value.to_string())], expected }
}

fn moves(lot: &Lot, state: &State) -> Vec<AskedMove> {
    let all: Vec<_> = state.all_partitions().map(|(topic_id, partition)| (topic_id, partition.clone())).collect();
    let ids: Vec<BrokerId> = state.brokers().map(|broker| broker.id).collect();
    let picked = lot.shuffled(all).into_iter().take(lot.between(1..=4) as usize);
    let replicas = |partition: &Partition| {
        let factor = if lot.one_in(4) { lot.between(1..=3) as usize } else { partition.factor() };
        lot.shuffled(ids.clone()).into_iter().take(factor).collect()
    };
    let asked = |(topic_id, partition): (TopicId, Arc<Partition>)| {
        let topic = state.topic(topic_id)?.name.to_string();
        Some(AskedMove { topic, partition: partition.partition, replicas: replicas(&partition) })
    };
    picked.filter_map(asked).collect()
}

fn rebalance(lot: &Lot) -> Rebalance {
    let goal = lot.pick(&[Goal::Replicas, Goal::Leaders, Goal::Both]).unwrap_or_default();
    Rebalance { scope: Scope::Cluster, topics: Vec::new(), brokers: Vec::new(), goal, max_moves: lot.one_in(2).then_some(5) }
}

fn elect(lot: &Lot, state: &State) -> Option<Intent> {
    let all: Vec<_> = state.all_partitions().map(|(topic_id, partition)| (topic_id, partition.partition)).collect();
    let (topic_id, partition) = lot.pick(&all)?;
    let topic = state.topic(topic_id)?.name.to_string();
    Some(if lot.one_in(3) {
        let partitions = Some(vec![TopicPartition { topic, partition }]);
        Intent::Elect { election: Election::Unclean, partitions, topic: None, broker: None }
    } else {
        Intent::Elect { election: Election::Preferred, partitions: None, topic: lot.one_in(2).then_some(topic), broker: None }
    })
}

fn of_a_broker(lot: &Lot, state: &State, limits: Limits) -> Option<Intent> {
    let brokers: Vec<_> = state.brokers().cloned().collect();
    let broker = lot.pick(&brokers)?;
    let (id, expected) = (broker.id, lot.one_in(2).then_some(broker.changed_index));
    Some(match lot.between(0..=5) {
        0 => Intent::DrainBroker { id, limits, expected },
        1 => Intent::StopDrain { id, expected: None },
        2 => Intent::FenceBroker { id, expected },
        3 | 4 => Intent::UnfenceBroker { id, expected: None },
        _ => Intent::UnregisterBroker { id, expected },
    })
}

fn of_a_reassignment(lot: &Lot, state: &State) -> Option<Intent> {
    let running: Vec<_> = state.reassignments().filter(|each| each.ended_at_ms.is_none()).map(|each| each.id).collect();
    let id = lot.pick(&running)?;
    Some(if lot.one_in(2) {
        Intent::CancelReassignment { id }
    } else {
        Intent::LimitReassignment { id, limits: Limits { per_broker: Some(lot.between(1..=4) as u32) } }
    })
}

fn setting(lot: &Lot) -> Intent {
    let yes = |times| if lot.one_in(times) { "true" } else { "false" };
    let number = |from, to| lot.between(from..=to).to_string();
    let ops = match lot.between(0..=6) {
        0 => vec![op("min.insync.replicas", number(1, 2))],
        1 => vec![op("unclean.leader.election.enable", yes(3)), op(UNCLEAN_INTERVAL.name, number(1_000, 5_000))],
        2 => vec![op(SESSION_TIMEOUT.name, number(2_000, 4_000))],
        3 => vec![op(MOVES_PER_BROKER.name, number(1, 5))],
        4 => vec![op(REPLACE.name, yes(2)), op(REPLACE_AFTER.name, number(1_000, 5_000))],
        _ => vec![
            op(AUTO_LEADERS.name, yes(2)),
            op(IMBALANCE_INTERVAL.name, number(1, 3)),
            op(IMBALANCE_PERCENTAGE.name, number(0, 20)),
            op(RETURN_DELAY.name, number(0, 3_000)),
        ],
    };
    Intent::ChangeSettings { ops, expected: None }
}

/// Partitions whose records went with brokers that were unregistered: nobody but an operator lets another begin without them.
pub fn give_up(state: &State) -> Option<Intent> {
    let lost = |partition: &Partition| partition.leader.is_none() && partition.isr.is_empty() && partition.elr.is_empty();
    let named = |(topic_id, partition): (TopicId, &Arc<Partition>)| {
        let topic = state.topic(topic_id)?.name.to_string();
        Some(TopicPartition { topic, partition: partition.partition })
    };
    let partitions: Vec<_> = state.all_partitions().filter(|(_, partition)| lost(partition)).filter_map(named).collect();
    let some = !partitions.is_empty();
    some.then_some(Intent::Elect { election: Election::Unclean, partitions: Some(partitions), topic: None, broker: None })
}

/// At the end brokers that are down are waited for.
pub fn no_replacement() -> Intent {
    Intent::ChangeSettings { ops: vec![op(REPLACE.name, "false")], expected: None }
}
