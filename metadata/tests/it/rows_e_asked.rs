//! E2, E3, E10 to E12, J10: elections that are asked for, and those that the leader holds by itself.

use crate::fixture::{World, by_hand, code, configs, id};
use metadata::intent::{ConfigOp, ConfigOpKind, Election, NewTopic, TopicPartition};
use metadata::{BrokerId, Code, Intent, RecoveryState, Rejection};

fn elect(world: &mut World, election: Election, partitions: &[(&str, u32)]) -> Vec<Result<(), Rejection>> {
    let named = partitions.iter().map(|(topic, partition)| TopicPartition { topic: (*topic).to_owned(), partition: *partition });
    let intent = Intent::Elect { election, partitions: Some(named.collect()), topic: None, broker: None };
    world.submit(intent).unwrap().into_iter().map(|outcome| outcome.map(drop)).collect()
}

fn set(world: &mut World, key: &str, value: &str) {
    let op = ConfigOp { key: key.to_owned(), op: ConfigOpKind::Set, value: Some(value.to_owned()) };
    world.submit(Intent::ChangeSettings { ops: vec![op], expected: None }).unwrap().remove(0).unwrap();
}

/// 101 led both partitions, was fenced and is back in sync; 102 leads.
fn astray() -> World {
    let mut world = World::online(&[101, 102, 103]);
    world.create(by_hand("t", &[&[101, 102, 103]]));
    world.expire(101);
    world.beat(101);
    world.set_isr("t", &[101, 102, 103]);
    assert_eq!(world.roles("t").0, Some(102));
    world
}

#[test]
fn e2_the_first_replica_leads_where_it_is_in_sync() {
    let mut world = astray();
    let before = world.partition("t", 0).clone();
    assert_eq!(elect(&mut world, Election::Preferred, &[("t", 0)]), [Ok(())]);
    let after = world.partition("t", 0);
    assert_eq!(after.leader, Some(id(101)));
    assert_eq!((after.leader_epoch, after.partition_epoch), (before.leader_epoch + 1, before.partition_epoch + 1));
    assert_eq!((&after.isr, after.recovery_state), (&before.isr, RecoveryState::Recovered));
}

#[test]
fn e10_each_partition_has_its_own_answer() {
    let mut world = astray();
    world.create(by_hand("led", &[&[103, 101]]));
    world.create(by_hand("behind", &[&[101, 102]]));
    world.expire(101);
    let results = elect(&mut world, Election::Preferred, &[("led", 0), ("t", 0), ("behind", 0), ("gone", 0), ("t", 7), ("t", 0)]);
    let codes: Vec<Code> = results.into_iter().map(code).collect();
    let expected = [
        Code::ElectionNotNeeded,
        Code::PreferredLeaderNotAvailable,
        Code::PreferredLeaderNotAvailable,
        Code::UnknownTopicOrPartition,
        Code::UnknownTopicOrPartition,
        Code::InvalidRequest,
    ];
    assert_eq!(codes, expected);
    assert_eq!(elect(&mut world, Election::Unclean, &[("t", 0)]).into_iter().map(code).collect::<Vec<_>>(), [Code::ElectionNotNeeded]);
}

#[test]
fn e10_of_a_topic_a_broker_or_all_only_those_that_need_one() {
    let of = |topic: Option<&str>, broker: Option<u32>| {
        let mut world = astray();
        world.create(by_hand("u", &[&[102, 103], &[103, 102]]));
        let intent = Intent::Elect {
            election: Election::Preferred,
            partitions: None,
            topic: topic.map(str::to_owned),
            broker: broker.map(BrokerId),
        };
        world.submit(intent).map(|outcomes| outcomes.len())
    };
    let cases = [((None, None), 1), ((Some("t"), None), 1), ((Some("u"), None), 0), ((None, Some(101)), 1), ((None, Some(102)), 0)];
    for ((topic, broker), elected) in cases {
        assert_eq!(of(topic, broker), Ok(elected), "{topic:?} {broker:?}");
    }
    assert_eq!(code(of(Some("gone"), None)), Code::UnknownTopicOrPartition);
    assert_eq!(code(of(None, Some(9))), Code::BrokerIdNotRegistered);
    assert_eq!(code(of(Some("t"), Some(101))), Code::InvalidRequest);
}

/// 101 led alone and stopped uncleanly; 102 is online and never was in sync again.
fn forsaken(allowed: bool) -> World {
    let mut world = World::online(&[101, 102]);
    let allowed = if allowed { "true" } else { "false" };
    world.create(NewTopic { configs: configs(&[("unclean.leader.election.enable", allowed)]), ..by_hand("t", &[&[101, 102]]) });
    world.set_isr("t", &[101]);
    world
}

#[test]
fn e3_an_operator_may_lose_records_and_the_partition_says_so() {
    let mut world = forsaken(false);
    world.expire(101);
    assert_eq!(world.roles("t"), (None, vec![], vec![101]));
    assert_eq!(
        elect(&mut world, Election::Preferred, &[("t", 0)]).into_iter().map(code).collect::<Vec<_>>(),
        [Code::PreferredLeaderNotAvailable]
    );
    assert_eq!(elect(&mut world, Election::Unclean, &[("t", 0)]), [Ok(())]);
    assert_eq!(world.roles("t"), (Some(102), vec![102], vec![]));
    assert_eq!(world.partition("t", 0).recovery_state, RecoveryState::Recovering);
    let intent = world.commit.as_ref().unwrap().intent.clone();
    assert!(matches!(intent, Some(Intent::Elect { election: Election::Unclean, .. })), "the history says who asked for it");
}

#[test]
fn e3_without_anybody_online_there_is_nobody_to_elect() {
    let mut world = forsaken(false);
    world.expire(101);
    world.expire(102);
    assert_eq!(
        elect(&mut world, Election::Unclean, &[("t", 0)]).into_iter().map(code).collect::<Vec<_>>(),
        [Code::EligibleLeadersNotAvailable]
    );
}

#[test]
fn e3_a_topic_that_allows_it_is_led_on_at_once() {
    let mut world = forsaken(true);
    world.expire(101);
    assert_eq!(world.roles("t"), (Some(102), vec![102], vec![]));
    assert_eq!(world.partition("t", 0).recovery_state, RecoveryState::Recovering);
    assert_eq!(lossy(&world), 1, "the commit says so itself");
    world.start(101);
    assert_eq!(lossy(&world), 0, "who comes back elects nobody");
}

fn lossy(world: &World) -> usize {
    world.commit.as_ref().map_or(0, |commit| commit.elected_uncleanly().count())
}

#[test]
fn e3_an_unclean_election_prefers_who_is_eligible() {
    let mut world = World::online(&[101, 102, 103]);
    world.create(NewTopic { configs: configs(&[("min.insync.replicas", "2")]), ..by_hand("t", &[&[101, 103, 102]]) });
    for broker in [102, 101, 103] {
        world.expire(broker);
    }
    // Nobody leads; those that were in sync last are eligible, and one of them is back.
    world.beat(102);
    assert_eq!(world.roles("t"), (None, vec![], vec![101, 103]));
    assert_eq!(elect(&mut world, Election::Unclean, &[("t", 0)]), [Ok(())]);
    assert_eq!((world.roles("t").0, world.partition("t", 0).recovery_state), (Some(102), RecoveryState::Recovering));
}

#[test]
fn e12_the_leader_elects_uncleanly_only_where_the_topic_or_the_cluster_allows_it() {
    for (key, allowed) in [(None, false), (Some("true"), true), (Some("false"), false)] {
        let mut world = World::online(&[101, 102]);
        world.create(by_hand("t", &[&[101, 102]]));
        world.set_isr("t", &[101]);
        world.expire(101);
        if let Some(value) = key {
            set(&mut world, "unclean.leader.election.enable", value);
        }
        let elected = world.submit(Intent::ElectUnclean).unwrap().len();
        assert_eq!((elected == 1, world.roles("t").0), (allowed, allowed.then_some(102)), "{key:?}");
    }
    let mut world = forsaken(false);
    world.expire(101);
    set(&mut world, "unclean.leader.election.enable", "true");
    assert_eq!(world.submit(Intent::ElectUnclean).unwrap().len(), 0, "the topic's own word holds");
}

#[test]
fn e11_leaders_return_above_the_threshold_and_where_it_is_switched_on() {
    let cases =
        [(&[][..], 1), (&[("auto.leader.rebalance.enable", "false")], 0), (&[("leader.imbalance.per.broker.percentage", "100")], 0)];
    for (settings, returned) in cases {
        let mut world = astray();
        set(&mut world, "leader.return.delay.ms", "0");
        for (key, value) in settings {
            set(&mut world, key, value);
        }
        assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), returned, "{settings:?}");
        assert_eq!(world.roles("t").0, Some(if returned == 1 { 101 } else { 102 }));
        assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), 0, "once");
    }
}

#[test]
fn j10_a_broker_that_was_fenced_lately_is_not_returned_to() {
    let mut world = astray();
    let since = world.state().standing(id(101)).since_ms;
    let now = world.draw().now_ms;
    assert!(since > 0 && since <= now);
    assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), 0, "it came back a moment ago");
    let long_ago = (world.draw().now_ms - since).to_string();
    set(&mut world, "leader.return.delay.ms", &long_ago);
    assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), 1, "long enough ago");
}

#[test]
fn j10_nor_one_that_is_drained_held_or_out_of_sync() {
    let mut world = astray();
    set(&mut world, "leader.return.delay.ms", "0");
    world.set_isr("t", &[102, 103]);
    assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), 0, "out of sync");
    let mut world = astray();
    set(&mut world, "leader.return.delay.ms", "0");
    world.start(104);
    world.submit(Intent::DrainBroker { id: id(101), limits: Default::default(), expected: None }).unwrap().remove(0).unwrap();
    assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), 0, "drained");
    let mut world = astray();
    set(&mut world, "leader.return.delay.ms", "0");
    world.submit(Intent::FenceBroker { id: id(101), expected: None }).unwrap().remove(0).unwrap();
    world.beat(101);
    assert_eq!(world.submit(Intent::BalanceLeaders).unwrap().len(), 0, "held");
}

#[test]
fn e11_at_most_a_thousand_in_one_run() {
    let mut world = World::online(&[101, 102]);
    let rows: Vec<&[u32]> = vec![&[101, 102]; 1_200];
    world.create(by_hand("t", &rows));
    world.expire(101);
    world.beat(101);
    let changes = (0..1_200).map(|partition| metadata::intent::IsrChange { partition, ..world.isr_change("t", &[101, 102]) }).collect();
    world.propose(102, changes).unwrap();
    set(&mut world, "leader.return.delay.ms", "0");
    let runs: Vec<usize> = (0..3).map(|_| world.submit(Intent::BalanceLeaders).unwrap().len()).collect();
    assert_eq!(runs, [1_000, 200, 0]);
}
