//! B: heartbeats, fencing and controlled shutdown.

use crate::fixture::{TIMEOUT_MS, World, by_hand, code, configs, id, only_code, registration, topic};
use metadata::intent::{Heartbeat, NewTopic};
use metadata::liveness::Session;
use metadata::plan::{HeartbeatReply, MOST_PARTITIONS, Transition};
use metadata::{BrokerState, Change, Code, Command, Intent};

const FENCED: HeartbeatReply = HeartbeatReply { caught_up: true, fenced: true, in_controlled_shutdown: false, should_shut_down: false };
const ONLINE: HeartbeatReply = HeartbeatReply { fenced: false, ..FENCED };
const STOPPING: HeartbeatReply = HeartbeatReply { in_controlled_shutdown: true, ..ONLINE };
const SHUTDOWN_NOW: HeartbeatReply = HeartbeatReply { should_shut_down: true, ..FENCED };

fn wants(world: &World, broker: u32, want_fence: bool, want_shut_down: bool) -> Heartbeat {
    Heartbeat { want_fence, want_shut_down, ..world.heartbeat(broker) }
}

fn shut_down(world: &mut World, broker: u32) -> HeartbeatReply {
    let heartbeat = wants(world, broker, false, true);
    world.send(heartbeat)
}

fn hold(world: &mut World, broker: u32) {
    world.submit(Intent::FenceBroker { id: id(broker), expected: None }).unwrap().remove(0).unwrap();
}

fn release(world: &mut World, broker: u32) {
    world.submit(Intent::UnfenceBroker { id: id(broker), expected: None }).unwrap().remove(0).unwrap();
}

fn state(world: &World, broker: u32) -> BrokerState {
    world.broker(broker).state
}

/// More partitions than one entry may touch, each on these brokers.
fn many(world: &mut World, replication_factor: i64) -> usize {
    world.create(topic("most", MOST_PARTITIONS as i64, replication_factor));
    world.create(topic("more", 5, replication_factor));
    MOST_PARTITIONS + 5
}

#[test]
fn b1_a_heartbeat_that_came_while_the_expiry_waited_keeps_the_session() {
    let mut world = World::online(&[101]);
    world.create(by_hand("t", &[&[101]]));
    let expiry = Intent::SessionExpired { id: id(101), broker_epoch: world.broker(101).epoch };
    world.liveness.now_ms += TIMEOUT_MS + 1;
    world.beat(101);
    world.submit(expiry.clone()).unwrap();
    assert!(world.commit.is_none());
    // At the very end of its time the session is still valid; a moment later it is not.
    for (after, fenced) in [(TIMEOUT_MS, false), (1, true)] {
        world.liveness.now_ms += after;
        world.submit(expiry.clone()).unwrap();
        assert_eq!(state(&world, 101) == BrokerState::Fenced, fenced, "after {after} ms");
    }
}

#[test]
fn b3_a_fenced_broker_that_wants_to_stop_may_at_once() {
    let mut world = World::online(&[101]);
    world.expire(101);
    let index = world.index;
    assert_eq!(shut_down(&mut world, 101), SHUTDOWN_NOW);
    assert_eq!(world.index, index, "nothing is written");
}

#[test]
fn b4_caught_up_it_is_unfenced_and_leaders_are_elected_after_that() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("alone", &[&[101]]));
    world.create(by_hand("led", &[&[102, 101]]));
    world.expire(101);
    assert_eq!(world.roles("alone"), (None, vec![], vec![101]));
    assert_eq!(world.beat(101), ONLINE);
    assert_eq!(world.roles("alone"), (Some(101), vec![101], vec![]));
    assert_eq!(world.roles("led"), (Some(102), vec![102], vec![]), "what has a leader is left alone");
    let changes = &world.commit.as_ref().unwrap().changes;
    assert!(matches!(&changes[..], [Change::BrokerChanged { .. }, Change::PartitionChanged { .. }]), "{changes:?}");
}

#[test]
fn b4_its_own_registration_is_all_it_must_have_seen() {
    for (behind, caught_up) in [(0, true), (1, false)] {
        let mut world = World::new();
        let epoch = world.register(registration(101, 1)).unwrap();
        world.start(102);
        let heartbeat = Heartbeat { metadata_index: epoch - behind, ..world.heartbeat(101) };
        assert_eq!(world.send(heartbeat), if caught_up { ONLINE } else { HeartbeatReply { caught_up: false, ..FENCED } });
    }
}

#[test]
fn b4_elections_that_are_too_many_for_one_entry_go_on_with_the_next_heartbeat() {
    let mut world = World::online(&[101]);
    let all = many(&mut world, 1);
    world.expire(101);
    world.continue_fencing(101);
    world.continue_fencing(101);
    assert_eq!((world.state().total().offline as usize, state(&world, 101)), (all, BrokerState::Fenced));
    for offline in [5, 0] {
        world.beat(101);
        assert_eq!(world.state().total().offline, offline);
    }
    let heartbeat = world.heartbeat(101);
    assert_eq!(world.transition(&heartbeat), Transition::Stay);
}

#[test]
fn b5_behind_its_registration_it_stays_fenced() {
    let mut world = World::new();
    world.register(registration(101, 1)).unwrap();
    let heartbeat = Heartbeat { metadata_index: 0, ..world.heartbeat(101) };
    let index = world.index;
    assert_eq!(world.send(heartbeat), HeartbeatReply { caught_up: false, ..FENCED });
    assert_eq!(world.index, index);
}

#[test]
fn b4a_an_operators_fence_holds_until_an_operator_lifts_it() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    hold(&mut world, 101);
    assert_eq!((state(&world, 101), world.broker(101).held, world.roles("t").0), (BrokerState::Fenced, true, Some(102)));
    assert_eq!(world.broker(101).changed_index, world.index);
    assert_eq!(world.beat(101), FENCED);
    assert!(world.commit.is_none(), "a heartbeat does not undo it");
    world.restart_uncleanly(101, 2);
    assert_eq!((state(&world, 101), world.broker(101).held), (BrokerState::Fenced, true), "nor does a restart");
    hold(&mut world, 101);
    assert!(world.commit.is_none(), "held is held");
    release(&mut world, 101);
    assert_eq!((state(&world, 101), world.broker(101).held), (BrokerState::Fenced, false), "alive or not is for its heartbeat to say");
    release(&mut world, 101);
    assert!(world.commit.is_none());
    assert_eq!(world.beat(101), ONLINE);
}

#[test]
fn b4a_what_was_planned_before_an_operators_fence_does_not_undo_it() {
    let mut world = World::online(&[101, 102]);
    let expiry = Intent::SessionExpired { id: id(101), broker_epoch: world.broker(101).epoch };
    let stop = Intent::BrokerHeartbeat { heartbeat: wants(&world, 101, false, true) };
    world.create(by_hand("t", &[&[101, 102]]));
    let stopping = world.entry(stop).unwrap();
    world.liveness.sessions.clear();
    let expired = world.entry(expiry).unwrap();
    hold(&mut world, 101);
    for late in [stopping, expired] {
        world.apply(&late).outcomes[0].as_ref().unwrap_err();
    }
    let epoch = world.broker(101).epoch;
    for next in [BrokerState::Online, BrokerState::ShuttingDown, BrokerState::Fenced] {
        for held in [false, true] {
            let status = Command::UpdateBrokerStatus { id: id(101), epoch, state: next, held, by_operator: false };
            let result = world.commit_raw(vec![status]);
            assert_eq!(result.is_ok(), next == BrokerState::Fenced && held, "{next:?}, held {held}");
        }
    }
    assert!(world.broker(101).held);
}

#[test]
fn b4a_fencing_and_releasing_name_their_broker() {
    let mut world = World::new();
    for intent in [Intent::FenceBroker { id: id(9), expected: None }, Intent::UnfenceBroker { id: id(9), expected: None }] {
        assert_eq!(code(world.submit(intent)), Code::BrokerIdNotRegistered);
    }
}

#[test]
fn b6_an_online_broker_that_wants_the_fence_gets_it() {
    for (want_shut_down, reply) in [(false, FENCED), (true, SHUTDOWN_NOW)] {
        let mut world = World::online(&[101, 102]);
        world.create(by_hand("t", &[&[101, 102]]));
        let heartbeat = wants(&world, 101, true, want_shut_down);
        assert_eq!(world.send(heartbeat), reply);
        assert_eq!(world.roles("t"), (Some(102), vec![102], vec![]));
    }
}

#[test]
fn b7_a_leader_that_wants_to_stop_hands_over_first() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("led", &[&[101, 102]]));
    world.create(by_hand("follows", &[&[102, 101]]));
    let changed_index = world.broker(101).changed_index;
    assert_eq!(shut_down(&mut world, 101), STOPPING);
    assert_eq!(world.broker(101).shutdown_index, Some(world.index));
    assert_eq!(world.broker(101).changed_index, changed_index, "no operator asked for it");
    assert_eq!((world.roles("led").0, world.roles("follows").1), (Some(102), vec![102]));
    // 102 has not acknowledged that index: stay, and remember the first one.
    let before = world.index;
    assert_eq!(shut_down(&mut world, 101), STOPPING);
    assert_eq!(world.broker(101).shutdown_index, Some(before));
}

#[test]
fn b8_who_leads_nothing_may_stop_at_once() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("follows", &[&[102, 101]]));
    assert_eq!(shut_down(&mut world, 101), SHUTDOWN_NOW);
    assert_eq!(world.roles("follows"), (Some(102), vec![102], vec![]));
}

#[test]
fn b9_while_it_still_leads_it_stays_and_hands_over_more() {
    let mut world = World::online(&[101]);
    many(&mut world, 1);
    assert_eq!(shut_down(&mut world, 101), STOPPING);
    assert_eq!((world.state().load(id(101)).leaders, world.broker(101).shutdown_index), (5, Some(world.index)));
    assert_eq!(shut_down(&mut world, 101), STOPPING);
    assert_eq!(world.state().load(id(101)).leaders, 0);
    assert_eq!(world.broker(101).shutdown_index, Some(world.index), "the last of the new leaders is what others must have seen");
    assert_eq!(shut_down(&mut world, 101), SHUTDOWN_NOW, "nobody else is active");
}

#[test]
fn b10_it_stops_once_every_active_broker_has_seen_the_new_leaders() {
    let mut world = World::online(&[101, 102, 103, 104]);
    world.create(by_hand("t", &[&[101, 102]]));
    world.expire(104);
    shut_down(&mut world, 101);
    let needed = world.broker(101).shutdown_index.unwrap();
    let cases = [
        (Some(needed), Some(needed - 1), STOPPING),
        (Some(needed), None, STOPPING),
        (None, Some(needed), STOPPING),
        (Some(needed), Some(needed), SHUTDOWN_NOW),
    ];
    for (seen_102, seen_103, reply) in cases {
        for (broker, seen) in [(102, seen_102), (103, seen_103)] {
            let session = seen.map(|metadata_index| Session {
                broker_epoch: world.broker(broker).epoch,
                contact_ms: world.liveness.now_ms,
                metadata_index,
            });
            world.liveness.sessions.retain(|other, _| *other != id(broker));
            world.liveness.sessions.extend(session.map(|session| (id(broker), session)));
        }
        assert_eq!(shut_down(&mut world, 101), reply, "102 has seen {seen_102:?}, 103 {seen_103:?}, of {needed}");
    }
    assert_eq!(world.broker(101).shutdown_index, None);
}

#[test]
fn b10_what_an_older_registration_acknowledged_does_not_count() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    shut_down(&mut world, 101);
    let session = world.liveness.sessions.get_mut(&id(102)).unwrap();
    (session.broker_epoch, session.metadata_index) = (session.broker_epoch - 1, u64::MAX);
    assert_eq!(shut_down(&mut world, 101), STOPPING);
}

#[test]
fn b11_while_somebody_lags_it_stays() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    shut_down(&mut world, 101);
    let index = world.index;
    assert_eq!(shut_down(&mut world, 101), STOPPING);
    assert_eq!(world.index, index, "waiting writes nothing");
    world.beat(102);
    assert_eq!(shut_down(&mut world, 101), SHUTDOWN_NOW);
}

#[test]
fn b12_fenced_while_it_shuts_down_it_may_stop_with_its_next_heartbeat() {
    let fences: [fn(&mut World); 2] = [|world| world.expire(101), |world| hold(world, 101)];
    for fence in fences {
        let mut world = World::online(&[101, 102]);
        world.create(by_hand("t", &[&[101, 102]]));
        shut_down(&mut world, 101);
        fence(&mut world);
        assert_eq!((state(&world, 101), world.broker(101).shutdown_index), (BrokerState::Fenced, None));
        assert_eq!(shut_down(&mut world, 101), SHUTDOWN_NOW);
    }
}

#[test]
fn b13_the_reply_says_where_the_broker_stands() {
    let mut world = World::online(&[101, 102]);
    assert_eq!(world.beat(101), ONLINE);
    let behind = Heartbeat { metadata_index: 0, ..world.heartbeat(101) };
    assert_eq!(world.send(behind), HeartbeatReply { caught_up: false, ..ONLINE });
    assert_eq!(world.transition(&Heartbeat { broker_epoch: 0, ..behind }), Transition::Stay);
    assert_eq!(world.transition(&Heartbeat { id: id(9), ..behind }), Transition::Stay);
}

#[test]
fn b14_an_expired_session_is_fenced_and_a_stale_or_unknown_one_leaves_no_record() {
    let mut world = World::online(&[101, 102]);
    world.create(by_hand("t", &[&[101, 102]]));
    world.liveness.sessions.clear();
    let epoch = world.broker(101).epoch;
    for (broker, broker_epoch) in [(999, epoch), (101, epoch - 1), (101, epoch + 1)] {
        world.submit(Intent::SessionExpired { id: id(broker), broker_epoch }).unwrap();
        assert!(world.commit.is_none(), "{broker} at {broker_epoch}");
    }
    world.expire(101);
    assert_eq!((state(&world, 101), state(&world, 102)), (BrokerState::Fenced, BrokerState::Online), "one broker per entry");
    world.expire(101);
    assert!(world.commit.is_none(), "it is fenced already");
    world.expire(102);
    assert_eq!(world.roles("t"), (None, vec![], vec![102]), "each fencing is visible before the next");
}

#[test]
fn b15_elections_come_first_and_the_fence_last() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", "2")]), ..by_hand("t", &[&[101, 102], &[102, 101], &[102, 103]]) });
    world.expire(101);
    let changes = &world.commit.as_ref().unwrap().changes;
    assert!(
        matches!(&changes[..], [Change::PartitionChanged { .. }, Change::PartitionChanged { .. }, Change::BrokerChanged { broker }] if broker.state == BrokerState::Fenced),
        "{changes:?}"
    );
    let untouched = world.partition("t", 2);
    assert_eq!((untouched.partition_epoch, untouched.isr.len()), (0, 2));
}

#[test]
fn b15_a_fence_waits_for_partitions_that_came_meanwhile() {
    let mut world = World::online(&[101, 102]);
    world.liveness.sessions.clear();
    let broker_epoch = world.broker(101).epoch;
    let late = world.entry(Intent::SessionExpired { id: id(101), broker_epoch }).unwrap();
    world.create(by_hand("new", &[&[101, 102]]));
    assert_eq!(only_code(&world.apply(&late).outcomes), Code::InvalidUpdateVersion);
    assert_eq!(state(&world, 101), BrokerState::Online);
    world.expire(101);
    assert_eq!(world.roles("new").0, Some(102));
}

#[test]
fn b15_a_fencing_too_large_for_one_entry_is_inactive_at_once_and_ends_in_order() {
    let mut world = World::online(&[101, 102]);
    let all = many(&mut world, 2);
    world.create(NewTopic { name: "out".into(), ..by_hand("out", &[&[102, 101]]) });
    world.set_isr("out", &[102]);
    world.expire(101);
    assert_eq!(state(&world, 101), BrokerState::Fencing);
    assert_eq!(world.state().load(id(101)).in_sync as usize, all, "elections are still to come");
    // Inactive: it cannot be unfenced, cannot re-enter an ISR and gets nothing new.
    assert_eq!(world.beat(101), FENCED);
    assert_eq!(state(&world, 101), BrokerState::Fencing);
    let change = world.isr_change("out", &[102, 101]);
    assert_eq!(only_code(&world.propose(102, vec![change]).unwrap()), Code::IneligibleReplica);
    let epoch = world.broker(101).epoch;
    let online = Command::UpdateBrokerStatus { id: id(101), epoch, state: BrokerState::Online, held: false, by_operator: true };
    assert_eq!(code(world.commit_raw(vec![online])), Code::InvalidUpdateVersion);
    for (left, next) in [(5, BrokerState::Fencing), (0, BrokerState::Fenced)] {
        world.continue_fencing(101);
        assert_eq!((world.state().load(id(101)).in_sync, state(&world, 101)), (left, next));
    }
    assert_eq!(world.state().total().offline, 0);
    world.continue_fencing(101);
    assert!(world.commit.is_none());
    assert_eq!(world.beat(101), ONLINE);
}
