//! U: how a commit is undone, and what becomes of configuration, settings, fences and drains.

use crate::fixture::{World, by_hand, code, configs, id};
use crate::moving::{SLOW, go_on, moves, state_of, sync};
use crate::samples;
use crate::undo::{configure, delete, deleted, kept, keys_of, overtaken, set, undo, world};
use metadata::envelope::{Kind, open, seal};
use metadata::history::{NoInverse, inverse};
use metadata::intent::{ConfigOp, NewTopic};
use metadata::reassignment::{Limits, ReassignmentState};
use metadata::{Code, Intent, Rejection};

fn settings(ops: Vec<ConfigOp>) -> Intent {
    Intent::ChangeSettings { ops, expected: None }
}

#[test]
fn u1_an_undo_is_a_commit_of_its_own_that_names_what_it_undoes() {
    let mut world = world();
    let record = kept(&mut world, configure("t", vec![set("retention.ms", "5")]));
    let undone = undo(&mut world, &record);
    assert_eq!((undone.commit.kind(), undone.commit.index > record.commit.index), ("undo", true));
    let intent = undone.commit.intent.clone().unwrap();
    assert_eq!(intent.inner().kind(), "change_configs");
    assert_eq!(metadata::access::Demand::of(&intent), metadata::access::Demand::of(intent.inner()), "it takes the same rights");
    assert_eq!(code(world.submit(intent)), Code::RevisionConflict, "once");
}

#[test]
fn u1_before_every_controller_knows_it_it_is_refused() {
    let mut world = World::empty();
    world.membership(&[1, 2, 3]);
    let identity = metadata::model::Identity { cluster_id: crate::fixture::CLUSTER, lineage: uuid::Uuid::from_u128(0x11) };
    world.commit_raw(vec![metadata::Command::BootstrapCluster { identity }]).unwrap();
    for format in 2..5 {
        world.submit(Intent::RaiseFormat { format }).unwrap().remove(0).unwrap();
    }
    world.start(101);
    let record = kept(&mut world, Intent::FenceBroker { id: id(101), expected: None });
    let undo = inverse(&record, world.state()).unwrap();
    assert!(!world.state().undoes());
    assert_eq!(code(world.submit(undo.clone())), Code::NotController);
    assert_eq!(code(world.submit(Intent::Lead { leaders: Vec::new() })), Code::NotController);
    world.submit(Intent::RaiseFormat { format: 5 }).unwrap().remove(0).unwrap();
    assert!(world.state().undoes());
    world.submit(undo).unwrap().remove(0).unwrap();
    assert!(!world.broker(101).held);
}

#[test]
fn u1_what_is_not_compared_with_what_it_undoes_is_refused() {
    let mut world = world();
    let record = kept(&mut world, configure("t", vec![set("retention.ms", "5")]));
    let of = record.commit.index;
    let ask = |intent: Intent| Intent::Undo { of, intent: Box::new(intent) };
    let other = |expected| Intent::ChangeConfigs { name: "t".to_owned(), ops: vec![delete("retention.ms")], expected };
    let cases = [
        ask(other(None)),
        ask(other(Some(of + 1))),
        ask(deleted("t")),
        ask(Intent::CancelReassignment { id: of + 1 }),
        ask(Intent::ContinueReassignments),
        ask(ask(other(Some(of)))),
    ];
    for intent in cases {
        assert_eq!(code(world.submit(intent)), Code::InvalidRequest);
    }
    world.submit(ask(other(Some(of)))).unwrap().remove(0).unwrap();
}

#[test]
fn u1_no_bytes_hold_an_undo_of_an_undo() {
    let plain = samples::intents().into_iter().find(|(name, _)| *name == "Undo").unwrap().1;
    let bytes = seal(Kind::Entry, &plain).unwrap();
    assert_eq!(open::<Intent>(Kind::Entry, &bytes).unwrap(), plain);
    let nested = Intent::Undo { of: 7, intent: Box::new(plain) };
    let nested = seal(Kind::Entry, &nested).unwrap();
    assert!(open::<Intent>(Kind::Entry, &nested).is_err());
    // As deep as they like: the envelope's head, then variant and index over and over.
    let mut deep = nested[..4].to_vec();
    deep.extend(std::iter::repeat_n([31, 7], 1_000_000).flatten());
    assert!(open::<Intent>(Kind::Entry, &deep).is_err());
    // Every other kind may be asked by one.
    for (name, intent) in samples::intents().into_iter().filter(|(name, _)| *name != "Undo") {
        let undo = Intent::Undo { of: 7, intent: Box::new(intent) };
        assert_eq!(open::<Intent>(Kind::Entry, &seal(Kind::Entry, &undo).unwrap()).unwrap(), undo, "{name}");
    }
}

#[test]
fn u2_configuration_goes_back_key_by_key() {
    let mut world = world();
    kept(&mut world, configure("t", vec![set("retention.ms", "5"), set("segment.ms", "7")]));
    let before = keys_of(&world, "t");
    let ops = vec![set("retention.ms", "6"), delete("segment.ms"), set("cleanup.policy", "compact")];
    let record = kept(&mut world, configure("t", ops));
    let after = keys_of(&world, "t");
    let undone = undo(&mut world, &record);
    assert_eq!(keys_of(&world, "t"), before);
    undo(&mut world, &undone);
    assert_eq!(keys_of(&world, "t"), after, "an undo can be undone");
}

#[test]
fn u2_what_was_configured_moved_or_made_again_meanwhile_is_left_alone() {
    type Happens = (fn(&mut World), Code, bool);
    let cases: [Happens; 4] = [
        (|world| drop(kept(world, configure("t", vec![set("segment.ms", "8")]))), Code::RevisionConflict, true),
        (|world| drop(kept(world, moves(&[("t", 0, &[104, 102, 103])], SLOW))), Code::RevisionConflict, true),
        (|world| drop(kept(world, deleted("t"))), Code::UnknownTopicOrPartition, false),
        (
            |world| {
                kept(world, deleted("t"));
                world.create(NewTopic { configs: configs(&[("retention.ms", "5")]), ..by_hand("t", &[&[101, 102, 103]]) });
            },
            Code::RevisionConflict,
            false,
        ),
    ];
    for (happens, expected, there) in cases {
        let mut world = world();
        let record = kept(&mut world, configure("t", vec![set("retention.ms", "5")]));
        let (no, refused) = overtaken(&mut world, &record, happens);
        assert_eq!(refused.code, expected);
        match no {
            NoInverse::Changed { since, now, .. } if there => {
                assert_eq!((since, now), (record.commit.index, format!("at index {}", world.index)));
            }
            no => assert_eq!((no, there), (NoInverse::Gone { what: "Topic t".to_owned() }, false)),
        }
        assert_eq!(Rejection::from(inverse(&record, world.state()).unwrap_err()).code, Code::RevisionConflict);
    }
}

#[test]
fn u2_settings_go_back_and_a_first_minimum_becomes_one() {
    let mut world = world();
    kept(&mut world, settings(vec![set("cluster.name", "prod")]));
    let record = kept(&mut world, settings(vec![set("cluster.name", "test"), set("min.insync.replicas", "2"), set("num.partitions", "3")]));
    let after = world.state().settings().values.clone();
    let undone = undo(&mut world, &record);
    assert_eq!(world.state().settings().values, configs(&[("cluster.name", "prod"), ("min.insync.replicas", "1")]));
    undo(&mut world, &undone);
    assert_eq!(world.state().settings().values, after);
    let record = kept(&mut world, settings(vec![set("num.partitions", "4")]));
    let (no, refused) = overtaken(&mut world, &record, |world| drop(kept(world, settings(vec![set("cluster.name", "other")]))));
    assert_eq!(no.to_string(), format!("The settings changed since index {}; it is now at index {}", record.commit.index, world.index));
    assert_eq!((refused.code, world.state().settings().values["num.partitions"].as_str()), (Code::RevisionConflict, "4"));
}

#[test]
fn u3_fences_and_drains_go_back_while_nobody_else_touched_the_broker() {
    let mut world = world();
    let fenced = kept(&mut world, Intent::FenceBroker { id: id(101), expected: None });
    let released = undo(&mut world, &fenced);
    assert!(!world.broker(101).held);
    world.beat(101);
    assert!(world.broker(101).active(), "its next heartbeat brings it online");
    let again = undo(&mut world, &released);
    assert!(world.broker(101).held && !world.broker(101).active());
    undo(&mut world, &again);
    world.beat(101);
    let drained = kept(&mut world, Intent::DrainBroker { id: id(102), limits: SLOW, expected: None });
    let stopped = undo(&mut world, &drained);
    assert!(!world.state().draining(id(102)));
    assert_eq!(state_of(&world, drained.commit.index).0, ReassignmentState::Cancelled);
    let again = undo(&mut world, &stopped);
    assert_eq!(world.state().standing(id(102)).draining, Some(again.commit.index));
    assert_eq!(world.state().reassignment(again.commit.index).unwrap().limits, SLOW, "within the limits that it had");
    let (no, refused) = overtaken(&mut world, &again, |world| {
        drop(kept(world, Intent::FenceBroker { id: id(102), expected: None }));
    });
    assert_eq!((no.to_string().contains("Broker 102 changed since"), refused.code), (true, Code::RevisionConflict));
}

#[test]
fn u3_a_broker_that_was_replaced_is_not_drained_instead() {
    let mut world = world();
    world.expire(101);
    let broker_epoch = world.broker(101).epoch;
    kept(&mut world, Intent::ReplaceBroker { id: id(101), broker_epoch });
    let record = kept(&mut world, Intent::StopDrain { id: id(101), expected: None });
    assert!(inverse(&record, world.state()).unwrap_err().to_string().contains("was not drained but replaced"));
}

#[test]
fn u3_a_drain_that_was_asked_for_again_goes_back_to_how_it_was() {
    let mut world = world();
    let drain = |per_broker| Intent::DrainBroker { id: id(101), limits: Limits { per_broker }, expected: None };
    let first = kept(&mut world, drain(Some(1)));
    let faster = kept(&mut world, drain(Some(5)));
    undo(&mut world, &faster);
    assert_eq!(world.state().reassignment(first.commit.index).unwrap().limits, SLOW);
    while world.state().has_open_work() {
        go_on(&mut world);
        sync(&mut world);
    }
    // Once it is empty, a drain begins anew; called off again, the broker stays drained as it was.
    let second = kept(&mut world, drain(None));
    assert_eq!(inverse(&second, world.state()), Err(NoInverse::Nothing));
    assert!(world.state().draining(id(101)));
}
