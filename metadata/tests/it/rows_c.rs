//! C: what a new leader finds, as far as the pure core decides it. What a controller does around it is tested there.

use crate::fixture::{TIMEOUT_MS, World, by_hand, id, registration, topic};
use metadata::intent::Heartbeat;
use metadata::liveness::Session;
use metadata::plan::MOST_PARTITIONS;
use metadata::snapshot::{decode_machine, encode_machine};
use metadata::{BrokerState, Entry, Intent, Liveness, Principal};

/// Another node leads now: it has the machine, and sessions for who is unfenced, heard just now.
fn fail_over(world: &mut World) {
    world.machine = decode_machine(&encode_machine(&world.machine).unwrap()).unwrap();
    let now_ms = world.liveness.now_ms + 5 * TIMEOUT_MS;
    let unfenced = world.state().brokers().filter(|broker| matches!(broker.state, BrokerState::Online | BrokerState::ShuttingDown));
    let sessions =
        unfenced.map(|broker| (broker.id, Session { broker_epoch: broker.epoch, contact_ms: now_ms, metadata_index: 0 })).collect();
    world.liveness = Liveness { now_ms, session_timeout_ms: TIMEOUT_MS, sessions };
}

#[test]
fn c1_unfenced_brokers_get_a_full_grace_period_and_fenced_ones_restart_at_once() {
    let mut world = World::online(&[101, 102]);
    world.expire(102);
    fail_over(&mut world);
    let expiry = Intent::SessionExpired { id: id(101), broker_epoch: world.broker(101).epoch };
    world.liveness.now_ms += TIMEOUT_MS;
    world.submit(expiry.clone()).unwrap();
    assert_eq!(world.broker(101).state, BrokerState::Online);
    world.register(registration(102, 2)).unwrap();
    world.liveness.now_ms += 1;
    world.submit(expiry).unwrap();
    assert_eq!(world.broker(101).state, BrokerState::Fenced, "a broker that died at the failover is fenced all the same");
}

#[test]
fn c1_a_controlled_shutdown_survives_the_leader_and_unknown_acknowledgements_count_as_nothing() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    let stop = |world: &World| Heartbeat { want_shut_down: true, ..world.heartbeat(101) };
    let heartbeat = stop(&world);
    world.send(heartbeat);
    world.beat(102);
    let needed = world.broker(101).shutdown_index;
    assert!(needed.is_some());
    fail_over(&mut world);
    assert_eq!(world.broker(101).shutdown_index, needed);
    let heartbeat = stop(&world);
    assert!(!world.send(heartbeat).should_shut_down, "the new leader does not know yet what 102 has seen");
    world.beat(102);
    let heartbeat = stop(&world);
    assert!(world.send(heartbeat).should_shut_down);
}

#[test]
fn c3_a_sequence_of_entries_keeps_its_progress_in_the_state() {
    let mut world = World::online(&[101, 102]);
    world.create(topic("most", MOST_PARTITIONS as i64, 2));
    world.create(topic("more", 1, 2));
    world.expire(101);
    for next in [BrokerState::Fencing, BrokerState::Fenced] {
        fail_over(&mut world);
        world.continue_fencing(101);
        assert_eq!(world.broker(101).state, next);
    }
    assert_eq!(world.state().load(id(101)).in_sync, 0);
}

#[test]
fn c5_what_changes_nothing_makes_no_commit_and_moves_no_revision() {
    let mut world = World::online(&[101]);
    let before = world.state().clone();
    let intent = Intent::CreateTopics { topics: Vec::new() };
    let empty = Entry { at_ms: u64::MAX, principal: Principal::controller(1), intent, key: None, groups: Vec::new() };
    assert!(world.apply(&empty).outcomes.is_empty());
    assert!(world.commit.is_none());
    world.membership(&[1, 2, 3]);
    assert!(world.commit.is_none(), "a membership that is the known one is no change");
    world.beat(101);
    assert!(world.commit.is_none(), "nor is a heartbeat");
    assert_eq!(*world.state(), before);
    world.membership(&[1, 2, 4]);
    assert_eq!(world.commit.as_ref().unwrap().prev_index, before.revision());
    let ids: Vec<u64> = world.state().controllers().map(|node| node.id).collect();
    assert_eq!(ids, [1, 2, 4]);
}
