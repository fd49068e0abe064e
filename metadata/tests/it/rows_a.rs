//! A: registration, amendment, replacement and removal of brokers.

use crate::fixture::{CLUSTER, Event, World, by_hand, code, configs, id, only_code, registration, topic};
use metadata::intent::{Heartbeat, NewTopic, Registration};
use metadata::model::Identity;
use metadata::{Broker, BrokerState, Change, Code, Command, Endpoint, Intent, Rejection};
use uuid::Uuid;

fn register(world: &mut World, new: Registration) -> Result<(), Rejection> {
    world.submit(Intent::RegisterBroker { registration: new })?.remove(0).map(drop)
}

#[test]
fn a1_another_cluster_id_is_refused() {
    let cases = [(None, true), (Some(CLUSTER), true), (Some(Uuid::from_u128(0xBAD)), false)];
    for (cluster_id, accepted) in cases {
        let mut world = World::new();
        let before = world.state().clone();
        let result = register(&mut world, Registration { cluster_id, ..registration(101, 1) });
        assert_eq!(result.is_ok(), accepted, "{cluster_id:?}");
        if !accepted {
            assert_eq!(code(result), Code::InconsistentClusterId);
            assert_eq!(*world.state(), before);
        }
    }
}

#[test]
fn a1_before_the_cluster_has_a_name_any_is_accepted() {
    let mut world = World::empty();
    register(&mut world, registration(101, 1)).unwrap();
    // The identity is committed once: a second one finds it there and needs no entry.
    let identity = |id| Identity { cluster_id: Uuid::from_u128(id), lineage: Uuid::from_u128(1) };
    world.submit(Intent::BootstrapCluster { identity: identity(7) }).unwrap();
    world.submit(Intent::BootstrapCluster { identity: identity(8) }).unwrap();
    assert!(world.commit.is_none());
    assert_eq!(world.state().identity(), Some(&identity(7)));
    assert_eq!(code(world.commit_raw(vec![Command::BootstrapCluster { identity: identity(8) }])), Code::InvalidRequest);
}

#[test]
fn a2_a_first_registration_is_stored_fenced_at_its_own_index() {
    let mut world = World::new();
    let epoch =
        world.register(Registration { rack: Some("r1".into()), push_url: Some("http://s1/".into()), ..registration(101, 1) }).unwrap();
    assert_eq!(epoch, world.index);
    let broker = world.broker(101);
    assert_eq!((broker.epoch, broker.changed_index, broker.state, broker.held), (epoch, epoch, BrokerState::Fenced, false));
    assert_eq!((broker.rack.as_deref(), broker.push_url.as_deref()), (Some("r1"), Some("http://s1/")));
    assert!(matches!(&*world.commit.as_ref().unwrap().changes, [Change::BrokerRegistered { .. }]));
}

#[test]
fn a2_epochs_rise_strictly_over_all_brokers() {
    let mut world = World::new();
    let mut epochs = Vec::new();
    for (broker, start) in [(101, 1), (102, 1), (101, 2), (102, 2), (101, 3)] {
        epochs.push(world.register(registration(broker, start)).unwrap());
    }
    assert!(epochs.is_sorted_by(|one, next| one < next), "{epochs:?}");
}

#[test]
fn a2_a_malformed_registration_is_refused_with_its_field() {
    let good = || registration(101, 1);
    let endpoint = |name: &str, host: &str, port| Endpoint { name: name.into(), host: host.into(), port };
    let with = |endpoints| Registration { endpoints, ..good() };
    let cases = [
        (Registration { id: id(1 << 31), ..good() }, "id"),
        (with(vec![]), "endpoints"),
        (with((0..17).map(|n| endpoint(&n.to_string(), "h", 1)).collect()), "endpoints"),
        (with(vec![endpoint("", "h", 1)]), "endpoints[0].name"),
        (with(vec![endpoint("a", "h", 1), endpoint("a", "h", 2)]), "endpoints[1].name"),
        (with(vec![endpoint("a", " ", 1)]), "endpoints[0].host"),
        (with(vec![endpoint("a", &"h".repeat(250), 1)]), "endpoints[0].host"),
        (with(vec![endpoint("a", "h", 0)]), "endpoints[0].port"),
        (Registration { rack: Some(" ".into()), ..good() }, "rack"),
        (Registration { rack: Some("r".repeat(250)), ..good() }, "rack"),
        (Registration { push_url: Some(String::new()), ..good() }, "push_url"),
        (Registration { push_url: Some("u".repeat(2_001)), ..good() }, "push_url"),
    ];
    let mut world = World::new();
    for (new, field) in cases {
        let no = register(&mut world, new).unwrap_err();
        assert_eq!((no.code, no.field.as_deref()), (Code::InvalidRegistration, Some(field)), "{no:?}");
        assert!(no.value.is_some() && no.allowed.is_some(), "{no:?}");
    }
    assert_eq!(world.state().broker_count(), 0);
}

#[test]
fn a3_second_incarnation_with_live_session_is_refused() {
    let mut world = World::online(&[101]);
    let before = world.state().clone();
    let no = register(&mut world, registration(101, 2)).unwrap_err();
    assert_eq!((no.code, no.field.as_deref()), (Code::DuplicateBrokerRegistration, Some("incarnation_id")));
    assert!(no.code.retryable(), "the session ends by itself");
    assert_eq!(*world.state(), before);
}

#[test]
fn a3_without_a_live_session_the_next_incarnation_takes_over() {
    let cases: [Event; 3] = [
        ("the time ran out", |world| world.liveness.now_ms += crate::fixture::TIMEOUT_MS + 1),
        ("SHUTDOWN_NOW dropped the session", |world| world.liveness.sessions.clear()),
        ("the session is one of an older registration", |world| world.liveness.sessions.get_mut(&id(101)).unwrap().broker_epoch -= 1),
    ];
    for (why, lose) in cases {
        let mut world = World::online(&[101]);
        lose(&mut world);
        let epoch = world.register(registration(101, 2)).expect(why);
        assert_eq!(epoch, world.index, "{why}");
        assert_eq!(world.broker(101).state, BrokerState::Fenced, "{why}");
    }
}

#[test]
fn a3_of_two_that_were_planned_on_the_same_state_one_wins() {
    let mut world = World::new();
    let entry = |start| Intent::RegisterBroker { registration: registration(101, start) };
    let (one, two) = (world.entry(entry(1)).unwrap(), world.entry(entry(2)).unwrap());
    assert!(world.apply(&one).outcomes[0].is_ok());
    let before = world.state().clone();
    assert_eq!(only_code(&world.apply(&two).outcomes), Code::DuplicateBrokerRegistration);
    assert_eq!(*world.state(), before);
}

#[test]
fn a4_same_incarnation_amends_and_keeps_epoch_and_state() {
    let cases: [Event; 4] = [
        ("fenced", |world| world.expire(101)),
        ("online", |_| {}),
        ("shutting down", |world| {
            world.create(by_hand("led", &[&[101, 102]]));
            let heartbeat = Heartbeat { want_shut_down: true, ..world.heartbeat(101) };
            world.send(heartbeat);
        }),
        ("held", |world| drop(world.submit(Intent::FenceBroker { id: id(101), expected: None }).unwrap())),
    ];
    for (state, bring) in cases {
        let mut world = World::online(&[101, 102]);
        bring(&mut world);
        let before = Broker::clone(world.broker(101));
        let endpoints = vec![Endpoint { name: "main".into(), host: "moved".into(), port: 9 }];
        let amended = Registration { endpoints: endpoints.clone(), rack: Some("r9".into()), ..registration(101, 1) };
        assert_eq!(world.register(amended.clone()).unwrap(), before.epoch, "{state}");
        let after = Broker { endpoints, rack: Some("r9".into()), changed_index: world.index, ..before };
        assert_eq!(**world.broker(101), after, "{state}");
        // The very same again needs no entry.
        world.register(amended).unwrap();
        assert!(world.commit.is_none(), "{state}");
    }
}

#[test]
fn a4_an_amendment_of_a_replaced_incarnation_is_refused() {
    let mut world = World::online(&[101]);
    let amendment = Registration { rack: Some("r9".into()), ..registration(101, 1) };
    let late = world.entry(Intent::RegisterBroker { registration: amendment }).unwrap();
    world.restart_uncleanly(101, 2);
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::DuplicateBrokerRegistration);
}

/// Broker 101 led a topic with 102 and 103 behind it, min.insync.replicas 3, and its session is over.
fn bereaved() -> World {
    let mut world = World::online(&[101, 102, 103]);
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", "3")]), ..by_hand("t", &[&[101, 102, 103]]) });
    world.liveness.sessions.remove(&id(101));
    world
}

#[test]
fn a5_a_clean_restart_leaves_the_isr_and_stays_eligible() {
    let mut world = bereaved();
    let previous_broker_epoch = Some(world.broker(101).epoch);
    world.register(Registration { previous_broker_epoch, ..registration(101, 2) }).unwrap();
    assert_eq!(world.roles("t"), (Some(102), vec![102, 103], vec![101]));
}

#[test]
fn a5_an_unclean_restart_leaves_isr_and_elr() {
    for previous_broker_epoch in [None, Some(1)] {
        let mut world = bereaved();
        world.register(Registration { previous_broker_epoch, ..registration(101, 2) }).unwrap();
        assert_eq!(world.roles("t"), (Some(102), vec![102, 103], vec![]));
        // Fenced first and restarted then: it had become eligible, and is no more.
        let mut world = bereaved();
        world.expire(101);
        assert_eq!(world.roles("t"), (Some(102), vec![102, 103], vec![101]));
        world.register(Registration { previous_broker_epoch, ..registration(101, 2) }).unwrap();
        assert_eq!(world.roles("t"), (Some(102), vec![102, 103], vec![]));
    }
}

#[test]
fn a5_the_registration_goes_last() {
    let mut world = bereaved();
    world.create(topic("u", 4, 3));
    let old_epoch = world.broker(101).epoch;
    world.register(registration(101, 2)).unwrap();
    let changes = &world.commit.as_ref().unwrap().changes;
    assert_eq!(changes.len(), 6);
    assert!(changes[..5].iter().all(|change| matches!(change, Change::PartitionChanged { .. })), "{changes:?}");
    assert!(matches!(&changes[5], Change::BrokerRegistered { broker } if broker.epoch > old_epoch && broker.state == BrokerState::Fenced));
}

#[test]
fn a5_a_replacement_waits_for_partitions_that_came_meanwhile() {
    let mut world = bereaved();
    let late = world.entry(Intent::RegisterBroker { registration: registration(101, 2) }).unwrap();
    world.create(by_hand("new", &[&[101, 102]]));
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::InvalidUpdateVersion);
    world.register(registration(101, 2)).unwrap();
    assert_eq!(world.roles("new").0, Some(102));
}

fn unregister(world: &mut World, broker: u32) -> Result<(), Rejection> {
    world.submit(Intent::UnregisterBroker { id: id(broker), expected: None })?.remove(0).map(drop)
}

#[test]
fn a8_removal_takes_a_broker_out_of_every_isr_and_elr_and_itself_last() {
    let mut world = bereaved();
    world.create(by_hand("follows", &[&[102, 101]]));
    world.create(by_hand("alone", &[&[101]]));
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", "2")]), ..by_hand("eligible", &[&[102, 103]]) });
    world.set_isr("eligible", &[102]);
    unregister(&mut world, 101).unwrap();
    assert_eq!(world.roles("t"), (Some(102), vec![102, 103], vec![]));
    assert_eq!(world.roles("follows"), (Some(102), vec![102], vec![]));
    assert_eq!(world.roles("alone"), (None, vec![], vec![]));
    assert!(matches!(world.commit.as_ref().unwrap().changes.last(), Some(Change::BrokerRemoved { id: gone }) if *gone == id(101)));
    assert!(world.state().broker(id(101)).is_none());
    // 103 was eligible, not in sync, and is neither afterwards.
    assert_eq!(world.roles("eligible").2, [103]);
    unregister(&mut world, 103).unwrap();
    assert_eq!(world.roles("eligible"), (Some(102), vec![102], vec![]));
    assert_eq!(world.partition("t", 0).replicas.len(), 3, "the replicas are still assigned");
}

#[test]
fn a8_unknown_brokers_and_controllers_cannot_be_removed() {
    let mut world = World::online(&[101]);
    assert_eq!(code(unregister(&mut world, 999)), Code::BrokerIdNotRegistered);
    assert_eq!(code(unregister(&mut world, 2)), Code::InvalidRequest);
}

#[test]
fn a8_removal_is_refused_when_the_broker_changed_meanwhile() {
    let mut world = World::online(&[101, 102]);
    let late = world.entry(Intent::UnregisterBroker { id: id(101), expected: None }).unwrap();
    let mut placed = World::online(&[101, 102]);
    world.restart_uncleanly(101, 2);
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::StaleBrokerEpoch);
    placed.create(by_hand("new", &[&[101, 102]]));
    assert_eq!(only_code(&placed.apply(&late).outcomes), Code::InvalidUpdateVersion);
    assert!(placed.state().broker(id(101)).is_some());
}

#[test]
fn a9_a_stale_epoch_is_refused_and_an_unknown_broker_named() {
    let mut world = World::online(&[101]);
    let epoch = world.broker(101).epoch;
    let heartbeat = |id, broker_epoch| Intent::BrokerHeartbeat {
        heartbeat: Heartbeat { id, broker_epoch, metadata_index: 0, want_fence: true, want_shut_down: false },
    };
    let change = |id, broker_epoch| Intent::ChangeIsr { id, broker_epoch, changes: Vec::new() };
    for (broker, epoch, expected) in
        [(101, epoch - 1, Code::StaleBrokerEpoch), (101, epoch + 1, Code::StaleBrokerEpoch), (999, epoch, Code::BrokerIdNotRegistered)]
    {
        assert_eq!(code(world.submit(heartbeat(id(broker), epoch))), expected, "heartbeat of {broker} at {epoch}");
        assert_eq!(code(world.submit(change(id(broker), epoch))), expected, "ISR change of {broker} at {epoch}");
    }
    // The same where the epoch became stale between plan and apply.
    world.create(by_hand("t", &[&[101]]));
    let late = world.entry(heartbeat(id(101), epoch)).unwrap();
    world.restart_uncleanly(101, 2);
    assert!(world.apply(&late).outcomes[0].is_err());
}

/// Brokers in sync for more partitions than an entry holds.
fn large() -> World {
    let mut world = World::online(&[101, 102]);
    for nth in 0..2 {
        world.create(by_hand(&format!("t{nth}"), &vec![&[101, 102][..]; 6_000]));
    }
    world
}

/// What would be more than an entry holds goes in ordered ones, and that is what a fencing does.
#[test]
fn a8_a_broker_with_more_than_an_entry_holds_is_fenced_first() {
    let mut world = large();
    assert_eq!(code(unregister(&mut world, 101)), Code::PolicyViolation);
    world.expire(101);
    while world.broker(101).state == BrokerState::Fencing {
        world.continue_fencing(101);
    }
    unregister(&mut world, 101).unwrap();
    assert!(world.state().broker(id(101)).is_none());
}

/// F11: the former process of a large broker is fenced in ordered entries, and then the next one is taken.
#[test]
fn a5_a_broker_with_more_than_an_entry_holds_comes_back_once_its_former_process_is_fenced() {
    let mut world = large();
    world.liveness.sessions.remove(&id(101));
    assert_eq!(code(world.register(registration(101, 2))), Code::DuplicateBrokerRegistration);
    world.expire(101);
    let broker_epoch = world.broker(101).epoch;
    let mut entries = 0;
    while world.broker(101).state == BrokerState::Fencing {
        world.continue_fencing(101);
        let changed = world.commit.as_ref().map_or(0, |commit| commit.changes.len());
        assert!(changed <= 10_001, "{changed} changes in an entry");
        entries += 1;
    }
    assert!(entries > 1, "{entries} entries");
    let epoch = world.register(registration(101, 2)).unwrap();
    assert!(epoch > broker_epoch);
    world.beat(101);
    assert!(world.state().active(id(101)));
}
