//! F9: a topic grows.

use crate::fixture::{World, by_hand, code, id, ids, only_code, topic};
use metadata::plan::MOST_PARTITIONS;
use metadata::{Change, Code, Command, GroupOutcome, Intent, RecoveryState};

fn world() -> World {
    World::online(&[101, 102, 103])
}

fn growth(count: i64, rows: Option<&[&[u32]]>) -> Intent {
    let assignments = rows.map(|rows| rows.iter().map(|row| ids(row)).collect());
    Intent::GrowTopic { name: "t".into(), count, assignments, expected: None }
}

#[test]
fn f9_a_topic_grows_in_one_commit_and_what_is_there_stays() {
    let mut world = World::racks(&[1, 1, 1]);
    let topic_id = world.create(topic("t", 2, 2));
    let before: Vec<_> = world.state().partitions_of(topic_id).cloned().collect();
    let outcome = world.submit(growth(5, None)).unwrap().remove(0);
    assert_eq!(outcome, Ok(GroupOutcome::Topic { topic_id }));
    let commit = world.commit.clone().unwrap();
    let after: Vec<_> = world.state().partitions_of(topic_id).cloned().collect();
    assert_eq!(after[..2], before);
    let added: Vec<_> = commit
        .changes
        .iter()
        .map(|change| match change {
            Change::PartitionChanged { topic_id: of, partition } if *of == topic_id => partition.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(added, after[2..]);
    for (number, partition) in (2..).zip(&added) {
        assert_eq!((partition.partition, partition.leader_epoch, partition.partition_epoch), (number, 0, 0));
        assert_eq!((&partition.isr, partition.leader), (&partition.replicas, partition.replicas.first().copied()));
        assert_eq!((partition.replicas.len(), partition.recovery_state), (2, RecoveryState::Recovered));
    }
    let made = world.state().topic(topic_id).unwrap();
    assert_eq!(made.changed_index, commit.index, "it is a change that people asked for");
    assert!(made.created_index < commit.index);
}

#[test]
fn f9_new_partitions_even_out_what_is_there() {
    let mut world = World::racks(&[2, 2, 2]);
    world.create(by_hand("t", &[&[100, 200], &[100, 200], &[100, 200]]));
    world.submit(growth(12, None)).unwrap().remove(0).unwrap();
    let loads = [100, 101, 200, 201, 300, 301].map(|broker| world.state().load(id(broker)));
    assert_eq!(loads.map(|load| load.replicas), [4; 6], "two replicas of twelve partitions on six brokers");
    assert_eq!(loads.map(|load| load.leaders).iter().sum::<u32>(), 12);
    assert!(loads.iter().all(|load| (1..=3).contains(&load.leaders)), "{loads:?}");
    for partition in world.state().partitions_of(world.topic_id("t")) {
        let racks: Vec<u32> = partition.replicas.iter().map(|replica| replica.0 / 100).collect();
        assert_ne!(racks[0], racks[1], "spread over racks: {partition:?}");
    }
}

#[test]
fn f9_a_count_must_increase_and_has_a_limit() {
    let mut world = world();
    world.create(topic("t", 3, 3));
    let most = MOST_PARTITIONS as i64;
    for count in [3, 2, 1, 0, -1, i64::MIN] {
        let no = world.submit(growth(count, None)).unwrap_err();
        assert_eq!((no.code, no.field.as_deref(), no.value), (Code::InvalidPartitions, Some("count"), Some(count.to_string())));
        assert_eq!(no.allowed.as_deref(), Some("4 to 10003"));
    }
    for count in [most + 4, i64::MAX] {
        let no = world.plan(&growth(count, None)).unwrap_err();
        assert_eq!((no.code, no.field.as_deref()), (Code::PolicyViolation, Some("count")), "as for a creation (F3)");
        assert_eq!((no.value, no.allowed.as_deref()), (Some(count.to_string()), Some("4 to 10003")));
    }
    assert!(world.plan(&growth(most + 3, None)).is_ok());
    let gone = Intent::GrowTopic { name: "gone".into(), count: 2, assignments: None, expected: None };
    assert_eq!(code(world.submit(gone)), Code::UnknownTopicOrPartition);
}

#[test]
fn f9_assignments_by_hand_are_those_of_the_new_partitions() {
    let mut world = world();
    world.create(by_hand("t", &[&[101, 102]]));
    let cases: [(i64, &[&[u32]], &str); 7] = [
        (3, &[], "assignments"),
        (3, &[&[101, 102]], "assignments"),
        (2, &[&[101, 102], &[102, 103]], "assignments"),
        (2, &[&[]], "assignments[0]"),
        (3, &[&[101, 102], &[101, 102, 103]], "assignments[1]"),
        (2, &[&[101, 101]], "assignments[0]"),
        (2, &[&[101, 999]], "assignments[0]"),
    ];
    for (count, rows, field) in cases {
        let no = world.submit(growth(count, Some(rows))).unwrap_err();
        assert_eq!((no.code, no.field.as_deref()), (Code::InvalidReplicaAssignment, Some(field)), "{count} {rows:?}");
    }
    world.submit(growth(3, Some(&[&[103, 101], &[102, 103]]))).unwrap().remove(0).unwrap();
    assert_eq!((&world.partition("t", 1).replicas, &world.partition("t", 2).replicas), (&ids(&[103, 101]), &ids(&[102, 103])));
}

#[test]
fn f9_the_first_in_sync_are_the_active_ones_and_at_least_one() {
    let mut world = world();
    world.create(by_hand("t", &[&[101, 102, 103]]));
    world.expire(101);
    world.expire(102);
    let no = world.submit(growth(2, Some(&[&[101, 102, 999]]))).unwrap_err();
    assert_eq!(no.code, Code::InvalidReplicaAssignment);
    world.submit(growth(3, Some(&[&[101, 103, 102], &[102, 101, 103]]))).unwrap().remove(0).unwrap();
    for number in [1, 2] {
        assert_eq!((world.partition("t", number).leader, &world.partition("t", number).isr), (Some(id(103)), &ids(&[103])));
    }
    world.submit(growth(4, None)).unwrap().remove(0).unwrap();
    assert_eq!(world.partition("t", 3).replicas[0], id(103), "who is offline does not lead");
    world.expire(103);
    let by_hand = world.submit(growth(5, Some(&[&[101, 102, 103]]))).unwrap_err();
    assert_eq!((by_hand.code, by_hand.field.as_deref()), (Code::InvalidReplicaAssignment, Some("assignments[0]")));
    assert_eq!(code(world.submit(growth(5, None))), Code::InvalidReplicationFactor);
}

/// What happens before an entry is applied, and what that is then refused with.
type Meanwhile = (fn(&mut World), Code);

#[test]
fn f9_a_growth_that_no_longer_fits_is_refused_whole() {
    let meanwhile: [Meanwhile; 4] = [
        (|world| drop(world.submit(growth(3, None)).unwrap()), Code::InvalidPartitions),
        (|world| drop(world.submit(Intent::DeleteTopic { name: "t".into(), expected: None }).unwrap()), Code::UnknownTopicId),
        (|world| world.expire(101), Code::InvalidReplicaAssignment),
        (|world| drop(world.submit(Intent::UnregisterBroker { id: id(101), expected: None }).unwrap()), Code::InvalidReplicaAssignment),
    ];
    for (happens, expected) in meanwhile {
        let mut world = world();
        world.create(topic("t", 2, 3));
        let late = world.entry(growth(4, None)).unwrap();
        happens(&mut world);
        let before = world.state().clone();
        assert_eq!(only_code(&world.apply(&late).outcomes), expected);
        assert_eq!(*world.state(), before);
    }
    let mut world = world();
    let topic_id = world.create(topic("t", 2, 3));
    let lone = metadata::command::Assignment { replicas: ids(&[101]), isr: ids(&[101]), leader: id(101) };
    let thinner = Command::AssignPartitions { topic_id, first: 2, assignments: vec![lone] };
    assert_eq!(code(world.commit_raw(vec![thinner])), Code::InvalidReplicaAssignment, "every partition has as many replicas");
}
