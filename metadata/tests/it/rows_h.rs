//! H: reassignments, step by step.

use crate::fixture::{World, by_hand, code, configs, id, ids};
use crate::moving::{SLOW, go_on, moves, placed, plain, start, state_of, sync, waits};
use metadata::intent::{AskedMove, ConfigOp, ConfigOpKind, NewTopic};
use metadata::reassignment::{Limits, MoveEnd, MoveState, ReassignmentState};
use metadata::views::below_minimum;
use metadata::{Code, Index, Intent};

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

#[test]
fn h8_what_going_back_leaves_below_the_minimum_is_named() {
    for (minimum, named) in [("1", vec![]), ("2", vec!["t-0"])] {
        let mut world = World::online(&[101, 102, 103, 104]);
        world.create(NewTopic { configs: configs(&[("min.insync.replicas", minimum)]), ..by_hand("t", &[&[101, 102, 103]]) });
        let id = start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
        go_on(&mut world);
        world.expire(102);
        world.expire(103);
        world.submit(Intent::CancelReassignment { id }).unwrap().remove(0).unwrap();
        let of = world.state().reassignment(id).unwrap().clone();
        assert_eq!(below_minimum(world.state(), &of, 10), named, "minimum {minimum}");
        assert!(below_minimum(world.state(), &of, 0).is_empty());
    }
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
        (intent(vec![], true), Code::InvalidRequest, "moves"),
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
