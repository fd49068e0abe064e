//! Random histories: what may be asked, in any order, with numbers near those that exist.

use crate::fixture::{CLUSTER, World, id, registration};
use crate::history_steering::{Which, moving, steering};
use metadata::ids::Index as LogIndex;
use metadata::intent::{ConfigOp, ConfigOpKind, Goal, Heartbeat, IsrChange, IsrMember, NewTopic, Registration, Scope};
use metadata::liveness::Session;
use metadata::model::{Configs, Identity};
use metadata::{BrokerId, Intent, RecoveryState};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use uuid::Uuid;

pub const NAMES: &[&str] = &["a", "b.c", "d", "e"];
pub const OTHER_NAMES: &[&str] = &["b_c", "__internal", "", "..", "no spaces", "gone"];
/// A key with a value; the others are refused, or in the way.
pub type Setting = (&'static str, &'static str);
const SETTINGS: &[Setting] = &[
    ("min.insync.replicas", "1"),
    ("min.insync.replicas", "2"),
    ("min.insync.replicas", "3"),
    ("deletion.protection", "false"),
    ("cleanup.policy", "compact"),
];
pub const OTHER_SETTINGS: &[Setting] =
    &[("min.insync.replicas", "0"), ("deletion.protection", "true"), ("cleanup.policy", ""), ("retention.ms", "-2"), ("no.such.key", "1")];

/// What is asked; numbers are taken from what exists when it is asked.
#[derive(Clone, Debug)]
pub enum Action {
    Register {
        broker: u32,
        start: u32,
        clean: bool,
        /// The process before it is gone, and its session with it.
        silent: bool,
        rack: u8,
    },
    Beat {
        broker: u32,
        epoch: i8,
        lag: u64,
        want_fence: bool,
        want_shut_down: bool,
    },
    Pass {
        ms: u64,
    },
    Expire {
        broker: u32,
        epoch: i8,
    },
    Fence {
        broker: u32,
        expected: Option<i8>,
    },
    Unfence {
        broker: u32,
        expected: Option<i8>,
    },
    Unregister {
        broker: u32,
        expected: Option<i8>,
    },
    /// As a fencing begins that is too large for one entry.
    BeginFencing {
        broker: u32,
    },
    ContinueFencing {
        broker: u32,
    },
    Create {
        topics: Vec<TopicSketch>,
    },
    Delete {
        name: &'static str,
        expected: Option<i8>,
    },
    Configure {
        name: &'static str,
        ops: Vec<(Setting, usize)>,
        expected: Option<i8>,
    },
    Grow {
        name: &'static str,
        by: i64,
        /// Replicas of each new partition, where they are placed by hand.
        by_hand: Option<usize>,
        expected: Option<i8>,
    },
    Isr {
        changes: Vec<IsrSketch>,
        by_leader: bool,
        epoch: i8,
    },
    Members {
        bits: u8,
    },
    Bootstrap,
    Elect {
        unclean: bool,
        which: Which,
    },
    LeadersReturn,
    ElectUnclean,
    Set {
        ops: Vec<(Setting, usize)>,
        expected: Option<i8>,
    },
    ContinueSettings,
    Reassign {
        moves: Vec<(Index, u8)>,
        per_broker: Option<u32>,
        allow_factor_change: bool,
    },
    Rebalance {
        scope: Scope,
        goal: Goal,
        max_moves: Option<u32>,
    },
    Factor {
        name: &'static str,
        factor: i64,
    },
    Drain {
        broker: u32,
        stop: bool,
        replace: bool,
    },
    GoOn,
    Cancel {
        which: Index,
    },
    Limit {
        which: Index,
        per_broker: u32,
    },
}

#[derive(Clone, Debug)]
pub struct TopicSketch {
    name: &'static str,
    partitions: i64,
    replication_factor: i64,
    by_hand: bool,
    setting: Option<Setting>,
}

#[derive(Clone, Debug)]
pub struct IsrSketch {
    /// Which of the sender's partitions.
    partition: Index,
    leader_epoch: i8,
    partition_epoch: i8,
    /// Which of its replicas are to be in sync, by bits; the two highest name inactive ones too, and epochs.
    members: u8,
    recovered: bool,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub action: Action,
    pub key: Option<(u8, u8)>,
    /// Planned on the state as it was so many steps before.
    pub behind: usize,
    pub clock: i64,
}

pub fn mostly<T: Copy + std::fmt::Debug + 'static>(these: &'static [T], others: &'static [T]) -> impl Strategy<Value = T> {
    prop_oneof![7 => select(these), 1 => select(others)]
}

fn topic() -> impl Strategy<Value = TopicSketch> {
    let partitions = prop_oneof![5 => 1i64..4, 1 => -2i64..1];
    let replication_factor = prop_oneof![5 => 1i64..4, 1 => -2i64..6];
    let setting = proptest::option::weighted(0.5, mostly(SETTINGS, OTHER_SETTINGS));
    (mostly(NAMES, OTHER_NAMES), partitions, replication_factor, any::<bool>(), setting).prop_map(
        |(name, partitions, replication_factor, by_hand, setting)| TopicSketch { name, partitions, replication_factor, by_hand, setting },
    )
}

pub fn off() -> impl Strategy<Value = i8> {
    prop_oneof![12 => Just(0i8), 1 => -1i8..=1]
}

fn isr_change() -> impl Strategy<Value = IsrSketch> {
    (any::<Index>(), off(), off(), any::<u8>(), any::<bool>()).prop_map(|(partition, leader_epoch, partition_epoch, members, recovered)| {
        IsrSketch { partition, leader_epoch, partition_epoch, members, recovered }
    })
}

fn action() -> impl Strategy<Value = Action> {
    let broker = || mostly(&[101u32, 102, 103, 104], &[2]);
    let expected = || proptest::option::weighted(0.3, off());
    let config_op = (mostly(SETTINGS, OTHER_SETTINGS), prop_oneof![3 => Just(0usize), 1 => 1usize..4]);
    prop_oneof![
        6 => (broker(), 1u32..4, any::<[bool; 2]>(), 0u8..3)
            .prop_map(|(broker, start, [clean, silent], rack)| Action::Register { broker, start, clean, silent, rack }),
        14 => (broker(), off(), prop_oneof![6 => Just(0u64), 1 => 0u64..30], prop::bool::weighted(0.05), prop::bool::weighted(0.1))
            .prop_map(|(broker, epoch, lag, want_fence, want_shut_down)| Action::Beat { broker, epoch, lag, want_fence, want_shut_down }),
        1 => (0u64..12_000).prop_map(|ms| Action::Pass { ms }),
        4 => (broker(), off()).prop_map(|(broker, epoch)| Action::Expire { broker, epoch }),
        1 => (broker(), expected()).prop_map(|(broker, expected)| Action::Fence { broker, expected }),
        3 => (broker(), expected()).prop_map(|(broker, expected)| Action::Unfence { broker, expected }),
        1 => (broker(), expected()).prop_map(|(broker, expected)| Action::Unregister { broker, expected }),
        1 => broker().prop_map(|broker| Action::BeginFencing { broker }),
        2 => broker().prop_map(|broker| Action::ContinueFencing { broker }),
        6 => prop::collection::vec(topic(), 1..4).prop_map(|topics| Action::Create { topics }),
        1 => (mostly(NAMES, OTHER_NAMES), expected()).prop_map(|(name, expected)| Action::Delete { name, expected }),
        3 => (mostly(NAMES, OTHER_NAMES), prop::collection::vec(config_op, 0..3), expected())
            .prop_map(|(name, ops, expected)| Action::Configure { name, ops, expected }),
        3 => (mostly(NAMES, OTHER_NAMES), prop_oneof![5 => 1i64..3, 1 => -2i64..1], proptest::option::weighted(0.3, 0usize..4), expected())
            .prop_map(|(name, by, by_hand, expected)| Action::Grow { name, by, by_hand, expected }),
        12 => (prop::collection::vec(isr_change(), 1..4), prop::bool::weighted(0.9), off())
            .prop_map(|(changes, by_leader, epoch)| Action::Isr { changes, by_leader, epoch }),
        1 => any::<u8>().prop_map(|bits| Action::Members { bits }),
        1 => Just(Action::Bootstrap),
        3 => steering(),
        7 => moving(),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let behind = prop_oneof![5 => Just(0usize), 1 => 1usize..6];
    (action(), proptest::option::weighted(0.2, (0u8..12, 0u8..2)), behind, -50_000i64..400_000)
        .prop_map(|(action, key, behind, clock)| Step { action, key, behind, clock })
}

/// A number that is off by a little.
pub fn near(number: u64, off: i8) -> u64 {
    number.saturating_add_signed(off.into())
}

/// What asks: it reads the cluster, and moves only the leader's memory of heartbeats.
impl World {
    pub fn epoch(&self, broker: u32, off: i8) -> LogIndex {
        near(self.state().broker(id(broker)).map_or(0, |broker| broker.epoch), off)
    }

    fn expected_broker(&self, broker: u32, expected: Option<i8>) -> Option<LogIndex> {
        let changed = self.state().broker(id(broker)).map_or(0, |broker| broker.changed_index);
        expected.map(|off| near(changed, off))
    }

    fn expected_topic(&self, name: &str, expected: Option<i8>) -> Option<LogIndex> {
        let changed = self.state().topic_by_name(name).map_or(0, |topic| topic.changed_index);
        expected.map(|off| near(changed, off))
    }

    /// The intent of an action; none for what only moves the leader's own memory, or the membership.
    pub fn intent(&mut self, action: &Action) -> Option<Intent> {
        let index = self.index;
        Some(match action.clone() {
            Action::Register { broker, start, clean, silent, rack } => {
                if silent {
                    self.liveness.sessions.remove(&id(broker));
                }
                let previous_broker_epoch = clean.then(|| self.epoch(broker, 0));
                let rack = (rack > 0).then(|| format!("r{rack}"));
                Intent::RegisterBroker { registration: Registration { previous_broker_epoch, rack, ..registration(broker, start) } }
            }
            Action::Beat { broker, epoch, lag, want_fence, want_shut_down } => {
                let (broker_epoch, metadata_index) = (self.epoch(broker, epoch), index.saturating_sub(lag));
                let session = Session { broker_epoch, contact_ms: self.liveness.now_ms, metadata_index };
                self.liveness.sessions.insert(id(broker), session);
                Intent::BrokerHeartbeat {
                    heartbeat: Heartbeat { id: id(broker), broker_epoch, metadata_index, want_fence, want_shut_down },
                }
            }
            Action::Pass { ms } => {
                self.liveness.now_ms += ms;
                return None;
            }
            Action::Expire { broker, epoch } => {
                self.liveness.sessions.remove(&id(broker));
                Intent::SessionExpired { id: id(broker), broker_epoch: self.epoch(broker, epoch) }
            }
            Action::Fence { broker, expected } => Intent::FenceBroker { id: id(broker), expected: self.expected_broker(broker, expected) },
            Action::Unfence { broker, expected } => {
                Intent::UnfenceBroker { id: id(broker), expected: self.expected_broker(broker, expected) }
            }
            Action::Unregister { broker, expected } => {
                Intent::UnregisterBroker { id: id(broker), expected: self.expected_broker(broker, expected) }
            }
            Action::BeginFencing { broker } | Action::ContinueFencing { broker } => {
                Intent::ContinueFencing { id: id(broker), broker_epoch: self.epoch(broker, 0) }
            }
            Action::Create { topics } => Intent::CreateTopics { topics: topics.into_iter().map(|topic| self.new_topic(topic)).collect() },
            Action::Delete { name, expected } => {
                Intent::DeleteTopic { name: name.to_owned(), expected: self.expected_topic(name, expected) }
            }
            Action::Configure { name, ops, expected } => {
                let kinds = [ConfigOpKind::Set, ConfigOpKind::Delete, ConfigOpKind::Append, ConfigOpKind::Subtract];
                let op = |((key, value), kind): (Setting, usize)| ConfigOp {
                    key: key.to_owned(),
                    op: kinds[kind],
                    value: (kinds[kind] != ConfigOpKind::Delete).then(|| value.to_owned()),
                };
                let ops = ops.into_iter().map(op).collect();
                Intent::ChangeConfigs { name: name.to_owned(), ops, expected: self.expected_topic(name, expected) }
            }
            Action::Grow { name, by, by_hand, expected } => {
                let partitions = self.state().topic_by_name(name).map_or(0, |topic| self.state().tally(topic.id).partitions);
                let row = |replicas: usize| [101, 102, 103, 101].iter().take(replicas).map(|broker| id(*broker)).collect();
                Intent::GrowTopic {
                    name: name.to_owned(),
                    count: i64::from(partitions) + by,
                    assignments: by_hand.map(|replicas| (0..by).map(|_| row(replicas)).collect()),
                    expected: self.expected_topic(name, expected),
                }
            }
            Action::Isr { changes, by_leader, epoch } => return self.isr(&changes, by_leader, epoch),
            Action::Members { .. } => return None,
            Action::Elect { .. } | Action::LeadersReturn | Action::ElectUnclean | Action::Set { .. } | Action::ContinueSettings => {
                return Some(self.steered(action));
            }
            Action::Reassign { .. }
            | Action::Rebalance { .. }
            | Action::Factor { .. }
            | Action::Drain { .. }
            | Action::GoOn
            | Action::Cancel { .. }
            | Action::Limit { .. } => return Some(self.moved(action)),
            Action::Bootstrap => {
                Intent::BootstrapCluster { identity: Identity { cluster_id: CLUSTER, lineage: Uuid::from_u128(index.into()) } }
            }
        })
    }

    fn new_topic(&self, sketch: TopicSketch) -> NewTopic {
        let TopicSketch { name, partitions, replication_factor, by_hand, setting } = sketch;
        let configs: Configs = setting.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let name = name.to_owned();
        if by_hand {
            let all = [101, 104, 102, 103, 101];
            let row =
                |at: i64| all.iter().skip(at as usize % 2).take(replication_factor.max(0) as usize).map(|broker| id(*broker)).collect();
            return NewTopic { name, assignments: Some((0..partitions).map(row).collect()), configs, ..NewTopic::default() };
        }
        NewTopic { name, partitions: Some(partitions), replication_factor: Some(replication_factor), assignments: None, configs }
    }

    fn isr(&self, changes: &[IsrSketch], by_leader: bool, epoch: i8) -> Option<Intent> {
        let state = self.state();
        let all: Vec<_> = state.all_partitions().collect();
        let sender = all.get(changes.first()?.partition.index(all.len().max(1)))?.1.leader.filter(|_| by_leader).unwrap_or(id(104));
        let theirs: Vec<_> = all.iter().filter(|(_, partition)| !by_leader || partition.leader == Some(sender)).collect();
        if theirs.is_empty() {
            return None;
        }
        let changes = changes.iter().map(|sketch| {
            let (topic_id, partition) = sketch.partition.get(&theirs);
            let bit = |nth: usize| sketch.members >> nth & 1 == 1;
            let asked = |(nth, replica): (usize, BrokerId)| replica == sender || (bit(nth) && (bit(6) || state.active(replica)));
            let member =
                |broker: BrokerId| IsrMember { broker, broker_epoch: state.broker(broker).map(|broker| broker.epoch).filter(|_| bit(7)) };
            let members =
                partition.replicas.iter().copied().enumerate().filter(|replica| asked(*replica)).map(|(_, replica)| member(replica));
            IsrChange {
                topic_id: *topic_id,
                partition: partition.partition,
                leader_epoch: near(partition.leader_epoch.into(), sketch.leader_epoch) as u32,
                partition_epoch: near(partition.partition_epoch.into(), sketch.partition_epoch) as u32,
                isr: members.collect(),
                recovery_state: sketch.recovered.then_some(RecoveryState::Recovered),
            }
        });
        Some(Intent::ChangeIsr { id: sender, broker_epoch: self.epoch(sender.0, epoch), changes: changes.collect() })
    }
}
