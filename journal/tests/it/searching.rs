//! A search finds what a look at every commit finds.

use crate::world::{START_MS, Truth, World};
use ::damage::cases;
use anyhow::{Result, ensure};
use journal::{Journal, MOST_FOUND};
use metadata::history::{Filter, Record};
use metadata::{BrokerId, Index};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

type Gaps = Vec<(Index, Index)>;

/// All of a filter's pages, and the gaps.
fn all(journal: &Journal, filter: &Filter, most: usize) -> Result<(Vec<Record>, Gaps)> {
    let (mut found, mut gaps, mut before) = (Vec::new(), Vec::new(), None);
    loop {
        let page = journal.search(filter, before, most)?;
        ensure!(page.records.len() <= most);
        found.extend(page.records);
        gaps.extend(page.gaps);
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok((found, gaps)),
        }
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let topic = prop::option::weighted(0.4, (0u32..8).prop_map(|number| format!("topic-{number}")));
    let broker = prop::option::weighted(0.2, (100u32..105).prop_map(BrokerId));
    let principal = prop::option::weighted(0.2, prop::sample::select(vec!["ann", "bob"]).prop_map(str::to_owned));
    let kinds = vec!["create_topics", "delete_topic", "change_configs", "fence_broker", "membership"];
    let kind = prop::option::weighted(0.3, prop::sample::select(kinds).prop_map(str::to_owned));
    let index = || prop::option::weighted(0.3, 0u64..260);
    let ms = || prop::option::weighted(0.3, (0u64..700).prop_map(|ms| START_MS + ms));
    (topic, broker, principal, kind, index(), index(), ms(), ms()).prop_map(
        |(topic, broker, principal, kind, from_index, to_index, from_ms, to_ms)| Filter {
            topic,
            broker,
            principal,
            kind,
            from_index,
            to_index,
            from_ms,
            to_ms,
        },
    )
}

struct Given {
    truth: Truth,
    _worlds: Vec<World>,
    /// In one segment that grows, in many, and with gaps.
    journals: Vec<(Arc<Journal>, Vec<usize>)>,
}

fn given() -> Result<Given> {
    let truth = Truth::of(150)?;
    let (mut worlds, mut journals) = (Vec::new(), Vec::new());
    for commits in [1_000, 9] {
        let world = World::with(&truth, commits)?;
        journals.push((world.open()?.0, (0..150).collect()));
        worlds.push(world);
    }
    let world = World::new(9)?;
    let (journal, _) = world.open()?;
    for range in [20..40, 60..61, 100..150] {
        journal.begin(&truth.states[range.start])?;
        truth.append(&journal, range, 1)?;
    }
    journals.push((journal, (20..40).chain(60..61).chain(100..150).collect()));
    worlds.push(world);
    Ok(Given { truth, _worlds: worlds, journals })
}

static GIVEN: OnceLock<Given> = OnceLock::new();

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_search_finds_what_a_look_at_every_commit_finds(filter in filter(), most in 1usize..40) {
        let given = GIVEN.get_or_init(|| given().unwrap_or_else(|error| panic!("{error:#}")));
        for (journal, kept) in &given.journals {
            let kept = kept.iter().rev().map(|nth| &given.truth.records[*nth]);
            let expected: Vec<&Record> = kept.filter(|record| filter.finds(record)).collect();
            let found = all(journal, &filter, most);
            prop_assert!(found.is_ok(), "{found:?}");
            if let Ok((found, gaps)) = found {
                prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
                prop_assert!(gaps.is_sorted_by(|a, b| a.0 >= b.1), "{:?}", gaps);
            }
        }
    }
}

#[test]
fn gaps_are_told_where_they_lie_between_what_was_looked_at() -> Result<()> {
    let given = given()?;
    let index = |nth: usize| given.truth.index(nth - 1);
    let (journal, _) = &given.journals[2];
    let (found, gaps) = all(journal, &Filter::default(), 7)?;
    ensure!(found.len() == 71 && gaps == [(index(61), index(100)), (index(40), index(60))], "{gaps:?}");
    for (from_index, to_index, expected) in [
        (Some(index(101)), None, vec![]),
        (Some(index(100)), None, vec![(index(61), index(100))]),
        (None, Some(index(61)), vec![(index(40), index(60))]),
        (Some(index(50)), Some(index(55)), vec![(index(40), index(60))]),
        (None, Some(index(40)), vec![]),
    ] {
        let (_, gaps) = all(journal, &Filter { from_index, to_index, ..Filter::default() }, MOST_FOUND)?;
        ensure!(gaps == expected, "{from_index:?} to {to_index:?}: {gaps:?}");
    }
    Ok(())
}
