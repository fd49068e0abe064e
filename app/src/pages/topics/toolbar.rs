//! Search and health filter: a plain GET form, whose fields change the address at once when the page is alive.

use super::query::{Column, TopicsQuery, counts};
use crate::base;
use crate::components::entered;
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use metadata::views::TopicHealth;

/// The id of the form, which the sort buttons of the table name.
pub const FORM: &str = "topics-filter";
const SEARCH: &str = "topics-search";

/// Goes to another list without moving the page.
pub fn go_to() -> impl Fn(&TopicsQuery, bool) + Clone {
    let navigate = use_navigate();
    move |query: &TopicsQuery, replace: bool| {
        navigate(&base::carried(&query.href()), NavigateOptions { replace, scroll: false, ..NavigateOptions::default() });
    }
}

/// The form.
#[component]
pub fn Toolbar(query: Memo<TopicsQuery>) -> impl IntoView {
    let go = go_to();
    let entered_query = move || TopicsQuery {
        search: entered::text(SEARCH).unwrap_or_default().trim().to_owned(),
        health: entered::chosen("health").as_deref().and_then(TopicHealth::from_name),
        after: None,
        ..query.get_untracked()
    };
    let change = {
        let go = go.clone();
        move |replace: bool| {
            let wanted = entered_query();
            if wanted != query.get_untracked() {
                go(&wanted, replace);
            }
        }
    };
    keep_in_step(query, {
        let change = change.clone();
        move || change(true)
    });
    let (type_, pick, submit) = (change.clone(), change.clone(), change);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        submit(false);
    };
    let first = query.get_untracked();
    view! {
        <form class="toolbar" role="search" method="get" action=base::to("/topics") id=FORM on:submit=submit>
            {base::as_of().map(|index| view! { <input type="hidden" name=base::AS_OF value=index/> })}
            <label class="search">
                <Icon of=icons::SEARCH/>
                <span class="sr">"Search topics"</span>
                <input class="input" type="search" id=SEARCH name="search" placeholder="Search by name" value=first.search.clone() autocomplete="off" spellcheck="false" on:input=move |_| type_(true)/>
                <kbd aria-hidden="true">"/"</kbd>
            </label>
            <HealthFilter first=first.health on_pick=Callback::new(move |()| pick(false))/>
            <button class="btn nojs-only" name="sort" value=first.sort()>"Apply"</button>
        </form>
    }
    .into_any()
}

#[component]
fn HealthFilter(first: Option<TopicHealth>, on_pick: Callback<()>) -> impl IntoView {
    let live = use_live();
    // Only the whole state can count; the slice of a first paint can when it holds every topic.
    let counts = Memo::new(move |_| {
        live.state.with(|state| (live.whole.get() || state.topics_after(None).count() == state.topic_count()).then(|| counts(state)))
    });
    let choices = std::iter::once(None).chain(TopicHealth::ALL.into_iter().map(Some)).enumerate().map(|(at, health)| {
        let words = health.map_or("All", TopicHealth::words);
        let value = health.map_or("", TopicHealth::name);
        let number = move || counts.with(|counts| counts.as_ref().and_then(|counts| counts.get(at)).map(|(_, count)| num(*count as u64)));
        view! {
            <label>
                <input type="radio" name="health" value=value checked=health == first on:change=move |_| on_pick.run(())/>
                {words}
                <span class="num">{changing(number)}</span>
            </label>
        }
    });
    // The counts may come after the first paint; none has more digits than that of all topics, which is known at once.
    let digits = live.state.with_untracked(|state| num(state.topic_count() as u64).chars().count());
    view! { <div class="seg" role="radiogroup" aria-label="Health" style=format!("--digits:{digits}")>{choices.collect_view()}</div> }
}

/// The fields follow the address (back, a link, "Clear filters"), but what was entered before the page came alive goes first.
fn keep_in_step(query: Memo<TopicsQuery>, take_entered: impl Fn() + 'static) {
    Effect::new(move |alive: Option<()>| {
        let wanted = query.get();
        if alive.is_none() {
            return take_entered();
        }
        entered::put(SEARCH, &wanted.search);
        entered::choose("health", wanted.health.map_or("", TopicHealth::name));
    });
}

/// What the sort button of a column sends without JavaScript, and does with it.
pub fn sort_value(query: &TopicsQuery, column: Column) -> String {
    query.by(column).sort()
}
