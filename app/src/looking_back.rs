//! What pages that look back show, asked of this node's journal: on the server alone.
//!
//! `finding` reads the commits that an address asks for, `tape` the whole of them as ticks; `rows` and `cells` put them into words,
//! `comparing` what differs between two states, `question` what an undo would commit; `beside` what a page of the past says beside the state.

mod beside;
mod cells;
mod comparing;
mod finding;
mod question;
mod rows;
mod tape;

pub use beside::{Beside, Point, RECENT, when};
pub use tape::Tape;

use crate::as_of::address;
use crate::base;
use crate::past::{Kept, Past, PastQuery, Step};
use crate::place::Place;
use crate::recent::Recent;
use crate::words::num;
use controller::{Asker, Controller, HistoryPage, HistoryStatus, Refusal};
use leptos_router::params::ParamsMap;
use metadata::history::Filter;
use metadata::{Code, Index, Rejection};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// How long a page waits for its past.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it waits for an index that this node has not applied yet.
const NOT_YET: Duration = Duration::from_secs(1);

/// What the page at this address asks of the past; none where it shows nothing of it.
pub fn wanted(place: &Place, query: &ParamsMap) -> Option<PastQuery> {
    let as_of = PastQuery::point(query);
    match place {
        Place::History => Some(PastQuery::of(query)),
        Place::Topic(name) if query.get_str("tab").is_some_and(|tab| tab.eq_ignore_ascii_case("history")) => {
            Some(PastQuery { topic: name.clone(), as_of, ..PastQuery::default() })
        }
        Place::Broker(id) => Some(PastQuery { broker: Some(id.0), as_of, ..PastQuery::default() }),
        _ => None,
    }
}

/// Looks back; `newer` asks for what came after that index alone.
pub async fn look(
    controller: &Controller,
    tape: &Tape,
    place: &Place,
    query: &PastQuery,
    asker: Option<&Asker>,
    newer: Option<Index>,
) -> Past {
    let deadline = Instant::now() + PATIENCE;
    let Some(status) = controller.history_status() else {
        let trouble = "This node keeps no history: ask a controller that does.".to_owned();
        return Past { trouble: Some(trouble), ..Past::default() };
    };
    let trouble = status.trouble.as_ref().map(|why| format!("This node's history is not written any further: {why}"));
    let newest = controller.state().revision();
    let mut past = Past { trouble, upto: query.as_of.map_or(newest, |as_of| as_of.min(newest)), ..Past::default() };
    let now_ms = match query.as_of {
        Some(as_of) => then_ms(controller, as_of, deadline).await,
        None => now_ms(),
    };
    match finding::find(controller, query, newer, now_ms, deadline).await {
        Ok(found) => {
            let state = controller.state();
            past.rows = found.records.iter().map(|record| rows::row(record, &state, asker)).collect();
            if let Some(as_of) = query.as_of {
                past.rows.iter_mut().for_each(|row| row.undo = row.undo.in_the_past(as_of));
            }
            (past.gaps, past.next) = (found.gaps, found.next);
        }
        Err(refusal) => {
            past.trouble = Some(refusal.rejection.detail.clone());
            return past;
        }
    }
    if *place != Place::History {
        return past;
    }
    past.kept = kept(controller, &status, deadline).await;
    tape.wind_on(controller, status.after, deadline).await;
    (past.marks, past.marked, past.whos) = tape.marks(newer);
    if newer.is_none() {
        if let Some((from, to)) = query.diff {
            past.comparison = Some(comparing::compare(controller, tape, from, to, deadline).await);
        }
        if let Some(of) = query.undo {
            past.question = Some(question::ask(controller, of, asker, now_ms, deadline).await);
        }
    }
    past
}

/// The newest commit at or before an index.
async fn newest_by(controller: &Controller, index: Index, deadline: Instant) -> Result<HistoryPage, Refusal> {
    let filter = Filter { to_index: Some(index), ..Filter::default() };
    controller.history(filter, None, 1, deadline).await
}

/// When it was as of an index: ages count from there.
async fn then_ms(controller: &Controller, as_of: Index, deadline: Instant) -> u64 {
    let page = newest_by(controller, as_of, deadline).await.unwrap_or_default();
    page.records.first().map_or(0, |record| record.commit.at_ms)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// From where to where this node keeps everything.
async fn kept(controller: &Controller, status: &HistoryStatus, deadline: Instant) -> Option<Kept> {
    let (_, first) = controller.beside(status.after, deadline).await.ok()?;
    let first = first?;
    let record = controller.record(first, deadline).await.ok()??;
    Some(Kept { first, first_ms: record.commit.at_ms, last: status.upto, gaps: status.gaps as u32 })
}

/// Waits a moment for an index that this node has not applied yet, as another node may have named it; whether it is there then.
pub async fn reached(controller: &Controller, index: Index, deadline: Instant) -> bool {
    let soon = deadline.min(Instant::now() + NOT_YET);
    index <= controller.applied_index() || controller.wait_applied(index, soon).await.is_ok()
}

/// What the page at this path and search shows beside the state at another point of the past.
///
/// # Errors
/// When it is not kept, or cannot be read now.
pub async fn step(controller: &Controller, index: Index, path: &str, search: &str) -> Result<Step, Rejection> {
    let deadline = Instant::now() + PATIENCE;
    let not_kept = || Rejection::new(Code::InvalidFeedPosition, format!("#{} is not kept", num(index)));
    let refused = |refusal: Refusal| *refusal.rejection;
    if !reached(controller, index, deadline).await {
        return Err(Rejection::new(Code::InvalidFeedPosition, format!("#{} is still to come", num(index))));
    }
    let page = newest_by(controller, index, deadline).await.map_err(refused)?;
    let newest = page.records.into_iter().next().filter(|_| page.gaps.is_empty()).ok_or_else(not_kept)?;
    let commit = newest.commit;
    let here = |index| base::at(&address(path, search, index));
    let point = Point { asked: index, shown: commit.index, at_ms: commit.at_ms };
    let Beside { banner, recent } = Beside::of(controller, &point, &here, deadline).await.map_err(refused)?;
    let recent = recent.into_iter().map(|commit| Recent::of(commit).shortened()).collect();
    Ok(Step { commit, banner, recent })
}

/// The undo of one commit, as things are now.
///
/// # Errors
/// When it is not kept, or nothing undoes it any more.
pub async fn inverse(controller: &Controller, of: Index) -> Result<metadata::Intent, metadata::Rejection> {
    question::inverse(controller, of, Instant::now() + PATIENCE).await
}
