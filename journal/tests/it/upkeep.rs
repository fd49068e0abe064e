//! What goes by size and age, and what is verified.

use crate::world::{Truth, World};
use anyhow::{Result, ensure};
use journal::{Journal, Keep, Verified};

use std::fs;

/// Of any size, for a tenth of a second.
const AGED: Keep = Keep { most_bytes: u64::MAX, most_age_ms: Some(100) };

#[test]
fn the_oldest_goes_while_there_are_too_many_bytes_and_the_newest_stays() -> Result<()> {
    let truth = Truth::of(60)?;
    let world = World::with(&truth, 7)?;
    let all = world.open()?.0.bytes();
    for most_bytes in [all, all - 1, all / 2, 1, 0] {
        let world = World::with(&truth, 7)?;
        let (journal, _) = Journal::open(world.options(), crate::world::WHOSE)?;
        let gone = journal.retain(0, Keep { most_bytes, most_age_ms: None })?;
        ensure!(gone.is_empty() == (most_bytes == all));
        ensure!(journal.bytes() <= most_bytes || world.segments()?.len() == 1, "{most_bytes}");
        let on_disk = world.names()?.iter().map(|name| fs::metadata(world.path(name)).map(|found| found.len())).sum::<Result<u64, _>>()?;
        ensure!(on_disk == journal.bytes() && journal.end() == Some(truth.index(59)));
        let stretches = journal.stretches();
        ensure!(stretches.len() == 1 && Some(&stretches[0].after) == gone.last().or(Some(&0)), "{stretches:?}");
        truth.holds(&journal)?;
        ensure!(journal.take_dropped().is_empty(), "nothing of it was damaged");
    }
    Ok(())
}

#[test]
fn a_segment_goes_once_all_of_it_is_too_old() -> Result<()> {
    let truth = Truth::of(60)?;
    let world = World::with(&truth, 7)?;
    let (journal, _) = Journal::open(world.options(), crate::world::WHOSE)?;
    let last = truth.records[6].commit.at_ms;
    ensure!(journal.retain(last + 100, AGED)?.is_empty());
    ensure!(journal.retain(last + 101, AGED)? == [truth.index(6)]);
    truth.holds(&journal)?;
    journal.retain(u64::MAX, AGED)?;
    ensure!(journal.stretches()[0].after == truth.index(55) && world.segments()?.len() == 1);
    truth.holds(&journal)
}

#[test]
fn each_finished_segment_is_verified_in_its_turn() -> Result<()> {
    let truth = Truth::of(20)?;
    let world = World::with(&truth, 7)?;
    let (journal, _) = world.open()?;
    let names = world.segments()?;
    for name in [0, 1, 0, 1] {
        let verified = journal.verify_next()?;
        ensure!(verified == Verified::Sound(names[name].clone()), "{verified:?}");
    }
    for path in [&names[0].replace("journal", "index"), &names[1]] {
        let path = world.path(path);
        let mut bytes = fs::read(&path)?;
        bytes[5_000.min(path.metadata()?.len() as usize - 1)] ^= 1;
        fs::write(path, bytes)?;
    }
    ensure!(journal.verify_next()? == Verified::Sound(names[0].clone()), "its sidecar is made anew");
    let Verified::Dropped(dropped) = journal.verify_next()? else { anyhow::bail!("it is damaged") };
    ensure!((dropped.name, dropped.upto) == (names[1].clone(), Some(truth.index(13))));
    ensure!(journal.verify_next()? == Verified::Sound(names[0].clone()));
    truth.holds(&journal)?;
    ensure!(journal.stretches().len() == 2);
    journal.clear()?;
    ensure!(journal.verify_next()? == Verified::Nothing && journal.end().is_none() && world.names()?.is_empty(), "{:?}", world.names());
    ensure!(journal.full() && journal.take_dropped().is_empty());
    truth.append(&journal, 0..20, 3)?;
    truth.holds(&journal)
}
