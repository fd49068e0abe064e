//! A replica follows, ignores what it knows, and notices what does not fit.

use super::{Absorbed, Mismatch, Replica, digest_at};
use metadata::Principal;
use metadata::digest::Digest;
use metadata::intent::Registration;
use metadata::{BrokerId, Change, Command, Commit, Entry, Group, Intent, Machine, Partition, RecoveryState, TopicId};
use uuid::Uuid;

fn commit(machine: &mut Machine, index: u64, id: u32) -> Commit {
    let registration = Registration {
        id: BrokerId(id),
        incarnation_id: Uuid::from_u128(u128::from(id) + 1),
        cluster_id: None,
        rack: None,
        endpoints: Vec::new(),
        push_url: None,
        previous_broker_epoch: None,
    };
    let entry = Entry {
        at_ms: index,
        principal: Principal::anonymous(),
        intent: Intent::RegisterBroker { registration: registration.clone() },
        key: None,
        groups: vec![Group::of(vec![Command::RegisterBroker { registration, replaces: None, amends: None }])],
    };
    machine.apply(&entry, index, 1).1.expect("a broker registers")
}

#[test]
fn commits_are_absorbed_in_order_and_once() {
    let mut machine = Machine::default();
    let mut replica = Replica::new(machine.state.clone());
    let (first, second) = (commit(&mut machine, 1, 101), commit(&mut machine, 3, 102));
    assert_eq!(replica.absorb(&first), Ok(Absorbed::Taken));
    assert_eq!(replica.absorb(&first), Ok(Absorbed::Known));
    assert_eq!(replica.absorb(&second), Ok(Absorbed::Taken));
    replica.progress(5);
    assert_eq!(*replica.state(), machine.state);
    assert_eq!(replica.reached(), 5);
    let digests: Vec<_> = replica.digests().collect();
    assert_eq!(digest_at(&digests, 5, 4), Some(machine.state.digest()));
    assert_eq!(digest_at(&digests, 5, 2), Some(first.digest));
    assert_eq!(digest_at(&digests, 5, 6), None);
}

#[test]
fn a_gap_and_a_wrong_digest_are_noticed() {
    let mut machine = Machine::default();
    let mut replica = Replica::new(machine.state.clone());
    let (first, second) = (commit(&mut machine, 1, 101), commit(&mut machine, 2, 102));
    assert_eq!(replica.absorb(&second), Err(Mismatch::Gap { held: 0, prev_index: 1 }));
    let wrong = Commit { digest: Digest(7), ..first };
    assert!(matches!(replica.absorb(&wrong), Err(Mismatch::Digest { index: 1, .. })));
}

/// What no commit touches is found by a scrub, and nothing else is.
#[test]
fn a_bit_that_flips_in_memory_is_found_by_a_scrub() {
    let mut machine = Machine::default();
    let topic = TopicId(Uuid::from_u128(1));
    let create = vec![Change::TopicCreated { topic_id: topic, name: "orders".into(), configs: Default::default() }];
    let partition = |partition| Change::PartitionChanged {
        topic_id: topic,
        partition: Partition {
            partition,
            leader: Some(BrokerId(101)),
            leader_epoch: 0,
            partition_epoch: 0,
            replicas: vec![BrokerId(101)],
            isr: vec![BrokerId(101)],
            elr: Vec::new(),
            last_known_leader: None,
            recovery_state: RecoveryState::Recovered,
            adding_replicas: Vec::new(),
            removing_replicas: Vec::new(),
        }
        .into(),
    };
    let many = 3 * super::AT_ONCE as u32;
    create.into_iter().chain((0..many).map(partition)).for_each(|change| machine.state.absorb(1, 1, &change));
    for (flipped, found) in [(None, false), (Some(0), true), (Some(many - 1), true)] {
        let mut state = machine.state.clone();
        assert!(flipped.is_none_or(|partition| state.flip_a_bit(topic, partition)));
        let mut replica = Replica::new(state);
        // Two passes, looked at every half second.
        let outcome = (0..300).try_for_each(|turn| replica.scrub(f64::from(turn) * 500.0));
        assert_eq!(outcome.is_err(), found, "{flipped:?}: {outcome:?}");
        // A commit that does not touch it does not find it.
        let elsewhere = commit(&mut Machine { state: machine.state.clone(), ..Machine::default() }, 2, 102);
        assert_eq!(replica.absorb(&elsewhere), Ok(Absorbed::Taken));
    }
}
