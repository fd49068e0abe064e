//! Undoing: what the tests of it share, which kinds have an inverse, and that it is one after any history.

use crate::fixture::{World, by_hand};
use crate::history::{Action, step};
use crate::moving::go_on;
use crate::samples;
use damage::cases;
use metadata::history::{Beside, NoInverse, Record, Was, inverse, offered};
use metadata::intent::{ConfigOp, ConfigOpKind, Election, Goal, IsrChange, IsrMember, Scope};
use metadata::model::Configs;
use metadata::reassignment::{MoveState, ReassignmentState};
use metadata::{Change, Code, Intent, Principal, Rejection, State, invariants};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Commits an intent; what history keeps of it.
#[track_caller]
pub fn kept(world: &mut World, intent: Intent) -> Record {
    let mut before = world.state().clone();
    for outcome in world.submit(intent).unwrap() {
        outcome.unwrap();
    }
    let commit = world.commit.clone().expect("it changed something");
    Record::of(&mut before, Arc::new(commit), None).unwrap()
}

/// Undoes a commit; what history keeps of that.
#[track_caller]
pub fn undo(world: &mut World, record: &Record) -> Record {
    let intent = inverse(record, world.state()).unwrap();
    assert!(matches!(intent, Intent::Undo { of, .. } if of == record.commit.index), "{intent:?}");
    kept(world, intent)
}

/// The undo as it is now, which something overtakes: then there is none, and this one is refused.
#[track_caller]
pub fn overtaken(world: &mut World, record: &Record, happens: impl FnOnce(&mut World)) -> (NoInverse, Rejection) {
    let stale = inverse(record, world.state()).unwrap();
    happens(world);
    let before = world.state().clone();
    let refused = world.submit(stale).and_then(|mut outcomes| outcomes.remove(0)).unwrap_err();
    assert_eq!(*world.state(), before);
    (inverse(record, world.state()).unwrap_err(), refused)
}

pub fn set(key: &str, value: &str) -> ConfigOp {
    ConfigOp { key: key.to_owned(), op: ConfigOpKind::Set, value: Some(value.to_owned()) }
}

pub fn delete(key: &str) -> ConfigOp {
    ConfigOp { key: key.to_owned(), op: ConfigOpKind::Delete, value: None }
}

pub fn configure(name: &str, ops: Vec<ConfigOp>) -> Intent {
    Intent::ChangeConfigs { name: name.to_owned(), ops, expected: None }
}

pub fn keys_of(world: &World, name: &str) -> Configs {
    world.state().topic_by_name(name).unwrap().configs.clone()
}

pub fn deleted(name: &str) -> Intent {
    Intent::DeleteTopic { name: name.to_owned(), expected: None }
}

pub fn world() -> World {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101, 102, 103], &[102, 103, 101]]));
    world
}

pub fn prefer() -> Intent {
    Intent::Elect { election: Election::Preferred, partitions: None, topic: None, broker: None }
}

/// Whether a kind can be undone: a new one has to say it here.
fn has_an_inverse(intent: &Intent) -> bool {
    match intent {
        Intent::ChangeConfigs { .. }
        | Intent::ChangeSettings { .. }
        | Intent::FenceBroker { .. }
        | Intent::UnfenceBroker { .. }
        | Intent::DrainBroker { .. }
        | Intent::StopDrain { .. }
        | Intent::Reassign { .. }
        | Intent::Rebalance { .. }
        | Intent::ChangeFactor { .. }
        | Intent::LimitReassignment { .. }
        | Intent::Lead { .. }
        | Intent::DeleteTopic { .. } => true,
        Intent::Elect { election, .. } => *election == Election::Preferred,
        Intent::Undo { intent, .. } => has_an_inverse(intent),
        Intent::BootstrapCluster { .. }
        | Intent::RegisterBroker { .. }
        | Intent::UnregisterBroker { .. }
        | Intent::BrokerHeartbeat { .. }
        | Intent::SessionExpired { .. }
        | Intent::ContinueFencing { .. }
        | Intent::ChangeIsr { .. }
        | Intent::CreateTopics { .. }
        | Intent::AdmitInstance { .. }
        | Intent::GrowTopic { .. }
        | Intent::RaiseFormat { .. }
        | Intent::ContinueSettings
        | Intent::BalanceLeaders
        | Intent::ElectUnclean
        | Intent::ReplaceBroker { .. }
        | Intent::ContinueReassignments
        | Intent::CancelReassignment { .. }
        | Intent::ChangeAccess { .. } => false,
    }
}

#[test]
fn u1_every_kind_has_an_inverse_or_says_why_it_has_none() {
    let preferred = ("preferred", prefer());
    for (name, intent) in samples::intents().into_iter().chain([preferred]) {
        let commit = |principal| metadata::Commit { intent: Some(intent.clone()), principal, ..samples::commit() };
        let record = |principal| Record { commit: Arc::new(commit(principal)), beside: Beside::default() };
        let asked = record(Principal::anonymous());
        assert_eq!(offered(&asked), has_an_inverse(&intent), "{name}");
        let no = inverse(&asked, &State::default()).unwrap_err();
        assert_eq!(matches!(no, NoInverse::Never(_)), !has_an_inverse(&intent), "{name}: {no}");
        assert!(!no.to_string().is_empty() && !Rejection::from(no).detail.is_empty());
        assert!(!offered(&record(Principal::controller(1))), "{name}: by a controller itself");
    }
    let membership = metadata::Commit { intent: None, ..samples::commit() };
    assert!(!offered(&Record { commit: Arc::new(membership), beside: Beside::default() }));
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    Do(Action),
    /// Leaders report who is in sync, and the leader goes on with what moves.
    Settle,
}

/// What can be undone, mostly of what there is, and anything else between.
pub fn happening() -> impl Strategy<Value = Step> {
    let broker = || select(&[101u32, 102, 103, 104][..]);
    let name = || select(&["t", "u"][..]);
    let key = select(&[("min.insync.replicas", "1"), ("min.insync.replicas", "2"), ("cleanup.policy", "compact"), ("segment.ms", "7")][..]);
    let cluster =
        select(&[("min.insync.replicas", "1"), ("min.insync.replicas", "2"), ("num.partitions", "2"), ("cluster.name", "prod")][..]);
    let kind = || prop_oneof![3 => Just(0usize), 1 => Just(1usize)];
    let undone = prop_oneof![
        2 => (name(), prop::collection::vec((key, kind()), 1..3)).prop_map(|(name, ops)| Action::Configure { name, ops, expected: None }),
        2 => prop::collection::vec((cluster, kind()), 1..3).prop_map(|ops| Action::Set { ops, expected: None }),
        1 => broker().prop_map(|broker| Action::Fence { broker, expected: None }),
        1 => broker().prop_map(|broker| Action::Unfence { broker, expected: None }),
        2 => (broker(), any::<bool>()).prop_map(|(broker, stop)| Action::Drain { broker, stop, replace: false }),
        4 => (prop::collection::vec((any::<Index>(), any::<u8>()), 1..4), proptest::option::of(1u32..3))
            .prop_map(|(moves, per_broker)| Action::Reassign { moves, per_broker, allow_factor_change: true }),
        1 => Just(Action::Rebalance { scope: Scope::Cluster, goal: Goal::Both, max_moves: None }),
        2 => (name(), 1i64..5).prop_map(|(name, factor)| Action::Factor { name, factor }),
        1 => (any::<Index>(), 1u32..3).prop_map(|(which, per_broker)| Action::Limit { which, per_broker }),
        2 => Just(Action::Elect { unclean: false, which: crate::history_steering::Which::All }),
        1 => name().prop_map(|name| Action::Delete { name, expected: None }),
        3 => broker().prop_map(|broker| Action::Beat { broker, epoch: 0, lag: 0, want_fence: false, want_shut_down: false }),
    ];
    prop_oneof![5 => undone.prop_map(Step::Do), 2 => step().prop_map(|step| Step::Do(step.action)), 4 => Just(Step::Settle)]
}

/// Commits what is asked as far as it may be; what history keeps of it.
fn ask(world: &mut World, intent: Intent) -> Result<Option<Record>, Rejection> {
    let mut before = world.state().clone();
    for outcome in world.submit(intent)? {
        if world.commit.is_none() {
            outcome?;
        }
    }
    Ok(world.commit.clone().map(|commit| Record::of(&mut before, Arc::new(commit), None).unwrap()))
}

pub fn take(world: &mut World, step: &Step) -> Option<Record> {
    match step {
        Step::Settle => {
            settle(world);
            None
        }
        Step::Do(Action::Members { bits }) => {
            let nodes: Vec<u64> = (1..5).filter(|node| bits >> node & 1 == 1).collect();
            world.membership(&nodes);
            None
        }
        Step::Do(action) => {
            let intent = world.intent(action)?;
            ask(world, intent).ok().flatten()
        }
    }
}

fn settle(world: &mut World) {
    go_on(world);
    let all: Vec<_> = world.state().all_partitions().map(|(topic, partition)| (topic, partition.clone())).collect();
    for (topic_id, partition) in all {
        let Some(leader) = partition.leader else { continue };
        let isr = partition.replicas.iter().filter(|id| world.state().active(**id));
        let change = IsrChange {
            topic_id,
            partition: partition.partition,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            isr: isr.map(|id| IsrMember { broker: *id, broker_epoch: None }).collect(),
            recovery_state: None,
        };
        drop(world.propose(leader.0, vec![change]));
    }
    go_on(world);
}

/// Everything that a commit changed and that an undo brings back is as it was before it.
fn is_as_before(record: &Record, before: &State, world: &World) {
    let state = world.state();
    let of = record.commit.index;
    for (change, was) in record.commit.changes.iter().zip(&record.beside.was) {
        match (record.commit.intent.as_ref().unwrap().inner(), change, was) {
            (Intent::ChangeConfigs { .. }, Change::ConfigsChanged { topic_id, .. }, Was::Value(Change::ConfigsChanged { configs, .. })) => {
                assert_eq!(&state.topic(*topic_id).unwrap().configs, configs);
            }
            (Intent::ChangeSettings { .. }, Change::SettingsChanged { .. }, Was::Value(Change::SettingsChanged { settings: old })) => {
                let mut now = state.settings().values.clone();
                if !old.values.contains_key("min.insync.replicas") && now.get("min.insync.replicas").is_some_and(|value| value == "1") {
                    now.remove("min.insync.replicas");
                }
                assert_eq!((&now, state.settings().min_isr()), (&old.values, old.min_isr()));
                return;
            }
            (
                Intent::FenceBroker { .. } | Intent::UnfenceBroker { .. },
                Change::BrokerChanged { broker },
                Was::Value(Change::BrokerChanged { broker: old }),
            ) => {
                assert_eq!(state.broker(broker.id).unwrap().held, old.held);
            }
            (
                Intent::DrainBroker { .. } | Intent::StopDrain { .. },
                Change::StandingChanged { id, .. },
                Was::Value(Change::StandingChanged { standing, .. }),
            ) => {
                assert_eq!(state.draining(*id), standing.draining.is_some());
            }
            (
                Intent::LimitReassignment { .. },
                Change::ReassignmentChanged { reassignment },
                Was::Value(Change::ReassignmentChanged { reassignment: old }),
            ) => {
                assert_eq!(state.reassignment(reassignment.id).unwrap().limits, old.limits);
            }
            (
                Intent::Elect { .. } | Intent::Lead { .. },
                Change::PartitionChanged { topic_id, partition },
                Was::Value(Change::PartitionChanged { partition: old, .. }),
            ) => {
                let now = state.partition(*topic_id, partition.partition).unwrap();
                let just_before = before.partition(*topic_id, partition.partition).unwrap();
                assert_eq!(now.leader, old.leader.or(partition.leader));
                assert_eq!((&now.isr, &now.replicas), (&just_before.isr, &just_before.replicas));
            }
            (Intent::DeleteTopic { .. }, Change::TopicDeleted { .. }, Was::Topic { topic, partitions }) => {
                let again = state.topic_by_name(&topic.name).unwrap();
                assert_eq!((&again.configs, again.id == topic.id), (&topic.configs, false));
                let now: Vec<_> = state.partitions_of(again.id).collect();
                assert_eq!(now.len(), partitions.len());
                let able = |id: &metadata::BrokerId| state.active(*id) && !state.draining(*id);
                for (now, old) in now.iter().zip(partitions).filter(|(_, old)| !old.moves() && old.replicas.iter().all(able)) {
                    assert!(now.replicas.starts_with(&old.replicas), "{now:?} {old:?}");
                }
            }
            _ => {}
        }
    }
    match world.commit.as_ref().unwrap().intent.as_ref().unwrap().inner() {
        Intent::CancelReassignment { .. } => assert_eq!(state.reassignment(of).unwrap().state, ReassignmentState::Cancelled),
        Intent::Reassign { .. } => {
            for (_, movement) in before.moves_of(of, 0).filter(|(_, movement)| movement.state == MoveState::Done) {
                let partition = state.partition(movement.topic_id, movement.partition).unwrap();
                let open = state.open_move(movement.topic_id, movement.partition).and_then(|(id, number)| state.movement(id, number));
                let goes_to = open.map_or(&partition.replicas, |open| &open.to);
                assert_eq!(*goes_to, movement.from, "{movement:?}");
            }
        }
        _ => {}
    }
}

/// Undoes a commit where it can be, and says whether it was.
fn undone(world: &mut World, record: &Record) -> Option<Record> {
    let before = world.state().clone();
    let intent = inverse(record, &before).ok()?;
    match ask(world, intent.clone()) {
        Ok(Some(undo)) => {
            assert_eq!(undo.commit.intent, Some(intent));
            invariants::hold_in(world.state());
            invariants::hold_between(&before, world.state(), &BTreeSet::new());
            is_as_before(record, &before, world);
            Some(undo)
        }
        Ok(None) => panic!("{intent:?} changes nothing"),
        Err(no) => {
            // Brokers went down or are drained meanwhile, or a number of replicas does not fit any more.
            let fits = matches!(
                no.code,
                Code::EligibleLeadersNotAvailable | Code::InvalidReplicaAssignment | Code::InvalidReplicationFactor | Code::InvalidConfig
            );
            assert!(fits, "{no}: {intent:?}");
            assert_eq!(*world.state(), before);
            None
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn undo_is_the_inverse(steps in prop::collection::vec(happening(), 1..40), late in any::<Index>()) {
        let mut world = World::online(&[101, 102, 103, 104]);
        world.create(by_hand("t", &[&[101, 102, 103], &[102, 103, 101]]));
        world.create(by_hand("u", &[&[103, 104], &[104, 101], &[102, 101]]));
        let mut records = Vec::new();
        for step in &steps {
            let Some(record) = take(&mut world, step).filter(offered) else { continue };
            // At once, and back again.
            let mut aside = world.clone();
            if let Some(undo) = undone(&mut aside, &record) && offered(&undo) {
                undone(&mut aside, &undo);
            }
            if let Ok(stale) = inverse(&record, world.state()) {
                records.push((record, stale));
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        // Later: nothing is overruled that came in between, also where the undo was made before it.
        let (record, stale) = late.get(&records);
        let now = inverse(record, world.state());
        let before = world.state().clone();
        let mut aside = world.clone();
        match (ask(&mut aside, stale.clone()), now) {
            (Ok(_), Err(no)) => {
                // How fast it may go has no revision of its own: it is compared when the undo is made.
                let compared = !matches!(stale.inner(), Intent::LimitReassignment { .. });
                prop_assert!(!compared || !matches!(no, NoInverse::Changed { .. } | NoInverse::Gone { .. }), "{:?}: {}", stale, no);
            }
            (Ok(_), Ok(_)) => {}
            (Err(_), _) => prop_assert_eq!(aside.state(), &before),
        }
        undone(&mut world, record);
    }
}
