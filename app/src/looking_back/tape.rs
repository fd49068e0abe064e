//! The newest entries as ticks, kept in memory and read on from the journal when a page asks: what a page costs is what came since the
//! last one.

use super::rows;
use crate::past::{Kind, MOST_MARKS, Mark};
use controller::Controller;
use metadata::Index;
use metadata::history::Filter;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Entries that it holds.
const MOST_HELD: usize = 4_000;
/// Principals that it names.
const MOST_WHOS: usize = 100;
const AT_ONCE: usize = 500;

/// What was committed lately, as ticks. A copy is the same tape.
#[derive(Clone)]
pub struct Tape {
    held: Arc<Mutex<Held>>,
    /// One reads on; meanwhile the others show what there is.
    turn: Arc<Semaphore>,
    /// One state at a time is built to be compared.
    pub(super) comparing: Arc<Semaphore>,
}

#[derive(Default)]
struct Held {
    /// Oldest first.
    marks: VecDeque<Mark>,
    whos: Vec<String>,
}

impl Default for Tape {
    fn default() -> Self {
        Tape { held: Arc::default(), turn: Arc::new(Semaphore::new(1)), comparing: Arc::new(Semaphore::new(1)) }
    }
}

impl Tape {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was committed since, as far as it comes in time; forgets what is at or below `after`, which is not kept any more.
    pub async fn wind_on(&self, controller: &Controller, after: Index, deadline: Instant) {
        let Ok(_turn) = self.turn.try_acquire() else { return };
        let newest = self.held().marks.back().map_or(0, |mark| mark.index);
        let filter = Filter { from_index: Some(newest + 1), ..Filter::default() };
        let (mut marks, mut whos, mut before) = (Vec::new(), Vec::new(), None);
        // Where the oldest of them cannot be reached in time, what is held is let go: ticks have no holes.
        let whole = loop {
            let Ok(page) = controller.history(filter.clone(), before, AT_ONCE, deadline).await else { break false };
            for record in &page.records {
                marks.push(rows::mark(&record.commit));
                whos.push(record.commit.principal.0.clone());
            }
            match page.next {
                None => break true,
                Some(_) if marks.len() >= MOST_HELD => break false,
                next => before = next,
            }
        };
        if !marks.is_empty() {
            self.held().take(marks, whos, whole);
        }
        self.held().marks.retain(|mark| mark.index > after);
    }

    /// The ticks, how many entries they stand for, and who committed any of them; of those behind `newer` alone.
    pub fn marks(&self, newer: Option<Index>) -> (Vec<Mark>, u32, Vec<String>) {
        let held = self.held();
        let marks: Vec<Mark> = held.marks.iter().filter(|mark| newer.is_none_or(|newer| mark.index > newer)).copied().collect();
        (bundled(&marks), held.marks.len() as u32, held.whos.clone())
    }
}

impl Held {
    /// `newest_first` goes on from what is held where it is `whole`, else it takes its place.
    fn take(&mut self, newest_first: Vec<Mark>, whos: Vec<String>, whole: bool) {
        if !whole {
            self.marks.clear();
        }
        self.marks.extend(newest_first.into_iter().rev());
        while self.marks.len() > MOST_HELD {
            self.marks.pop_front();
        }
        for who in whos {
            if self.whos.len() < MOST_WHOS
                && let Err(at) = self.whos.binary_search(&who)
            {
                self.whos.insert(at, who);
            }
        }
    }
}

/// At most [`MOST_MARKS`] ticks: where there are more entries, each stands for some in a row, as tall and as telling as the most of them.
fn bundled(marks: &[Mark]) -> Vec<Mark> {
    let size = marks.len().div_ceil(MOST_MARKS).max(1);
    let one = |row: &[Mark]| {
        let (kind, height) = row.iter().fold((Kind::Automatic, 0), |(kind, height), mark| (kind.max(mark.kind), height.max(mark.height)));
        row.last().map(|last| Mark { kind, height, ..*last })
    };
    // From the newest on, so that the last tick is a whole one.
    let mut bundles: Vec<Mark> = marks.rchunks(size).filter_map(one).collect();
    bundles.reverse();
    bundles
}

#[cfg(test)]
mod tests {
    use super::{Held, MOST_HELD, bundled};
    use crate::past::{Kind, MOST_MARKS, Mark};

    fn marks(indexes: std::ops::Range<u64>) -> Vec<Mark> {
        indexes.map(|index| Mark { index, at_ms: index, ..Mark::default() }).collect()
    }

    #[test]
    fn ticks_are_bounded_and_the_most_telling_of_each_is_kept() {
        assert_eq!(bundled(&marks(0..400)).len(), MOST_MARKS);
        let mut many = marks(1..4_001);
        many[17] = Mark { kind: Kind::Fence, height: 9, ..many[17] };
        let bundles = bundled(&many);
        assert_eq!((bundles.len(), bundles[0].index, bundles[399].index), (400, 10, 4_000));
        assert_eq!((bundles[1].kind, bundles[1].height), (Kind::Fence, 9));
        assert_eq!(bundled(&[]), Vec::new());
    }

    #[test]
    fn a_tape_goes_on_or_begins_anew_and_has_an_end() {
        let newest_first = |range| marks(range).into_iter().rev().collect::<Vec<_>>();
        let mut held = Held::default();
        held.take(newest_first(1..10), vec!["b".to_owned(), "a".to_owned(), "b".to_owned()], true);
        held.take(newest_first(10..12), Vec::new(), true);
        assert_eq!((held.marks.len(), held.whos.as_slice()), (11, &["a".to_owned(), "b".to_owned()][..]));
        held.take(newest_first(100..102), Vec::new(), false);
        assert_eq!(held.marks.iter().map(|mark| mark.index).collect::<Vec<_>>(), [100, 101]);
        held.take(newest_first(200..9_000), Vec::new(), true);
        assert_eq!((held.marks.len(), held.marks.back().map(|mark| mark.index)), (MOST_HELD, Some(8_999)));
    }
}
