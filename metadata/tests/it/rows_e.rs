//! E: elections, eligible replicas and the last known leader.

use crate::fixture::{World, by_hand, configs, id, registration};
use metadata::intent::{ConfigOp, ConfigOpKind, Heartbeat, NewTopic, Registration};
use metadata::{BrokerState, Command, Intent, RecoveryState};

/// One partition on these replicas, all in sync, with this min.insync.replicas.
fn world(replicas: &[u32], min_isr: &str) -> World {
    let mut world = World::online(&[101, 102, 103]);
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", min_isr)]), ..by_hand("t", &[replicas]) });
    world
}

fn set_config(world: &mut World, key: &str, value: &str) {
    let ops = vec![ConfigOp { key: key.into(), op: ConfigOpKind::Set, value: Some(value.into()) }];
    world.submit(Intent::ChangeConfigs { name: "t".into(), ops, expected: None }).unwrap().remove(0).unwrap();
}

#[test]
fn e1_a_valid_leader_stays() {
    let mut world = world(&[103, 101, 102], "1");
    world.expire(101);
    assert_eq!(world.roles("t"), (Some(103), vec![103, 102], vec![]));
    assert_eq!((world.partition("t", 0).leader_epoch, world.partition("t", 0).partition_epoch), (0, 1));
}

#[test]
fn e1_the_next_leader_is_the_first_valid_one_in_replica_order() {
    let mut world = world(&[103, 101, 102], "1");
    // The order of the ISR does not matter, that of the replicas does.
    world.set_isr("t", &[102, 103, 101]);
    world.expire(103);
    assert_eq!(world.roles("t"), (Some(101), vec![102, 101], vec![]));
    assert_eq!((world.partition("t", 0).leader_epoch, world.partition("t", 0).partition_epoch), (1, 2));
}

#[test]
fn e1_who_is_not_in_sync_is_passed_over() {
    let mut world = world(&[101, 102, 103], "1");
    world.set_isr("t", &[101, 103]);
    world.expire(101);
    assert_eq!(world.roles("t"), (Some(103), vec![103], vec![]));
}

#[test]
fn e1_without_a_valid_replica_nobody_leads() {
    let mut world = world(&[101, 102], "1");
    world.set_isr("t", &[101]);
    world.expire(101);
    let partition = world.partition("t", 0);
    assert_eq!((partition.leader, partition.leader_epoch, partition.partition_epoch), (None, 1, 2));
    // 102 is online and was never eligible: it does not lead, and its heartbeats do not make it.
    world.beat(102);
    assert_eq!(world.roles("t"), (None, vec![], vec![101]));
}

/// 101 led alone, stopped uncleanly, and nobody else holds what was acknowledged.
fn forsaken() -> World {
    let mut world = world(&[101, 102], "1");
    world.set_isr("t", &[101]);
    world.liveness.sessions.remove(&id(101));
    world.register(registration(101, 2)).unwrap();
    assert_eq!(world.roles("t"), (None, vec![], vec![]));
    assert_eq!(world.partition("t", 0).last_known_leader, Some(id(101)));
    world
}

#[test]
fn e4_the_last_known_leader_leads_again_uncleanly() {
    let mut world = forsaken();
    world.beat(101);
    assert_eq!(world.roles("t"), (Some(101), vec![101], vec![]));
    let partition = world.partition("t", 0);
    assert_eq!((partition.recovery_state, partition.last_known_leader), (RecoveryState::Recovering, None));
}

#[test]
fn e4_not_while_it_is_fenced_and_no_other_in_its_place() {
    let mut world = forsaken();
    // 102 restarts: it is acceptable, but not the last known leader; 101 is that, but fenced.
    world.restart_uncleanly(102, 2);
    assert_eq!(world.broker(101).state, BrokerState::Fenced);
    assert_eq!(world.roles("t").0, None);
}

#[test]
fn e4_not_while_someone_is_eligible() {
    let mut world = world(&[101, 102], "2");
    world.expire(102);
    world.liveness.sessions.remove(&id(101));
    world.register(registration(101, 2)).unwrap();
    assert_eq!(world.roles("t"), (None, vec![], vec![102]));
    assert_eq!(world.partition("t", 0).last_known_leader, Some(id(101)));
    world.beat(101);
    assert_eq!(world.roles("t").0, None, "102 may hold what 101 has lost");
    world.beat(102);
    assert_eq!(world.roles("t"), (Some(102), vec![102], vec![]));
    assert_eq!(world.partition("t", 0).recovery_state, RecoveryState::Recovered);
}

#[test]
fn e5_an_eligible_replica_leads_cleanly_and_leaves_the_elr() {
    let mut world = world(&[101, 102, 103], "3");
    for broker in [101, 102, 103] {
        world.expire(broker);
    }
    assert_eq!(world.roles("t"), (None, vec![], vec![101, 102, 103]));
    world.beat(102);
    assert_eq!(world.roles("t"), (Some(102), vec![102], vec![101, 103]));
    assert_eq!(world.partition("t", 0).recovery_state, RecoveryState::Recovered);
}

#[test]
fn e5_an_eligible_replica_that_is_online_takes_over_at_once() {
    let mut world = world(&[101, 102], "2");
    world.set_isr("t", &[101]);
    assert_eq!(world.roles("t"), (Some(101), vec![101], vec![102]));
    world.expire(101);
    assert_eq!(world.roles("t"), (Some(102), vec![102], vec![101]));
}

#[test]
fn e5_nobody_leads_from_the_elr_while_someone_is_in_sync() {
    let mut world = world(&[101, 102, 103], "3");
    world.set_isr("t", &[101, 102]);
    // A fencing too large for one entry has begun: 102 is inactive, and in the ISR until its turn comes.
    let (broker, epoch) = (id(102), world.broker(102).epoch);
    let fencing = Command::UpdateBrokerStatus { id: broker, epoch, state: BrokerState::Fencing, held: false, by_operator: false };
    world.commit_raw(vec![fencing]).unwrap();
    world.expire(101);
    assert_eq!(world.roles("t"), (None, vec![102], vec![101, 103]));
    world.submit(Intent::ContinueFencing { id: broker, broker_epoch: epoch }).unwrap().remove(0).unwrap();
    assert_eq!(world.roles("t"), (Some(103), vec![103], vec![101, 102]));
}

#[test]
fn e6_below_the_minimum_who_leaves_the_isr_stays_eligible() {
    let mut world = world(&[101, 102, 103], "2");
    let steps: [(&[u32], &[u32]); 5] =
        [(&[101, 102], &[]), (&[101], &[102]), (&[101, 103], &[]), (&[101], &[103]), (&[101, 102, 103], &[])];
    for (isr, elr) in steps {
        world.set_isr("t", isr);
        assert_eq!(world.roles("t"), (Some(101), isr.to_vec(), elr.to_vec()));
    }
}

#[test]
fn e6_an_unclean_stop_ends_eligibility_and_a_clean_one_does_not() {
    for (clean, elr) in [(true, vec![103]), (false, vec![])] {
        let mut world = world(&[101, 102, 103], "2");
        world.set_isr("t", &[101, 103]);
        world.expire(103);
        assert_eq!(world.roles("t").2, [103]);
        let previous_broker_epoch = clean.then(|| world.broker(103).epoch);
        world.liveness.sessions.remove(&id(103));
        world.register(Registration { previous_broker_epoch, ..registration(103, 2) }).unwrap();
        assert_eq!(world.roles("t").2, elr, "clean: {clean}");
    }
}

#[test]
fn e7_the_last_known_leader_is_remembered_until_someone_leads() {
    let mut world = world(&[101, 102], "1");
    world.set_isr("t", &[101]);
    assert_eq!(world.partition("t", 0).last_known_leader, None);
    world.expire(101);
    assert_eq!(world.partition("t", 0).last_known_leader, Some(id(101)));
    world.beat(101);
    assert_eq!(world.roles("t"), (Some(101), vec![101], vec![]));
    assert_eq!(world.partition("t", 0).last_known_leader, None);
}

#[test]
fn e7_the_first_one_is_remembered_whoever_leaves_the_elr_later() {
    let mut world = world(&[101, 102], "2");
    world.expire(101);
    world.expire(102);
    assert_eq!(world.partition("t", 0).last_known_leader, Some(id(102)));
    world.liveness.sessions.remove(&id(101));
    world.register(registration(101, 2)).unwrap();
    assert_eq!(world.roles("t").2, [102]);
    assert_eq!(world.partition("t", 0).last_known_leader, Some(id(102)));
}

#[test]
fn e8_the_minimum_is_capped_by_the_replication_factor() {
    // A topic cannot ask for more than its replicas (J8); the absent one is 1.
    let mut world = world(&[101, 102], "2");
    world.create(by_hand("default", &[&[101, 102, 103]]));
    let tally = |world: &World, name| world.state().tally(world.topic_id(name));
    world.set_isr("default", &[101]);
    assert_eq!((tally(&world, "default").below_min_isr, tally(&world, "default").at_min_isr), (0, 1));
    assert_eq!(world.roles("default").2, [0u32; 0]);
    assert_eq!((tally(&world, "t").below_min_isr, tally(&world, "t").at_min_isr, tally(&world, "t").under_replicated), (0, 0, 0));
    world.set_isr("t", &[101]);
    assert_eq!((tally(&world, "t").below_min_isr, tally(&world, "t").under_replicated), (1, 1));
    let one = metadata::Partition { replicas: vec![id(101)], isr: vec![id(101)], ..metadata::Partition::clone(world.partition("t", 0)) };
    assert_eq!(metadata::load::Tally::of(&one, 2).below_min_isr, 0, "one of one is all there can be");
}

#[test]
fn e9_another_minimum_ends_eligibility_judged_by_the_old_one() {
    let mut world = world(&[101, 102, 103], "3");
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", "3")]), ..by_hand("u", &[&[101, 102, 103]]) });
    world.expire(103);
    assert_eq!((world.roles("t").2, world.roles("u").2), (vec![103], vec![103]));
    let before = world.partition("t", 0).clone();
    set_config(&mut world, "retention.ms", "1000");
    assert_eq!(world.roles("t").2, [103], "another key is another matter");
    set_config(&mut world, "min.insync.replicas", "2");
    let after = world.partition("t", 0);
    assert_eq!((after.elr.len(), after.partition_epoch, after.leader_epoch), (0, before.partition_epoch + 1, before.leader_epoch));
    assert_eq!(world.state().tally(world.topic_id("t")).below_min_isr, 0, "counted by the new minimum");
    assert_eq!(world.roles("u").2, [103], "another topic too");
}

/// Nobody is in sync, so nothing was acknowledged under the new minimum, and the ELR alone tells who has the records.
#[test]
fn e9_where_nobody_is_in_sync_eligibility_stays() {
    let mut world = world(&[101, 102, 103], "2");
    [102, 103, 101].iter().for_each(|broker| world.expire(*broker));
    let eligible = world.roles("t").2;
    assert!(world.roles("t").1.is_empty() && !eligible.is_empty());
    set_config(&mut world, "min.insync.replicas", "1");
    assert_eq!(world.roles("t"), (None, vec![], eligible.clone()));
    world.beat(eligible[0]);
    assert_eq!((world.roles("t").0, world.partition("t", 0).recovery_state), (Some(eligible[0]), metadata::RecoveryState::Recovered));
}

#[test]
fn e1_the_leader_epoch_rises_only_when_the_leader_is_decided_anew() {
    let mut world = world(&[101, 102, 103], "1");
    let mut seen = Vec::new();
    let mut note = |world: &World| seen.push((world.partition("t", 0).leader_epoch, world.partition("t", 0).partition_epoch));
    note(&world);
    world.set_isr("t", &[101, 102]);
    note(&world);
    world.expire(102);
    note(&world);
    world.expire(101);
    note(&world);
    world.beat(101);
    note(&world);
    let stop = Heartbeat { want_shut_down: true, ..world.heartbeat(101) };
    world.beat(102);
    world.set_isr("t", &[101, 102]);
    note(&world);
    world.send(stop);
    note(&world);
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 3), (2, 4), (2, 5), (3, 6)]);
}
