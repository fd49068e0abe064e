//! A replica follows, ignores what it knows, and notices what does not fit.

use super::{Absorbed, Mismatch, Replica, digest_at};
use metadata::digest::Digest;
use metadata::intent::{Principal, Registration};
use metadata::{BrokerId, Command, Commit, Entry, Group, Intent, Machine};
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
