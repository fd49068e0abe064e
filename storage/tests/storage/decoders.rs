//! Pushes from anybody: whatever the bytes are, they are read or refused, and whatever is read leaves the copy whole.

use crate::cluster::Cluster;
use anyhow::Result;
use damage::{cases, stretch};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use std::sync::LazyLock;
use storage::push::Push;
use storage::replica::Replica;

/// A snapshot, and the changes that come after it.
fn pushes() -> Result<[Value; 2]> {
    let mut cluster = Cluster::new(1, 2)?;
    for id in [101, 102] {
        cluster.broker(id)?;
    }
    cluster.topic("orders", &[&[101, 102], &[102, 101]])?;
    let snapshot = cluster.snapshot()?;
    let index = cluster.index;
    cluster.topic("payments", &[&[102, 101]])?;
    cluster.delete("orders")?;
    cluster.broker(103)?;
    Ok([snapshot, cluster.changes(index)?])
}

static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let pushes = pushes().map(|pushes| pushes.map(|push| push.to_string().into_bytes()).to_vec());
    pushes.unwrap_or_default()
});

/// A good push in which some stretches were replaced by tokens or by any bytes.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), prop::collection::vec(stretch(damage::JSON), 1..4)).prop_map(|(which, stretches)| {
        let mut bytes = which.get(&GOOD).clone();
        stretches.iter().for_each(|stretch| stretch.apply(&mut bytes));
        bytes
    })
}

/// Every number of a good push in turn by a number of another size: what parses all the same, and often.
fn renumbered() -> impl Strategy<Value = Vec<u8>> {
    let numbers = prop::sample::select(vec!["0", "1", "4294967295", "9223372036854775807", "18446744073709551615"]);
    (any::<Index>(), any::<Index>(), numbers).prop_map(|(which, nth, number)| {
        let text = String::from_utf8_lossy(which.get::<Vec<u8>>(&GOOD)).into_owned();
        let starts: Vec<usize> = text
            .match_indices(|c: char| c.is_ascii_digit())
            .map(|(at, _)| at)
            .filter(|at| matches!(text.as_bytes()[at - 1], b':' | b'[' | b','))
            .collect();
        let at = starts[nth.index(starts.len())];
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| at + length);
        [&text[..at], number, &text[end..]].concat().into_bytes()
    })
}

/// Offers it to a fresh copy, and to one that has the snapshot.
fn offer(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(push) = Push::parse(bytes) else { return Ok(false) };
    for has in [false, true] {
        let replica = Replica::new(None);
        if has {
            let snapshot = Push::parse(&GOOD[0]).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(replica.accept(snapshot).is_ok());
        }
        let (floor, identity) = (replica.floor(), replica.identity());
        let accepted = replica.accept(push.clone());
        if has {
            prop_assert_eq!(replica.identity(), identity, "another history was taken in");
            prop_assert!(replica.floor() >= floor, "the copy went back from {} to {}", floor, replica.floor());
        }
        if let Some(image) = replica.image() {
            prop_assert_eq!(image.state.digest(), image.state.digest_from_scratch());
            prop_assert!(image.index >= image.state.revision());
        }
        prop_assert!(accepted.is_err() || accepted == Ok(replica.index()));
    }
    Ok(true)
}

#[test]
fn good_pushes_are_taken_and_no_part_of_them() -> Result<(), TestCaseError> {
    pushes().map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
    for good in GOOD.iter() {
        prop_assert!(offer(good)?);
        prop_assert!((0..good.len()).all(|end| Push::parse(&good[..end]).is_err()), "a part was taken for a push");
    }
    Ok(())
}

#[test]
fn nesting_without_an_end_is_no_push() {
    for open in ["[", "{\"snapshot\":", "{\"changes\":[{\"a\":["] {
        assert!(Push::parse(open.repeat(200_000).as_bytes()).is_err());
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!offer(&bytes)?);
    }

    #[test]
    fn damaged_pushes_are_survived(bytes in damaged()) {
        offer(&bytes)?;
    }

    #[test]
    fn numbers_of_any_size_are_survived(bytes in renumbered()) {
        offer(&bytes)?;
    }
}
