//! Plans of movement: rebalances, drains, replacements, and plans larger than an entry (J3, J4, F11).

use crate::fixture::{World, by_hand, code, id, ids, topic};
use crate::moving::{SLOW, go_on, moves, placed, start, state_of, sync};
use metadata::intent::{Goal, Rebalance, Scope};
use metadata::reassignment::{Limits, ReassignmentState};
use metadata::{Code, Intent, views};

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
    assert_eq!(world.state().standing(id(101)).draining, Some(reassignment), "it is not replaced again, and gets nothing while it is down");
    // However much is asked since, it is not forgotten why the broker was emptied.
    for _ in 0..120 {
        let at = placed(world.partition("t", 0)).0;
        start(&mut world, crate::moving::moves(&[("t", 0, &at)], SLOW)).unwrap();
    }
    let before = world.state().standing(id(101));
    world.start(101);
    let after = world.state().standing(id(101));
    assert_eq!(after.draining, None, "back again, it may have replicas");
    assert!(after.since_ms > before.since_ms, "and is online since now (J10): {before:?}, {after:?}");
    let drain = Intent::DrainBroker { id: id(101), limits: Default::default(), expected: None };
    start(&mut world, drain).unwrap();
    world.expire(101);
    world.start(101);
    assert!(world.state().standing(id(101)).draining.is_some(), "a drain is an operator's, and stays");
}

#[test]
fn h10_a_drain_that_is_asked_for_again_goes_on_within_the_limits_that_are_given() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101], &[101]]));
    let drain = |per_broker| Intent::DrainBroker { id: id(101), limits: Limits { per_broker }, expected: None };
    let of = start(&mut world, drain(Some(1))).unwrap();
    for (given, holds) in [(None, Some(1)), (Some(1), Some(1)), (Some(7), Some(7))] {
        world.submit(drain(given)).unwrap().remove(0).unwrap();
        assert_eq!(world.state().reassignment(of).unwrap().limits.per_broker, holds, "{given:?}");
        assert_eq!(world.state().reassignments().count(), 1);
    }
}

#[test]
fn j3_the_end_of_a_drain_is_about_its_reassignment_whatever_has_begun() {
    for begun in [false, true] {
        let mut world = World::online(&[101, 102]);
        world.create(by_hand("t", &[&[101], &[101]]));
        let of = start(&mut world, Intent::DrainBroker { id: id(101), limits: SLOW, expected: None }).unwrap();
        if begun {
            go_on(&mut world);
        }
        assert_eq!(start(&mut world, Intent::StopDrain { id: id(101), expected: None }).unwrap(), of, "begun: {begun}");
    }
}

#[test]
fn j3_a_drained_broker_gets_nothing_by_hand_either() {
    let mut world = World::online(&[101, 102, 103]);
    start(&mut world, Intent::DrainBroker { id: id(103), limits: Limits::default(), expected: None }).unwrap();
    for (topic, code, field, allowed) in [
        (by_hand("t", &[&[101, 103]]), Code::InvalidReplicaAssignment, "assignments[0]", "brokers that are not drained"),
        (topic("t", 1, 3), Code::InvalidReplicationFactor, "replication_factor", "1 to 2"),
    ] {
        let refused = world.submit(Intent::CreateTopics { topics: vec![topic] }).unwrap().remove(0).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref(), refused.allowed.as_deref()), (code, Some(field), Some(allowed)));
    }
}

#[test]
fn j3_a_scope_has_its_list_and_no_other() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    let (t, b) = (vec!["t".to_owned()], vec![id(101), id(102)]);
    for (scope, topics, brokers, field) in [
        (Scope::Cluster, t.clone(), vec![], "rebalance.topics"),
        (Scope::Cluster, vec![], b.clone(), "rebalance.brokers"),
        (Scope::Topics, vec![], vec![], "rebalance.topics"),
        (Scope::Topics, t, b.clone(), "rebalance.brokers"),
        (Scope::Brokers, vec![], vec![], "rebalance.brokers"),
    ] {
        let rebalance = Rebalance { scope, topics, brokers, ..Rebalance::default() };
        let refused = world.submit(Intent::Rebalance { rebalance, limits: Default::default() }).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidRequest, Some(field)), "{scope:?}");
    }
    let gone = Rebalance { scope: Scope::Topics, topics: vec!["gone".to_owned()], ..Rebalance::default() };
    let refused = world.submit(Intent::Rebalance { rebalance: gone, limits: Default::default() }).unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::UnknownTopicOrPartition, Some("rebalance.topics")));
    let none = Intent::Reassign { moves: vec![], limits: Default::default(), allow_factor_change: true };
    assert_eq!(world.submit(none).unwrap_err().code, Code::InvalidRequest);
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

/// Steps come a thousand to an entry, and what is asked between two of these is done between them.
#[test]
fn h10_elections_fencings_and_creations_come_between_the_steps_of_moves() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &vec![&[101, 102][..]; 3_000]));
    let asked: Vec<(&str, u32, &[u32])> = (0..3_000).map(|partition| ("t", partition, &[101, 103][..])).collect();
    let reassignment = start(&mut world, moves(&asked, Limits { per_broker: Some(10_000) })).unwrap();
    let moving = |world: &World| world.state().progress(reassignment).moving;
    world.submit(Intent::ContinueReassignments).unwrap();
    assert_eq!(moving(&world), 1_000);
    world.create(by_hand("between", &[&[101, 102]]));
    world.expire(102);
    assert_eq!(world.roles("between"), (Some(101), vec![101], vec![]));
    world.submit(Intent::ContinueReassignments).unwrap();
    assert_eq!(moving(&world), 2_000);
}
