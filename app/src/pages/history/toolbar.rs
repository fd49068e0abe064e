//! What is listed: a plain GET form, whose fields change the address at once when the page is alive.

use crate::base;
use crate::components::entered;
use crate::icons::{self, Icon};
use crate::past::{By, Past, PastQuery, who};
use crate::signals::{Memo, Reading, changing};
use crate::words::count;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use std::sync::Arc;

const SEARCH: &str = "history-search";
const WHO: &str = "history-who";
const SINCE: &str = "history-since";
const SPANS: [(&str, &str); 4] = [("", "Any time"), ("1h", "Last hour"), ("1d", "Last day"), ("7d", "Last 7 days")];

/// The form.
#[component]
pub fn Toolbar(query: Memo<PastQuery>, past: Reading<Option<Arc<Past>>>) -> impl IntoView {
    let navigate = use_navigate();
    let change = move || {
        let by = entered::chosen("by").unwrap_or_default();
        let wanted = PastQuery {
            search: entered::text(SEARCH).unwrap_or_default().trim().to_owned(),
            by: By::ALL.into_iter().find(|one| one.word() == by).unwrap_or_default(),
            who: entered::text(WHO).unwrap_or_default(),
            since: entered::text(SINCE).unwrap_or_default(),
            ..query.get_untracked()
        };
        let path = wanted.href("");
        if path != query.with_untracked(|query| query.href("")) {
            navigate(&path, NavigateOptions { scroll: false, ..NavigateOptions::default() });
        }
    };
    let change = StoredValue::new(change);
    let changed = move || change.with_value(|change| change());
    Effect::new(move |alive: Option<()>| {
        let wanted = query.get();
        if alive.is_some() {
            entered::put(SEARCH, &wanted.search);
            entered::choose("by", wanted.by.word());
        }
    });
    let first = query.get_untracked();
    let kinds = By::ALL.map(|by| {
        view! { <label><input type="radio" name="by" value=by.word() checked=by == first.by on:change=move |_| changed()/>{by.words()}</label> }
    });
    let spans = SPANS.map(|(value, words)| view! { <option value=value selected=first.since == value>{words}</option> });
    let shown = move || past.with(|past| past.as_ref().map(|past| count(past.rows.len() as u64, "entry shown", "entries shown")));
    view! {
        <form class="toolbar" role="search" method="get" action=base::to("/history") on:submit=move |event| { event.prevent_default(); changed(); }>
            <label class="search">
                <Icon of=icons::SEARCH/>
                <span class="sr">"Filter entries"</span>
                <input class="input" type="search" id=SEARCH name="search" placeholder="Filter by topic, broker, key" value=first.search.clone() autocomplete="off" spellcheck="false" on:change=move |_| changed()/>
                <kbd aria-hidden="true">"/"</kbd>
            </label>
            <div class="seg" role="radiogroup" aria-label="Kind">{kinds.into_iter().collect_view()}</div>
            <Who query=query past=past on_pick=Callback::new(move |()| changed())/>
            <span class="select">
                <select id=SINCE name="since" aria-label="Time" prop:value=move || query.with(|query| query.since.clone()) on:change=move |_| changed()>
                    {spans.into_iter().collect_view()}
                </select>
                <Icon of=icons::CHEVRON_DOWN/>
            </span>
            {changing(move || query.with(narrowed))}
            <button class="btn nojs-only">"Apply"</button>
            <a class="link" href=base::to("/history?by=people&since=1h")>"By people, last hour"</a>
            <span class="mute num end" aria-live="polite">{changing(shown)}</span>
        </form>
    }
    .into_any()
}

/// Who committed anything, by name.
#[component]
fn Who(query: Memo<PastQuery>, past: Reading<Option<Arc<Past>>>, on_pick: Callback<()>) -> impl IntoView {
    // One who is asked for stays, whether or not they committed anything lately.
    let whos = Memo::new(move |_| {
        let mut whos = past.with(|past| past.as_ref().map(|past| past.whos.clone()).unwrap_or_default());
        let wanted = query.with(|query| query.who.clone());
        if !wanted.is_empty() && !whos.contains(&wanted) {
            whos.push(wanted);
        }
        whos
    });
    let options = move || {
        let chosen = query.with_untracked(|query| query.who.clone());
        let option = |principal: String| {
            let (_, name) = who(&principal);
            let selected = principal == chosen;
            view! { <option value=principal selected=selected>{name}</option> }
        };
        whos.get().into_iter().map(option).collect_view()
    };
    view! {
        <span class="select">
            <select id=WHO name="who" aria-label="By whom" prop:value=move || query.with(|query| query.who.clone()) on:change=move |_| on_pick.run(())>
                <option value="">"Anyone"</option>
                {changing(options)}
            </select>
            <Icon of=icons::CHEVRON_DOWN/>
        </span>
    }
}

/// The topic or the broker that it is all about, and the way back to all.
fn narrowed(query: &PastQuery) -> AnyView {
    let chip = |name: &'static str, value: String, words: String, all: PastQuery| {
        let label = format!("{words}: show all again");
        view! {
            <input type="hidden" name=name value=value/>
            <a class="btn" href=base::to(&all.href("")) aria-label=label.clone() title=label><span>{words}</span><Icon of=icons::CLOSE/></a>
        }
    };
    let topic = (!query.topic.is_empty())
        .then(|| chip("topic", query.topic.clone(), format!("Topic {}", query.topic), PastQuery { topic: String::new(), ..query.clone() }));
    let broker = query.broker.map(|id| chip("broker", id.to_string(), format!("Broker {id}"), PastQuery { broker: None, ..query.clone() }));
    view! { {topic}{broker} }.into_any()
}
