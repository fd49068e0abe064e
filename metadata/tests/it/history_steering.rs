//! Random histories, continued: elections, settings and moves.

use crate::fixture::{World, id};
use crate::history::{Action, NAMES, OTHER_NAMES, OTHER_SETTINGS, Setting, mostly, near, off};
use metadata::Intent;
use metadata::ids::Index as LogIndex;
use metadata::intent::{AskedMove, ConfigOp, ConfigOpKind, Election, Goal, Rebalance, Scope, TopicPartition};
use metadata::reassignment::Limits;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const CLUSTER_SETTINGS: &[Setting] = &[
    ("min.insync.replicas", "1"),
    ("min.insync.replicas", "2"),
    ("default.replication.factor", "2"),
    ("num.partitions", "2"),
    ("unclean.leader.election.enable", "true"),
    ("leader.return.delay.ms", "0"),
    ("leader.imbalance.per.broker.percentage", "0"),
    ("cluster.name", "prod"),
];
/// Which partitions elect.
#[derive(Clone, Debug)]
pub enum Which {
    Listed(Vec<(&'static str, u32)>),
    Topic(&'static str),
    Broker(u32),
    All,
}

pub fn steering() -> impl Strategy<Value = Action> {
    let cluster_setting = (mostly(CLUSTER_SETTINGS, OTHER_SETTINGS), prop_oneof![3 => Just(0usize), 1 => 1usize..4]);
    let which = prop_oneof![
        2 => prop::collection::vec((mostly(NAMES, OTHER_NAMES), 0u32..3), 0..4).prop_map(Which::Listed),
        1 => mostly(NAMES, OTHER_NAMES).prop_map(Which::Topic),
        1 => mostly(&[101u32, 102, 103, 104], &[2]).prop_map(Which::Broker),
        1 => Just(Which::All),
    ];
    prop_oneof![
        3 => (any::<bool>(), which).prop_map(|(unclean, which)| Action::Elect { unclean, which }),
        1 => Just(Action::LeadersReturn),
        1 => Just(Action::ElectUnclean),
        2 => (prop::collection::vec(cluster_setting, 1..3), proptest::option::weighted(0.2, off()))
            .prop_map(|(ops, expected)| Action::Set { ops, expected }),
        1 => Just(Action::ContinueSettings),
    ]
}

pub fn moving() -> impl Strategy<Value = Action> {
    let broker = mostly(&[101u32, 102, 103, 104], &[2]);
    let scope = select(vec![Scope::Cluster, Scope::Topics, Scope::Brokers]);
    let goal = select(vec![Goal::Replicas, Goal::Leaders, Goal::Both]);
    prop_oneof![
        4 => (prop::collection::vec((any::<Index>(), any::<u8>()), 1..4), proptest::option::of(0u32..3), prop::bool::weighted(0.8))
            .prop_map(|(moves, per_broker, allow_factor_change)| Action::Reassign { moves, per_broker, allow_factor_change }),
        2 => (scope, goal, proptest::option::of(0u32..3)).prop_map(|(scope, goal, max_moves)| Action::Rebalance { scope, goal, max_moves }),
        1 => (mostly(NAMES, OTHER_NAMES), 0i64..5).prop_map(|(name, factor)| Action::Factor { name, factor }),
        2 => (broker, any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(broker, stop, replace)| Action::Drain { broker, stop, replace }),
        10 => Just(Action::GoOn),
        1 => any::<Index>().prop_map(|which| Action::Cancel { which }),
        1 => (any::<Index>(), 0u32..3).prop_map(|(which, per_broker)| Action::Limit { which, per_broker }),
    ]
}

impl World {
    pub fn steered(&self, action: &Action) -> Intent {
        match action.clone() {
            Action::Elect { unclean, which } => {
                let election = if unclean { Election::Unclean } else { Election::Preferred };
                let named = |(topic, partition): (&str, u32)| TopicPartition { topic: topic.to_owned(), partition };
                let none = (None, None, None);
                let (partitions, topic, broker) = match which {
                    Which::Listed(listed) => (Some(listed.into_iter().map(named).collect()), None, None),
                    Which::Topic(name) => (None, Some(name.to_owned()), None),
                    Which::Broker(broker) => (None, None, Some(id(broker))),
                    Which::All => none,
                };
                Intent::Elect { election, partitions, topic, broker }
            }
            Action::Set { ops, expected } => {
                let kinds = [ConfigOpKind::Set, ConfigOpKind::Delete, ConfigOpKind::Append, ConfigOpKind::Subtract];
                let op = |((key, value), kind): (Setting, usize)| ConfigOp {
                    key: key.to_owned(),
                    op: kinds[kind],
                    value: (kinds[kind] != ConfigOpKind::Delete).then(|| value.to_owned()),
                };
                let changed = self.state().settings().changed_index;
                Intent::ChangeSettings { ops: ops.into_iter().map(op).collect(), expected: expected.map(|off| near(changed, off)) }
            }
            Action::LeadersReturn => Intent::BalanceLeaders,
            Action::ElectUnclean => Intent::ElectUnclean,
            _ => Intent::ContinueSettings,
        }
    }

    pub fn moved(&self, action: &Action) -> Intent {
        let any = |which: Index| {
            let all: Vec<LogIndex> = self.state().reassignments().map(|each| each.id).collect();
            if all.is_empty() { 1 } else { *which.get(&all) }
        };
        match action.clone() {
            Action::Reassign { moves, per_broker, allow_factor_change } => {
                let all: Vec<_> = self.state().all_partitions().collect();
                let name = |topic| self.state().topic(topic).map_or(String::new(), |topic| topic.name.to_string());
                let asked = |(which, bits): (Index, u8)| {
                    let order = if bits & 0x80 == 0 { [101, 102, 103, 104] } else { [104, 102, 101, 103] };
                    let replicas =
                        order.into_iter().enumerate().filter(|(nth, _)| bits >> nth & 1 == 1).map(|(_, broker)| id(broker)).collect();
                    let (topic, partition) = if all.is_empty() {
                        (String::new(), 0)
                    } else {
                        let (topic, partition) = which.get(&all);
                        (name(*topic), partition.partition)
                    };
                    AskedMove { topic, partition, replicas }
                };
                Intent::Reassign { moves: moves.into_iter().map(asked).collect(), limits: Limits { per_broker }, allow_factor_change }
            }
            Action::Rebalance { scope, goal, max_moves } => {
                let topics = if scope == Scope::Topics {
                    self.state().topics_after(None).map(|topic| topic.name.to_string()).collect()
                } else {
                    Vec::new()
                };
                let brokers = if scope == Scope::Brokers { vec![id(101), id(102), id(103)] } else { Vec::new() };
                Intent::Rebalance {
                    rebalance: Rebalance { scope, topics, brokers, goal, max_moves },
                    limits: Limits { per_broker: Some(1) },
                }
            }
            Action::Factor { name, factor } => {
                Intent::ChangeFactor { name: name.to_owned(), replication_factor: factor, limits: Limits::default(), expected: None }
            }
            Action::Drain { broker, replace: true, .. } => Intent::ReplaceBroker { id: id(broker), broker_epoch: self.epoch(broker, 0) },
            Action::Drain { broker, stop: true, .. } => Intent::StopDrain { id: id(broker), expected: None },
            Action::Drain { broker, .. } => Intent::DrainBroker { id: id(broker), limits: Limits::default(), expected: None },
            Action::Cancel { which } => Intent::CancelReassignment { id: any(which) },
            Action::Limit { which, per_broker } => {
                Intent::LimitReassignment { id: any(which), limits: Limits { per_broker: Some(per_broker) } }
            }
            _ => Intent::ContinueReassignments,
        }
    }
}
