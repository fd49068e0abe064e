//! F: names, limits, counts, assignments, configurations, creation, growth and deletion of topics.

use crate::fixture::{World, by_hand, code, configs, id, ids, only_code, registration, topic};
use metadata::configs::LONGEST_VALUE;
use metadata::intent::{ConfigOp, ConfigOpKind, NewTopic};
use metadata::model::Configs;
use metadata::plan::{MOST_PARTITIONS, check_name};
use metadata::{BrokerId, Change, Code, Command, GroupOutcome, Intent, RecoveryState, Rejection, TopicId};
use uuid::Uuid;

fn world() -> World {
    World::online(&[101, 102, 103])
}

fn create(world: &mut World, topics: Vec<NewTopic>) -> Result<Vec<Result<GroupOutcome, Rejection>>, Rejection> {
    world.submit(Intent::CreateTopics { topics })
}

/// The refusal of one topic on three brokers.
fn refused(new: NewTopic) -> Rejection {
    create(&mut world(), vec![new.clone()]).and_then(|mut outcomes| outcomes.remove(0)).expect_err(&format!("{new:?}"))
}

fn change_configs(world: &mut World, ops: Vec<ConfigOp>) -> Result<(), Rejection> {
    world.submit(Intent::ChangeConfigs { name: "t".into(), ops, expected: None })?.remove(0).map(drop)
}

fn op(op: ConfigOpKind, key: &str, value: Option<&str>) -> ConfigOp {
    ConfigOp { key: key.into(), op, value: value.map(str::to_owned) }
}

#[test]
fn f1_a_name_is_1_to_249_of_the_allowed_characters() {
    let long = "x".repeat(249);
    for good in ["a", "A-z_0.9", "...", "..a", "__internal", &long] {
        check_name(good).expect(good);
    }
    let too_long = "x".repeat(250);
    for bad in ["", ".", "..", "a b", "a/b", "a\nb", "ä", "a\0", "😀", "a:b", &too_long] {
        let no = check_name(bad).unwrap_err();
        assert_eq!((no.code, no.field.as_deref(), no.value.as_deref()), (Code::InvalidTopic, Some("name"), Some(bad)));
        assert_eq!(refused(topic(bad, 1, 1)).code, Code::InvalidTopic);
    }
    let endless = check_name(&"ä".repeat(10_000)).unwrap_err();
    assert!(endless.value.unwrap().chars().count() <= 301, "an answer does not echo all that was sent");
}

#[test]
fn f1_names_that_collide_in_metrics_are_refused() {
    for (first, second, collide) in
        [("a.b", "a_b", true), ("a_b", "a.b", true), ("a.b_c", "a_b.c", true), ("a.b", "a-b", false), ("ab", "a.b", false)]
    {
        let mut one_by_one = world();
        one_by_one.create(topic(first, 1, 1));
        let later = create(&mut one_by_one, vec![topic(second, 1, 1)]).unwrap().remove(0);
        let together = create(&mut world(), vec![topic(first, 1, 1), topic(second, 1, 1)]).unwrap();
        assert!(together[0].is_ok());
        for outcome in [later, together[1].clone()] {
            assert_eq!(outcome.is_err(), collide, "{first} and {second}");
            if collide {
                assert_eq!(code(outcome), Code::InvalidTopic);
            }
        }
        // The name is free again once its rival is gone.
        one_by_one.submit(Intent::DeleteTopic { name: first.into(), expected: None }).unwrap().remove(0).unwrap();
        if collide {
            one_by_one.create(topic(second, 1, 1));
        }
    }
}

#[test]
fn f2_a_name_is_taken_once() {
    let mut world = world();
    let entry = |world: &World| world.entry(Intent::CreateTopics { topics: vec![topic("t", 1, 1)] }).unwrap();
    let (first, late) = (entry(&world), entry(&world));
    assert!(world.apply(&first).outcomes[0].is_ok());
    assert_eq!(only_code(&create(&mut world, vec![topic("t", 1, 1)]).unwrap()), Code::TopicAlreadyExists);
    // Planned before the other was committed: apply says the same.
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::TopicAlreadyExists);
    let twice = create(&mut world, vec![topic("u", 1, 1), topic("u", 1, 1)]).unwrap();
    assert_eq!((twice[0].is_ok(), code(twice[1].clone())), (true, Code::InvalidTopic));
}

#[test]
fn f3_too_many_partitions_fail_the_whole_request_before_anything_is_placed() {
    let most = MOST_PARTITIONS as i64;
    let rows: Vec<&[u32]> = vec![&[101]; MOST_PARTITIONS];
    let cases = [
        (vec![topic("a", most, 1)], true),
        (vec![topic("a", most + 1, 1)], false),
        (vec![topic("a", i64::MAX, 1)], false),
        (vec![topic("a", i64::MAX, 1), topic("b", i64::MAX, 1)], false),
        (vec![topic("a", most, 1), topic("b", 1, 1)], false),
        (vec![topic("a", most, 1), NewTopic { partitions: None, ..topic("b", 1, 1) }], false),
        (vec![topic("a", most, 1), topic("b", -1, 1)], false),
        (vec![topic("a", most, 1), topic("b", i64::MIN, 1)], true),
        (vec![by_hand("a", &rows), topic("b", 1, 1)], false),
    ];
    let world = world();
    for (topics, accepted) in cases {
        let names: Vec<_> = topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect();
        let result = world.plan(&Intent::CreateTopics { topics });
        assert_eq!(result.is_ok(), accepted, "{names:?}");
        if !accepted {
            assert_eq!(code(result), Code::PolicyViolation);
        }
    }
}

#[test]
fn f4_counts_that_cannot_be() {
    let cases = [
        (topic("t", 0, 1), Code::InvalidPartitions, "partitions"),
        (topic("t", -2, 1), Code::InvalidPartitions, "partitions"),
        (topic("t", i64::MIN, 1), Code::InvalidPartitions, "partitions"),
        (topic("t", 1, 0), Code::InvalidReplicationFactor, "replication_factor"),
        (topic("t", 1, -2), Code::InvalidReplicationFactor, "replication_factor"),
        (topic("t", 1, 4), Code::InvalidReplicationFactor, "replication_factor"),
        (topic("t", 1, i64::MAX), Code::InvalidReplicationFactor, "replication_factor"),
    ];
    for (new, expected, field) in cases {
        let no = refused(new);
        assert_eq!((no.code, no.field.as_deref()), (expected, Some(field)));
    }
}

#[test]
fn f4_absent_and_minus_one_mean_the_default() {
    for count in [None, Some(-1)] {
        let mut world = world();
        world.create(NewTopic { partitions: count, replication_factor: count, ..topic("t", 1, 1) });
        let partitions: Vec<_> = world.state().partitions_of(world.topic_id("t")).collect();
        assert_eq!((partitions.len(), partitions[0].replicas.len()), (1, 3));
    }
}

#[test]
fn f4_without_an_online_broker_nothing_can_be_placed() {
    let mut world = World::new();
    assert_eq!(only_code(&create(&mut world, vec![topic("t", 1, 1)]).unwrap()), Code::InvalidReplicationFactor);
    world.register(registration(101, 1)).unwrap();
    assert_eq!(only_code(&create(&mut world, vec![topic("t", 1, 1)]).unwrap()), Code::InvalidReplicationFactor);
    world.beat(101);
    world.create(topic("t", 1, 1));
}

#[test]
fn f5_assignments_by_hand_that_cannot_be() {
    let beside = |partitions, replication_factor| NewTopic { partitions, replication_factor, ..by_hand("t", &[&[101]]) };
    let cases = [
        (beside(Some(1), None), "partitions"),
        (beside(None, Some(1)), "replication_factor"),
        (by_hand("t", &[]), "assignments"),
        (by_hand("t", &[&[]]), "assignments[0]"),
        (by_hand("t", &[&[101, 102], &[101]]), "assignments[1]"),
        (by_hand("t", &[&[101], &[102, 102]]), "assignments[1]"),
        (by_hand("t", &[&[101, 101]]), "assignments[0]"),
        (by_hand("t", &[&[101], &[999]]), "assignments[1]"),
    ];
    for (new, field) in cases {
        let no = refused(new);
        assert_eq!((no.code, no.field.as_deref()), (Code::InvalidReplicaAssignment, Some(field)), "{no:?}");
    }
    // Minus one is how a client says that it does not say.
    world().create(beside(Some(-1), Some(-1)));
}

#[test]
fn f5_every_partition_needs_a_broker_that_is_online() {
    let mut world = world();
    world.expire(102);
    world.expire(103);
    let no = create(&mut world, vec![by_hand("t", &[&[102, 101], &[102, 103]])]).unwrap().remove(0).unwrap_err();
    assert_eq!((no.code, no.field.as_deref()), (Code::InvalidReplicaAssignment, Some("assignments[1]")));
    world.create(by_hand("t", &[&[102, 101]]));
    assert_eq!(world.roles("t"), (Some(101), vec![101], vec![]));
    assert_eq!(world.partition("t", 0).replicas, ids(&[102, 101]), "as it was asked");
}

#[test]
fn f6_unknown_keys_and_endless_values_are_refused() {
    let unknown = refused(NewTopic { configs: configs(&[("retention", "1")]), ..topic("t", 1, 3) });
    assert_eq!((unknown.code, unknown.field.as_deref()), (Code::InvalidConfig, Some("configs.retention")));
    assert!(unknown.allowed.unwrap().contains("retention.ms"));
    for (length, detail) in [(LONGEST_VALUE, "cannot hold"), (LONGEST_VALUE + 1, "too long")] {
        let no = refused(NewTopic { configs: configs(&[("compression.type", &"x".repeat(length))]), ..topic("t", 1, 3) });
        assert!(no.code == Code::InvalidConfig && no.detail.contains(detail), "{length}: {}", no.detail);
    }
}

#[test]
fn f6_steps_of_a_change_work_in_order_on_what_is_there() {
    use ConfigOpKind::{Append, Delete, Set, Subtract};
    let mut world = world();
    world.create(topic("t", 1, 3));
    let mut step = |ops: Vec<ConfigOp>| -> Result<Configs, Rejection> {
        change_configs(&mut world, ops)?;
        Ok(world.state().topic_by_name("t").unwrap().configs.clone())
    };
    assert_eq!(step(vec![op(Append, "cleanup.policy", Some("compact"))]).unwrap(), configs(&[("cleanup.policy", "delete,compact")]));
    // What is there stays where it is, as in Kafka.
    assert_eq!(step(vec![op(Append, "cleanup.policy", Some(" delete "))]).unwrap(), configs(&[("cleanup.policy", "delete,compact")]));
    assert_eq!(step(vec![op(Subtract, "cleanup.policy", Some("compact"))]).unwrap(), configs(&[("cleanup.policy", "delete")]));
    let both = vec![op(Set, "segment.ms", Some("5")), op(Delete, "cleanup.policy", None)];
    assert_eq!(step(both).unwrap(), configs(&[("segment.ms", "5")]));
    let refusals = [
        (vec![op(Set, "segment.ms", Some("7")), op(Set, "segment", Some("1"))], "ops[1].key"),
        (vec![op(Set, "segment.ms", None)], "ops[0].value"),
        (vec![op(Append, "segment.ms", Some("1"))], "ops[0].op"),
        (vec![op(Set, "segment.ms", Some("x"))], "configs.segment.ms"),
        (vec![op(Append, "labels", Some("a=b"))], "ops[0].op"),
        (vec![op(Append, "leader.replication.throttled.replicas", Some("0"))], "configs.leader.replication.throttled.replicas"),
        (vec![op(Subtract, "cleanup.policy", Some("delete"))], "configs.cleanup.policy"),
    ];
    for (ops, field) in refusals {
        let no = step(ops).unwrap_err();
        assert_eq!((no.code, no.field.as_deref()), (Code::InvalidConfig, Some(field)));
    }
    assert_eq!(step(vec![op(Set, "segment.ms", Some("5"))]).unwrap(), configs(&[("segment.ms", "5")]));
    assert!(world.commit.is_none(), "what is so already needs no entry");
    let gone = Intent::ChangeConfigs { name: "gone".into(), ops: Vec::new(), expected: None };
    assert_eq!(code(world.submit(gone)), Code::UnknownTopicOrPartition);
}

#[test]
fn f7_a_topic_comes_whole_in_one_commit() {
    let mut world = world();
    world.expire(103);
    let given = configs(&[("min.insync.replicas", "2")]);
    let topic_id = world.create(NewTopic { configs: given.clone(), ..topic("t", 2, 3) });
    let commit = world.commit.clone().unwrap();
    assert!(
        matches!(&commit.changes[0], Change::TopicCreated { topic_id: new, name, configs } if *new == topic_id && &**name == "t" && *configs == given)
    );
    assert_eq!(commit.changes.len(), 3);
    let made = world.state().topic(topic_id).unwrap();
    assert_eq!((made.created_index, made.changed_index, made.created_at_ms), (commit.index, commit.index, commit.at_ms));
    for (number, partition) in (0..).zip(world.state().partitions_of(topic_id)) {
        let active: Vec<BrokerId> = partition.replicas.iter().copied().filter(|replica| *replica != id(103)).collect();
        assert_eq!((partition.partition, partition.leader_epoch, partition.partition_epoch), (number, 0, 0));
        assert_eq!((&partition.isr, partition.leader), (&active, active.first().copied()));
        assert_eq!((partition.elr.len(), partition.last_known_leader, partition.recovery_state), (0, None, RecoveryState::Recovered));
    }
    assert_eq!(metadata::views::created_topic(&commit, topic_id), metadata::views::topic(world.state(), "t"));
}

#[test]
fn f7_of_a_batch_each_topic_succeeds_or_fails_alone() {
    let mut world = world();
    world.create(topic("there", 1, 1));
    let batch = vec![topic("a", 1, 1), topic("there", 1, 1), topic("b", 1, 9), topic("c", 2, 2)];
    let outcomes = create(&mut world, batch).unwrap();
    let codes: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(|no| no.code)).collect();
    assert_eq!(codes, [None, Some(Code::TopicAlreadyExists), Some(Code::InvalidReplicationFactor), None]);
    assert_eq!(outcomes[3], Ok(GroupOutcome::Topic { topic_id: world.topic_id("c") }), "each outcome belongs to its topic");
    assert_eq!((world.state().topic_count(), world.state().total().partitions), (3, 4));
}

#[test]
fn f7_a_placement_on_brokers_that_left_meanwhile_is_refused_whole() {
    let leave: [fn(&mut World); 2] =
        [|world| world.expire(101), |world| drop(world.submit(Intent::UnregisterBroker { id: id(101), expected: None }).unwrap())];
    for leave in leave {
        let mut world = world();
        let late = world.entry(Intent::CreateTopics { topics: vec![topic("t", 3, 3)] }).unwrap();
        leave(&mut world);
        let before = world.state().clone();
        assert_eq!(only_code(&world.apply(&late).outcomes), Code::InvalidReplicaAssignment);
        assert_eq!(*world.state(), before, "no half-made topic");
    }
}

#[test]
fn f7_apply_takes_no_unsound_assignment() {
    let mut world = world();
    let topic_id = TopicId(Uuid::from_u128(5));
    let unsound = [
        (&[101, 102][..], &[101, 101][..], 101),
        (&[101, 101], &[101], 101),
        (&[101], &[102], 102),
        (&[101, 102], &[101], 102),
        (&[], &[], 101),
    ];
    for (replicas, isr, leader) in unsound {
        let assignments = vec![metadata::command::Assignment { replicas: ids(replicas), isr: ids(isr), leader: id(leader) }];
        let register = Command::RegisterTopic { topic_id, name: "t".into(), configs: Configs::new() };
        let result = world.commit_raw(vec![register, Command::AssignPartitions { topic_id, first: 0, assignments }]);
        assert_eq!(code(result), Code::InvalidReplicaAssignment, "{replicas:?} {isr:?} {leader}");
    }
    assert_eq!(world.state().topic_count(), 0);
    let stray = Command::AssignPartitions { topic_id, first: 0, assignments: Vec::new() };
    assert_eq!(code(world.commit_raw(vec![stray])), Code::UnknownTopicId);
}

#[test]
fn f8_deletion_takes_everything_and_frees_the_name() {
    let mut world = world();
    world.create(topic("keep", 3, 3));
    let loads = |world: &World| [101, 102, 103].map(|broker| world.state().load(id(broker)));
    let before = (loads(&world), world.state().total());
    let old = world.create(topic("t", 5, 2));
    let late = world.entry(Intent::DeleteTopic { name: "t".into(), expected: None }).unwrap();
    world.submit(Intent::DeleteTopic { name: "t".into(), expected: None }).unwrap().remove(0).unwrap();
    assert!(
        matches!(&world.commit.as_ref().unwrap().changes[..], [Change::TopicDeleted { topic_id, name }] if *topic_id == old && &**name == "t")
    );
    assert_eq!((loads(&world), world.state().total()), before);
    assert_eq!((world.state().partitions_of(old).count(), world.state().topic(old)), (0, None));
    assert_eq!(code(world.submit(Intent::DeleteTopic { name: "t".into(), expected: None })), Code::UnknownTopicOrPartition);
    let new = world.create(topic("t", 1, 1));
    assert_ne!(new, old);
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::UnknownTopicId, "a deletion is by id: it does not hit the namesake");
}
