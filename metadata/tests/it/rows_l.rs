//! L: the cluster's settings.

use crate::fixture::{World, by_hand, code, configs};
use metadata::intent::{ConfigOp, ConfigOpKind, NewTopic};
use metadata::{Code, Intent, views};

fn op(key: &str, op: ConfigOpKind, value: Option<&str>) -> ConfigOp {
    ConfigOp { key: key.to_owned(), op, value: value.map(str::to_owned) }
}

fn set(world: &mut World, key: &str, value: &str) -> Result<(), metadata::Rejection> {
    let ops = vec![op(key, ConfigOpKind::Set, Some(value))];
    world.submit(Intent::ChangeSettings { ops, expected: None })?.into_iter().try_for_each(|outcome| outcome.map(drop))
}

fn effective(world: &World, topic: &str, key: &str) -> (String, &'static str) {
    let all = views::topic_configs(world.state(), topic).unwrap();
    let found = all.into_iter().find(|each| each.key == key).unwrap();
    (found.value, found.source)
}

#[test]
fn l1_a_value_comes_from_the_topic_else_the_cluster_else_the_default() {
    let mut world = World::online(&[101]);
    world.create(by_hand("plain", &[&[101]]));
    world.create(NewTopic { configs: configs(&[("retention.ms", "5")]), ..by_hand("own", &[&[101]]) });
    assert_eq!(effective(&world, "plain", "retention.ms"), ("604800000".to_owned(), "default"));
    set(&mut world, "retention.ms", " 7 ").unwrap();
    assert_eq!(effective(&world, "plain", "retention.ms"), ("7".to_owned(), "cluster"));
    assert_eq!(effective(&world, "own", "retention.ms"), ("5".to_owned(), "topic"));
    let shown = views::settings(world.state()).into_iter().find(|each| each.key == "retention.ms").unwrap();
    assert_eq!((shown.value.as_str(), shown.source, shown.unit), ("7", "set", Some("ms")));
}

#[test]
fn l1_a_new_topic_takes_the_numbers_of_the_cluster() {
    let mut world = World::online(&[101, 102, 103]);
    set(&mut world, "num.partitions", "4").unwrap();
    set(&mut world, "default.replication.factor", "2").unwrap();
    world.create(NewTopic { name: "t".to_owned(), ..NewTopic::default() });
    let id = world.topic_id("t");
    assert_eq!((world.state().tally(id).partitions, world.state().replication_factor(id)), (4, 2));
}

#[test]
fn l2_another_minimum_ends_what_the_old_one_judged_for_all_that_inherit_it() {
    let mut world = World::online(&[101, 102, 103]);
    set(&mut world, "min.insync.replicas", "3").unwrap();
    for name in ["a", "b"] {
        world.create(by_hand(name, &[&[101, 102, 103]]));
    }
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", "3")]), ..by_hand("own", &[&[101, 102, 103]]) });
    world.expire(103);
    assert_eq!(["a", "b", "own"].map(|name| world.roles(name).2), [vec![103], vec![103], vec![103]]);
    assert_eq!(world.state().total().below_min_isr, 3);
    set(&mut world, "min.insync.replicas", "2").unwrap();
    assert_eq!(["a", "b", "own"].map(|name| world.roles(name).2), [vec![], vec![], vec![103]]);
    assert_eq!(world.state().total().below_min_isr, 1, "counted by the new minimum");
    assert_eq!(world.state().settings().clear_from, None);
}

#[test]
fn l2_what_is_too_much_for_one_entry_goes_on_in_ordered_ones() {
    let mut world = World::online(&[101, 102]);
    set(&mut world, "default.replication.factor", "3").unwrap();
    set(&mut world, "min.insync.replicas", "2").unwrap();
    let rows: Vec<&[u32]> = vec![&[101, 102]; 6_000];
    for name in ["a", "b", "c"] {
        world.create(by_hand(name, &rows));
    }
    // A fencing of 18 000 partitions in several entries leaves each with an eligible replica.
    world.expire(102);
    while world.broker(102).state != metadata::BrokerState::Fenced {
        world.continue_fencing(102);
    }
    let eligible = |world: &World| world.state().all_partitions().filter(|(_, partition)| !partition.elr.is_empty()).count();
    assert_eq!(eligible(&world), 18_000);
    set(&mut world, "min.insync.replicas", "1").unwrap();
    let mut left = vec![eligible(&world)];
    while world.state().settings().clear_from.is_some() {
        world.submit(Intent::ContinueSettings).unwrap().remove(0).unwrap();
        left.push(eligible(&world));
    }
    assert_eq!(left, [12_000, 6_000, 0]);
}

#[test]
fn l4_what_cannot_be_set_is_refused_with_key_value_and_what_is_allowed() {
    let cases = [
        ("no.such.key", ConfigOpKind::Set, Some("1"), "ops[0].key"),
        ("labels", ConfigOpKind::Set, Some("a=b"), "ops[0].key"),
        ("num.partitions", ConfigOpKind::Set, Some("0"), "settings.num.partitions"),
        ("num.partitions", ConfigOpKind::Set, None, "ops[0].value"),
        ("cluster.name", ConfigOpKind::Set, Some("a\nb"), "settings.cluster.name"),
        ("cluster.name", ConfigOpKind::Append, Some("b"), "ops[0].op"),
        ("min.insync.replicas", ConfigOpKind::Delete, None, "ops[0].op"),
        // E8, J8: no default of topics could ever have so many in sync.
        ("min.insync.replicas", ConfigOpKind::Set, Some("4"), "settings.min.insync.replicas"),
        ("leader.imbalance.per.broker.percentage", ConfigOpKind::Set, Some("101"), "settings.leader.imbalance.per.broker.percentage"),
    ];
    for (key, kind, value, field) in cases {
        let mut world = World::online(&[101]);
        let refused = world.submit(Intent::ChangeSettings { ops: vec![op(key, kind, value)], expected: None }).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidConfig, Some(field)), "{key} {kind:?} {value:?}");
        assert!(refused.allowed.is_some_and(|allowed| !allowed.is_empty()));
        assert_eq!(world.state().settings().changed_index, 0);
    }
}

#[test]
fn l4_settings_are_compared_with_what_was_seen() {
    let mut world = World::online(&[101]);
    set(&mut world, "cluster.name", "prod").unwrap();
    let seen = world.state().settings().changed_index;
    let change =
        |expected| Intent::ChangeSettings { ops: vec![op("cluster.name", ConfigOpKind::Set, Some("test"))], expected: Some(expected) };
    assert_eq!(code(world.submit(change(seen - 1))), Code::RevisionConflict);
    world.submit(change(seen)).unwrap().remove(0).unwrap();
    assert!(world.state().settings().changed_index > seen);
    set(&mut world, "cluster.name", "test").unwrap();
    assert_eq!(world.commit, None, "what is so already needs no entry");
}

#[test]
fn the_first_format_knows_none_of_it() {
    let mut world = World::empty();
    world.membership(&[1, 2, 3]);
    let identity = metadata::model::Identity { cluster_id: crate::fixture::CLUSTER, lineage: uuid::Uuid::from_u128(0x11) };
    world.commit_raw(vec![metadata::Command::BootstrapCluster { identity }]).unwrap();
    world.start(101);
    assert_eq!(world.state().standing(crate::fixture::id(101)), Default::default(), "nothing that an older build would not know");
    assert_eq!(code(set(&mut world, "cluster.name", "x")), Code::NotController);
    assert_eq!(code(world.submit(Intent::ContinueReassignments)), Code::NotController);
    let raised = world.submit(Intent::RaiseFormat { format: 2 }).unwrap();
    assert!(raised[0].is_ok());
    assert_eq!(world.submit(Intent::RaiseFormat { format: 2 }).unwrap().len(), 1, "asked again it is no entry");
    assert_eq!(world.commit, None);
    set(&mut world, "cluster.name", "x").unwrap();
}
