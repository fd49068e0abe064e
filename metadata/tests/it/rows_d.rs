//! D: a leader's proposals for the ISR, checked in the order of the table.

use crate::fixture::{Event, Outcomes, World, by_hand, code, configs, id, only_code};
use metadata::command::PartitionTarget;
use metadata::intent::{IsrChange, IsrMember, NewTopic};
use metadata::{BrokerState, Code, Command, GroupOutcome, Intent, RecoveryState, Rejection, TopicId};
use uuid::Uuid;

/// Brokers 101 to 104; 101 leads `t` with 102 in sync and 103 fallen out of sync: leader epoch 0, partition epoch 1.
fn world() -> World {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101, 102, 103]]));
    world.set_isr("t", &[101, 102]);
    world
}

fn propose(world: &mut World, sender: u32, change: IsrChange) -> Outcomes {
    world.propose(sender, vec![change]).unwrap()
}

fn member(broker: u32, broker_epoch: Option<u64>) -> IsrMember {
    IsrMember { broker: id(broker), broker_epoch }
}

/// The leader is lost, and so is everybody else who held anything: 101 comes back and leads uncleanly.
fn recovering() -> World {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    world.set_isr("t", &[101]);
    world.restart_uncleanly(101, 2);
    assert_eq!(world.partition("t", 0).recovery_state, RecoveryState::Recovering);
    world
}

#[test]
fn d1_a_stale_sender_is_refused_whole() {
    let mut world = world();
    let change = world.isr_change("t", &[101]);
    let broker_epoch = world.broker(101).epoch;
    for (sender, broker_epoch, expected) in [
        (101, broker_epoch - 1, Code::StaleBrokerEpoch),
        (101, broker_epoch + 1, Code::StaleBrokerEpoch),
        (999, broker_epoch, Code::BrokerIdNotRegistered),
    ] {
        let intent = Intent::ChangeIsr { id: id(sender), broker_epoch, changes: vec![change.clone()] };
        assert_eq!(code(world.submit(intent)), expected);
    }
}

#[test]
fn d2_unknown_topics_and_partitions_are_told_apart() {
    let mut world = world();
    let good = world.isr_change("t", &[101]);
    let elsewhere = IsrChange { topic_id: TopicId(Uuid::from_u128(1)), ..good.clone() };
    assert_eq!(only_code(&propose(&mut world, 101, elsewhere)), Code::UnknownTopicId);
    assert_eq!(only_code(&propose(&mut world, 101, IsrChange { partition: 1, ..good })), Code::UnknownTopicOrPartition);
}

#[test]
fn d3_to_d6_epochs_and_leadership_are_checked_in_this_order() {
    // Leader epoch 1 after 101 was fenced and came back; 102 leads; the partition epoch is 3.
    let mut world = world();
    world.expire(101);
    world.beat(101);
    world.set_isr("t", &[102, 101]);
    let partition = world.partition("t", 0);
    assert_eq!((partition.leader_epoch, partition.partition_epoch, partition.leader), (1, 3, Some(id(102))));
    let cases = [
        ("d3 leader epoch from the future", 102, 2, 3, Some(Code::NotController)),
        ("d3 partition epoch from the future", 102, 1, 4, Some(Code::NotController)),
        ("d3 goes before d4", 102, 0, 4, Some(Code::NotController)),
        ("d4 leader epoch of the past", 102, 0, 3, Some(Code::FencedLeaderEpoch)),
        ("d4 goes before d5", 101, 0, 3, Some(Code::FencedLeaderEpoch)),
        ("d5 the sender does not lead", 101, 1, 3, Some(Code::InvalidRequest)),
        ("d5 goes before d6", 101, 1, 2, Some(Code::InvalidRequest)),
        ("d6 partition epoch of the past", 102, 1, 2, Some(Code::InvalidUpdateVersion)),
        ("d10", 102, 1, 3, None),
    ];
    for (what, sender, leader_epoch, partition_epoch, expected) in cases {
        let change = IsrChange { leader_epoch, partition_epoch, ..world.isr_change("t", &[102]) };
        let outcome = propose(&mut world, sender, change).remove(0);
        assert_eq!(outcome.err().map(|no| no.code), expected, "{what}");
    }
    assert!(Code::NotController.retryable());
}

#[test]
fn d3_goes_before_what_is_wrong_with_the_isr() {
    let mut world = world();
    let change = IsrChange { partition_epoch: 9, ..world.isr_change("t", &[]) };
    assert_eq!(only_code(&propose(&mut world, 101, change)), Code::NotController);
}

#[test]
fn d5_a_partition_that_nobody_leads_takes_no_proposal() {
    let mut world = world();
    world.expire(101);
    world.expire(102);
    world.expire(103);
    let change = world.isr_change("t", &[103]);
    world.beat(103);
    assert_eq!(only_code(&propose(&mut world, 103, change)), Code::InvalidRequest);
}

#[test]
fn d6_a_partition_twice_in_one_request_is_changed_once() {
    let mut world = world();
    let changes = vec![world.isr_change("t", &[101]), world.isr_change("t", &[101, 102, 103])];
    let intent = Intent::ChangeIsr { id: id(101), broker_epoch: world.broker(101).epoch, changes: changes.clone() };
    let codes: Vec<_> = world.plan(&intent).unwrap().items.into_iter().map(|item| item.err().map(|no| no.code)).collect();
    assert_eq!(codes, [None, Some(Code::InvalidUpdateVersion)], "the plan knows it already");
    world.propose(101, changes).unwrap();
    assert_eq!(world.roles("t").1, [101]);
}

#[test]
fn d6_a_request_changes_no_more_partitions_than_an_entry_holds() {
    let mut world = world();
    let changes = vec![world.isr_change("t", &[101]); metadata::plan::MOST_PARTITIONS + 1];
    assert_eq!(code(world.propose(101, changes)), Code::PolicyViolation);
}

#[test]
fn d7_an_impossible_isr_is_refused() {
    for isr in [&[][..], &[101, 102, 101], &[101, 104], &[101, 999], &[102, 103]] {
        let mut world = world();
        let before = world.state().clone();
        let change = world.isr_change("t", isr);
        let no = propose(&mut world, 101, change).remove(0).unwrap_err();
        assert_eq!((no.code, no.field.as_deref()), (Code::InvalidRequest, Some("isr")), "{isr:?}");
        assert_eq!(*world.state(), before);
    }
}

#[test]
fn d8_while_it_recovers_the_leader_is_alone_and_recovered_stays_recovered() {
    use RecoveryState::{Recovered, Recovering};
    let start = |recovers: bool| if recovers { recovering() } else { world() };
    let cases = [
        (false, &[101][..], Some(Recovering), false),
        (false, &[101], Some(Recovered), true),
        (true, &[101, 102], None, false),
        (true, &[101, 102], Some(Recovering), false),
        (true, &[101], Some(Recovering), true),
        (true, &[101], Some(Recovered), true),
        (true, &[101, 102], Some(Recovered), true),
    ];
    for (recovers, isr, recovery_state, accepted) in cases {
        let mut world = start(recovers);
        let before = world.partition("t", 0).clone();
        let change = IsrChange { recovery_state, ..world.isr_change("t", isr) };
        let outcome = propose(&mut world, 101, change).remove(0);
        assert_eq!(outcome.is_ok(), accepted, "{isr:?} {recovery_state:?}");
        let after = world.partition("t", 0);
        match outcome {
            Ok(_) => assert_eq!((after.isr.len(), after.recovery_state), (isr.len(), recovery_state.unwrap_or(before.recovery_state))),
            Err(no) => assert_eq!((no.code, no.field.as_deref()), (Code::InvalidRequest, Some("recovery_state"))),
        }
    }
}

#[test]
fn d8_the_end_of_recovery_alone_is_a_change() {
    let mut world = recovering();
    let before = world.partition("t", 0).clone();
    let change = IsrChange { recovery_state: Some(RecoveryState::Recovered), ..world.isr_change("t", &[101]) };
    propose(&mut world, 101, change).remove(0).unwrap();
    let after = world.partition("t", 0);
    assert_eq!((after.partition_epoch, after.leader_epoch), (before.partition_epoch + 1, before.leader_epoch));
}

#[test]
fn d9_who_may_not_be_in_sync_is_refused() {
    let cases: [Event; 4] = [
        ("fenced", |world| world.expire(103)),
        ("held", |world| drop(world.submit(Intent::FenceBroker { id: id(103), expected: None }).unwrap())),
        ("unregistered", |world| drop(world.submit(Intent::UnregisterBroker { id: id(103), expected: None }).unwrap())),
        ("in controlled shutdown", |world| {
            world.create(by_hand("led", &[&[103, 104]]));
            let heartbeat = metadata::intent::Heartbeat { want_shut_down: true, ..world.heartbeat(103) };
            world.send(heartbeat);
            assert_eq!(world.broker(103).state, BrokerState::ShuttingDown);
        }),
    ];
    for (what, make) in cases {
        let mut world = world();
        make(&mut world);
        let change = world.isr_change("t", &[101, 102, 103]);
        assert_eq!(only_code(&propose(&mut world, 101, change)), Code::IneligibleReplica, "{what}");
    }
}

#[test]
fn d9_a_member_is_the_incarnation_that_the_leader_heard_of() {
    let mut world = world();
    let epoch = world.broker(103).epoch;
    for (asked, accepted) in [(Some(epoch - 1), false), (Some(epoch + 1), false), (Some(epoch), true)] {
        let isr = vec![member(101, None), member(102, None), member(103, asked)];
        let change = IsrChange { isr, ..world.isr_change("t", &[]) };
        let result: Result<GroupOutcome, Rejection> = propose(&mut world, 101, change).remove(0);
        assert_eq!(result.is_ok(), accepted, "{asked:?}");
        if let Err(no) = result {
            assert_eq!(no.code, Code::IneligibleReplica);
        }
    }
}

#[test]
fn d9_who_became_ineligible_after_the_plan_is_refused_by_apply() {
    let mut world = world();
    let changes = vec![world.isr_change("t", &[101, 102, 103])];
    let late = world.entry(Intent::ChangeIsr { id: id(101), broker_epoch: world.broker(101).epoch, changes }).unwrap();
    world.expire(103);
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::IneligibleReplica);
    assert_eq!(world.roles("t").1, [101, 102]);
}

#[test]
fn d10_a_change_moves_the_partition_epoch_alone() {
    let mut world = world();
    let topic_changed = world.state().topic_by_name("t").unwrap().changed_index;
    for (isr, partition_epoch) in [(&[101, 102, 103][..], 2), (&[101][..], 3), (&[101][..], 3), (&[101, 103][..], 4)] {
        let change = world.isr_change("t", isr);
        propose(&mut world, 101, change).remove(0).unwrap();
        let partition = world.partition("t", 0);
        assert_eq!((partition.leader, partition.leader_epoch, partition.partition_epoch), (Some(id(101)), 0, partition_epoch), "{isr:?}");
    }
    assert_eq!(world.state().topic_by_name("t").unwrap().changed_index, topic_changed, "nobody asked anything of the topic");
}

#[test]
fn d10_each_partition_of_a_request_succeeds_or_fails_alone() {
    let mut world = world();
    world.create(NewTopic { configs: configs(&[]), ..by_hand("u", &[&[102, 101], &[101, 102]]) });
    let (good, foreign) = (world.isr_change("t", &[101]), world.isr_change("u", &[102]));
    let second = IsrChange { partition: 1, isr: vec![member(101, None)], ..foreign.clone() };
    let outcomes = world.propose(101, vec![good, foreign, second]).unwrap();
    let (t, u) = (world.topic_id("t"), world.topic_id("u"));
    assert_eq!(outcomes[0], Ok(GroupOutcome::Partition { topic_id: t, partition: 0 }));
    assert_eq!(code(outcomes[1].clone()), Code::InvalidRequest);
    assert_eq!(outcomes[2], Ok(GroupOutcome::Partition { topic_id: u, partition: 1 }));
}

#[test]
fn d10_epochs_at_their_end_do_not_break_the_state_machine() {
    let mut world = world();
    let topic_id = world.topic_id("t");
    let partition =
        metadata::Partition { partition_epoch: u32::MAX, leader_epoch: u32::MAX, ..metadata::Partition::clone(world.partition("t", 0)) };
    world.machine.state.absorb(world.index, 0, &metadata::Change::PartitionChanged { topic_id, partition: partition.into() });
    world.replica = world.machine.state.clone();
    world.expire(101);
    assert_eq!(world.roles("t").0, Some(102));
}

#[test]
fn d10_apply_takes_no_unsound_target_from_anyone() {
    let mut world = world();
    let change = world.isr_change("t", &[101]);
    let intent = Intent::ChangeIsr { id: id(101), broker_epoch: world.broker(101).epoch, changes: vec![change] };
    let Command::UpdateIsr { target, .. } = world.entry(intent).unwrap().groups.remove(0).commands.remove(0) else {
        panic!("no ISR change")
    };
    type Spoil = fn(&mut PartitionTarget);
    let unsound: [(&str, Spoil); 6] = [
        ("the leader is not in the ISR", |target| target.leader = Some(id(102))),
        ("the ISR is not in the replicas", |target| target.isr.push(id(104))),
        ("the ISR names a broker twice", |target| target.isr.push(id(101))),
        ("ISR and ELR overlap", |target| target.elr.push(id(101))),
        ("the ELR is not in the replicas", |target| target.elr.push(id(104))),
        ("another partition", |target| target.partition = 7),
    ];
    for (what, spoil) in unsound {
        let mut target = target.clone();
        spoil(&mut target);
        world.commit_raw(vec![Command::UpdatePartitionLeader { target }]).expect_err(what);
    }
    world.commit_raw(vec![Command::UpdatePartitionLeader { target }]).unwrap();
}
