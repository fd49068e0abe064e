//! How a page that looks back comes by what it shows: with the first paint, or asked for when it is reached within the browser; what is
//! committed meanwhile is asked for as the feed tells of it.

use crate::api::{Looked, look};
use crate::base;
use crate::boot::Boot;
use crate::live::{Live, use_live};
use crate::past::{MOST_MARKS, Past};
use crate::place::{Place, query_of};
use crate::signals::Reading;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use metadata::Index;
use std::sync::Arc;

/// Rows that a page keeps while more come.
const MOST_ROWS: usize = 500;

/// What is shown of the past.
#[derive(Clone, Copy)]
pub struct Looking {
    /// None while it is on its way.
    pub past: Reading<Option<Arc<Past>>>,
    /// The newest entry that was there at first: what came later is marked as new.
    pub first: Index,
}

/// An address: its path and its query.
type Address = (String, String);

/// What is asked for, what is shown, and up to where.
#[derive(Clone, Copy)]
struct Asking {
    live: Live,
    past: RwSignal<Option<Arc<Past>>>,
    shown: StoredValue<(Option<Address>, Index)>,
    busy: StoredValue<bool>,
    /// Moves when an answer has come, so that what happened meanwhile is asked for.
    turns: RwSignal<u32>,
}

/// What the page at the present address shows of the past. What is committed is taken in while `follow` is true.
pub fn use_past(follow: impl Fn() -> bool + Copy + Send + Sync + 'static) -> Looking {
    let (live, location) = (use_live(), use_location());
    let address = move || -> Address { (location.pathname.get(), location.search.get()) };
    let here = untrack(address);
    let painted = use_context::<Arc<Boot>>().filter(|boot| same(&boot.url, &here));
    let painted = painted.and_then(|boot| boot.past()).map(Arc::new);
    let first = painted.as_ref().map_or_else(|| live.state.with_untracked(|state| state.revision()), |past| past.upto);
    let asking = Asking {
        live,
        shown: StoredValue::new((painted.is_some().then(|| here.clone()), first)),
        past: RwSignal::new(painted),
        busy: StoredValue::new(false),
        turns: RwSignal::new(0),
    };
    Effect::new(move |_| {
        asking.turns.track();
        let (here, revision) = (address(), live.state.with(|state| state.revision()));
        let (shown, upto) = asking.shown.get_value();
        match shown {
            Some(shown) if shown == here && (!follow() || revision <= upto) => {}
            _ if asking.busy.get_value() => {}
            Some(shown) if shown == here => asking.ask(here, Some(upto)),
            _ => asking.ask(here, None),
        }
    });
    Looking { past: asking.past.into(), first }
}

impl Asking {
    fn ask(self, here: Address, newer: Option<Index>) {
        self.busy.set_value(true);
        leptos::task::spawn_local(async move {
            let answer = look(base::within(&here.0).to_owned(), here.1.clone(), newer).await;
            // The page may have been left meanwhile.
            if self.busy.try_set_value(false).is_some() {
                return;
            }
            self.take(here, newer, answer);
            // Many commits a second are one question a second.
            #[cfg(feature = "hydrate")]
            set_timeout(
                move || {
                    let _left_meanwhile = self.turns.try_update(|turns| *turns += 1);
                },
                std::time::Duration::from_millis(if newer.is_some() { 1_000 } else { 0 }),
            );
        });
    }

    fn take(self, here: Address, newer: Option<Index>, answer: Looked) {
        match (answer, newer, self.past.get_untracked()) {
            (Ok(new), Some(_), Some(_)) if new.next.is_some() && new.trouble.is_none() => self.shown.set_value((None, 0)),
            (Ok(new), Some(newer), Some(past)) => {
                self.shown.set_value((Some(here), new.upto.max(newer)));
                self.past.set(Some(Arc::new(joined(&past, new))));
            }
            (Ok(new), ..) => {
                self.shown.set_value((Some(here), new.upto));
                self.past.set(Some(Arc::new(new)));
            }
            // What is shown stays; the next commit asks again.
            (Err(_), Some(_), _) => {}
            (Err(no), None, _) => {
                let revision = self.live.state.with_untracked(|state| state.revision());
                self.shown.set_value((Some(here), revision));
                self.past.set(Some(Arc::new(Past { trouble: Some(no.detail), ..Past::default() })));
            }
        }
    }
}

/// Whether the first paint was made for this address.
fn same(url: &str, here: &Address) -> bool {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Place::of(path) == Place::of(&here.0) && query_of(query) == query_of(&here.1)
}

/// What was shown, with what came since on top.
fn joined(past: &Past, new: Past) -> Past {
    let mut joined = Past { rows: new.rows, whos: new.whos, upto: new.upto.max(past.upto), trouble: new.trouble, ..past.clone() };
    joined.kept = new.kept.or(past.kept);
    let newest = past.rows.first().map_or(0, |row| row.index);
    joined.rows.retain(|row| row.index > newest);
    joined.rows.extend(past.rows.iter().cloned());
    joined.rows.truncate(MOST_ROWS);
    let last = past.marks.last().map_or(0, |mark| mark.index);
    joined.marks.extend(new.marks.into_iter().filter(|mark| mark.index > last));
    let over = joined.marks.len().saturating_sub(MOST_MARKS + MOST_MARKS / 4);
    joined.marks.drain(..over);
    joined.marked = new.marked.max(past.marked);
    joined
}

#[cfg(test)]
mod tests {
    use super::{joined, same};
    use crate::past::{Mark, Past, Row};

    fn past(indexes: &[u64]) -> Past {
        let mut marks: Vec<Mark> = indexes.iter().map(|index| Mark { index: *index, ..Mark::default() }).collect();
        marks.reverse();
        let rows = indexes.iter().map(|index| Row { index: *index, ..Row::default() }).collect();
        Past { rows, marks, upto: indexes.first().copied().unwrap_or_default(), next: Some(1), ..Past::default() }
    }

    #[test]
    fn what_came_since_is_put_on_top_once() {
        let both = joined(&past(&[7, 5]), past(&[9, 8, 7]));
        assert_eq!(both.rows.iter().map(|row| row.index).collect::<Vec<_>>(), [9, 8, 7, 5]);
        assert_eq!(both.marks.iter().map(|mark| mark.index).collect::<Vec<_>>(), [5, 7, 8, 9]);
        assert_eq!((both.upto, both.next), (9, Some(1)));
    }

    #[test]
    fn the_first_paint_is_for_its_address_alone() {
        let here = |path: &str, query: &str| (path.to_owned(), query.to_owned());
        assert!(same("/history?by=people&who=user%3Aana", &here("/history", "by=people&who=user%3Aana")));
        assert!(!same("/history?by=people", &here("/history", "")));
        assert!(!same("/history", &here("/topics/history", "")));
    }
}
