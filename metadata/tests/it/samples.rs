//! A value of every variant that is encoded anywhere; a variant without one does not compile.

use crate::fixture::{configs, id, ids};
use crate::samples_second::{movement, planned, reassignment, rebalance, settings};
use crate::samples_small::{broker_states, config_op_kinds, roles};
use metadata::access::{AccessChange, Credential, Demand, NewToken, Role as AccessRole};
use metadata::command::{Assignment, PartitionTarget, Placing};
use metadata::frame::{Backup, BrokerPulse, Frame, NodePulse, Pulse, Role, Since};
use metadata::intent::{
    AskedLeader, AskedMove, ConfigOp, ConfigOpKind, Election, Heartbeat, IsrChange, IsrMember, NewTopic, Registration, TopicPartition,
};
use metadata::keys::{KeyTable, Remembered};
use metadata::model::{Identity, Standing};
use metadata::reassignment::{Limits, MoveEnd, MoveState, ReassignmentState, Source, Why};
use metadata::views::Level;
use metadata::{
    Broker, BrokerState, Change, Code, Command, Commit, ControllerNode, Endpoint, Entry, Expected, Group, GroupOutcome, Intent, KeyUse,
    Machine, Partition, Principal, RecoveryState, Rejection, SecretHash, State, TopicId,
};
use std::sync::Arc;
use uuid::Uuid;

/// Variants that were there from the first format on; samples of that time hold these.
pub const FIRST_CHANGES: usize = 9;
const FIRST_OUTCOMES: usize = 4;

macro_rules! every {
    ($(#[$doc:meta])* $function:ident: $type:ident { $($variant:ident => $value:expr,)* }) => {
        $(#[$doc])*
        pub fn $function() -> Vec<(&'static str, $type)> {
            let name = |value: &$type| match value {
                $($type::$variant { .. } => stringify!($variant),)*
            };
            let all = vec![$((stringify!($variant), $value)),*];
            all.iter().for_each(|(variant, value)| assert_eq!(name(value), *variant));
            all
        }
    };
}
pub(crate) use every;

pub const TOPIC: TopicId = TopicId(Uuid::from_u128(0x0107_0000_0000_4000_8000_0000_0000_0001));
pub const INTERNAL: TopicId = TopicId(Uuid::from_u128(0x0107_0000_0000_4000_8000_0000_0000_0002));

fn identity() -> Identity {
    Identity { cluster_id: Uuid::from_u128(0xC1), lineage: Uuid::from_u128(0x11) }
}

fn endpoint() -> Endpoint {
    Endpoint { name: "main".into(), host: "s1.example".into(), port: 9092 }
}

fn added() -> AccessChange {
    let token = NewToken { id: "0123456789ab".into(), hash: SecretHash([9; 32]), holds_ms: 86_400_000 };
    AccessChange::AddAccount { name: "ci".into(), role: AccessRole::Operator { prefixes: vec!["ci.".into()] }, token: Some(token) }
}

fn registration() -> Registration {
    Registration {
        id: id(101),
        incarnation_id: Uuid::from_u128(0x1C),
        cluster_id: Some(identity().cluster_id),
        rack: Some("r1".into()),
        endpoints: vec![endpoint()],
        push_url: Some("http://s1.example/push".into()),
        previous_broker_epoch: Some(300),
    }
}

fn target() -> PartitionTarget {
    PartitionTarget {
        topic_id: TOPIC,
        partition: 1,
        leader_epoch: 300,
        partition_epoch: 70_000,
        leader: None,
        isr: ids(&[]),
        elr: ids(&[101, 102]),
        last_known_leader: Some(id(101)),
        recovery_state: RecoveryState::Recovering,
    }
}

fn broker(number: u32, state: BrokerState) -> Broker {
    Broker {
        id: id(number),
        epoch: u64::from(number) + 200,
        changed_index: 400,
        incarnation_id: Uuid::from_u128(number.into()),
        rack: Some("r1".into()).filter(|_| number % 2 == 1),
        endpoints: vec![endpoint()],
        push_url: None,
        state,
        held: state == BrokerState::Fenced,
        shutdown_index: (state == BrokerState::ShuttingDown).then_some(500),
    }
}

fn partition(number: u32) -> Partition {
    Partition {
        partition: number,
        leader: Some(id(101)),
        leader_epoch: number,
        partition_epoch: 1_000,
        replicas: ids(&[101, 104, 103]),
        isr: ids(&[101]),
        elr: ids(&[104]),
        last_known_leader: None,
        recovery_state: RecoveryState::Recovered,
        adding_replicas: ids(&[103]),
        removing_replicas: ids(&[104]),
    }
}

fn controllers() -> Vec<ControllerNode> {
    vec![
        ControllerNode { id: 1, url: "http://c1:9091".into(), voter: true },
        ControllerNode { id: 2, url: "http://c2:9091".into(), voter: false },
    ]
}

every! {
    expectations: Expected {
        Topic => Expected::Topic { topic_id: TOPIC, changed_index: 400 },
        Broker => Expected::Broker { id: id(101), changed_index: 401 },
        Settings => Expected::Settings { changed_index: 402 },
    }
}

every! {
    group_outcomes: GroupOutcome {
        Done => GroupOutcome::Done,
        Topic => GroupOutcome::Topic { topic_id: TOPIC },
        Broker => GroupOutcome::Broker { id: id(101), epoch: 301 },
        Partition => GroupOutcome::Partition { topic_id: TOPIC, partition: 3 },
        Reassignment => GroupOutcome::Reassignment { id: 700 },
    }
}

every! {
    commands: Command {
        BootstrapCluster => Command::BootstrapCluster { identity: identity() },
        RegisterBroker => Command::RegisterBroker { registration: registration(), replaces: Some(301), amends: None },
        UnregisterBroker => Command::UnregisterBroker { id: id(101), epoch: 301 },
        UpdateBrokerStatus => Command::UpdateBrokerStatus { id: id(101), epoch: 301, state: BrokerState::Fenced, held: true, by_operator: true },
        RegisterTopic => Command::RegisterTopic { topic_id: TOPIC, name: "orders".into(), configs: configs(&[("segment.ms", "5")]) },
        AssignPartitions => Command::AssignPartitions {
            topic_id: TOPIC,
            first: 2,
            assignments: vec![Assignment { replicas: ids(&[101, 102]), isr: ids(&[101]), leader: id(101) }],
        },
        UpdateTopicConfig => Command::UpdateTopicConfig { topic_id: TOPIC, configs: configs(&[("retention.ms", "-1"), ("segment.ms", "5")]) },
        DeleteTopic => Command::DeleteTopic { topic_id: TOPIC },
        UpdatePartitionLeader => Command::UpdatePartitionLeader { target: target() },
        UpdateIsr => Command::UpdateIsr { broker: id(101), broker_epoch: 301, target: PartitionTarget { leader: Some(id(101)), isr: ids(&[101]), elr: ids(&[]), ..target() } },
        AdmitInstance => Command::AdmitInstance { node_id: 3, instance_id: Uuid::from_u128(0x33) },
        RaiseFormat => Command::RaiseFormat { format: 2 },
        UpdateSettings => Command::UpdateSettings { values: configs(&[("min.insync.replicas", "2")]) },
        ClearElr => Command::ClearElr { topics: vec![TOPIC], next: Some(INTERNAL) },
        StartReassignment => Command::StartReassignment {
            reason: Why::Rebalance,
            limits: Limits { per_broker: Some(300) },
            source: Source::Rebalance(rebalance()),
            total: 12_000,
            moves: vec![planned()],
        },
        AddMoves => Command::AddMoves { id: 700, first: 10_000, total: 12_000, moves: vec![planned()] },
        UpdateReassignment => Command::UpdateReassignment { id: 700, state: ReassignmentState::Cancelled, limits: Limits { per_broker: None } },
        MovePartition => Command::MovePartition {
            target: target(),
            placement: Placing { replicas: ids(&[103, 101]), adding: ids(&[103]), removing: ids(&[101]) },
            sender: Some((id(101), 301)),
        },
        UpdateMove => Command::UpdateMove { reassignment_id: 700, number: 3, state: MoveState::Failed, end: Some(MoveEnd::TargetUnregistered) },
        UpdateDrain => Command::UpdateDrain { id: id(101), epoch: 301, draining: true },
        BindBroker => Command::BindBroker { id: id(101), proof: SecretHash([7; 32]) },
        ChangeAccess => Command::ChangeAccess { change: added() },
        Require => Command::Require {
            credential: Credential::Token { id: "0123456789ab".into() },
            demand: Demand::Topics { names: vec!["ci.orders".into()] },
            address: Some("10.0.0.7".parse().unwrap()),
        },
    }
}

every! {
    intents: Intent {
        BootstrapCluster => Intent::BootstrapCluster { identity: identity() },
        RegisterBroker => Intent::RegisterBroker { registration: registration() },
        UnregisterBroker => Intent::UnregisterBroker { id: id(101), expected: Some(400) },
        BrokerHeartbeat => Intent::BrokerHeartbeat {
            heartbeat: Heartbeat { id: id(101), broker_epoch: 301, metadata_index: 500, want_fence: false, want_shut_down: true },
        },
        SessionExpired => Intent::SessionExpired { id: id(101), broker_epoch: 301 },
        ContinueFencing => Intent::ContinueFencing { id: id(101), broker_epoch: 301 },
        FenceBroker => Intent::FenceBroker { id: id(101), expected: Some(400) },
        UnfenceBroker => Intent::UnfenceBroker { id: id(101), expected: None },
        ChangeIsr => Intent::ChangeIsr {
            id: id(101),
            broker_epoch: 301,
            changes: vec![IsrChange {
                topic_id: TOPIC,
                partition: 1,
                leader_epoch: 2,
                partition_epoch: 3,
                isr: vec![IsrMember { broker: id(101), broker_epoch: Some(301) }, IsrMember { broker: id(102), broker_epoch: None }],
                recovery_state: Some(RecoveryState::Recovered),
            }],
        },
        CreateTopics => Intent::CreateTopics {
            topics: vec![
                NewTopic { name: "orders".into(), partitions: Some(12), replication_factor: Some(-1), assignments: None, configs: configs(&[("segment.ms", "5")]) },
                NewTopic { name: "by-hand".into(), assignments: Some(vec![ids(&[101, 102]), ids(&[102, 101])]), ..NewTopic::default() },
            ],
        },
        DeleteTopic => Intent::DeleteTopic { name: "orders".into(), expected: Some(400) },
        ChangeConfigs => Intent::ChangeConfigs {
            name: "orders".into(),
            ops: config_op_kinds().into_iter().map(|(_, op)| ConfigOp { key: "cleanup.policy".into(), op, value: Some("compact".into()) }).collect(),
            expected: None,
        },
        AdmitInstance => Intent::AdmitInstance { node_id: 3, instance_id: Uuid::from_u128(0x33) },
        GrowTopic => Intent::GrowTopic { name: "orders".into(), count: 13, assignments: Some(vec![ids(&[101, 102])]), expected: Some(400) },
        RaiseFormat => Intent::RaiseFormat { format: 2 },
        ChangeSettings => Intent::ChangeSettings {
            ops: vec![ConfigOp { key: "cluster.name".into(), op: ConfigOpKind::Set, value: Some("prod".into()) }],
            expected: Some(402),
        },
        ContinueSettings => Intent::ContinueSettings,
        Elect => Intent::Elect {
            election: Election::Unclean,
            partitions: Some(vec![TopicPartition { topic: "orders".into(), partition: 1 }]),
            topic: None,
            broker: Some(id(101)),
        },
        BalanceLeaders => Intent::BalanceLeaders,
        ElectUnclean => Intent::ElectUnclean,
        Reassign => Intent::Reassign {
            moves: vec![AskedMove { topic: "orders".into(), partition: 1, replicas: ids(&[103, 101]) }],
            limits: Limits { per_broker: Some(5) },
            allow_factor_change: true,
        },
        Rebalance => Intent::Rebalance { rebalance: rebalance(), limits: Limits { per_broker: None } },
        ChangeFactor => Intent::ChangeFactor {
            name: "orders".into(),
            replication_factor: 3,
            limits: Limits { per_broker: None },
            expected: None,
        },
        DrainBroker => Intent::DrainBroker { id: id(101), limits: Limits { per_broker: Some(5) }, expected: Some(400) },
        StopDrain => Intent::StopDrain { id: id(101), expected: None },
        ReplaceBroker => Intent::ReplaceBroker { id: id(101), broker_epoch: 301 },
        ContinueReassignments => Intent::ContinueReassignments,
        CancelReassignment => Intent::CancelReassignment { id: 700 },
        LimitReassignment => Intent::LimitReassignment { id: 700, limits: Limits { per_broker: Some(1) } },
        ChangeAccess => Intent::ChangeAccess { change: added() },
        Lead => Intent::Lead { leaders: vec![AskedLeader { topic: "orders".into(), partition: 1, leader: id(102), leader_epoch: 300 }] },
        Undo => Intent::Undo { of: 400, intent: Box::new(Intent::FenceBroker { id: id(101), expected: Some(400) }) },
    }
}

every! {
    changes: Change {
        ClusterBootstrapped => Change::ClusterBootstrapped { identity: identity() },
        TopicCreated => Change::TopicCreated { topic_id: TOPIC, name: "orders".into(), configs: configs(&[("min.insync.replicas", "2")]) },
        TopicDeleted => Change::TopicDeleted { topic_id: TOPIC, name: "orders".into() },
        PartitionChanged => Change::PartitionChanged { topic_id: TOPIC, partition: partition(7).into() },
        ConfigsChanged => Change::ConfigsChanged { topic_id: TOPIC, configs: configs(&[("segment.ms", "5")]) },
        BrokerRegistered => Change::BrokerRegistered { broker: broker(101, BrokerState::Fenced).into() },
        BrokerChanged => Change::BrokerChanged { broker: broker(102, BrokerState::ShuttingDown).into() },
        BrokerRemoved => Change::BrokerRemoved { id: id(101) },
        ControllersChanged => Change::ControllersChanged { controllers: controllers() },
        FormatRaised => Change::FormatRaised { format: 2 },
        SettingsChanged => Change::SettingsChanged { settings: settings().into() },
        StandingChanged => Change::StandingChanged { id: id(101), standing: Standing { since_ms: 1_700_000_000_000, draining: Some(700) } },
        ReassignmentChanged => Change::ReassignmentChanged { reassignment: reassignment(700).into() },
        MoveChanged => Change::MoveChanged { reassignment_id: 700, number: 3, movement: movement(3, MoveState::Moving).into() },
        ReassignmentDropped => Change::ReassignmentDropped { id: 600 },
    }
}

every! {
    frames: Frame {
        Hello => Frame::Hello { schema: 1, cluster_id: Some(identity().cluster_id), lineage: Some(identity().lineage), node_id: 2, term: 3, index: 600 },
        Commit => Frame::Commit(commit().into()),
        Progress => Frame::Progress { index: 601, quorum_age_ms: 12 },
        Gone => Frame::Gone { oldest: 500 },
        Pulse => Frame::Pulse(pulse(Backup::Off).into()),
        Fault => Frame::Fault { detail: Some("the disk is full".into()) },
    }
}

/// With every kind of change of the first format.
pub fn commit() -> Commit {
    Commit {
        index: 600,
        prev_index: 598,
        term: 3,
        at_ms: 1_700_000_000_000,
        principal: Principal("user:ada".into()),
        intent: Some(intents().remove(9).1),
        digest: machine().state.digest(),
        changes: changes().into_iter().map(|(_, change)| change).take(FIRST_CHANGES).collect(),
    }
}

pub fn pulse(backup: Backup) -> Pulse {
    let node = |(nth, (_, role)): (u64, (&str, Role))| NodePulse {
        id: nth,
        url: format!("http://c{nth}:9091"),
        role,
        voter: nth < 3,
        last_log_index: 601,
        applied_index: 600,
        last_contact_ms: (nth != 3).then_some(nth),
        digest: (nth == 0).then(|| machine().state.digest()),
        snapshot_index: (nth == 1).then_some(512),
    };
    Pulse {
        at_ms: 1_700_000_000_100,
        age_ms: 4,
        leader_id: Some(1),
        term: 3,
        nodes: (0..).zip(roles()).map(node).collect(),
        brokers: vec![BrokerPulse { id: id(101), heartbeat_age_ms: Some(900), acknowledged_index: None }],
        backup,
        since: Some(Since { level: Level::Warning, at_ms: 1_700_000_000_000, index: 590 }),
        commits_10s: 42,
    }
}

/// An entry with every command, and one with nothing.
pub fn entries() -> Vec<(&'static str, Entry)> {
    let mut commands: Vec<Command> = commands().into_iter().map(|(_, command)| command).collect();
    let mut later = commands.split_off(10);
    let mut second = later.split_off(1);
    let mut third = second.split_off(9);
    let fourth = third.split_off(1);
    let expectations = expectations();
    let mut groups: Vec<Group> =
        expectations.into_iter().take(2).map(|(_, expected)| Group { expected: Some(expected), commands: Vec::new() }).collect();
    groups.push(Group::of(commands));
    let full = Entry {
        at_ms: 1_700_000_000_000,
        principal: Principal::broker(id(101)),
        intent: intents().remove(8).1,
        key: Some(KeyUse { hash: [7; 32], fingerprint: [9; 16] }),
        groups,
    };
    let bare = Entry { at_ms: 0, principal: Principal::controller(1), intent: intents().remove(4).1, key: None, groups: Vec::new() };
    let late = Entry { groups: vec![Group::of(later)], ..bare.clone() };
    let second = Entry { groups: vec![Group::of(second)], ..bare.clone() };
    let third = Entry { groups: vec![Group::of(third)], ..bare.clone() };
    let fourth = Entry { groups: vec![Group::of(fourth)], ..bare.clone() };
    vec![("full", full), ("bare", bare), ("later", late), ("second", second), ("third", third), ("fourth", fourth)]
}

/// The same with the controllers' instances.
pub fn admitted() -> Machine {
    Machine { instances: [(1_u64, Uuid::from_u128(0x31)), (3, Uuid::from_u128(0x33))].into_iter().collect(), ..machine() }
}

/// A machine with everything of the first format in it, made of changes alone: it does not move when a rule does.
pub fn machine() -> Machine {
    let mut state = State::default();
    let mut index = 500;
    let mut absorb = |change| {
        index += 1;
        state.absorb(index, 1_700_000_000_000 + index, &change);
    };
    absorb(Change::ClusterBootstrapped { identity: identity() });
    absorb(Change::ControllersChanged { controllers: controllers() });
    for (number, (_, state)) in (101..).zip(broker_states()) {
        absorb(Change::BrokerRegistered { broker: broker(number, state).into() });
    }
    absorb(Change::TopicCreated { topic_id: TOPIC, name: "orders.eu".into(), configs: configs(&[("min.insync.replicas", "2")]) });
    absorb(Change::PartitionChanged { topic_id: TOPIC, partition: partition(0).into() });
    let lost = Partition {
        leader: None,
        isr: ids(&[]),
        elr: ids(&[]),
        last_known_leader: Some(id(104)),
        recovery_state: RecoveryState::Recovering,
        ..partition(1)
    };
    absorb(Change::PartitionChanged { topic_id: TOPIC, partition: lost.into() });
    absorb(Change::TopicCreated { topic_id: INTERNAL, name: "__audit".into(), configs: configs(&[]) });
    absorb(Change::PartitionChanged { topic_id: INTERNAL, partition: partition(0).into() });
    let rejection = Rejection::new(Code::InvalidTopic, "no").at("name", "..", "another");
    let outcomes = group_outcomes().into_iter().take(FIRST_OUTCOMES).map(|(_, outcome)| Ok(outcome)).chain([Err(rejection)]).collect();
    let first = Remembered { fingerprint: [1; 16], at_ms: 1_700_000_000_000, index: 503, outcomes };
    let second = Remembered { outcomes: vec![Ok(GroupOutcome::Done)], index: 504, ..first.clone() };
    Machine { state, keys: KeyTable::from_pairs([([3; 32], Arc::new(first)), ([2; 32], Arc::new(second))]), ..Machine::default() }
}
