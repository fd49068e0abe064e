//! H: reassignments.

use crate::fixture::{World, by_hand, code, configs, id, ids, topic};
use metadata::intent::{AskedMove, ConfigOp, ConfigOpKind, Goal, NewTopic, Rebalance, Scope};
use metadata::reassignment::{Limits, MoveEnd, MoveState, ReassignmentState};
use metadata::{Code, GroupOutcome, Index, Intent, Partition, Rejection, views};

const SLOW: Limits = Limits { per_broker: Some(1) };

fn moves(asked: &[(&str, u32, &[u32])], limits: Limits) -> Intent {
    let one = |(topic, partition, replicas): &(&str, u32, &[u32])| AskedMove {
        topic: (*topic).to_owned(),
        partition: *partition,
        replicas: ids(replicas),
    };
    Intent::Reassign { moves: asked.iter().map(one).collect(), limits, allow_factor_change: true }
}

/// Begins a reassignment; its id.
fn start(world: &mut World, intent: Intent) -> Result<Index, Rejection> {
    match world.submit(intent)?.remove(0)? {
        GroupOutcome::Reassignment { id } => Ok(id),
        other => panic!("{other:?}"),
    }
}

/// The leader goes on until there is nothing more for it to do; how many entries that took.
fn go_on(world: &mut World) -> usize {
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
fn sync(world: &mut World) {
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

fn plain(ids: &[metadata::BrokerId]) -> Vec<u32> {
    ids.iter().map(|id| id.0).collect()
}

fn placed(partition: &Partition) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    (plain(&partition.replicas), plain(&partition.adding_replicas), plain(&partition.removing_replicas))
}

fn state_of(world: &World, id: Index) -> (ReassignmentState, Vec<(MoveState, Option<MoveEnd>)>) {
    let of = world.state().reassignment(id).unwrap();
    (of.state, world.state().moves_of(id, 0).map(|(_, one)| (one.state, one.end)).collect())
}

/// What the moves of a reassignment wait for, in words.
fn waits(world: &World, id: Index) -> Vec<Option<String>> {
    let of = world.state().reassignment(id).unwrap();
    views::reassignment(world.state(), of, None, 100).moves.into_iter().map(|one| one.waits_for).collect()
}

fn world() -> World {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101, 102, 103]]));
    world
}

#[test]
fn h1_a_move_adds_first_and_removes_last() {
    let mut world = world();
    let before = world.partition("t", 0).clone();
    let changed = world.state().topic(world.topic_id("t")).unwrap().changed_index;
    let id = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    assert_eq!(state_of(&world, id), (ReassignmentState::Running, vec![(MoveState::Waiting, None)]));
    assert!(world.state().topic(world.topic_id("t")).unwrap().changed_index > changed, "people asked something of the topic");
    go_on(&mut world);
    let partition = world.partition("t", 0);
    assert_eq!(placed(partition), (vec![104, 102, 103, 101], vec![104], vec![101]));
    assert_eq!((partition.leader, partition.leader_epoch), (before.leader, before.leader_epoch), "the leader leads on");
    assert_eq!(waits(&world, id), [Some("broker 104 to be in sync".to_owned())]);
    assert_eq!(world.state().total().under_replicated, 0, "what is being filled is not missed");
}

#[test]
fn h2_another_order_is_done_at_once() {
    let mut world = world();
    let before = world.partition("t", 0).clone();
    let id = start(&mut world, moves(&[("t", 0, &[103, 101, 102])], SLOW)).unwrap();
    go_on(&mut world);
    assert_eq!(state_of(&world, id), (ReassignmentState::Done, vec![(MoveState::Done, None)]));
    let after = world.partition("t", 0);
    assert_eq!((placed(after).0, after.leader, after.leader_epoch), (vec![103, 101, 102], before.leader, before.leader_epoch));
}

#[test]
fn h3_h4_it_completes_with_the_report_that_the_new_ones_are_in_sync() {
    let mut world = world();
    let id = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    let before = world.partition("t", 0).clone();
    world.set_isr("t", &[101, 102, 103, 104]);
    let after = world.partition("t", 0);
    assert_eq!(placed(after), (vec![104, 102, 103], vec![], vec![]));
    assert_eq!((plain(&after.isr), after.leader.map(|id| id.0)), (vec![102, 103, 104], Some(104)), "101 led, and is gone");
    assert_eq!(after.leader_epoch, before.leader_epoch + 1);
    assert_eq!(after.partition_epoch, before.partition_epoch + 1, "one change");
    assert_eq!(state_of(&world, id), (ReassignmentState::Done, vec![(MoveState::Done, None)]));
    assert!(world.state().reassignment(id).unwrap().ended_at_ms.is_some());
    assert!(!world.state().has_open_work());
}

#[test]
fn h3_an_unhealthy_replica_that_does_not_move_blocks_nothing() {
    let mut world = world();
    world.expire(103);
    let id = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    world.set_isr("t", &[101, 102, 104]);
    assert_eq!(state_of(&world, id).0, ReassignmentState::Done);
    assert_eq!(plain(&world.partition("t", 0).isr), [102, 104]);
}

#[test]
fn h3_but_where_the_set_becomes_smaller_all_that_stay_must_be_in_sync() {
    let mut world = world();
    world.set_isr("t", &[101, 102]);
    let id = start(&mut world, moves(&[("t", 0, &[101, 103])], SLOW)).unwrap();
    go_on(&mut world);
    assert_eq!(placed(world.partition("t", 0)), (vec![101, 103, 102], vec![], vec![102]));
    assert_eq!(state_of(&world, id).1, [(MoveState::Moving, None)]);
    world.set_isr("t", &[101, 102, 103]);
    assert_eq!((state_of(&world, id).0, placed(world.partition("t", 0)).0), (ReassignmentState::Done, vec![101, 103]));
}

#[test]
fn h5_h8_a_cancelled_move_goes_back_and_loses_nothing() {
    let mut world = world();
    let id = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    let before = world.partition("t", 0).leader_epoch;
    // The old replicas but one are down: what remains in sync is enough to go back.
    world.expire(102);
    world.expire(103);
    world.submit(Intent::CancelReassignment { id }).unwrap().remove(0).unwrap();
    assert_eq!(state_of(&world, id), (ReassignmentState::Cancelled, vec![(MoveState::Cancelled, Some(MoveEnd::CalledOff))]));
    let after = world.partition("t", 0);
    assert_eq!((placed(after), plain(&after.isr)), ((vec![101, 102, 103], vec![], vec![]), vec![101]));
    assert_eq!((after.leader.map(|id| id.0), after.leader_epoch), (Some(101), before + 1), "104 learns it from the epoch (H7)");
    assert_eq!(code(world.submit(Intent::CancelReassignment { id })), Code::NoReassignmentInProgress);
}

/// Only the new replica is in sync.
fn only_the_new_one(unclean: &str) -> (World, Index) {
    let mut world = World::online(&[101, 102, 104]);
    world.create(NewTopic { configs: configs(&[("unclean.leader.election.enable", unclean)]), ..by_hand("t", &[&[101, 102]]) });
    let id = start(&mut world, moves(&[("t", 0, &[104, 102])], SLOW)).unwrap();
    go_on(&mut world);
    // 102 has fallen behind, so the move to [104, 102] completes without it; the move is kept open by a second new replica.
    world.start(105);
    let id = start(&mut world, moves(&[("t", 0, &[104, 105])], SLOW)).map(|new| new.max(id)).unwrap();
    go_on(&mut world);
    world.set_isr("t", &[101, 104]);
    world.expire(101);
    assert_eq!(world.roles("t"), (Some(104), vec![104], vec![]));
    (world, id)
}

#[test]
fn h5_h8_where_nobody_of_before_is_in_sync_it_is_refused_unless_records_may_be_lost() {
    let (mut world, id) = only_the_new_one("false");
    let refused = world.submit(Intent::CancelReassignment { id }).unwrap_err();
    assert_eq!(refused.code, Code::EligibleLeadersNotAvailable);
    assert!(refused.detail.contains("t-0"), "{refused}");
    let (mut world, id) = only_the_new_one("true");
    world.submit(Intent::CancelReassignment { id }).unwrap().remove(0).unwrap();
    let after = world.partition("t", 0);
    assert_eq!((after.leader.map(|id| id.0), after.recovery_state), (Some(102), metadata::RecoveryState::Recovering));
}

#[test]
fn h6_a_new_move_over_a_running_one_counts_from_what_was_there_before() {
    let mut world = world();
    world.start(105);
    let first = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    let second = start(&mut world, moves(&[("t", 0, &[105, 104, 102])], SLOW)).unwrap();
    assert_eq!(state_of(&world, first), (ReassignmentState::Done, vec![(MoveState::Cancelled, Some(MoveEnd::Overridden))]));
    go_on(&mut world);
    // 104 is still being added, though the current list contains it already.
    assert_eq!(placed(world.partition("t", 0)), (vec![105, 104, 102, 103, 101], vec![105, 104], vec![103, 101]));
    world.set_isr("t", &[101, 102, 103, 105]);
    assert_eq!(state_of(&world, second).0, ReassignmentState::Running, "104 is not in sync yet");
    sync(&mut world);
    assert_eq!((state_of(&world, second).0, placed(world.partition("t", 0)).0), (ReassignmentState::Done, vec![105, 104, 102]));
}

#[test]
fn h6_what_an_overridden_move_began_is_taken_back_with_the_one_that_overrode_it() {
    let mut world = world();
    start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    let second = start(&mut world, moves(&[("t", 0, &[103, 102, 104])], SLOW)).unwrap();
    world.submit(Intent::CancelReassignment { id: second }).unwrap().remove(0).unwrap();
    assert_eq!(placed(world.partition("t", 0)), (vec![101, 102, 103], vec![], vec![]));
}

/// What happens during a move, and what becomes of it.
#[test]
fn h9_what_happens_during_a_move() {
    type Case = (&'static str, fn(&mut World), (MoveState, Option<MoveEnd>), &'static str);
    let cases: [Case; 6] = [
        (
            "the topic is deleted",
            |world| drop(world.submit(Intent::DeleteTopic { name: "t".into(), expected: None }).unwrap()),
            (MoveState::Cancelled, Some(MoveEnd::TopicDeleted)),
            "",
        ),
        ("the target is fenced", |world| world.expire(104), (MoveState::Moving, None), "broker 104 to be online"),
        (
            "the target is unregistered",
            |world| drop(world.submit(Intent::UnregisterBroker { id: id(104), expected: None }).unwrap()),
            (MoveState::Failed, Some(MoveEnd::TargetUnregistered)),
            "",
        ),
        (
            "the source is unregistered",
            |world| drop(world.submit(Intent::UnregisterBroker { id: id(101), expected: None }).unwrap()),
            (MoveState::Moving, None),
            "broker 104 to be in sync",
        ),
        (
            "the partition is offline",
            |world| [101, 102, 103].into_iter().for_each(|broker| world.expire(broker)),
            (MoveState::Moving, None),
            "broker 104 to be in sync",
        ),
        (
            "the rack changes",
            |world| {
                let moved = metadata::intent::Registration { rack: Some("other".into()), ..crate::fixture::registration(104, 1) };
                world.register(moved).unwrap();
            },
            (MoveState::Moving, None),
            "broker 104 to be in sync",
        ),
    ];
    for (what, happens, becomes, waits_for) in cases {
        let mut world = world();
        let reassignment = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
        go_on(&mut world);
        happens(&mut world);
        go_on(&mut world);
        assert_eq!(state_of(&world, reassignment).1, [becomes], "{what}");
        assert_eq!(waits(&world, reassignment)[0].as_deref().unwrap_or_default(), waits_for, "{what}");
        let ended = world.state().reassignment(reassignment).unwrap().ended_at_ms.is_some();
        assert_eq!(ended, becomes.0.ended(), "{what}");
        if becomes.0 == MoveState::Failed {
            assert_eq!(
                (state_of(&world, reassignment).0, placed(world.partition("t", 0))),
                (ReassignmentState::Failed, (vec![101, 102, 103], vec![], vec![]))
            );
        }
    }
}

#[test]
fn h9_a_move_to_a_broker_that_is_down_waits_and_says_for_whom() {
    let mut world = world();
    world.expire(104);
    let id = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    assert_eq!(go_on(&mut world), 0);
    assert_eq!(waits(&world, id), [Some("broker 104 to be online".to_owned())]);
    world.beat(104);
    assert_eq!(go_on(&mut world), 1);
}

#[test]
fn h10_at_most_so_many_into_and_out_of_a_broker_and_it_may_change_while_it_runs() {
    let mut world = World::online(&[101, 102, 103]);
    let rows: Vec<&[u32]> = vec![&[101, 102]; 6];
    world.create(by_hand("t", &rows));
    let asked: Vec<(&str, u32, &[u32])> = (0..6).map(|partition| ("t", partition, &[103, 102][..])).collect();
    let reassignment = start(&mut world, moves(&asked, Limits { per_broker: Some(2) })).unwrap();
    let moving = |world: &World| world.state().progress(reassignment).moving;
    go_on(&mut world);
    assert_eq!((moving(&world), world.state().flight(id(103)).into, world.state().flight(id(101)).out_of), (2, 2, 2));
    assert_eq!(waits(&world, reassignment)[2].as_deref(), Some("one of 2 moves into broker 103 to end"));
    world.submit(Intent::LimitReassignment { id: reassignment, limits: Limits { per_broker: Some(5) } }).unwrap().remove(0).unwrap();
    go_on(&mut world);
    assert_eq!(moving(&world), 5);
    sync(&mut world);
    go_on(&mut world);
    sync(&mut world);
    assert_eq!(state_of(&world, reassignment).0, ReassignmentState::Done);
    assert_eq!(world.state().flight(id(103)), Default::default());
}

#[test]
fn h10_without_a_limit_of_its_own_the_setting_holds() {
    let mut world = World::online(&[101, 102, 103]);
    let rows: Vec<&[u32]> = vec![&[101, 102]; 6];
    world.create(by_hand("t", &rows));
    let op = ConfigOp { key: "reassignment.max.per.broker".into(), op: ConfigOpKind::Set, value: Some("3".into()) };
    world.submit(Intent::ChangeSettings { ops: vec![op], expected: None }).unwrap();
    let asked: Vec<(&str, u32, &[u32])> = (0..6).map(|partition| ("t", partition, &[103, 102][..])).collect();
    let id = start(&mut world, moves(&asked, Limits::default())).unwrap();
    go_on(&mut world);
    assert_eq!(world.state().progress(id).moving, 3);
}

#[test]
fn h11_another_leader_goes_on_from_the_state_alone() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &[&[101, 102], &[101, 102], &[101, 102]]));
    let asked: Vec<(&str, u32, &[u32])> = (0..3).map(|partition| ("t", partition, &[103, 102][..])).collect();
    let reassignment = start(&mut world, moves(&asked, SLOW)).unwrap();
    for done in 1..=3 {
        // All that a new leader has is what the snapshot holds.
        let bytes = metadata::snapshot::encode_machine(&world.machine).unwrap();
        world.machine = metadata::snapshot::decode_machine(&bytes).unwrap();
        go_on(&mut world);
        assert_eq!(world.state().progress(reassignment).moving, 1);
        sync(&mut world);
        assert_eq!(world.state().progress(reassignment).done, done);
    }
    assert_eq!(state_of(&world, reassignment).0, ReassignmentState::Done);
}

#[test]
fn h1_what_cannot_be_is_refused_by_field() {
    let intent = |moves: Vec<AskedMove>, allow| Intent::Reassign { moves, limits: Limits::default(), allow_factor_change: allow };
    let one = |topic: &str, partition, replicas: &[u32]| AskedMove { topic: topic.to_owned(), partition, replicas: ids(replicas) };
    let cases = [
        (intent(vec![], true), Code::PolicyViolation, "moves"),
        (intent(vec![one("gone", 0, &[101])], true), Code::UnknownTopicOrPartition, "moves[0].topic"),
        (intent(vec![one("t", 9, &[101])], true), Code::UnknownTopicOrPartition, "moves[0].partition"),
        (intent(vec![one("t", 0, &[])], true), Code::InvalidReplicaAssignment, "moves[0].replicas"),
        (intent(vec![one("t", 0, &[101, 101])], true), Code::InvalidReplicaAssignment, "moves[0].replicas"),
        (intent(vec![one("t", 0, &[101, 9, 102])], true), Code::InvalidReplicaAssignment, "moves[0].replicas"),
        (intent(vec![one("t", 0, &[101, 102])], false), Code::InvalidReplicationFactor, "moves[0].replicas"),
        (
            intent(vec![one("t", 0, &[104, 102, 103]), one("t", 0, &[104, 102, 101])], true),
            Code::InvalidReplicaAssignment,
            "moves[1].partition",
        ),
    ];
    for (intent, expected, field) in cases {
        let mut world = world();
        let refused = world.submit(intent.clone()).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (expected, Some(field)), "{intent:?}");
    }
    let mut world = world();
    let limits = Limits { per_broker: Some(0) };
    assert_eq!(world.submit(moves(&[("t", 0, &[104, 102, 103])], limits)).unwrap_err().field.as_deref(), Some("limits.per_broker"));
}

#[test]
fn h1_another_replication_factor() {
    let mut world = world();
    let factor = |factor| Intent::ChangeFactor { name: "t".into(), replication_factor: factor, limits: Limits::default(), expected: None };
    for asked in [0, -1, 5] {
        assert_eq!(code(world.submit(factor(asked))), Code::InvalidReplicationFactor, "{asked}");
    }
    start(&mut world, factor(4)).unwrap();
    go_on(&mut world);
    sync(&mut world);
    assert_eq!((world.state().replication_factor(world.topic_id("t")), placed(world.partition("t", 0)).0), (4, vec![101, 102, 103, 104]));
    start(&mut world, factor(2)).unwrap();
    go_on(&mut world);
    let partition = world.partition("t", 0);
    assert_eq!((partition.replicas.len(), partition.leader.map(|id| id.0)), (2, Some(101)), "the leader stays");
}

#[test]
fn j3_a_rebalance_evens_out_with_the_least_movement() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(topic("t", 30, 2));
    world.start(104);
    let rebalance = Intent::Rebalance { rebalance: Rebalance::default(), limits: Limits { per_broker: Some(1_000) } };
    let before: Vec<u32> = [101, 102, 103, 104].map(|broker| world.state().load(id(broker)).replicas).to_vec();
    assert_eq!(before, [20, 20, 20, 0], "a broker that joins gets nothing by itself");
    let planned = world.plan(&rebalance).unwrap().groups();
    let effect = views::effect(world.state(), &planned[0].commands).unwrap();
    assert_eq!(effect.iter().map(|one| one.replicas_after).collect::<Vec<_>>(), [15; 4]);
    let reassignment = start(&mut world, rebalance.clone()).unwrap();
    let data = world.state().moves_of(reassignment, 0).filter(|(_, one)| one.to.iter().any(|id| !one.from.contains(id))).count();
    assert_eq!(data, 15, "as many replicas move as the new broker gets");
    go_on(&mut world);
    sync(&mut world);
    go_on(&mut world);
    assert_eq!(state_of(&world, reassignment).0, ReassignmentState::Done);
    assert_eq!([101, 102, 103, 104].map(|broker| world.state().load(id(broker)).replicas), [15; 4]);
    let again = start(&mut world, rebalance).unwrap();
    assert_eq!((world.state().reassignment(again).unwrap().total, state_of(&world, again).0), (0, ReassignmentState::Done));
}

#[test]
fn j3_racks_come_first_and_are_never_worse_after_it() {
    let mut world = World::racks(&[2, 2, 2]);
    world.create(by_hand("t", &[&[100, 101], &[100, 101], &[200, 201], &[100, 300]]));
    let reassignment = start(&mut world, Intent::Rebalance { rebalance: Rebalance::default(), limits: Limits::default() }).unwrap();
    for (_, one) in world.state().moves_of(reassignment, 0) {
        let racks: std::collections::BTreeSet<u32> = one.to.iter().map(|id| id.0 / 100).collect();
        assert_eq!(racks.len(), 2, "{one:?}");
    }
    go_on(&mut world);
    sync(&mut world);
    let loads: Vec<u32> = world.state().brokers().map(|broker| world.state().load(broker.id).replicas).collect();
    assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{loads:?}");
}

#[test]
fn j3_goal_scope_and_bound() {
    let mut world = World::online(&[101, 102, 103]);
    let rows: Vec<&[u32]> = vec![&[101, 102]; 8];
    world.create(by_hand("t", &rows));
    world.create(by_hand("u", &rows));
    let moves = |world: &World, rebalance: Rebalance| {
        let groups = world.plan(&Intent::Rebalance { rebalance, limits: Limits::default() }).unwrap().groups();
        match &groups[0].commands[0] {
            metadata::Command::StartReassignment { moves, total, .. } => {
                assert_eq!(moves.len() as u32, *total);
                moves.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let leaders = moves(&world, Rebalance { goal: Goal::Leaders, ..Rebalance::default() });
    assert_eq!(leaders.len(), 8, "half of them are led by the other replica");
    assert!(leaders.iter().all(|one| one.to.iter().all(|id| one.from.contains(id))), "no data moves");
    let bounded = moves(&world, Rebalance { max_moves: Some(3), ..Rebalance::default() });
    assert_eq!(bounded.len(), 3);
    let topic_id = world.topic_id("u");
    let of_topic = moves(&world, Rebalance { scope: Scope::Topics, topics: vec!["u".into()], ..Rebalance::default() });
    assert!(!of_topic.is_empty() && of_topic.iter().all(|one| one.topic_id == topic_id));
    let between = moves(&world, Rebalance { scope: Scope::Brokers, brokers: ids(&[101, 102]), ..Rebalance::default() });
    assert!(between.iter().all(|one| !one.to.contains(&id(103))));
    let unknown = Rebalance { scope: Scope::Topics, topics: vec!["gone".into()], ..Rebalance::default() };
    assert_eq!(code(world.submit(Intent::Rebalance { rebalance: unknown, limits: Limits::default() })), Code::UnknownTopicOrPartition);
}

#[test]
fn a_drain_moves_everything_off_leaders_first_and_nothing_comes_back() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &[&[102, 101], &[101, 102]]));
    let changed = world.broker(101).changed_index;
    let drain = Intent::DrainBroker { id: id(101), limits: Limits::default(), expected: None };
    let reassignment = start(&mut world, drain.clone()).unwrap();
    assert!(world.broker(101).changed_index > changed);
    let first = world.state().movement(reassignment, 0).unwrap();
    assert_eq!(first.partition, 1, "what it leads goes first");
    assert!(world.state().draining(id(101)));
    world.submit(drain).unwrap();
    assert_eq!(world.commit, None, "asked again, it goes on as it does");
    world.create(topic("new", 3, 2));
    assert_eq!(world.state().load(id(101)).replicas, 2, "it gets nothing new");
    go_on(&mut world);
    sync(&mut world);
    go_on(&mut world);
    assert_eq!((state_of(&world, reassignment).0, world.state().load(id(101)).replicas), (ReassignmentState::Done, 0));
    assert!(world.state().draining(id(101)), "until somebody says otherwise");
    world.submit(Intent::StopDrain { id: id(101), expected: None }).unwrap().remove(0).unwrap();
    assert!(!world.state().draining(id(101)));
    assert_eq!(code(world.submit(Intent::StopDrain { id: id(101), expected: None })), Code::NoReassignmentInProgress);
}

#[test]
fn a_drain_that_is_stopped_takes_back_what_it_began() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &[&[101, 102], &[102, 101]]));
    let limits = SLOW;
    let reassignment = start(&mut world, Intent::DrainBroker { id: id(101), limits, expected: None }).unwrap();
    go_on(&mut world);
    world.submit(Intent::StopDrain { id: id(101), expected: None }).unwrap().remove(0).unwrap();
    assert_eq!(state_of(&world, reassignment).0, ReassignmentState::Cancelled);
    assert_eq!([0, 1].map(|partition| placed(world.partition("t", partition)).0), [vec![101, 102], vec![102, 101]]);
}

#[test]
fn a_drain_that_would_break_factor_or_rack_names_the_partitions() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    let refused = world.submit(Intent::DrainBroker { id: id(101), limits: Limits::default(), expected: None }).unwrap_err();
    assert_eq!(refused.code, Code::InvalidReplicaAssignment);
    assert!(refused.detail.contains("t-0"), "{refused}");
    let mut world = World::racks(&[2, 1]);
    world.create(by_hand("t", &[&[100, 200]]));
    let refused = world.submit(Intent::DrainBroker { id: id(200), limits: Limits::default(), expected: None }).unwrap_err();
    assert!(refused.detail.contains("t-0"), "the only broker of its rack: {refused}");
    start(&mut world, Intent::DrainBroker { id: id(100), limits: Limits::default(), expected: None }).unwrap();
}

#[test]
fn j4_what_is_down_for_too_long_is_replaced() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &[&[101, 102]]));
    let replace = |world: &World| Intent::ReplaceBroker { id: id(101), broker_epoch: world.broker(101).epoch };
    let intent = replace(&world);
    assert!(world.submit(intent).unwrap().iter().all(Result::is_ok) && world.commit.is_none(), "it is online");
    world.expire(101);
    let intent = replace(&world);
    let reassignment = start(&mut world, intent).unwrap();
    assert_eq!(world.state().reassignment(reassignment).unwrap().reason, metadata::reassignment::Why::Replacement);
    go_on(&mut world);
    sync(&mut world);
    assert_eq!(placed(world.partition("t", 0)).0, [103, 102]);
}

#[test]
fn f11_a_plan_of_any_size_goes_into_entries_of_ten_thousand() {
    let mut world = World::online(&[101, 102]);
    for nth in 0..3 {
        let rows: Vec<&[u32]> = vec![&[101]; 8_000];
        world.create(by_hand(&format!("t{nth}"), &rows));
    }
    world.start(103);
    let limits = Limits { per_broker: Some(10_000) };
    let reassignment = start(&mut world, Intent::DrainBroker { id: id(101), limits, expected: None }).unwrap();
    let planned = |world: &World| world.state().reassignment(reassignment).map(|of| (of.planned, of.total)).unwrap();
    assert_eq!(planned(&world), (10_000, 24_000));
    let mut entries = 0;
    while planned(&world).0 < 24_000 {
        let outcomes = world.submit(Intent::ContinueReassignments).unwrap();
        assert!(outcomes.len() <= 1_000);
        entries += 1;
        assert!(entries < 200, "{:?}", planned(&world));
        if outcomes.is_empty() {
            break;
        }
    }
    assert_eq!(planned(&world), (24_000, 24_000));
    assert_eq!(world.state().reassignment(reassignment).unwrap().state, ReassignmentState::Running);
}
