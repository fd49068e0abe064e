//! H5, H6, H8: a move over another, and what is left of both when either is cut short.

use crate::fixture::{World, by_hand, code, configs, id};
use crate::moving::{SLOW, go_on, moves, placed, plain, start, state_of, sync, waits};
use metadata::intent::{IsrChange, NewTopic};
use metadata::reassignment::{MoveState, ReassignmentState};
use metadata::{Code, Index, Intent};

/// A partition that moves from [101, 102, 103] to [104, 102, 103], and a second move that goes to 105 instead.
fn overridden(second_begins: bool) -> (World, Index) {
    let mut world = World::online(&[101, 102, 103, 104, 105]);
    world.create(by_hand("t", &[&[101, 102, 103]]));
    start(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    if !second_begins {
        world.expire(105);
    }
    let second = start(&mut world, moves(&[("t", 0, &[105, 102, 103])], SLOW)).unwrap();
    go_on(&mut world);
    (world, second)
}

#[test]
fn h6_what_completes_the_first_move_is_not_the_end_of_the_one_that_overrode_it() {
    let (mut world, second) = overridden(false);
    world.set_isr("t", &[101, 102, 103, 104]);
    go_on(&mut world);
    assert_eq!(state_of(&world, second), (ReassignmentState::Running, vec![(MoveState::Waiting, None)]), "105 is offline");
    world.start(105);
    go_on(&mut world);
    sync(&mut world);
    assert_eq!(state_of(&world, second).0, ReassignmentState::Done);
    assert_eq!(placed(world.partition("t", 0)), (vec![105, 102, 103], vec![], vec![]));
}

#[test]
fn h6_one_that_began_over_another_goes_back_to_what_was_before_both() {
    for begins in [false, true] {
        let (mut world, second) = overridden(begins);
        assert_eq!(state_of(&world, second).1[0].0, if begins { MoveState::Moving } else { MoveState::Waiting });
        world.submit(Intent::CancelReassignment { id: second }).unwrap().remove(0).unwrap();
        let partition = world.partition("t", 0);
        assert_eq!((placed(partition).0, plain(&partition.isr)), (vec![101, 102, 103], vec![101, 102, 103]), "{begins}");
    }
}

#[test]
fn h6_a_third_move_counts_from_what_was_before_all() {
    let (mut world, _) = overridden(true);
    let third = start(&mut world, moves(&[("t", 0, &[101, 102, 104])], SLOW)).unwrap();
    world.submit(Intent::CancelReassignment { id: third }).unwrap().remove(0).unwrap();
    assert_eq!(placed(world.partition("t", 0)).0, [101, 102, 103]);
}

#[test]
fn h5_h8_nobody_in_sync_is_no_reason_to_drop_the_only_one_that_has_everything() {
    let mut world = World::online(&[101, 102, 104, 105]);
    world.create(by_hand("t", &[&[101, 102]]));
    let reassignment = start(&mut world, moves(&[("t", 0, &[104, 105])], SLOW)).unwrap();
    go_on(&mut world);
    world.set_isr("t", &[101, 104]);
    world.expire(101);
    world.expire(104);
    assert_eq!(world.roles("t"), (None, vec![], vec![104]));
    assert_eq!(code(world.submit(Intent::CancelReassignment { id: reassignment })), Code::EligibleLeadersNotAvailable);
    // It comes back, and leads; the other fills up.
    world.start(104);
    assert_eq!(world.partition("t", 0).leader, Some(id(104)));
    sync(&mut world);
    assert_eq!(placed(world.partition("t", 0)).0, [104, 105]);
}

/// H6, H10: what two overridden moves hold is what the two that overrode them wait for, each for the other's.
#[test]
fn h6_moves_that_wait_for_what_each_others_overridden_ones_hold_come_free() {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101], &[102]]));
    start(&mut world, moves(&[("t", 0, &[103]), ("t", 1, &[104])], SLOW)).unwrap();
    go_on(&mut world);
    let crossed = start(&mut world, moves(&[("t", 0, &[104]), ("t", 1, &[103])], SLOW)).unwrap();
    for _ in 0..4 {
        go_on(&mut world);
        for broker in [103, 104].map(id) {
            assert!(world.state().flight(broker).into <= 1, "{broker} has more under way than it may");
        }
        sync(&mut world);
    }
    assert_eq!(state_of(&world, crossed).0, ReassignmentState::Done);
    assert_eq!([0, 1].map(|partition| placed(world.partition("t", partition)).0), [[104], [103]]);
}

/// H5, H8: who leads is one that the move brought, and of those before it one is eligible and offline.
#[test]
fn h8_a_move_is_not_taken_back_from_the_only_one_that_can_lead() {
    for (unclean, others, refused) in [("false", true, true), ("true", true, false), ("true", false, true)] {
        let mut world = World::online(&[101, 102, 103, 104]);
        let keys = [("min.insync.replicas", "2"), ("unclean.leader.election.enable", unclean)];
        world.create(NewTopic { configs: configs(&keys), ..by_hand("t", &[&[101, 102]]) });
        let reassignment = start(&mut world, moves(&[("t", 0, &[103, 104])], SLOW)).unwrap();
        go_on(&mut world);
        // 103 is in sync, 104 and 102 are not, and 101, which was before it, stops.
        world.set_isr("t", &[101, 103]);
        world.expire(101);
        if !others {
            world.expire(102);
        }
        assert_eq!(world.roles("t"), (Some(103), vec![103], vec![101]));
        let cancelled = world.submit(Intent::CancelReassignment { id: reassignment });
        assert_eq!(cancelled.err().map(|no| no.code), refused.then_some(Code::EligibleLeadersNotAvailable), "{unclean} {others}");
        go_on(&mut world);
        assert!(world.partition("t", 0).leader.is_some(), "{unclean} {others}: nobody leads {:?}", world.partition("t", 0));
    }
}

/// H6: who holds what another waits for may itself wait for a broker that is down.
#[test]
fn h6_what_an_overridden_move_holds_is_let_go_though_its_successor_waits_for_a_broker() {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101], &[102]]));
    start(&mut world, moves(&[("t", 0, &[103])], SLOW)).unwrap();
    go_on(&mut world);
    world.expire(104);
    let waits = start(&mut world, moves(&[("t", 0, &[104])], SLOW)).unwrap();
    let other = start(&mut world, moves(&[("t", 1, &[103])], SLOW)).unwrap();
    go_on(&mut world);
    sync(&mut world);
    assert_eq!(state_of(&world, other).0, ReassignmentState::Done);
    assert_eq!(state_of(&world, waits), (ReassignmentState::Running, vec![(MoveState::Waiting, None)]));
    assert_eq!(placed(world.partition("t", 0)), (vec![101], vec![], vec![]));
}

/// H8: one that waits has to take back what it overrode, and cannot.
#[test]
fn h8_a_waiting_move_over_one_that_cannot_go_back_is_not_called_off() {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[104]]));
    start(&mut world, moves(&[("t", 0, &[101, 102])], SLOW)).unwrap();
    go_on(&mut world);
    world.set_isr("t", &[104, 101]);
    world.expire(104);
    assert_eq!(world.roles("t").1, [101]);
    let over = start(&mut world, moves(&[("t", 0, &[102, 103])], SLOW)).unwrap();
    assert_eq!(code(world.submit(Intent::CancelReassignment { id: over })), Code::EligibleLeadersNotAvailable);
    world.start(104);
    world.set_isr("t", &[101, 104]);
    world.submit(Intent::CancelReassignment { id: over }).unwrap().remove(0).unwrap();
    assert_eq!(placed(world.partition("t", 0)), (vec![104], vec![], vec![]));
}

/// E3: also of a partition that moves, and not of one that goes on recovering.
#[test]
fn e3_an_unclean_election_of_a_partition_that_moves_is_one() {
    let mut world = World::online(&[101, 102, 103, 104]);
    let keys = configs(&[("unclean.leader.election.enable", "true")]);
    world.create(NewTopic { configs: keys, ..by_hand("t", &[&[101, 102]]) });
    start(&mut world, moves(&[("t", 0, &[103, 104])], SLOW)).unwrap();
    go_on(&mut world);
    world.set_isr("t", &[101]);
    world.expire(101);
    let commit = world.commit.clone().unwrap();
    assert!(world.partition("t", 0).moves() && world.partition("t", 0).leader.is_some());
    assert_eq!(commit.elected_uncleanly().count(), 1);
}

/// H8: of several moves those go back that can, and the others stay open and say why.
#[test]
fn h8_of_several_moves_those_go_back_that_can() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &[&[101], &[102]]));
    let limits = metadata::reassignment::Limits { per_broker: Some(5) };
    let both = start(&mut world, moves(&[("t", 0, &[103]), ("t", 1, &[103, 101])], limits)).unwrap();
    go_on(&mut world);
    let report = |world: &mut World, isr: &[u32]| {
        let now = world.partition("t", 1).clone();
        let (partition, leader_epoch, partition_epoch) = (1, now.leader_epoch, now.partition_epoch);
        let change = IsrChange { partition, leader_epoch, partition_epoch, ..world.isr_change("t", isr) };
        world.propose(now.leader.unwrap().0, vec![change]).unwrap().remove(0).unwrap();
    };
    report(&mut world, &[102, 103]);
    world.expire(102);
    world.submit(Intent::CancelReassignment { id: both }).unwrap().remove(0).unwrap();
    go_on(&mut world);
    let states: Vec<_> = state_of(&world, both).1.into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [MoveState::Cancelled, MoveState::Moving]);
    assert_eq!(placed(world.partition("t", 0)).0, [101]);
    assert_eq!(world.partition("t", 1).leader, Some(id(103)), "the only one that has the records leads on");
    let said = waits(&world, both).remove(1).unwrap_or_default();
    assert!(said.contains("before"), "{said}");
    world.start(102);
    report(&mut world, &[103, 102]);
    go_on(&mut world);
    assert_eq!(placed(world.partition("t", 1)).0, [102]);
    assert_eq!(state_of(&world, both).0, ReassignmentState::Cancelled);
}
