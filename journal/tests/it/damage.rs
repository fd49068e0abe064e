//! Whatever happens to the files: what is served afterwards is true or missing, what went is named, and another journal brings it back.

use crate::world::{Truth, World, repair};
use ::damage::{cases, damaged};
use anyhow::{Context, Result, ensure};
use journal::{Damage, Journal, Verified};
use proptest::prelude::*;
use std::fs;
use std::sync::{Arc, OnceLock};

struct Given {
    truth: Truth,
    world: World,
}

static GIVEN: OnceLock<Given> = OnceLock::new();

fn given() -> &'static Given {
    GIVEN.get_or_init(|| {
        let make = || {
            let truth = Truth::of(30)?;
            let world = World::with(&truth, 8)?;
            Ok::<_, anyhow::Error>(Given { truth, world })
        };
        make().unwrap_or_else(|error| panic!("{error:#}"))
    })
}

/// What happens to a directory, by its files' names in their order.
#[derive(Clone, Debug)]
enum Happens {
    Flip(usize, prop::sample::Index, u8),
    Cut(usize, prop::sample::Index),
    Grow(usize, Vec<u8>),
    Remove(usize),
    Swap(usize, usize),
    Copy(usize, usize),
    /// Of a segment, with its checkpoint's first commits only.
    Stale(usize),
}

impl Happens {
    fn apply(&self, world: &World, names: &[String]) -> Result<()> {
        let path = |nth: &usize| world.path(&names[nth % names.len()]);
        match self {
            Happens::Flip(nth, at, bits) => {
                let mut bytes = fs::read(path(nth))?;
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= bits;
                }
                fs::write(path(nth), bytes)?;
            }
            Happens::Cut(nth, at) => {
                let file = fs::OpenOptions::new().write(true).open(path(nth))?;
                file.set_len(at.index(file.metadata()?.len() as usize + 1) as u64)?;
            }
            Happens::Grow(nth, more) => {
                let mut bytes = fs::read(path(nth))?;
                bytes.extend(more);
                fs::write(path(nth), bytes)?;
            }
            Happens::Remove(nth) => fs::remove_file(path(nth))?,
            Happens::Swap(a, b) => {
                let (from_a, from_b) = (fs::read(path(a))?, fs::read(path(b))?);
                fs::write(path(a), from_b)?;
                fs::write(path(b), from_a)?;
            }
            Happens::Copy(from, to) => fs::write(path(to), fs::read(path(from))?)?,
            Happens::Stale(commits) => {
                let stale = World::with(&Truth::of(commits % 29 + 1)?, 8)?;
                for name in stale.names()? {
                    fs::copy(stale.path(&name), world.path(&name))?;
                }
            }
        }
        Ok(())
    }
}

/// Everything that is served is true; and what is not served any more was named, and can be had again.
fn survives(world: &World, journal: Arc<Journal>, mut told: usize) -> Result<()> {
    let Given { truth, world: whole } = given();
    truth.holds(&journal).context("at once")?;
    // More often than there are segments.
    for _ in 0..10 {
        told += usize::from(matches!(journal.verify_next()?, Verified::Dropped(_)));
    }
    truth.holds(&journal).context("verified")?;
    told += journal.take_dropped().len();
    let stretches = journal.stretches();
    // A newest segment that ends earlier, at a whole commit, is as if less had been written: the end says so.
    let earlier = stretches.len() == 1 && stretches[0].after == 0;
    ensure!(earlier || told > 0, "something is missing and nothing was named: {stretches:?}");
    drop(journal);
    let (journal, dropped) = world.open()?;
    // What somebody else appended to the newest one is not looked at before.
    let more = dropped.iter().filter(|dropped| !matches!(dropped.why, Damage::Torn { .. }));
    ensure!(more.count() == 0, "a second start finds nothing more: {dropped:?}");
    truth.holds(&journal).context("after a restart")?;
    let end = journal.end().map_or(0, |end| truth.count(end));
    if end < 30 || journal.end().is_none() {
        journal.begin(&truth.states[end])?;
        truth.append(&journal, end..30, 3)?;
    }
    repair(&journal, &whole.open()?.0)?;
    let stretches = journal.stretches();
    ensure!(stretches.len() == 1 && (stretches[0].after, stretches[0].upto) == (0, truth.index(29)), "{stretches:?}");
    truth.holds(&journal).context("repaired")?;
    ensure!(journal.take_dropped().is_empty(), "what was repaired is sound");
    Ok(())
}

fn closed(what: &Happens) -> Result<()> {
    let world = given().world.copy()?;
    what.apply(&world, &world.names()?)?;
    let (journal, dropped) = world.open()?;
    survives(&world, journal, dropped.len())
}

fn open(what: &Happens) -> Result<()> {
    let world = given().world.copy()?;
    let names = world.names()?;
    let (journal, dropped) = world.open()?;
    what.apply(&world, &names)?;
    survives(&world, journal, dropped.len())
}

/// A segment that lost its end and its sidecar at once is short, and nothing says that it was longer: so nothing is asked of what is told.
fn many(happening: &[Happens]) -> Result<()> {
    let world = given().world.copy()?;
    let names = world.names()?;
    for what in happening {
        // What is gone does not happen to anything.
        let _ = what.apply(&world, &names);
    }
    survives(&world, world.open()?.0, 1)
}

fn replaced(nth: usize, bytes: &[u8]) -> Result<()> {
    let world = given().world.copy()?;
    fs::write(world.path(&world.segments()?[nth]), bytes)?;
    survives(&world, world.open()?.0, 1)
}

fn good() -> Vec<Vec<u8>> {
    let world = &given().world;
    world.segments().unwrap_or_default().iter().flat_map(|name| fs::read(world.path(name))).collect()
}

fn happens() -> impl Strategy<Value = Happens> {
    let file = || 0usize..7;
    prop_oneof![
        4 => (file(), any::<prop::sample::Index>(), 1u8..).prop_map(|(nth, at, bits)| Happens::Flip(nth, at, bits)),
        2 => (file(), any::<prop::sample::Index>()).prop_map(|(nth, at)| Happens::Cut(nth, at)),
        1 => (file(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(nth, more)| Happens::Grow(nth, more)),
        1 => file().prop_map(Happens::Remove),
        1 => (file(), file()).prop_map(|(a, b)| Happens::Swap(a, b)),
        1 => (file(), file()).prop_map(|(from, to)| Happens::Copy(from, to)),
        1 => (0usize..30).prop_map(Happens::Stale),
    ]
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn journal_damage_of_a_closed_journal(what in happens()) {
        let went = closed(&what);
        prop_assert!(went.is_ok(), "{:?}", went);
    }

    #[test]
    fn journal_damage_of_an_open_journal(what in happens()) {
        let went = open(&what);
        prop_assert!(went.is_ok(), "{:?}", went);
    }

    #[test]
    fn journal_damage_of_many_kinds(happening in prop::collection::vec(happens(), 2..6)) {
        let went = many(&happening);
        prop_assert!(went.is_ok(), "{:?}", went);
    }

    #[test]
    fn journal_damage_of_any_bytes(bytes in damaged(good(), 0), nth in 0usize..4) {
        let went = replaced(nth, &bytes);
        prop_assert!(went.is_ok(), "{:?}", went);
    }
}

#[test]
fn journal_damage_of_every_byte() -> Result<()> {
    let Given { truth, world } = given();
    // In steps that come to every byte of a header and most of the rest.
    for name in world.names()? {
        let bytes = fs::read(world.path(&name))?;
        for at in (0..bytes.len()).filter(|at| *at < 160 || at.is_multiple_of(499)) {
            let copy = world.copy()?;
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            fs::write(copy.path(&name), flipped)?;
            let (journal, dropped) = copy.open()?;
            truth.holds(&journal).with_context(|| format!("{name}, byte {at}"))?;
            let named = dropped.iter().chain(&journal.take_dropped()).any(|dropped| dropped.name == name);
            ensure!(named || name.ends_with("index"), "{name}, byte {at} was not noticed");
        }
    }
    Ok(())
}
