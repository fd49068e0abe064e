//! What a page and an export see of a log.

use crate::world::{KINDS, SMALL, World, event};
use anyhow::{Context, Result, ensure};
use audit::{Event, JOINED_MS, Kind, LONGEST_FIELD, LONGEST_LINE, Limits, Log, MOST_READ, Query, Record, lines_of, read, verify};
use damage::cases;
use proptest::prelude::*;
use std::fs;
use std::io::{BufReader, Write};

const ALL: Query = Query { before_seq: None, since_ms: None, kind: None, most: MOST_READ };

#[test]
fn backwards_is_the_whole_log_reversed() -> Result<()> {
    // Files larger than what is read at once, and files of a line.
    for limits in [Limits::default(), Limits { bytes: 100_000, ..SMALL }, SMALL, Limits { bytes: 1, files: 60, ..SMALL }] {
        let world = World::with(600, limits)?;
        let mut records = world.records()?;
        records.reverse();
        ensure!(!records.is_empty() && read(world.dir(), &ALL)? == records, "{limits:?}");
        let (mut paged, mut before_seq) = (Vec::new(), None);
        loop {
            let page = read(world.dir(), &Query { before_seq, most: 7, ..ALL })?;
            ensure!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            before_seq = Some(last.seq);
            paged.extend(page);
        }
        ensure!(paged == records, "{limits:?}");
        for kind in KINDS {
            let expected: Vec<_> = records.iter().filter(|record| record.kind == kind && record.at_ms >= 570).cloned().collect();
            ensure!(read(world.dir(), &Query { kind: Some(kind), since_ms: Some(570), ..ALL })? == expected, "{kind:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn backwards_sees_the_lines_that_forwards_sees(
        pieces in prop::collection::vec(
            prop_oneof![
                4 => Just(None),
                1 => prop::collection::vec(any::<u8>(), 0..50).prop_map(Some),
                1 => (0usize..200_000).prop_map(|length| Some(vec![b'x'; length])),
                1 => Just(Some(vec![b'\n'])),
            ],
            0..12,
        ),
    ) {
        let went = both_ways(&pieces);
        prop_assert!(went.is_ok(), "{:?}", went);
    }
}

/// Writes lines of a log, and these pieces between them.
fn both_ways(pieces: &[Option<Vec<u8>>]) -> Result<()> {
    let lines = World::with(pieces.len(), Limits::default())?.lines()?;
    let world = World::new()?;
    let mut file = fs::File::create(world.file(1))?;
    for (piece, line) in pieces.iter().zip(&lines) {
        file.write_all(piece.as_ref().unwrap_or(line))?;
        file.write_all(b"\n")?;
    }
    let mut forwards = world.records()?;
    forwards.reverse();
    ensure!(read(world.dir(), &ALL)? == forwards);
    Ok(())
}

#[test]
fn an_answer_has_so_many_records_at_most() -> Result<()> {
    let world = World::with(MOST_READ + 5, Limits::default())?;
    for (asked, given) in [(0, 0), (1, 1), (MOST_READ, MOST_READ), (usize::MAX, MOST_READ)] {
        ensure!(read(world.dir(), &Query { most: asked, ..ALL })?.len() == given, "{asked}");
    }
    Ok(())
}

#[test]
fn what_is_just_being_written_is_not_there_yet() -> Result<()> {
    let world = World::with(3, Limits::default())?;
    let bytes = fs::read(world.file(1))?;
    fs::write(world.file(1), &bytes[..bytes.len() - 20])?;
    ensure!(world.lines()?.len() == 2 && read(world.dir(), &ALL)?.len() == 2);
    ensure!(read(&world.dir().join("none"), &ALL).is_err() && audit::export(&world.dir().join("none")).is_err());
    Ok(())
}

#[test]
fn an_export_goes_on_while_the_files_go() -> Result<()> {
    let limits = Limits { files: 3, ..SMALL };
    let world = World::with(20, limits)?;
    let export = audit::export(world.dir())?;
    let before = world.lines()?;
    world.note(20..80, limits)?;
    let lines = export.collect::<Result<Vec<_>, _>>()?;
    // The newest file may have grown before it was read.
    ensure!(lines.starts_with(&before) && verify(&lines).breaks.is_empty());
    Ok(())
}

#[test]
fn an_exported_file_is_verified_whatever_its_last_line_ends_with() -> Result<()> {
    let lines = World::with(10, SMALL)?.lines()?;
    let text = lines.join(&b"\n"[..]);
    for end in [&b""[..], b"\n"] {
        let read = lines_of(BufReader::with_capacity(7, &[&text, end].concat()[..])).collect::<Result<Vec<_>, _>>()?;
        ensure!(read == lines && verify(&read).breaks.is_empty());
    }
    let long = vec![b'x'; 10 * LONGEST_LINE];
    let read = lines_of(&long[..]).collect::<Result<Vec<_>, _>>()?;
    ensure!(read.len() == 1 && read[0].len() == LONGEST_LINE + 1, "a line takes no more memory than the longest one");
    Ok(())
}

#[test]
fn what_strangers_send_fills_no_line_and_breaks_none() -> Result<()> {
    let world = World::new()?;
    let mut log = Log::open(world.dir(), 1, Limits::default(), 0)?;
    let hostile = "\u{0}\n\r\"}\u{1b}[2J\u{2028}".repeat(10_000);
    let some = Some(hostile.clone());
    let event = Event {
        kind: Kind::SignInRefused,
        principal: some.clone(),
        credential: some.clone(),
        address: None,
        what: hostile.clone(),
        code: some.clone(),
        detail: some,
    };
    log.note(event.clone(), 0)?;
    log.note(event, 1)?;
    log.close(2)?;
    let (lines, records) = (world.lines()?, world.records()?);
    ensure!((lines.len(), records.len(), records[1].times) == (2, 2, 1), "they were joined when they were clipped");
    for (line, record) in lines.iter().zip(&records) {
        ensure!(line.len() <= LONGEST_LINE && !line.iter().any(u8::is_ascii_control));
        let Record { principal, credential, what, code, detail, .. } = record;
        for field in [principal, credential, code, detail, &Some(what.clone())] {
            let field = field.as_ref().context("a field is there")?;
            ensure!(field.chars().count() == LONGEST_FIELD && hostile.starts_with(field.trim_end_matches('…')));
        }
    }
    Ok(())
}

#[test]
fn a_flood_is_a_few_lines_and_no_sign_in_is_missing() -> Result<()> {
    let world = World::new()?;
    let limits = Limits { repeats: 8, refusals: 60, ..Limits::default() };
    let mut log = Log::open(world.dir(), 1, limits, 0)?;
    let mut signed_in = 0;
    for at in 0..20_000_usize {
        let stranger = Event { kind: Kind::SignInRefused, principal: Some(format!("guess-{at}")), ..event(1) };
        log.note(stranger, at as u64)?;
        if at % 1_000 == 0 {
            log.note(Event { kind: Kind::SignedIn, ..event(at) }, at as u64)?;
            signed_in += 1;
        }
    }
    log.tick(20_000 + 2 * JOINED_MS)?;
    ensure!(world.of_kind(Kind::SignedIn)?.len() == signed_in);
    let (refused, overflow) = (world.of_kind(Kind::SignInRefused)?, world.of_kind(Kind::Overflow)?);
    let told: u64 = refused.iter().chain(&overflow).map(|record| record.times).sum();
    ensure!(
        told == 20_000 && refused.len() <= limits.repeats + 40 && overflow.len() <= 3,
        "{told}: {} and {}",
        refused.len(),
        overflow.len()
    );
    ensure!(overflow.iter().all(|record| record.first_at_ms.is_some_and(|first| first < record.at_ms)));
    ensure!(world.verified()?.breaks.is_empty());
    Ok(())
}
