//! U: how moves, elections and deletions are undone.

use crate::fixture::{World, by_hand, code, id, topic};
use crate::moving::{SLOW, go_on, moves, placed, plain, start, state_of, sync};
use crate::undo::{configure, deleted, kept, keys_of, overtaken, prefer, set, undo, world};
use metadata::history::{NoInverse, inverse, offered};
use metadata::intent::{AskedLeader, Election, TopicPartition};
use metadata::reassignment::{Limits, ReassignmentState};
use metadata::{Code, Intent};

#[test]
fn u4_moves_are_called_off_while_they_run_and_moved_back_once_they_are_done() {
    let mut world = world();
    let to: &[(&str, u32, &[u32])] = &[("t", 0, &[104, 102, 103]), ("t", 1, &[102, 104])];
    let record = kept(&mut world, moves(to, SLOW));
    go_on(&mut world);
    undo(&mut world, &record);
    go_on(&mut world);
    let where_they_are = |world: &World| [0, 1].map(|number| placed(world.partition("t", number)).0);
    assert_eq!(where_they_are(&world), [vec![101, 102, 103], vec![102, 103, 101]]);
    assert_eq!(inverse(&record, world.state()), Err(NoInverse::Nothing), "none of it was done");
    let settle = |world: &mut World| {
        while world.state().has_open_work() {
            go_on(world);
            sync(world);
        }
    };
    let record = kept(&mut world, moves(to, SLOW));
    settle(&mut world);
    assert_eq!(where_they_are(&world), [vec![104, 102, 103], vec![102, 104]]);
    let back = undo(&mut world, &record);
    settle(&mut world);
    assert_eq!(where_they_are(&world), [vec![101, 102, 103], vec![102, 103, 101]], "the number of replicas too");
    undo(&mut world, &back);
    settle(&mut world);
    assert_eq!(where_they_are(&world), [vec![104, 102, 103], vec![102, 104]], "an undo can be undone");
}

#[test]
fn u4_where_a_partition_is_elsewhere_by_now_nothing_is_moved_back() {
    type Case = (fn(&mut World), &'static str);
    let cases: [Case; 4] = [
        (|world| drop(kept(world, moves(&[("t", 0, &[103, 102, 104])], SLOW))), "t-0 changed since"),
        (|world| drop(kept(world, deleted("t"))), "t-0 is not there any more"),
        (|world| drop(kept(world, Intent::UnregisterBroker { id: id(101), expected: None })), "Broker 101 is not there any more"),
        (
            |world| {
                // The oldest that ended go first.
                for _ in 0..100 {
                    start(world, moves(&[("t", 1, &[102, 103, 101])], SLOW)).unwrap();
                }
            },
            "is not there any more",
        ),
    ];
    for (happens, says) in cases {
        let mut world = world();
        let record = kept(&mut world, moves(&[("t", 0, &[104, 102, 103])], SLOW));
        go_on(&mut world);
        sync(&mut world);
        let (no, refused) = overtaken(&mut world, &record, happens);
        assert!(no.to_string().contains(says), "{no}");
        assert!(matches!(refused.code, Code::RevisionConflict | Code::InvalidReplicaAssignment), "{refused}");
    }
}

#[test]
fn u4_rebalances_factors_and_limits_go_back() {
    let mut world = world();
    let factor = Intent::ChangeFactor { name: "t".to_owned(), replication_factor: 2, limits: SLOW, expected: None };
    let record = kept(&mut world, factor);
    while world.state().has_open_work() {
        go_on(&mut world);
        sync(&mut world);
    }
    assert_eq!(world.state().replication_factor(world.topic_id("t")), 2);
    let back = undo(&mut world, &record);
    let limit = Intent::LimitReassignment { id: back.commit.index, limits: Limits { per_broker: Some(7) } };
    let limited = kept(&mut world, limit);
    let undone = undo(&mut world, &limited);
    let limits = |world: &World| world.state().reassignment(back.commit.index).unwrap().limits;
    assert_eq!(limits(&world), SLOW);
    assert!(inverse(&limited, world.state()).unwrap_err().to_string().contains("limited to 1"));
    undo(&mut world, &undone);
    assert_eq!(limits(&world).per_broker, Some(7));
    while world.state().has_open_work() {
        go_on(&mut world);
        sync(&mut world);
    }
    assert_eq!(placed(world.partition("t", 0)).0, [101, 102, 103]);
    assert!(matches!(inverse(&limited, world.state()), Err(NoInverse::Changed { .. })), "it is over");
    let rebalance = Intent::Rebalance { rebalance: Default::default(), limits: SLOW };
    let record = kept(&mut world, rebalance);
    undo(&mut world, &record);
    assert_eq!(state_of(&world, record.commit.index).0, ReassignmentState::Cancelled);
}

#[test]
fn u5_leaders_go_back_to_who_led_before() {
    let mut world = world();
    world.expire(101);
    world.beat(101);
    let all = |world: &mut World| {
        for number in [0, 1] {
            let partition = world.partition("t", number).clone();
            let change = metadata::intent::IsrChange { partition: number, ..world.isr_change("t", &[101, 102, 103]) };
            let change =
                metadata::intent::IsrChange { leader_epoch: partition.leader_epoch, partition_epoch: partition.partition_epoch, ..change };
            world.propose(partition.leader.unwrap().0, vec![change]).unwrap().remove(0).unwrap();
        }
    };
    all(&mut world);
    assert_eq!(world.roles("t").0, Some(102));
    let record = kept(&mut world, prefer());
    assert_eq!(world.roles("t").0, Some(101));
    let undone = undo(&mut world, &record);
    assert_eq!((world.roles("t").0, plain(&world.partition("t", 0).isr)), (Some(102), vec![101, 102, 103]));
    let again = undo(&mut world, &undone);
    assert_eq!(world.roles("t").0, Some(101));
    // Another election in between is not overruled, and who is not in sync does not lead.
    let (no, refused) = overtaken(&mut world, &again, |world| world.expire(101));
    assert_eq!((no.to_string().contains("led by broker 102"), refused.code), (true, Code::RevisionConflict));
    world.beat(101);
    all(&mut world);
    let record = kept(&mut world, prefer());
    let (no, refused) = overtaken(&mut world, &record, |world| world.set_isr("t", &[101, 103]));
    assert!(matches!(no, NoInverse::NotNow(_)), "{no}");
    assert_eq!(refused.code, Code::EligibleLeadersNotAvailable);
}

#[test]
fn u5_who_is_named_to_lead_has_to_be_in_sync_and_all_of_them_lead_or_none() {
    let mut world = world();
    let lead =
        |topic: &str, partition, leader, leader_epoch| AskedLeader { topic: topic.to_owned(), partition, leader: id(leader), leader_epoch };
    let ask = |leaders: Vec<AskedLeader>| Intent::Lead { leaders };
    let good = lead("t", 0, 103, 0);
    let cases = [
        (lead("gone", 0, 101, 0), Code::UnknownTopicOrPartition, "leaders[1].topic"),
        (lead("t", 9, 101, 0), Code::UnknownTopicOrPartition, "leaders[1].partition"),
        (lead("t", 0, 101, 0), Code::InvalidRequest, "leaders[1].partition"),
        (lead("t", 1, 104, 0), Code::EligibleLeadersNotAvailable, "leaders[1].leader"),
        (lead("t", 1, 101, 1), Code::RevisionConflict, "leaders[1].leader_epoch"),
    ];
    for (bad, code, field) in cases {
        let refused = world.submit(ask(vec![good.clone(), bad])).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (code, Some(field)));
    }
    assert_eq!(world.roles("t").0, Some(101));
    // Planned on what has changed by the time that it is applied.
    let entry = world.entry(ask(vec![lead("t", 1, 101, 0), good.clone()])).unwrap();
    world.set_isr("t", &[101, 102]);
    assert_eq!(code(world.apply(&entry).outcomes.remove(0)), Code::InvalidUpdateVersion);
    assert_eq!(world.partition("t", 1).leader, Some(id(102)));
    world.set_isr("t", &[101, 102, 103]);
    world.submit(ask(vec![good, lead("t", 1, 102, 0)])).unwrap().remove(0).unwrap();
    assert_eq!((world.roles("t").0, world.partition("t", 1).leader_epoch), (Some(103), 0), "who leads already leads on");
    // A topic that was made since has epochs of its own.
    let of = world.index;
    kept(&mut world, deleted("t"));
    world.create(by_hand("t", &[&[101, 102]]));
    let undo = Intent::Undo { of, intent: Box::new(ask(vec![lead("t", 0, 102, 0)])) };
    assert_eq!(code(world.submit(undo)), Code::RevisionConflict);
}

#[test]
fn u5_an_unclean_election_is_not_undone() {
    let mut world = world();
    for broker in [103, 102, 101] {
        world.expire(broker);
    }
    world.beat(103);
    let partitions = Some(vec![TopicPartition { topic: "t".to_owned(), partition: 0 }]);
    let unclean = Intent::Elect { election: Election::Unclean, partitions, topic: None, broker: None };
    let record = kept(&mut world, unclean);
    assert!(!offered(&record));
    assert!(inverse(&record, world.state()).unwrap_err().to_string().contains("does not come back"));
}

fn rows(world: &World, name: &str) -> Vec<Vec<u32>> {
    world.state().partitions_of(world.topic_id(name)).map(|partition| plain(&partition.replicas)).collect()
}

#[test]
fn u6_a_deleted_topic_comes_back_where_it_was() {
    let mut world = world();
    kept(&mut world, configure("t", vec![set("retention.ms", "5"), set("min.insync.replicas", "2")]));
    let (old, keys, places) = (world.topic_id("t"), keys_of(&world, "t"), rows(&world, "t"));
    let record = kept(&mut world, deleted("t"));
    let again = undo(&mut world, &record);
    assert_ne!(world.topic_id("t"), old, "another topic of that name");
    assert_eq!((keys_of(&world, "t"), rows(&world, "t")), (keys, places));
    assert!(!offered(&again), "it is deleted again instead");
    // A name that is taken, or collides.
    for name in ["a.b", "a_b"] {
        world.create(topic("a.b", 1, 1));
        let record = kept(&mut world, deleted("a.b"));
        let (no, refused) = overtaken(&mut world, &record, |world| {
            world.create(topic(name, 1, 1));
        });
        assert!(no.to_string().contains(&format!("Topic {name} changed since")), "{no}");
        assert!(matches!(refused.code, Code::TopicAlreadyExists | Code::InvalidTopic));
        kept(&mut world, deleted(name));
    }
}

#[test]
fn u6_on_other_brokers_where_the_old_ones_take_no_replicas() {
    type Case = (fn(&mut World), &'static [&'static [u32]]);
    let cases: [Case; 5] = [
        (|world| drop(kept(world, Intent::UnregisterBroker { id: id(102), expected: None })), &[&[101, 103, 104], &[103, 101, 104]]),
        (
            |world| drop(kept(world, Intent::DrainBroker { id: id(101), limits: SLOW, expected: None })),
            &[&[102, 103, 104], &[102, 103, 104]],
        ),
        // Who is down keeps its place, as long as somebody is online.
        (|world| [102, 103].into_iter().for_each(|broker| world.expire(broker)), &[&[101, 102, 103], &[102, 103, 101]]),
        (|world| [101, 102, 103].into_iter().for_each(|broker| world.expire(broker)), &[&[101, 102, 104], &[102, 103, 104]]),
        (
            |world| {
                for broker in [102, 104] {
                    kept(world, Intent::UnregisterBroker { id: id(broker), expected: None });
                }
            },
            &[&[101, 103], &[103, 101]],
        ),
    ];
    for (happens, expected) in cases {
        let mut world = world();
        let record = kept(&mut world, deleted("t"));
        happens(&mut world);
        undo(&mut world, &record);
        assert_eq!(rows(&world, "t"), expected);
    }
}

#[test]
fn u6_what_no_broker_can_take_says_so() {
    let mut world = world();
    kept(&mut world, configure("t", vec![set("min.insync.replicas", "2")]));
    let record = kept(&mut world, deleted("t"));
    for broker in [102, 103, 104] {
        kept(&mut world, Intent::UnregisterBroker { id: id(broker), expected: None });
    }
    assert!(inverse(&record, world.state()).unwrap_err().to_string().contains("min.insync.replicas of t is 2, and 1 brokers"));
    world.expire(101);
    assert!(inverse(&record, world.state()).unwrap_err().to_string().contains("No broker is online"));
}
