//! Which events become lines, and when.

use super::{Due, JOINED_MS, Met, Repeats};
use crate::event::{Event, Kind};
use crate::files::Limits;
use anyhow::{Result, ensure};

fn refused(who: &str) -> Event {
    Event { principal: Some(who.to_owned()), code: Some("FORBIDDEN".to_owned()), ..Event::own(Kind::Refused, "delete topic", None) }
}

/// Room for so many, and a line for each millisecond.
fn repeats(repeats: usize) -> Repeats {
    Repeats::new(Limits { repeats, refusals: 60_000, ..Limits::default() })
}

/// Meets it as the log does. Whether a line is written.
fn meet(repeats: &mut Repeats, event: &Event, now_ms: u64) -> bool {
    let new = repeats.meet(event, now_ms) == Met::New;
    if new {
        repeats.begin(event.clone(), now_ms);
    }
    new
}

/// Takes all that is due: kind, times, first and last.
fn due(repeats: &mut Repeats, due: Due, now_ms: u64) -> Vec<(Kind, u64, Option<u64>, u64)> {
    let mut lines = Vec::new();
    while let Some((draft, place)) = repeats.due(due) {
        repeats.written(place, now_ms);
        lines.push((draft.event.kind, draft.times, draft.first_at_ms, draft.at_ms));
    }
    lines
}

#[test]
fn the_first_is_written_at_once_and_the_others_together() {
    let mut repeats = repeats(4);
    assert!(meet(&mut repeats, &refused("a"), 1_000));
    for now_ms in [1_000, 2_000, 10_999] {
        assert!(!meet(&mut repeats, &refused("a"), now_ms), "at {now_ms}");
        assert_eq!(due(&mut repeats, Due::At(now_ms), now_ms), [], "at {now_ms}");
    }
    assert_eq!(due(&mut repeats, Due::At(11_000), 11_000), [(Kind::Refused, 3, Some(1_000), 10_999)]);
    assert!(!meet(&mut repeats, &refused("a"), 20_999), "while they go on coming, they are counted");
    assert_eq!(due(&mut repeats, Due::At(21_000), 21_000), [(Kind::Refused, 1, Some(20_999), 20_999)]);
    assert_eq!(due(&mut repeats, Due::At(31_000), 31_000), [], "none came");
    assert!(meet(&mut repeats, &refused("a"), 31_000), "and the next one is the first again");
}

#[test]
fn what_differs_is_not_joined() {
    let first = refused("a");
    let others = [
        (true, Event { kind: Kind::SignInRefused, ..first.clone() }),
        (true, refused("b")),
        (true, Event { credential: Some("token".to_owned()), ..first.clone() }),
        (true, Event { address: Some([10, 0, 0, 1].into()), ..first.clone() }),
        (true, Event { what: "create topic".to_owned(), ..first.clone() }),
        (true, Event { code: None, ..first.clone() }),
        (false, Event { detail: Some("another time".to_owned()), ..first.clone() }),
    ];
    let mut repeats = repeats(10);
    assert!(meet(&mut repeats, &first, 0));
    for (differs, other) in others {
        assert_eq!(meet(&mut repeats, &other, 0), differs, "{other:?}");
    }
    let changed = |detail: &str| Event::own(Kind::AccountsChanged, "revoke", Some(detail.to_owned()));
    for (detail, new) in [("token 1", true), ("token 2", true), ("token 1", false)] {
        assert_eq!(meet(&mut repeats, &changed(detail), 0), new, "what a person changed is told: {detail}");
    }
}

#[test]
fn refusals_beyond_the_room_are_summed_up_and_nothing_else_is() {
    let mut repeats = repeats(2);
    let written = (0..1_000).filter(|at| meet(&mut repeats, &refused(&at.to_string()), 5 + at)).count();
    assert_eq!((written, repeats.open.len(), repeats.order.len()), (2, 2, 2));
    for kind in [Kind::Overflow, Kind::SignedIn, Kind::SignedOut, Kind::SetUp, Kind::PasswordChanged, Kind::AccountsChanged] {
        for _ in 0..3 {
            assert!(meet(&mut repeats, &Event::own(kind, "x", None), 2_000), "{kind:?}");
        }
    }
    assert!(!meet(&mut repeats, &refused("0"), 3_000), "what has its place is counted there");
    assert_eq!(repeats.open.len(), 2);
    let lines = due(&mut repeats, Due::At(5 + JOINED_MS + 2), 5 + JOINED_MS + 2);
    assert_eq!(lines, [(Kind::Refused, 1, Some(3_000), 3_000), (Kind::Overflow, 998, Some(7), 1_004)]);
    assert!(meet(&mut repeats, &refused("new"), 11_000), "there is room again");
}

#[test]
fn a_clock_that_goes_back_keeps_nothing_open() {
    let mut repeats = repeats(2);
    meet(&mut repeats, &refused("a"), 1_000_000);
    meet(&mut repeats, &refused("a"), 1_000_001);
    assert_eq!(due(&mut repeats, Due::At(500), 500), [(Kind::Refused, 1, Some(1_000_001), 1_000_001)]);
    assert_eq!(due(&mut repeats, Due::At(500 + JOINED_MS), 500 + JOINED_MS), []);
    assert!(repeats.open.is_empty() && repeats.order.is_empty());
}

#[test]
fn at_the_end_all_is_due() -> Result<()> {
    let mut repeats = repeats(3);
    for who in ["a", "b", "a", "c", "d", "c"] {
        meet(&mut repeats, &refused(who), 7);
    }
    let lines = due(&mut repeats, Due::All, 8);
    ensure!(lines == [(Kind::Refused, 1, Some(7), 7), (Kind::Refused, 1, Some(7), 7), (Kind::Overflow, 1, Some(7), 7)], "{lines:?}");
    ensure!(repeats.open.is_empty() && repeats.order.is_empty());
    Ok(())
}

#[test]
fn refusals_are_no_more_lines_than_they_may_be() {
    // Strangers who come back with the same, and strangers who are another each time.
    for different in [2, usize::MAX] {
        let mut repeats = Repeats::new(Limits { repeats: 20, refusals: 6, ..Limits::default() });
        let (mut refused_lines, mut other_lines, mut told, mut noted) = (0, 0, 0, 0);
        for at in 0..6_000_usize {
            let now_ms = at as u64 * 100;
            for line in due(&mut repeats, Due::At(now_ms), now_ms) {
                told += line.1;
                *(if line.0 == Kind::Refused { &mut refused_lines } else { &mut other_lines }) += 1;
                assert!(line.2.is_some_and(|first| first <= line.3 && first + 2 * JOINED_MS >= now_ms), "{line:?} at {now_ms}");
            }
            if meet(&mut repeats, &refused(&(at % different).to_string()), now_ms) {
                (refused_lines, told) = (refused_lines + 1, told + 1);
            }
            noted += 1;
        }
        told += due(&mut repeats, Due::All, 600_000).iter().map(|line| line.1).sum::<u64>();
        assert_eq!(told, noted, "{different}");
        assert!(refused_lines <= 20 + 60 && other_lines <= 60, "{different}: {refused_lines} and {other_lines}");
    }
}
