//! The checker of histories is checked itself: what it takes, and above all what it does not.

use crate::linear::{Event, Told, check};
use crate::wait::Dice;
use anyhow::{Result, ensure};

fn created(id: &str) -> Told {
    Told::Created(id.to_owned())
}

fn found(id: &str) -> Told {
    Told::Found(id.to_owned())
}

fn history(events: &[(u64, u64, Told)]) -> Vec<Event> {
    events.iter().map(|(began, ended, told)| Event { node: 1, began: *began, ended: *ended, told: told.clone() }).collect()
}

/// What is wrong, and what clients were told from when to when.
type Case = (&'static str, Vec<(u64, u64, Told)>);

#[test]
fn the_checker_takes_what_can_have_happened() -> Result<()> {
    use Told::{Deleted, Exists, Missing, PerhapsCreated, PerhapsDeleted};
    let cases: Vec<Case> = vec![
        ("nothing at all", vec![]),
        ("one after another", vec![(0, 1, created("a")), (2, 3, found("a")), (4, 5, Exists), (6, 7, Deleted), (8, 9, Missing)]),
        ("again under another id", vec![(0, 1, created("a")), (2, 3, Deleted), (4, 5, created("b")), (6, 7, found("b"))]),
        ("a read beside a creation finds it", vec![(0, 9, created("a")), (1, 2, found("a"))]),
        ("or does not yet", vec![(0, 9, created("a")), (1, 2, Missing)]),
        ("of two at once one wins", vec![(0, 9, created("a")), (0, 9, Exists)]),
        ("an end and a beginning at one moment are beside each other", vec![(0, 2, created("a")), (2, 3, Missing)]),
        ("deleted between two creations at once", vec![(0, 9, created("a")), (0, 9, created("b")), (0, 9, Deleted), (10, 11, found("b"))]),
        ("an unknown creation that took place", vec![(0, 1, PerhapsCreated), (2, 3, found("u")), (4, 5, Exists)]),
        ("much later", vec![(0, 1, PerhapsCreated), (2, 3, Missing), (4, 5, Missing), (6, 7, found("u"))]),
        ("never", vec![(0, 1, PerhapsCreated), (2, 3, created("a")), (4, 5, found("a"))]),
        ("after a deletion", vec![(0, 1, created("a")), (2, 3, PerhapsCreated), (4, 5, Deleted), (6, 7, found("u"))]),
        ("an unknown deletion, later", vec![(0, 1, created("a")), (2, 3, PerhapsDeleted), (4, 5, found("a")), (6, 7, Missing)]),
        ("an unknown deletion, never", vec![(0, 1, created("a")), (2, 3, PerhapsDeleted), (4, 5, found("a")), (6, 7, Deleted)]),
        ("an unknown creation and a deletion of it", vec![(0, 1, PerhapsCreated), (2, 3, Deleted), (4, 5, Missing)]),
    ];
    for (what, events) in cases {
        check(&history(&events)).map_err(|error| error.context(what))?;
    }
    Ok(())
}

#[test]
fn the_checker_rejects_what_cannot_have_happened() -> Result<()> {
    use Told::{Deleted, Exists, Missing, PerhapsCreated, PerhapsDeleted};
    let cases: Vec<Case> = vec![
        ("a stale read of a topic that was deleted", vec![(0, 1, created("a")), (2, 3, Deleted), (4, 5, found("a"))]),
        ("a stale read of the topic before", vec![(0, 1, created("a")), (2, 3, Deleted), (4, 5, created("b")), (6, 7, found("a"))]),
        ("a read that goes back", vec![(0, 9, created("a")), (1, 2, found("a")), (3, 4, Missing)]),
        ("a lost write", vec![(0, 1, created("a")), (2, 3, Missing)]),
        ("a lost write, seen by a deletion", vec![(0, 1, created("a")), (2, 3, Missing), (4, 5, Exists)]),
        ("a lost deletion", vec![(0, 1, created("a")), (2, 3, Deleted), (4, 5, Exists)]),
        ("a double create", vec![(0, 1, created("a")), (2, 3, created("b"))]),
        ("a double create at once", vec![(0, 9, created("a")), (0, 9, created("b"))]),
        ("a double delete", vec![(0, 1, created("a")), (2, 9, Deleted), (2, 9, Deleted)]),
        ("one id for two topics", vec![(0, 1, created("a")), (2, 3, Deleted), (4, 5, created("a"))]),
        ("it exists, and nobody made it", vec![(0, 1, Exists)]),
        ("an id from nowhere: a refused creation took place", vec![(0, 1, found("x"))]),
        ("an id from nowhere in place of the one that was made", vec![(0, 1, created("a")), (2, 3, found("x"))]),
        ("an unknown creation before it was asked for", vec![(0, 1, found("u")), (2, 3, PerhapsCreated)]),
        ("an unknown creation that took place twice", vec![(0, 1, PerhapsCreated), (2, 3, found("u")), (4, 5, Deleted), (6, 7, Exists)]),
        (
            "an unknown creation's topic back from the dead",
            vec![(0, 1, PerhapsCreated), (0, 1, PerhapsCreated), (2, 3, found("u")), (4, 5, Deleted), (6, 7, found("u"))],
        ),
        (
            "a known id for an unknown creation's topic",
            vec![(0, 1, created("a")), (2, 3, Deleted), (4, 5, PerhapsCreated), (6, 7, found("a"))],
        ),
        ("an unknown deletion before it was asked for", vec![(0, 1, created("a")), (2, 3, Missing), (4, 5, PerhapsDeleted)]),
        (
            "an unknown deletion that took place twice",
            vec![(0, 1, created("a")), (2, 3, PerhapsDeleted), (4, 5, Missing), (6, 7, created("b")), (8, 9, Missing)],
        ),
    ];
    for (what, events) in cases {
        ensure!(check(&history(&events)).is_err(), "taken: {what}");
        // Nor when it is told backwards: the order of the list says nothing.
        let backwards: Vec<_> = events.into_iter().rev().collect();
        ensure!(check(&history(&backwards)).is_err(), "taken backwards: {what}");
    }
    Ok(())
}

/// Requests to a real register at moments of their own: what a correct cluster answers. Some answers get lost.
fn simulated(dice: &mut Dice, count: u64, overlap: u64, lost: u64) -> Vec<Event> {
    let mut there: Option<String> = None;
    let mut events = Vec::new();
    for moment in (1..=count).map(|turn| 1_000 + turn * 100) {
        let told = match (dice.below(3), &there) {
            (0, None) => created(&format!("id-{moment}")),
            (0, Some(_)) => Told::Exists,
            (1, Some(_)) => Told::Deleted,
            (2, Some(id)) => found(id),
            _ => Told::Missing,
        };
        match &told {
            Told::Created(id) => there = Some(id.clone()),
            Told::Deleted => there = None,
            _ => {}
        }
        let (began, ended) = (moment - dice.below(overlap), moment + dice.below(overlap));
        let told = match told {
            Told::Created(_) if dice.below(100) < lost => Told::PerhapsCreated,
            Told::Deleted if dice.below(100) < lost => Told::PerhapsDeleted,
            told => told,
        };
        events.push(Event { node: 1, began, ended, told });
    }
    events
}

#[test]
fn the_checker_takes_every_history_of_a_real_register() -> Result<()> {
    let mut dice = Dice::new("the_checker_takes_every_history_of_a_real_register");
    for _ in 0..300 {
        let (count, overlap, lost) = (1 + dice.below(50), 1 + dice.below(600), dice.below(40));
        check(&simulated(&mut dice, count, overlap, lost))?;
    }
    Ok(())
}

/// Without overlap and without losses there is one order, so one wrong answer has no explanation.
#[test]
fn the_checker_rejects_every_wrong_answer_in_a_sequence() -> Result<()> {
    let mut dice = Dice::new("the_checker_rejects_every_wrong_answer_in_a_sequence");
    for _ in 0..300 {
        let count = 1 + dice.below(50);
        let mut events = simulated(&mut dice, count, 1, 0);
        check(&events)?;
        let at = dice.below(count) as usize;
        let wrong = match &events[at].told {
            Told::Created(_) => Told::Exists,
            Told::Exists => created("wrong"),
            Told::Deleted | Told::Found(_) => Told::Missing,
            Told::Missing => found("wrong"),
            Told::PerhapsCreated | Told::PerhapsDeleted => continue,
        };
        let told = std::mem::replace(&mut events[at].told, wrong);
        ensure!(check(&events).is_err(), "{told:?} became {:?} at {at}: {events:?}", events[at].told);
    }
    Ok(())
}
