//! Gaps that are filled from another journal, and one that lies.

use crate::world::{Truth, WHOSE, World, repair};
use anyhow::{Context, Result, ensure};
use journal::{Filler, Journal, JournalError};
use metadata::Change;
use metadata::frame::Frame;
use metadata::history::Record;
use std::fs;
use std::sync::Arc;

fn with_gaps(truth: &Truth) -> Result<(World, Arc<Journal>)> {
    let world = World::new(9)?;
    let (journal, _) = world.open()?;
    for range in [20..40, 60..61, 100..120] {
        journal.begin(&truth.states[range.start])?;
        truth.append(&journal, range, 1)?;
    }
    Ok((world, journal))
}

#[test]
fn gaps_are_filled_from_another_journal_to_the_very_same() -> Result<()> {
    let truth = Truth::of(120)?;
    let full = World::with(&truth, 1_000)?;
    let (world, journal) = with_gaps(&truth)?;
    repair(&journal, &full.open()?.0)?;
    for journal in [journal, world.open()?.0] {
        let stretches: Vec<_> = journal.stretches().iter().map(|stretch| (stretch.after, stretch.upto)).collect();
        ensure!(stretches == [(0, truth.index(119))], "{stretches:?}");
        truth.holds(&journal)?;
        ensure!(journal.take_dropped().is_empty());
    }
    ensure!(world.names()?.iter().all(|name| !name.ends_with("part")));
    Ok(())
}

fn push(filler: &mut Filler, truth: &Truth, range: std::ops::Range<usize>) -> Result<(), JournalError> {
    range.into_iter().try_for_each(|nth| filler.push(&truth.frames[nth], truth.records[nth].beside.by.clone()))
}

#[test]
fn a_gap_is_filled_whole_or_from_within_and_nothing_remains_of_what_is_not_finished() -> Result<()> {
    let truth = Truth::of(120)?;
    let (world, journal) = with_gaps(&truth)?;
    let names = world.names()?;
    let mut filler = journal.fill(truth.states[40].clone(), truth.index(59))?;
    ensure!(matches!(journal.fill(truth.states[0].clone(), truth.index(19)), Err(JournalError::Filling)));
    push(&mut filler, &truth, 40..60)?;
    drop(filler);
    let mut filler = journal.fill(truth.states[40].clone(), truth.index(59))?;
    push(&mut filler, &truth, 40..59)?;
    ensure!(matches!(filler.finish(), Err(JournalError::Refused { .. })), "it does not reach the end");
    let mut filler = journal.fill(truth.states[50].clone(), truth.index(59))?;
    ensure!(matches!(push(&mut filler, &truth, 51..52), Err(JournalError::Refused { .. })), "one is left out");
    ensure!(matches!(push(&mut filler, &truth, 50..51), Err(JournalError::Refused { .. })), "it takes nothing more");
    drop(filler);
    ensure!(world.names()? == names, "{:?}", world.names());
    let mut filler = journal.fill(truth.states[50].clone(), truth.index(59))?;
    push(&mut filler, &truth, 50..60)?;
    ensure!(matches!(push(&mut filler, &truth, 60..61), Err(JournalError::Refused { .. })), "that one is kept");
    drop(filler);
    let mut filler = journal.fill(truth.states[50].clone(), truth.index(59))?;
    push(&mut filler, &truth, 50..60)?;
    filler.finish()?;
    truth.holds(&journal)?;
    ensure!(journal.stretches().len() == 3);
    let index = |nth: usize| truth.index(nth - 1);
    for (from, upto) in [(0, index(40)), (30, index(60)), (50, index(60)), (45, index(49)), (10, 0), (20, index(20)), (120, index(120) + 9)]
    {
        let refused = journal.fill(truth.states[from].clone(), upto).err();
        ensure!(matches!(refused, Some(JournalError::NoGap { .. })), "{from} to {upto}: {refused:?}");
    }
    truth.holds(&journal)
}

#[test]
fn a_gap_that_went_meanwhile_is_not_filled() -> Result<()> {
    let truth = Truth::of(120)?;
    let (world, journal) = with_gaps(&truth)?;
    let mut filler = journal.fill(truth.states[40].clone(), truth.index(59))?;
    push(&mut filler, &truth, 40..60)?;
    journal.clear()?;
    ensure!(matches!(filler.finish(), Err(JournalError::NoGap { .. })));
    ensure!(world.names()?.is_empty(), "{:?}", world.names());
    Ok(())
}

/// Commits that somebody made up, with digests that fit.
#[test]
fn who_lies_is_refused() -> Result<()> {
    let truth = Truth::of(120)?;
    let (world, journal) = with_gaps(&truth)?;
    let names = world.names()?;
    let lie = |nth: usize, change: fn(&mut metadata::Commit)| -> Result<Vec<u8>> {
        let mut commit = truth.records[nth].commit.as_ref().clone();
        change(&mut commit);
        Ok(Frame::Commit(Arc::new(commit)).encode()?)
    };
    let lies: [fn(&mut metadata::Commit); 7] = [
        |commit| drop(commit.changes.pop()),
        |commit| commit.changes.clear(),
        |commit| commit.changes.extend(commit.changes.first().cloned().map(|_| Change::FormatRaised { format: 9 })),
        |commit| commit.digest.0 ^= 1,
        |commit| commit.prev_index -= 1,
        |commit| commit.index = commit.prev_index,
        |commit| commit.at_ms = 0,
    ];
    for nth in 40..60 {
        for (which, change) in lies.iter().enumerate() {
            let mut filler = journal.fill(truth.states[nth].clone(), truth.index(59))?;
            let refused = filler.push(&lie(nth, *change)?, None);
            // A change that comes to nothing may be taken out of a commit.
            ensure!(matches!(refused, Err(JournalError::Refused { .. })), "{nth}, {which}: {refused:?}");
        }
    }
    let mut filler = journal.fill(truth.states[40].clone(), truth.index(59))?;
    ensure!(filler.push(b"no frame", None).is_err());
    drop(filler);
    // One that begins at another state, and goes on without a fault from there.
    let mut state = truth.states[50].clone();
    state.absorb(state.revision(), state.at_ms(), &Change::FormatRaised { format: 3 });
    let mut filler = journal.fill(state.clone(), truth.index(59))?;
    for nth in 50..60 {
        let mut commit = truth.records[nth].commit.as_ref().clone();
        state.absorb_commit(&commit);
        commit.digest = state.digest();
        filler.push(&Frame::Commit(Arc::new(commit)).encode()?, None)?;
    }
    let refused = filler.finish();
    ensure!(matches!(refused, Err(JournalError::Refused { .. })), "{refused:?}");
    // Or where a stretch ends.
    let mut state = truth.states[40].clone();
    state.absorb(state.revision(), state.at_ms(), &Change::FormatRaised { format: 3 });
    ensure!(matches!(journal.fill(state, truth.index(59)), Err(JournalError::Refused { .. })));
    ensure!(world.names()? == names);
    truth.holds(&journal)
}

#[test]
fn segments_that_do_not_lead_to_each_other_are_not_kept_together() -> Result<()> {
    let truth = Truth::of(40)?;
    let world = World::with(&truth, 10)?;
    // The same commits with a last one that leads elsewhere.
    let other = World::new(10)?;
    let (journal, _) = other.open()?;
    journal.begin(&truth.states[10])?;
    journal.append(&truth.items(10..19))?;
    let mut commit = truth.records[19].commit.as_ref().clone();
    let mut state = truth.states[19].clone();
    commit.changes.push(Change::FormatRaised { format: 3 });
    state.absorb_commit(&commit);
    commit.digest = state.digest();
    let frame = Frame::Commit(Arc::new(commit.clone())).encode()?;
    let record = Record::of(&mut truth.states[19].clone(), Arc::new(commit), None).context("it leads there")?;
    journal.append(&[journal::Item { record: &record, frame: &frame }])?;
    journal.begin(&state)?;
    for name in other.names()?.iter().filter(|name| name.starts_with(&format!("{:020}", truth.index(9)))) {
        fs::copy(other.path(name), world.path(name))?;
    }
    let (journal, dropped) = world.open()?;
    ensure!(dropped.len() == 1 && dropped[0].after == truth.index(9), "{dropped:?}");
    ensure!(journal.stretches().len() == 2);
    truth.holds(&journal)?;
    ensure!(Journal::open(world.options(), WHOSE)?.1.is_empty());
    Ok(())
}
