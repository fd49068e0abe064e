//! What was appended, read back: in one go, after a restart, after a start that found a torn end.

use crate::world::{START_MS, Truth, WHOSE, World};
use anyhow::{Context, Result, ensure};
use journal::{Damage, Journal, JournalError, Options, Whose};
use std::fs;
use uuid::Uuid;

#[test]
fn what_was_appended_is_read_back_whatever_the_portions() -> Result<()> {
    let truth = Truth::of(60)?;
    for (commits, at_once) in [(1, 1), (7, 1), (7, 4), (1_000, 60), (20, 13)] {
        let world = World::new(commits)?;
        let (journal, _) = world.open()?;
        ensure!(journal.end().is_none() && journal.full() && journal.stretches().is_empty());
        truth.append(&journal, 0..60, at_once)?;
        ensure!(journal.end() == Some(truth.index(59)) && journal.stretches().len() == 1, "{:?}", journal.stretches());
        truth.holds(&journal).with_context(|| format!("{commits}, {at_once}"))?;
        ensure!(journal.take_dropped().is_empty());
        let on_disk = world.names()?.iter().map(|name| fs::metadata(world.path(name)).map(|found| found.len())).sum::<Result<u64, _>>()?;
        ensure!(journal.bytes() == on_disk, "{} and {on_disk}", journal.bytes());
    }
    Ok(())
}

#[test]
fn a_restart_finds_all_of_it_and_goes_on() -> Result<()> {
    let truth = Truth::of(60)?;
    let world = World::new(7)?;
    for nth in 0..60 {
        let (journal, dropped) = world.open()?;
        ensure!(dropped.is_empty(), "{dropped:?}");
        truth.append(&journal, nth..nth + 1, 1)?;
    }
    let (journal, _) = world.open()?;
    truth.holds(&journal)?;
    ensure!(journal.stretches().len() == 1 && world.segments()?.len() == 9, "{:?}", world.names());
    Ok(())
}

#[test]
fn a_torn_end_is_cut_at_the_last_whole_commit_and_named() -> Result<()> {
    let truth = Truth::of(20)?;
    let world = World::with(&truth, 1_000)?;
    let name = "00000000000000000000.journal";
    let bytes = fs::read(world.path(name))?;
    let before = World::with(&Truth::of(19)?, 1_000)?;
    let last = fs::metadata(before.path(name))?.len() as usize;
    for length in last..bytes.len() {
        for zeros in [false, true] {
            let mut torn = bytes[..length].to_vec();
            // A file that grew, and whose end did not reach the disk.
            torn.resize(if zeros { bytes.len() + 100 } else { length }, 0);
            if torn.starts_with(&bytes) {
                continue;
            }
            fs::write(world.path(name), &torn)?;
            let (journal, dropped) = world.open()?;
            let told: Vec<_> = dropped.iter().map(|dropped| (dropped.name.as_str(), dropped.after, dropped.why.clone())).collect();
            let more = (torn.len() - last) as u64;
            let expected = (more > 0).then_some((name, truth.index(18), Damage::Torn { bytes: more }));
            ensure!(told == Vec::from_iter(expected), "{length}: {told:?}");
            ensure!(journal.end() == Some(truth.index(18)), "{length}");
            truth.append(&journal, 19..20, 1)?;
            truth.holds(&journal).with_context(|| format!("{length}"))?;
            ensure!(fs::read(world.path(name))? == bytes, "{length}");
        }
    }
    Ok(())
}

#[test]
fn only_what_follows_is_appended_and_only_to_a_segment_with_room() -> Result<()> {
    let truth = Truth::of(30)?;
    let world = World::new(10)?;
    let (journal, _) = world.open()?;
    ensure!(matches!(journal.append(&truth.items(0..1)), Err(JournalError::Unbegun)));
    journal.begin(&truth.states[0])?;
    journal.begin(&truth.states[0])?;
    journal.append(&truth.items(0..5))?;
    for wrong in [0..1, 4..5, 6..7] {
        let refused = journal.append(&truth.items(wrong));
        ensure!(matches!(refused, Err(JournalError::NotFollowing { .. })), "{refused:?}");
    }
    ensure!(matches!(journal.begin(&truth.states[3]), Err(JournalError::Behind { .. })));
    journal.begin(&truth.states[5])?;
    ensure!(world.segments()?.len() == 1, "a segment that is not full goes on");
    journal.append(&[])?;
    journal.append(&truth.items(5..12))?;
    ensure!(journal.full());
    journal.begin(&truth.states[12])?;
    journal.begin(&truth.states[20])?;
    ensure!(world.segments()?.len() == 2, "one without commits gives way: {:?}", world.names());
    journal.append(&truth.items(20..30))?;
    truth.holds(&journal)?;
    let ends: Vec<_> = journal.stretches().iter().map(|stretch| (stretch.after, stretch.upto)).collect();
    ensure!(ends == [(0, truth.index(11)), (truth.index(19), truth.index(29))], "{ends:?}");
    Ok(())
}

#[test]
fn a_gap_is_said_to_be_missing_with_where_to_go_on() -> Result<()> {
    let truth = Truth::of(30)?;
    let world = World::new(1_000)?;
    let (journal, _) = world.open()?;
    journal.begin(&truth.states[4])?;
    journal.append(&truth.items(4..10))?;
    journal.begin(&truth.states[20])?;
    journal.append(&truth.items(20..30))?;
    truth.holds(&journal)?;
    let index = |nth: usize| truth.index(nth - 1);
    for (position, next) in [(0, Some(index(4))), (index(2), Some(index(4))), (index(10), Some(index(20))), (index(15), Some(index(20)))] {
        for asked in [journal.after(position, 9, 999).map(drop), journal.frames_after(position, 9, 999).map(drop)] {
            let missing =
                matches!(&asked, Err(JournalError::Missing { oldest, next: found, .. }) if (*oldest, *found) == (Some(index(4)), next));
            ensure!(missing, "{position}: {asked:?}");
        }
    }
    ensure!(journal.after(index(30), 9, 999)?.is_empty());
    ensure!(matches!(journal.after(index(30) + 1, 9, 999), Err(JournalError::Missing { next: None, .. })));
    ensure!(matches!(journal.state_at(index(10) + 1), Err(JournalError::Missing { .. })));
    ensure!(journal.state_at(index(20))? == truth.states[20] && journal.state_at(index(4))? == truth.states[4]);
    let of = |nth: usize| Some((index(nth), truth.states[nth].at_ms()));
    ensure!(journal.at_or_before(index(4) - 1)?.is_none() && journal.next_after(index(30))?.is_none());
    for nth in [4, 5, 10, 20, 30] {
        ensure!(journal.at_or_before(index(nth))? == of(nth), "{nth}");
    }
    ensure!((journal.at_or_before(index(15))?, journal.next_after(index(15))?) == (of(10), of(21)));
    ensure!((journal.next_after(0)?, journal.next_after(index(10))?) == (of(5), of(21)));
    ensure!(journal.at_or_before(u64::MAX)? == of(30));
    Ok(())
}

#[test]
fn a_time_is_that_of_the_newest_position_at_or_before_it() -> Result<()> {
    let truth = Truth::of(60)?;
    let world = World::with(&truth, 7)?;
    let (journal, _) = world.open()?;
    for at_ms in START_MS - 10..START_MS + 300 {
        let nth = truth.records.partition_point(|record| record.commit.at_ms <= at_ms);
        let expected = nth.checked_sub(1).map_or(0, |nth| truth.index(nth));
        ensure!(journal.index_at(at_ms)? == Some(expected), "{at_ms}");
    }
    ensure!(journal.index_at(0)? == Some(0), "before the first commit nothing was");
    Ok(())
}

#[test]
fn files_of_others_go_and_what_is_no_file_of_a_journal_stays() -> Result<()> {
    let truth = Truth::of(20)?;
    for whose in [Whose { lineage: Uuid::from_u128(9), ..WHOSE }, Whose { cluster_id: Uuid::from_u128(9), ..WHOSE }] {
        let world = World::with(&truth, 7)?;
        fs::write(world.path("notes.txt"), "mine")?;
        fs::create_dir(world.path("00000000000000000003.journal"))?;
        fs::write(world.path("00000000000000000003.journal.part"), "half")?;
        let (journal, dropped) = Journal::open(world.options(), whose)?;
        ensure!(dropped.len() == 3 && dropped.iter().all(|dropped| dropped.why == Damage::Foreign), "{dropped:?}");
        ensure!(journal.end().is_none() && world.names()? == ["00000000000000000003.journal", "notes.txt"], "{:?}", world.names());
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn nobody_but_its_user_reads_a_file() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let truth = Truth::of(20)?;
    let world = World::new(7)?;
    let dir = world.path("data/journal");
    let (journal, _) = Journal::open(Options { segment_commits: 7, ..Options::new(&dir) }, WHOSE)?;
    truth.append(&journal, 0..20, 1)?;
    ensure!(fs::metadata(&dir)?.permissions().mode() & 0o777 == 0o700);
    for entry in fs::read_dir(&dir)? {
        ensure!(entry?.metadata()?.permissions().mode() & 0o777 == 0o600);
    }
    Ok(())
}

#[test]
fn readers_see_whole_commits_while_others_are_appended() -> Result<()> {
    let truth = Truth::of(300)?;
    let world = World::new(25)?;
    let (journal, _) = world.open()?;
    journal.begin(&truth.states[0])?;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| truth.append(&journal, 0..300, 1));
        let mut position = 0;
        while position < truth.index(299) {
            ensure!(!writer.is_finished() || journal.end() == Some(truth.index(299)), "the writer failed");
            for (index, frame) in journal.frames_after(position, 16, usize::MAX)? {
                ensure!(frame == truth.frames[truth.count(position)], "commit {index}");
                position = index;
            }
            let end = journal.end().unwrap_or(0);
            ensure!(journal.state_at(end)? == truth.states[truth.count(end)]);
        }
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
    })?;
    ensure!(journal.take_dropped().is_empty());
    truth.holds(&journal)
}
