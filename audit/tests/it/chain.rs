//! What binds the lines is broken by whatever happens to them.

use crate::world::{SMALL, World, event};
use anyhow::{Context, Result, ensure};
use audit::{Fault, LONGEST_LINE, Limits, Log, MOST_BREAKS, MOST_NODES, Verified, verify};
use damage::{Stretch, cases, damaged, stretch};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;

/// The lines of a log over several files and one restart.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let written = || -> Result<Vec<Vec<u8>>> {
        let world = World::with(15, SMALL)?;
        world.note(15..30, SMALL)?;
        world.lines()
    };
    written().expect("a log can be written")
});

static WHOLE: LazyLock<Verified> = LazyLock::new(|| verify(&*LINES));

#[derive(Clone, Debug)]
enum Change {
    Bit(Index, Index, u8),
    Stretch(Index, Stretch),
    Cut(Index, Index),
    Remove(Index, usize),
    Swap(Index, Index),
    Insert(Index, Index),
    Garbage(Index, Vec<u8>),
    /// A line in the place of another one.
    Copy(Index, Index),
}

impl Change {
    fn apply(&self, lines: &mut Vec<Vec<u8>>) {
        let count = lines.len();
        match self {
            Change::Bit(line, at, bits) => {
                let line = &mut lines[line.index(count)];
                let at = at.index(line.len());
                line[at] ^= bits;
            }
            Change::Stretch(line, stretch) => stretch.apply(&mut lines[line.index(count)]),
            Change::Cut(line, at) => {
                let line = &mut lines[line.index(count)];
                line.truncate(at.index(line.len()));
            }
            Change::Remove(at, length) => {
                let at = at.index(count);
                lines.drain(at..(at + length).min(count));
            }
            Change::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
            Change::Insert(at, line) => lines.insert(at.index(count + 1), lines[line.index(count)].clone()),
            Change::Garbage(at, line) => lines.insert(at.index(count + 1), line.clone()),
            Change::Copy(to, from) => lines[to.index(count)] = lines[from.index(count)].clone(),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let any = any::<Index>;
    prop_oneof![
        (any(), any(), 1u8..).prop_map(|(line, at, bits)| Change::Bit(line, at, bits)),
        (any(), stretch(damage::JSON)).prop_map(|(line, stretch)| Change::Stretch(line, stretch)),
        (any(), any()).prop_map(|(line, at)| Change::Cut(line, at)),
        (any(), 1usize..4).prop_map(|(at, length)| Change::Remove(at, length)),
        (any(), any()).prop_map(|(one, other)| Change::Swap(one, other)),
        (any(), any()).prop_map(|(at, line)| Change::Insert(at, line)),
        (any(), damaged(LINES.clone(), 0)).prop_map(|(at, line)| Change::Garbage(at, line)),
        (any(), any()).prop_map(|(to, from)| Change::Copy(to, from)),
    ]
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn whatever_changed_is_found(changes in prop::collection::vec(change(), 1..4)) {
        let mut lines = LINES.clone();
        changes.iter().for_each(|change| change.apply(&mut lines));
        let verified = verify(&lines);
        if lines == *LINES {
            prop_assert_eq!(&verified, &*WHOLE);
            return Ok(());
        }
        // Lines that are missing at either end leave a chain that holds, and that is another one by its ends.
        let part = LINES.windows(lines.len().max(1)).any(|part| part == lines) || lines.is_empty();
        prop_assert_eq!(verified.breaks.is_empty(), part, "{:?}", verified);
        prop_assert_ne!(&verified, &*WHOLE);
    }

    #[test]
    fn any_bytes_are_verified(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10)) {
        let verified = verify(&lines);
        prop_assert_eq!((verified.records, verified.breaks.len()), (0, lines.len()));
    }
}

#[test]
fn one_damage_is_one_break_at_its_line() -> Result<()> {
    ensure!(WHOLE.breaks.is_empty() && WHOLE.spans.len() == 1, "{:?}", *WHOLE);
    let span = &WHOLE.spans[0];
    ensure!((span.node, span.records, span.first_seq, span.last_seq) == (1, 30, 1, 30), "{span:?}");
    let altered = |from: &str, to: &str| {
        let mut lines = LINES.clone();
        lines[9] = String::from_utf8_lossy(&lines[9]).replacen(from, to, 1).into_bytes();
        lines
    };
    let without = |count: usize| [&LINES[..9], &LINES[9 + count..]].concat();
    let with = |line: &[u8]| [&LINES[..9], &[line.to_vec()], &LINES[9..]].concat();
    for (name, lines, fault) in [
        ("another person", altered("user-9", "user-8"), Fault::Altered),
        ("another number", altered("\"seq\":10", "\"seq\":11"), Fault::Altered),
        ("another node", altered("\"node\":1", "\"node\":2"), Fault::Altered),
        ("a space", altered(",\"node\"", ", \"node\""), Fault::Altered),
        ("a line less", without(1), Fault::Unlinked),
        ("lines less", without(5), Fault::Unlinked),
        ("garbage", with(b"{}"), Fault::Unreadable),
        ("an empty line", with(b""), Fault::Unreadable),
        ("a long line", with(&vec![b' '; LONGEST_LINE + 1]), Fault::TooLong),
    ] {
        let verified = verify(&lines);
        ensure!(verified.breaks.len() == 1, "{name}: {:?}", verified.breaks);
        let found = &verified.breaks[0];
        ensure!((found.line, &found.fault) == (10, &fault), "{name}: {found:?}");
        ensure!(found.to_string().starts_with("line 10: it"), "{found}");
    }
    Ok(())
}

#[test]
fn lines_of_several_nodes_are_several_chains() -> Result<()> {
    let of = |node: u64| -> Result<Vec<Vec<u8>>> {
        let world = World::new()?;
        let mut log = Log::open(world.dir(), node, Limits::default(), 0)?;
        for number in 0..10 {
            log.note(event(number), 0)?;
        }
        world.lines()
    };
    let (one, two) = (of(1)?, of(2)?);
    let mixed: Vec<_> = one.iter().zip(&two).flat_map(|(one, two)| [one.clone(), two.clone()]).collect();
    for lines in [[one.clone(), two.clone()].concat(), [two, one].concat(), mixed] {
        let verified = verify(&lines);
        ensure!(verified.breaks.is_empty() && verified.records == 20, "{verified:?}");
        let spans: Vec<_> = verified.spans.iter().map(|span| (span.node, span.records, span.last_seq)).collect();
        ensure!(spans == [(1, 10, 10), (2, 10, 10)], "{spans:?}");
    }
    Ok(())
}

#[test]
fn what_is_told_of_lines_is_bounded() -> Result<()> {
    let verified = verify(std::iter::repeat_n("x", MOST_BREAKS + 7));
    ensure!((verified.breaks.len(), verified.more_breaks) == (MOST_BREAKS, 7));
    let world = World::new()?;
    for node in 0..MOST_NODES as u64 + 3 {
        Log::open(world.dir(), node, Limits::default(), 0)?.note(event(node as usize), 0)?;
    }
    let verified = world.verified()?;
    ensure!((verified.spans.len(), verified.breaks.len()) == (MOST_NODES, 3), "{verified:?}");
    let fault = &verified.breaks.first().context("no break")?.fault;
    ensure!(*fault == Fault::Nodes { most: MOST_NODES }, "{fault}");
    Ok(())
}

#[test]
fn a_first_line_that_says_so_has_nothing_before_it() -> Result<()> {
    let world = World::new()?;
    let mut log = Log::open(world.dir(), 1, Limits::default(), 0)?;
    log.note(event(0), 0)?;
    let line = world.lines()?.remove(0);
    ensure!(verify([&line]).breaks.is_empty());
    let zeros = "0".repeat(64);
    let other = String::from_utf8(line)?.replace(&zeros, &"1".repeat(64));
    ensure!(verify([&other]).breaks.len() == 1);
    Ok(())
}
