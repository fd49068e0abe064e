//! J: Quorate's own rules: protection, compare-and-set, idempotency keys, configuration, one number space.

use crate::fixture::{World, by_hand, code, configs, id, only_code, registration, topic};
use metadata::intent::{ConfigOp, ConfigOpKind, NewTopic};
use metadata::keys::{KEPT_MS, KeyTable, MOST, Remembered};
use metadata::snapshot::{decode_machine, encode_machine};
use metadata::{Code, Command, Entry, GroupOutcome, Index, Intent, KeyUse, Principal};
use std::sync::Arc;

fn set(name: &str, key: &str, value: &str) -> Intent {
    let ops = vec![ConfigOp { key: key.into(), op: ConfigOpKind::Set, value: Some(value.into()) }];
    Intent::ChangeConfigs { name: name.into(), ops, expected: None }
}

fn delete(name: &str) -> Intent {
    Intent::DeleteTopic { name: name.into(), expected: None }
}

fn create(name: &str) -> Intent {
    Intent::CreateTopics { topics: vec![topic(name, 1, 1)] }
}

fn key(hash: u8, fingerprint: u8) -> KeyUse {
    KeyUse { hash: [hash; 32], fingerprint: [fingerprint; 16] }
}

#[test]
fn j5_protected_topics_cannot_be_deleted_until_the_protection_is_off() {
    let mut world = World::online(&[101]);
    world.create(NewTopic { configs: configs(&[("deletion.protection", "true")]), ..topic("t", 1, 1) });
    let no = world.submit(delete("t")).unwrap_err();
    assert_eq!(
        (no.code, no.field.as_deref(), no.allowed.as_deref()),
        (Code::PolicyViolation, Some("configs.deletion.protection"), Some("false"))
    );
    world.submit(set("t", "deletion.protection", "false")).unwrap().remove(0).unwrap();
    let late = world.entry(delete("t")).unwrap();
    world.submit(set("t", "deletion.protection", "true")).unwrap().remove(0).unwrap();
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::PolicyViolation, "apply checks it again");
    world.submit(set("t", "deletion.protection", "false")).unwrap().remove(0).unwrap();
    world.submit(delete("t")).unwrap().remove(0).unwrap();
}

#[test]
fn j5_internal_topics_are_protected_always() {
    let mut world = World::online(&[101]);
    for (name, internal) in [("__offsets", true), ("__", true), ("_one", false), ("a__b", false)] {
        let topic_id = world.create(topic(name, 1, 1));
        let result = world.submit(delete(name));
        assert_eq!(result.is_err(), internal, "{name}");
        if internal {
            assert_eq!(code(result), Code::PolicyViolation);
            assert_eq!(code(world.commit_raw(vec![Command::DeleteTopic { topic_id }])), Code::PolicyViolation);
        }
    }
}

#[test]
fn j6_a_plan_alone_changes_nothing_and_is_what_is_then_committed() {
    let world = World::online(&[101, 102, 103]);
    let before = world.machine.clone();
    let intent = Intent::CreateTopics { topics: vec![topic("a", 4, 2), topic("b", 1, 3)] };
    let dry = world.plan(&intent).unwrap();
    assert_eq!(world.machine, before);
    assert_eq!(world.entry(intent.clone()).unwrap().groups, dry.groups());
    assert_eq!(world.plan(&intent).unwrap(), dry, "planned again it is the same");
}

/// What can be asked of a topic or a broker under a condition.
type Conditional = (&'static str, fn(Option<Index>) -> Intent);

#[test]
fn j6_an_expected_revision_is_compared_and_a_conflict_names_the_current_one() {
    let cases: [Conditional; 6] = [
        ("grow", |expected| Intent::GrowTopic { name: "t".into(), count: 2, assignments: None, expected }),
        ("delete", |expected| Intent::DeleteTopic { name: "t".into(), expected }),
        ("configure", |expected| Intent::ChangeConfigs {
            expected,
            name: "t".into(),
            ops: vec![ConfigOp { key: "segment.ms".into(), op: ConfigOpKind::Set, value: Some("9".into()) }],
        }),
        ("fence", |expected| Intent::FenceBroker { id: id(101), expected }),
        ("unfence", |expected| Intent::UnfenceBroker { id: id(102), expected }),
        ("unregister", |expected| Intent::UnregisterBroker { id: id(101), expected }),
    ];
    for (what, ask) in cases {
        let mut world = World::online(&[101, 102]);
        world.submit(Intent::FenceBroker { id: id(102), expected: None }).unwrap();
        world.create(by_hand("t", &[&[101]]));
        let current = match ask(None) {
            Intent::DeleteTopic { .. } | Intent::ChangeConfigs { .. } | Intent::GrowTopic { .. } => {
                world.state().topic_by_name("t").unwrap().changed_index
            }
            Intent::UnfenceBroker { .. } => world.broker(102).changed_index,
            _ => world.broker(101).changed_index,
        };
        for wrong in [current - 1, current + 1] {
            let no = world.submit(ask(Some(wrong))).unwrap_err();
            assert_eq!((no.code, no.allowed), (Code::RevisionConflict, Some(format!("\"{current}\""))), "{what}");
        }
        // Right when it was planned, and no longer when it is applied.
        let late = world.entry(ask(Some(current))).unwrap();
        let mut moved = world.clone();
        moved.submit(set("t", "retention.ms", "1")).unwrap().remove(0).unwrap();
        moved.submit(Intent::FenceBroker { id: id(101), expected: None }).unwrap().remove(0).unwrap();
        moved.submit(Intent::UnfenceBroker { id: id(102), expected: None }).unwrap().remove(0).unwrap();
        let before = moved.state().clone();
        assert_eq!(only_code(&moved.apply(&late).outcomes), Code::RevisionConflict, "{what}");
        assert_eq!(*moved.state(), before);
        world.submit(ask(Some(current))).unwrap().remove(0).expect(what);
    }
}

#[test]
fn j6_what_people_ask_moves_changed_index_and_what_the_cluster_does_by_itself_does_not() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    let indexes = |world: &World| (world.state().topic_by_name("t").unwrap().changed_index, world.broker(101).changed_index);
    let before = indexes(&world);
    world.set_isr("t", &[101]);
    world.expire(101);
    world.beat(101);
    assert_eq!(indexes(&world), before);
    world.submit(set("t", "retention.ms", "1")).unwrap();
    assert_eq!(indexes(&world), (world.index, before.1));
    world.submit(Intent::GrowTopic { name: "t".into(), count: 2, assignments: None, expected: None }).unwrap();
    assert_eq!(indexes(&world), (world.index, before.1));
    world.submit(Intent::FenceBroker { id: id(101), expected: None }).unwrap();
    assert_eq!(indexes(&world).1, world.index);
    world.submit(Intent::UnfenceBroker { id: id(101), expected: None }).unwrap();
    assert_eq!(indexes(&world).1, world.index);
}

#[test]
fn j6_the_same_key_gets_the_first_outcome_for_ten_minutes() {
    let mut world = World::online(&[101]);
    let start = 2_000_000_000_000;
    let first = world.keyed(key(1, 1), start, create("t"));
    let made = GroupOutcome::Topic { topic_id: world.topic_id("t") };
    assert_eq!(first.outcomes, [Ok(made)]);
    for (after, replayed) in [(0, true), (KEPT_MS - 1, true), (KEPT_MS, false)] {
        // Another intent altogether: the key alone decides.
        let mut world = world.clone();
        let again = world.keyed(key(1, 1), start + after, create(&format!("t{after}")));
        assert_eq!(again.index == first.index && again.outcomes == first.outcomes, replayed, "after {after} ms");
        assert_eq!(world.commit.is_none(), replayed);
    }
}

#[test]
fn j6_the_same_key_with_another_request_is_refused_and_changes_nothing() {
    let mut world = World::online(&[101]);
    let start = 2_000_000_000_000;
    world.keyed(key(1, 1), start, create("t"));
    let before = world.machine.clone();
    let entry = Entry {
        at_ms: start + 1,
        key: Some(key(1, 2)),
        ..world.entry(Intent::CreateTopics { topics: vec![topic("u", 1, 1), topic("v", 1, 1)] }).unwrap()
    };
    let codes: Vec<Code> = world.apply(&entry).outcomes.into_iter().map(code).collect();
    assert_eq!(codes, [Code::IdempotencyKeyReused; 2], "one for each item");
    assert_eq!(world.machine, before);
    assert!(world.keyed(key(2, 2), start + 1, create("u")).outcomes[0].is_ok(), "another key is free");
}

#[test]
fn j6_refusals_are_not_remembered() {
    let mut world = World::online(&[101]);
    let late = Entry { key: Some(key(1, 1)), ..world.entry(create("t")).unwrap() };
    world.create(topic("t", 1, 1));
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::TopicAlreadyExists);
    world.submit(delete("t")).unwrap();
    assert!(world.apply(&late).outcomes[0].is_ok());
}

#[test]
fn j6_the_order_is_key_then_revision_then_guards() {
    let mut world = World::online(&[101]);
    world.create(topic("t", 1, 1));
    let changed = world.state().topic_by_name("t").unwrap().changed_index;
    let mut entry = world.entry(Intent::DeleteTopic { name: "t".into(), expected: Some(changed) }).unwrap();
    entry.key = Some(key(1, 1));
    world.submit(set("t", "deletion.protection", "true")).unwrap();
    assert_eq!(only_code(&world.apply(&entry).outcomes), Code::RevisionConflict, "before the protection");
    world.keyed(key(1, 2), entry.at_ms, create("u"));
    assert_eq!(only_code(&world.apply(&entry).outcomes), Code::IdempotencyKeyReused, "before the revision");
}

#[test]
fn j6_keys_survive_a_snapshot_and_expire_alike_after_it() {
    let mut world = World::online(&[101]);
    let start = 2_000_000_000_000;
    for nth in 0..5 {
        world.keyed(key(nth, 1), start + u64::from(nth) * KEPT_MS / 2, create(&format!("t{nth}")));
    }
    assert_eq!(world.machine.keys.iter().count(), 2, "the others are forgotten");
    let restored = decode_machine(&encode_machine(&world.machine).unwrap()).unwrap();
    assert_eq!(restored, world.machine);
    assert_eq!(restored.keys.digest(), world.machine.keys.digest());
}

#[test]
fn j6_applied_entries_never_take_the_table_beyond_its_bound() {
    let mut world = World::online(&[101]);
    let start = world.state().at_ms();
    // One place is left, and from ten minutes on one of these is forgotten each millisecond.
    let full = (1..MOST as u64).map(|nth| {
        let mut hash = [0xff; 32];
        hash[..8].copy_from_slice(&nth.to_be_bytes());
        (hash, Arc::new(Remembered { fingerprint: [0; 16], at_ms: start + nth, index: nth, outcomes: Vec::new() }))
    });
    world.machine.keys = KeyTable::from_pairs(full);
    let now = start + MOST as u64;
    let size = |world: &World| world.machine.keys.iter().count();

    let last = world.keyed(key(1, 1), now, create("last"));
    assert!(last.outcomes[0].is_ok());
    assert_eq!(size(&world), MOST);
    let before = world.machine.clone();
    assert_eq!(only_code(&world.keyed(key(2, 1), now, create("over")).outcomes), Code::Overloaded);
    assert_eq!(world.machine, before, "nothing happened under a key that could not be remembered");
    assert_eq!(world.keyed(key(1, 1), now, create("other")), last, "a retry needs no place");
    world.create(by_hand("without-a-key", &[&[101]]));
    assert_eq!(size(&world), MOST);

    // The first one is forgotten: there is place for one, and no more.
    assert!(world.keyed(key(2, 1), start + 1 + KEPT_MS, create("over")).outcomes[0].is_ok());
    assert_eq!(only_code(&world.keyed(key(3, 1), start + 1 + KEPT_MS, create("more")).outcomes), Code::Overloaded);
    assert_eq!(size(&world), MOST);
    assert!(world.keyed(key(3, 1), start + 1_000 + KEPT_MS, create("more")).outcomes[0].is_ok());
    assert_eq!(size(&world), MOST - 998, "what is forgotten takes no place");
}

#[test]
fn j6_a_full_table_takes_no_new_key_and_still_knows_the_old_ones() {
    let now = 2_000_000_000_000;
    let hash = |nth: usize| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&(nth as u64).to_be_bytes());
        hash
    };
    let outcome = |nth: usize| Remembered {
        fingerprint: [1; 16],
        at_ms: now - (MOST - nth) as u64,
        index: nth as Index,
        outcomes: vec![Ok(GroupOutcome::Done)],
    };
    let table = KeyTable::from_pairs((0..MOST).map(|nth| (hash(nth), Arc::new(outcome(nth)))));
    let ask = |nth: usize, now_ms| table.find(&KeyUse { hash: hash(nth), fingerprint: [1; 16] }, now_ms).map(|found| found.is_some());
    assert_eq!(code(ask(MOST, now)), Code::Overloaded);
    assert!(Code::Overloaded.retryable());
    assert_eq!(ask(7, now), Ok(true));
    // The oldest has expired: there is room for one.
    assert_eq!(ask(MOST, now + KEPT_MS - MOST as u64), Ok(false));
}

#[test]
fn j8_more_in_sync_than_there_are_replicas_is_refused() {
    let mut world = World::online(&[101, 102, 103]);
    for (min, factor, accepted) in [("2", 2, true), ("3", 2, false), ("2147483647", 3, false)] {
        let new = NewTopic { configs: configs(&[("min.insync.replicas", min)]), ..topic(&format!("t{min}"), 1, factor) };
        let outcome = world.submit(Intent::CreateTopics { topics: vec![new] }).unwrap().remove(0);
        assert_eq!(outcome.is_ok(), accepted, "{min} of {factor}");
        if let Err(no) = outcome {
            let at = (no.field.as_deref(), no.value.as_deref(), no.allowed);
            assert_eq!(
                (no.code, at),
                (Code::InvalidConfig, (Some("configs.min.insync.replicas"), Some(min), Some(format!("1 to {factor}"))))
            );
        }
    }
    assert_eq!(code(world.submit(set("t2", "min.insync.replicas", "3"))), Code::InvalidConfig);
    assert_eq!(code(world.submit(set("t2", "min.insync", "1"))), Code::InvalidConfig);
}

#[test]
fn j9_controllers_and_brokers_share_one_number_space() {
    let mut world = World::new();
    let no = world.register(registration(2, 1)).unwrap_err();
    assert_eq!((no.code, no.field.as_deref(), no.value.as_deref()), (Code::InvalidRegistration, Some("id"), Some("2")));
    // A controller that joined after the plan: apply sees it.
    let late = world.entry(Intent::RegisterBroker { registration: registration(4, 1) }).unwrap();
    world.membership(&[1, 2, 3, 4]);
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::InvalidRegistration);
    world.register(registration(0, 1)).unwrap();
    assert_eq!(world.broker(0).id, id(0), "0 is a broker's number like any other");
    let commit = world.commit.unwrap();
    assert_eq!(commit.principal, Principal::anonymous());
}

#[test]
fn an_instance_once_admitted_keeps_its_node_id_for_ever() {
    let mut world = World::online(&[101]);
    let admit = |node_id, instance: u128| Intent::AdmitInstance { node_id, instance_id: uuid::Uuid::from_u128(instance) };
    let before = world.machine.state.clone();
    for (node_id, instance, refused) in [(1, 0x31, None), (2, 0x32, None), (1, 0x31, None), (1, 0x99, Some(Code::InvalidRegistration))] {
        let outcome = world.submit(admit(node_id, instance)).unwrap().remove(0);
        assert_eq!(outcome.err().map(|no| no.code), refused, "{node_id} {instance:x}");
    }
    assert_eq!(world.machine.instances.get(&1), Some(&uuid::Uuid::from_u128(0x31)));
    assert_eq!(world.machine.state, before, "it is beside the state, not in it");
    assert_eq!(decode_machine(&encode_machine(&world.machine).unwrap()).unwrap(), world.machine);
}

#[test]
fn i3_a_copy_shares_everything_and_a_change_costs_what_it_changes() {
    let mut world = World::online(&[101, 102]);
    for name in ["a", "b"] {
        world.create(topic(name, 50, 2));
    }
    let before = world.state().clone();
    world.set_isr("a", &[world.partition("a", 0).leader.unwrap().0]);
    let same = |topic: &str, partition: u32| {
        let id = world.topic_id(topic);
        Arc::ptr_eq(before.partition(id, partition).unwrap(), world.state().partition(id, partition).unwrap())
    };
    let shared = ["a", "b"]
        .iter()
        .flat_map(|topic| (0..50).map(move |partition| (topic, partition)))
        .filter(|(topic, partition)| same(topic, *partition));
    assert_eq!(shared.count(), 99, "all but the one that changed");
}
