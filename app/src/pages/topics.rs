//! Topics: search, health filter and order in the address, a table that is worst first, at most 100 rows at a time.

mod query;
mod table;
mod toolbar;

pub use query::{TopicsQuery, meets, rows_for};
pub use table::affected;

use crate::base;
use crate::components::empty::Empty;
use crate::icons::{self, Icon};
use crate::live::{Live, use_live};
use crate::pages::first_paint::complete;
use crate::shown::Shown;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;
use metadata::{State, TopicId};
use query::PAGE;
use table::TopicsTable;
use toolbar::Toolbar;

/// What the first paint of this page needs: the rows of the first page, and one more that says whether there is more.
pub fn shown(state: &State, query: &ParamsMap) -> Shown {
    let rows = rows_for(state, &TopicsQuery::of(query)).into_iter().take(PAGE + 1).collect();
    Shown { rows, whole: Vec::new() }
}

/// The page.
#[component]
pub fn TopicsPage() -> impl IntoView {
    let live = use_live();
    let none = Memo::new(move |_| live.state.with(|state| state.topic_count() == 0));
    let create = move || {
        (!none.get()).then(|| {
            view! {
                <a class="btn primary" href=base::to("/create-topic")><Icon of=icons::PLUS/><span>"Create topic"</span><kbd aria-hidden="true">"C"</kbd></a>
            }
        })
    };
    view! {
        <div class="page page--fill">
            <header class="page-head">
                <div><h1>"Topics"</h1><p class="num">{changing(move || live.state.with(|state| facts(state)))}</p></div>
                <div class="actions">{changing(create)}</div>
            </header>
            {changing(move || if none.get() { view! { <NoTopics/> }.into_any() } else { view! { <TopicList/> }.into_any() })}
        </div>
    }
    .into_any()
}

fn facts(state: &State) -> String {
    let replicas: u64 = state.brokers().map(|broker| u64::from(state.load(broker.id).replicas)).sum();
    match state.topic_count() as u64 {
        0 => "No topics yet".to_owned(),
        topics => format!(
            "{}, {}, {}",
            count(topics, "topic", "topics"),
            count(state.total().partitions, "partition", "partitions"),
            count(replicas, "replica", "replicas")
        ),
    }
}

#[component]
fn NoTopics() -> impl IntoView {
    let live = use_live();
    let brokers = Memo::new(move |_| live.state.with(|state| state.broker_count()) > 0);
    let first = || {
        view! {
            <Empty glyph=icons::TOPICS title="Create the first topic" text="A topic is a named log split into partitions. You see where every replica would go before anything is committed.">
                <a class="btn primary" href=base::to("/create-topic")><Icon of=icons::PLUS/><span>"Create topic"</span><kbd aria-hidden="true">"C"</kbd></a>
            </Empty>
        }
    };
    let no_broker = || {
        view! {
            <Empty glyph=icons::TOPICS title="Topics need a broker first" text="No broker has registered, so there is nowhere to place a partition.">
                <a class="btn" href=base::to("/brokers")><span>"How to start a broker"</span></a>
            </Empty>
        }
    };
    view! { <section class="card">{changing(move || if brokers.get() { first().into_any() } else { no_broker().into_any() })}</section> }
}

/// Toolbar, table and foot.
#[component]
fn TopicList() -> impl IntoView {
    let live = use_live();
    let complete = complete();
    let map = use_query_map();
    let query = Memo::new(move |_| map.with(TopicsQuery::of));
    let hits = Memo::new(move |_| live.state.with(|state| query.with(|query| rows_for(state, query))));
    // Another list begins at its own top.
    let limit = RwSignal::new((TopicsQuery::default(), PAGE));
    let most = Memo::new(move |_| limit.with(|(of, most)| query.with(|query| if of == query { *most } else { PAGE })));
    let rows = Memo::new(move |_| hits.with(|hits| hits.iter().take(most.get()).copied().collect::<Vec<TopicId>>()));
    let more = Memo::new(move |_| hits.with(Vec::len) > most.get());
    let next = move || {
        let last = rows
            .with(|rows| rows.last().copied())
            .and_then(|id| live.state.with(|state| state.topic(id).map(|topic| topic.name.to_string())));
        query.with(|query| base::to(&TopicsQuery { after: last, ..query.clone() }.href()))
    };
    let show_more = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        limit.set((query.get_untracked(), most.get_untracked() + PAGE));
    };
    view! {
        <Toolbar query=query/>
        <section class="card card--list fill">
            <div class="dt-wrap" tabindex="0" role="region" aria-label="List of topics">
                <TopicsTable query=query rows=rows/>
                <Show when=move || rows.with(Vec::is_empty) && complete.get()><NoHits/></Show>
                <Show when=move || more.get()>
                    <div class="card-f"><a class="btn" rel="next" href=next on:click=show_more>{format!("Show {PAGE} more")}</a></div>
                </Show>
            </div>
            <div class="card-f num">
                <span aria-live="polite">{changing(move || foot(live, query, hits))}</span>
                <span class="only-l row js-only"><kbd>"/"</kbd>" search "</span>
            </div>
        </section>
    }
    .into_any()
}

/// How many of the topics are listed, as far as that is known: the slice of a first paint holds one page.
fn foot(live: Live, query: Memo<TopicsQuery>, hits: Memo<Vec<TopicId>>) -> String {
    let all = live.state.with(|state| state.topic_count()) as u64;
    let found = hits.with(Vec::len) as u64;
    let known = live.whole.get() || found <= PAGE as u64;
    match query.with(TopicsQuery::filters) {
        true if known => format!("{} of {}", num(found), count(all, "topic", "topics")),
        true => format!("More than {} of {}", num(PAGE as u64), count(all, "topic", "topics")),
        false => count(all, "topic", "topics"),
    }
}

#[component]
fn NoHits() -> impl IntoView {
    view! {
        <Empty glyph=icons::SEARCH title="No topic matches" text="No topic fits this search and this filter.">
            <a class="btn" href=base::to("/topics")><span>"Clear filters"</span></a>
        </Empty>
    }
    .into_any()
}
