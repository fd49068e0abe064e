//! History: what was committed, by whom, and what was before. Every entry can be viewed, two can be compared, and some can be undone.

mod comparison;
mod question;
mod scrubber;
mod toolbar;

use crate::base;
use crate::components::empty::Empty;
use crate::components::field::{FormNote, done_note, refusal_before};
use crate::components::past::{Looking, PastList, use_past};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::past::{Kept, Mark, Past, PastQuery};
use crate::signals::{Memo, Reading, changing};
use crate::time;
use crate::words::{count, num};
use comparison::{ComparisonCard, compare_form};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use question::UndoQuestion;
use scrubber::Scrubber;
use std::sync::Arc;
use toolbar::Toolbar;

/// The page.
#[component]
pub fn HistoryPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| map.with(PastQuery::of));
    let looking = use_past(move || query.with(|query| query.before.is_none()));
    let past = looking.past;
    // What came later than the page is dimmed.
    let at = RwSignal::new(query.with_untracked(|query| query.before.map(|before| before.saturating_sub(1)).or(query.as_of)));
    let marks = Memo::new(move |_| past.with(|past| past.as_ref().map(|past| past.marks.clone()).unwrap_or_default()));
    let chosen = Memo::new(move |_| marks.with(|marks| chosen(marks, at.get())));
    let view_as_of = move || {
        chosen.get().filter(|(_, mark)| query.with(|query| query.as_of != Some(mark.index))).map(|(_, mark)| {
            let href = base::to(&format!("/?as_of={}", mark.index));
            view! { <a class="btn" href=href rel="external"><Icon of=icons::EYE/><span class="num">{format!("View cluster as of #{}", num(mark.index))}</span></a> }
        })
    };
    let refused = refusal_before();
    let question = move || past.with(|past| past.as_ref().and_then(|past| past.question.clone()));
    let question = Memo::new(move |_| question().filter(|question| query.with(|query| query.undo == Some(question.of))));
    let comparison = Memo::new(move |_| past.with(|past| past.as_ref().and_then(|past| past.comparison.clone())));
    view! {
        <div class="page">
            <header class="page-head">
                <div><h1>"History"</h1><p class="num">{changing(move || past.with(|past| facts(past.as_deref())))}</p></div>
                <div class="actions js-only">{changing(view_as_of)}</div>
            </header>
            <FormNote fields=&[] refusal=Signal::derive(move || refused.get_value())/>
            {changing(move || query.with(|query| query.done).map(|index| done_note(view! { <span class="num">"Committed at #"{num(index)}"."</span> }.into_any())))}
            {changing(move || past.with(|past| past.as_ref().and_then(|past| past.trouble.clone())).map(trouble))}
            {changing(move || question.get().map(|question| view! { <UndoQuestion question=question query=query/> }))}
            {changing(move || comparison.get().map(|comparison| view! { <ComparisonCard comparison=comparison query=query/> }))}
            <Scrubber marks=marks chosen=chosen at=at><Legend past=past chosen=chosen query=query/></Scrubber>
            <Toolbar query=query past=past/>
            <List looking=looking query=query/>
        </div>
    }
    .into_any()
}

/// The tick that is chosen, and which it is; the newest where none is.
fn chosen(marks: &[Mark], at: Option<u64>) -> Option<(usize, Mark)> {
    let place = at.and_then(|at| marks.iter().rposition(|mark| mark.index <= at));
    let place = if at.is_some() { place.unwrap_or(0) } else { marks.len().checked_sub(1)? };
    marks.get(place).map(|mark| (place, *mark))
}

/// What is kept, in a sentence or two.
fn facts(past: Option<&Past>) -> String {
    let Some(kept) = past.and_then(|past| past.kept) else { return "What was committed, by whom, and what was before.".to_owned() };
    let Kept { first, first_ms, last, gaps } = kept;
    let since = if first_ms == 0 { "the start".to_owned() } else { time::stamp(first_ms, use_live().now_ms.get_untracked()) };
    let any = match gaps {
        0 => "Any of them can be viewed.".to_owned(),
        some => format!("{} in between not kept.", count(some, "stretch is", "stretches are")),
    };
    format!("Entries #{} to #{}, back to {since}. {any}", num(first), num(last))
}

fn trouble(why: String) -> AnyView {
    view! { <section class="card"><div class="card-b"><p class="row"><Icon of=icons::WARN/><span>{why}</span></p></div></section> }
        .into_any()
}

/// What the ticks mean, and the list from the chosen one on.
#[component]
fn Legend(past: Reading<Option<Arc<Past>>>, chosen: Memo<Option<(usize, Mark)>>, query: Memo<PastQuery>) -> impl IntoView {
    let scale = move || {
        past.with(|past| {
            let (marks, entries) = past.as_ref().map_or((0, 0), |past| (past.marks.len() as u32, past.marked));
            match marks {
                0 => String::new(),
                marks if marks >= entries => "One tick per entry, as tall as the partitions it touched".to_owned(),
                marks => format!("The newest {} entries in {} ticks, as tall as the partitions they touched", num(entries), num(marks)),
            }
        })
    };
    let from_here = move || {
        let (_, mark) = chosen.get()?;
        let href = base::to(&query.with(|query| query.href(&format!("before={}", mark.index + 1))));
        Some(view! { <a class="link js-only" href=href>{format!("List from #{}", num(mark.index))}</a> })
    };
    view! {
        <div class="card-f">
            <ul class="legend">
                <li><i class="tick human"></i>"By a person or a tool"</li>
                <li><i class="tick"></i>"Automatic"</li>
                <li><i class="tick warn"></i>"Broker fenced"</li>
            </ul>
            <span class="only-l num">{changing(scale)}</span>
            {changing(from_here)}
            <form class="nojs-only row as-of" method="get" action=base::to("/")>
                <label for="as-of">"View cluster as of #"</label>
                <input class="input" id="as-of" name="as_of" inputmode="numeric" required/>
                <button class="btn">"View"</button>
            </form>
        </div>
    }
    .into_any()
}

/// The list with its foot.
#[component]
fn List(looking: Looking, query: Memo<PastQuery>) -> impl IntoView {
    let past = looking.past;
    let filters = Signal::derive(move || base::to(&["/history", &query.with(PastQuery::filters)].concat()));
    let none = Memo::new(move |_| past.with(|past| past.as_ref().is_some_and(|past| past.rows.is_empty() && past.trouble.is_none())));
    let next = Memo::new(move |_| past.with(|past| past.as_ref().and_then(|past| past.next)));
    let older = move || {
        let next = next.get()?;
        let href = base::to(&query.with(|query| query.href(&format!("before={next}"))));
        Some(view! { <a class="btn" rel="next" href=href>{if none.get() { "Look further back" } else { "Older" }}</a> })
    };
    let newest = move || {
        query.with(|query| query.before.map(|_| base::to(&query.href("")))).map(|href| view! { <a class="btn" href=href>"Newest"</a> })
    };
    view! {
        <section class="card">
            <PastList looking=looking label="What was committed" filters=filters/>
            {changing(move || none.get().then(|| view! { <NoHits upto=next.get() query=query/> }))}
            <div class="card-f hist-foot">
                <span class="row">{changing(newest)}{changing(older)}</span>
                {compare_form(query)}
                {changing(move || query.with(exports))}
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn NoHits(upto: Option<u64>, query: Memo<PastQuery>) -> impl IntoView {
    let text = match upto {
        Some(upto) => format!("None from #{} on.", num(upto)),
        None if query.with_untracked(PastQuery::filtered) => "No entry that is kept fits these filters.".to_owned(),
        None => "Nothing was committed yet.".to_owned(),
    };
    view! {
        <Empty glyph=icons::SEARCH title="No entry matches" text=text>
            <a class="btn" href=base::to("/history")><span>"Clear filters"</span></a>
        </Empty>
    }
    .into_any()
}

/// The same by the API, in two forms.
fn exports(query: &PastQuery) -> AnyView {
    use leptos_router::location::Url;
    let mut filters = String::new();
    let broker = query.broker.map(|id| id.to_string()).unwrap_or_default();
    let from = query.since_ms().map(|since| use_live().now_ms.get_untracked().saturating_sub(since).to_string()).unwrap_or_default();
    let to = query.as_of.map(|as_of| as_of.to_string()).unwrap_or_default();
    for (key, value) in [("topic", &query.topic), ("broker", &broker), ("principal", &query.who), ("from_ms", &from), ("to_index", &to)] {
        if !value.is_empty() {
            filters = [&filters, "&", key, "=", &Url::escape(value)].concat();
        }
    }
    let link = |format: &'static str, name: &'static str| {
        let href = base::to(&["/api/v1/history/export?format=", format, &filters].concat());
        view! { <a class="link" href=href rel="external" download="">{name}</a> }
    };
    let by_hand = "With topic, broker, person and time as chosen; kinds and words are for this page alone.";
    view! { <span class="row exports" title=by_hand><span class="mute">"Export"</span>{link("csv", "CSV")}{link("json", "JSON")}</span> }
        .into_any()
}
