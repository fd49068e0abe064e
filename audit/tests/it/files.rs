//! Files that begin, end, and are damaged, and logs that go on.

use crate::world::{SMALL, World, event};
use anyhow::{Context, Result, ensure};
use audit::{Kind, LONGEST_LINE, Limits, Log};
use damage::{cases, damaged};
use proptest::prelude::*;
use std::fs;

#[test]
fn a_file_begins_when_one_is_full_and_the_oldest_goes() -> Result<()> {
    let limits = Limits { files: 3, ..SMALL };
    let world = World::new()?;
    for number in 0..60 {
        // A restart each time: what a process knows of its files it has from them.
        world.note(number..number + 1, limits)?;
        let names = world.names()?;
        ensure!(names.len() <= 3, "{names:?}");
        for name in names {
            let length = fs::metadata(world.dir().join(&name))?.len();
            ensure!(length > 0 && length <= limits.bytes, "{name}: {length}");
        }
    }
    let (records, verified) = (world.records()?, world.verified()?);
    ensure!(verified.breaks.is_empty(), "{verified:?}");
    ensure!(verified.spans[0].last_seq == 60 && records[0].seq > 1, "{verified:?}");
    ensure!(world.names()?.last().is_some_and(|name| name.as_str() > "audit-00000004.jsonl"), "{:?}", world.names());
    Ok(())
}

#[test]
fn files_come_in_the_order_of_their_numbers() -> Result<()> {
    let world = World::with(3, SMALL)?;
    fs::rename(world.file(1), world.file(99_999_999))?;
    world.note(3..40, SMALL)?;
    ensure!(world.names()?.contains(&"audit-100000000.jsonl".to_owned()), "{:?}", world.names());
    ensure!(world.records()?.iter().map(|record| record.seq).eq(1..=40) && world.verified()?.breaks.is_empty());
    Ok(())
}

#[cfg(unix)]
#[test]
fn nobody_but_its_user_reads_a_file() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new()?;
    fs::write(world.file(1), "")?;
    fs::set_permissions(world.file(1), fs::Permissions::from_mode(0o644))?;
    let inner = world.dir().join("data/audit");
    for dir in [world.dir(), &inner] {
        let mut log = Log::open(dir, 1, Limits { bytes: 1, ..Limits::default() }, 0)?;
        ensure!(log.dir() == dir);
        log.note(event(0), 0)?;
        log.note(event(1), 0)?;
        for number in [1, 2] {
            let mode = fs::metadata(dir.join(format!("audit-{number:08}.jsonl")))?.permissions().mode();
            ensure!(mode & 0o777 == 0o600, "{mode:o}");
        }
    }
    ensure!(fs::metadata(&inner)?.permissions().mode() & 0o777 == 0o700);
    Ok(())
}

#[test]
fn a_last_line_that_is_not_whole_is_cut_off_and_told() -> Result<()> {
    let world = World::with(4, Limits::default())?;
    let bytes = fs::read(world.file(1))?;
    for length in 0..=bytes.len() {
        let world = World::new()?;
        fs::write(world.file(1), &bytes[..length])?;
        world.note(10..12, Limits::default())?;
        let whole = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        let torn = length - bytes[..length].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (records, verified) = (world.records()?, world.verified()?);
        ensure!(verified.breaks.is_empty(), "{length}: {:?}", verified.breaks);
        let seqs = records.iter().map(|record| record.seq);
        ensure!(seqs.eq(1..=(whole + usize::from(torn > 0) + 2) as u64), "{length}: {records:?}");
        let told = world.of_kind(Kind::Torn)?;
        let expected = (torn > 0).then(|| format!("{torn} bytes after the last whole line"));
        ensure!(told.iter().map(|record| record.detail.clone()).eq(expected.map(Some)), "{length}: {told:?}");
        ensure!(world.of_kind(Kind::Broken)?.is_empty(), "{length}");
    }
    Ok(())
}

#[test]
fn a_damaged_file_is_told_once_and_the_log_goes_on_behind_it() -> Result<()> {
    let world = World::with(20, SMALL)?;
    ensure!(world.names()?.len() >= 3, "{:?}", world.names());
    let text = fs::read_to_string(world.file(2))?;
    let second = text.lines().nth(1).context("a second line")?;
    fs::write(world.file(2), text.replace(second, &second.replace("user-", "USER-")))?;
    for number in 20..24 {
        world.note(number..number + 1, SMALL)?;
    }
    let told = world.of_kind(Kind::Broken)?;
    let told: Vec<_> = told.iter().map(|record| (record.what.as_str(), record.detail.as_deref(), record.seq)).collect();
    let detail = "line 2: its hash is not that of what it says";
    ensure!(told == [("audit-00000002.jsonl", Some(detail), 21)], "{told:?}");
    let verified = world.verified()?;
    ensure!(verified.breaks.len() == 1 && verified.spans[0].last_seq == 25, "{verified:?}");

    fs::remove_file(world.file(1))?;
    world.note(24..25, SMALL)?;
    ensure!(world.of_kind(Kind::Broken)?.len() == 1, "the oldest file may be gone");
    fs::remove_file(world.file(3))?;
    world.note(25..26, SMALL)?;
    world.note(26..27, SMALL)?;
    let told = world.of_kind(Kind::Broken)?;
    let last = told.last().context("a missing file is told")?;
    ensure!((told.len(), last.what.as_str()) == (2, "audit-00000004.jsonl"), "{told:?}");
    ensure!(last.detail.as_deref() == Some("line 1: it does not follow the line before it"), "{last:?}");
    Ok(())
}

#[test]
fn what_is_no_file_of_the_log_is_left_alone() -> Result<()> {
    let world = World::new()?;
    fs::create_dir(world.file(7))?;
    fs::write(world.dir().join("notes.txt"), "mine")?;
    let limits = Limits { files: 2, ..SMALL };
    world.note(0..40, limits)?;
    ensure!(world.file(7).is_dir() && fs::read_to_string(world.dir().join("notes.txt"))? == "mine");
    ensure!(world.names()?.len() == 4 && world.verified()?.breaks.is_empty(), "{:?}", world.names());
    Ok(())
}

#[test]
fn a_file_that_somebody_cuts_or_removes_is_left_and_the_next_begins() -> Result<()> {
    let limits = Limits { files: 2, ..Limits::default() };
    for (left, seqs, breaks) in [(Some(10), vec![1, 2, 4], 2), (None, vec![4], 0)] {
        let world = World::with(3, limits)?;
        // It looks at its file when it is opened, and appends to it later.
        let mut log = Log::open(world.dir(), 1, limits, 0)?;
        match left {
            Some(less) => {
                let file = fs::OpenOptions::new().write(true).open(world.file(1))?;
                file.set_len(file.metadata()?.len() - less)?;
            }
            None => fs::remove_file(world.file(1))?,
        }
        log.note(event(3), 0)?;
        ensure!(world.names()? == ["audit-00000001.jsonl", "audit-00000002.jsonl"], "{:?}", world.names());
        ensure!(world.records()?.iter().map(|record| record.seq).eq(seqs), "{:?}", world.records());
        ensure!(world.verified()?.breaks.len() == breaks, "{:?}", world.verified());
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_that_is_full_is_told_and_survived() -> Result<()> {
    let world = World::new()?;
    let mut log = Log::open(world.dir(), 1, Limits::default(), 0)?;
    std::os::unix::fs::symlink("/dev/full", world.file(1))?;
    let error = log.note(event(0), 1).err().context("nothing can be written to it")?;
    ensure!(error.source.kind() == std::io::ErrorKind::StorageFull, "{error}");
    ensure!(log.tick(2).is_err(), "and so it is not told");
    fs::remove_file(world.file(1))?;
    log.tick(3)?;
    log.note(event(0), 4)?;
    let said: Vec<_> = world.records()?.iter().map(|record| (record.kind, record.times)).collect();
    ensure!(said == [(Kind::Lost, 1), (event(0).kind, 1)], "{said:?}");
    Ok(())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn whatever_the_files_hold_the_log_goes_on(
        files in prop::collection::vec(
            prop_oneof![
                3 => damaged(vec![GOOD.to_vec(), vec![b'\n'; 40], [GOOD, GOOD].concat()], 0),
                1 => prop::collection::vec(any::<u8>(), 0..400),
                1 => (0usize..3 * LONGEST_LINE).prop_map(|length| vec![b'{'; length]),
            ],
            1..5,
        ),
    ) {
        let world = World::new().map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (at, bytes) in files.iter().enumerate() {
            fs::write(world.file(at as u64 * 2 + 1), bytes)?;
        }
        let went = goes_on(&world);
        prop_assert!(went.is_ok(), "{:?}", went);
    }
}

/// A line of another log.
const GOOD: &[u8] = b"{\"seq\":7,\"at_ms\":5,\"node\":2,\"kind\":\"set_up\",\"what\":\"set up\",\"times\":1,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"hash\":\"0000000000000000000000000000000000000000000000000000000000000000\"}\n";

/// The log goes on behind what is there, and says what is wrong with it once.
fn goes_on(world: &World) -> Result<()> {
    let before = world.verified()?;
    let limits = Limits { bytes: 1 << 20, ..SMALL };
    world.note(0..3, limits)?;
    let told = world.of_kind(Kind::Broken)?.len();
    world.note(3..6, limits)?;
    let after = world.verified()?;
    ensure!(world.of_kind(Kind::Broken)?.len() == told, "it is told twice");
    ensure!(before.breaks.is_empty() == (told == 0), "{before:?}");
    let mine = (0..6).map(|number| event(number).principal);
    let records = world.records()?;
    let noted: Vec<_> = records.iter().filter(|record| record.node == 1 && record.principal.is_some()).collect();
    ensure!(noted.iter().map(|record| record.principal.clone()).eq(mine), "{records:?}");
    // What the log itself wrote is whole.
    ensure!(after.breaks.len() <= before.breaks.len() + 1, "{before:?}\n{after:?}");
    let page = audit::read(world.dir(), &audit::Query { most: 3, ..Default::default() })?;
    ensure!(page.iter().map(|record| &record.principal).eq([5, 4, 3].map(|number| event(number).principal).iter()), "{page:?}");
    Ok(())
}
