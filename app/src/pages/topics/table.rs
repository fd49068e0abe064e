//! The table of topics. A row renders anew, and flashes once, when something in it changed.

use super::query::{Column, TopicsQuery};
use super::toolbar::{self, FORM};
use crate::base;
use crate::components::leader_spread::{LeaderSpread, Spread};
use crate::components::status::{Health, Tag};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;
use metadata::load::Tally;
use metadata::views::TopicHealth;
use metadata::{Index, State, TopicId};
use std::sync::Arc;

/// The table.
#[component]
pub fn TopicsTable(query: Memo<TopicsQuery>, rows: Memo<Vec<TopicId>>) -> impl IntoView {
    view! {
        <table class="dt wide">
            <caption class="sr">"Topics"</caption>
            <thead>
                <tr>
                    <SortHead query=query column=Column::Name label="Name"/>
                    <SortHead query=query column=Column::Health label="Health" class="col-health"/>
                    <SortHead query=query column=Column::Partitions label="Partitions" class="r lo col-count"/>
                    <th scope="col" class="r lo col-factor"><abbr title="Replication factor">"RF"</abbr></th>
                    <th scope="col" class="lo col-spread">"Leaders per broker"</th>
                    <th scope="col" class="r lo col-index">"Changed"</th>
                </tr>
            </thead>
            <tbody>
                <For each=move || rows.get() key=|id| *id let:id><TopicRow id=id/></For>
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn SortHead(query: Memo<TopicsQuery>, column: Column, label: &'static str, #[prop(optional)] class: &'static str) -> impl IntoView {
    let go = toolbar::go_to();
    let sort = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        go(&query.get_untracked().by(column), false);
    };
    let order = move || query.with(|query| query.aria_sort(column));
    let glyph = move || if order() == Some("descending") { icons::DOWN_ARROW } else { icons::UP_ARROW };
    view! {
        <th scope="col" class=class aria-sort=order>
            <button form=FORM name="sort" value=move || query.with(|query| toolbar::sort_value(query, column)) on:click=sort>
                {label}{changing(move || view! { <Icon of=glyph()/> })}
            </button>
        </th>
    }
    .into_any()
}

/// What a row shows of its topic.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    name: Arc<str>,
    internal: bool,
    tally: Tally,
    factor: usize,
    changed_index: Index,
}

impl Facts {
    fn of(state: &State, id: TopicId) -> Option<Self> {
        let topic = state.topic(id)?;
        Some(Facts {
            name: topic.name.clone(),
            internal: topic.internal(),
            tally: state.tally(id),
            factor: state.partition(id, 0).map_or(0, |first| first.replicas.len()),
            changed_index: topic.changed_index,
        })
    }
}

/// How many partitions are in the condition that a topic's health names.
pub fn affected(tally: &Tally) -> u32 {
    match TopicHealth::of(tally) {
        TopicHealth::Offline => tally.offline,
        TopicHealth::BelowMinIsr => tally.below_min_isr,
        TopicHealth::AtMinIsr => tally.at_min_isr,
        TopicHealth::UnderReplicated => tally.under_replicated,
        TopicHealth::Healthy => 0,
    }
}

#[component]
fn TopicRow(id: TopicId) -> impl IntoView {
    let live = use_live();
    let facts = Memo::new(move |_| live.state.with(|state| Facts::of(state, id)));
    let spread = Memo::new(move |_| live.state.with(|state| Spread::of(state, id)));
    let flash = RwSignal::new(None::<&'static str>);
    Effect::new(move |before: Option<Option<Facts>>| {
        let now = facts.get();
        if before.is_some_and(|before| before != now) {
            // Two names for one animation: alternating starts it again.
            flash.update(|name| *name = Some(if *name == Some("a") { "b" } else { "a" }));
        }
        now
    });
    let cells = move || facts.get().map(|facts| view! { <Cells facts=facts spread=spread/> });
    view! { <tr data-flash=move || flash.get()>{changing(cells)}</tr> }
}

#[component]
fn Cells(facts: Facts, spread: Memo<Option<Spread>>) -> impl IntoView {
    let Facts { name, internal, tally, factor, changed_index } = facts;
    let shape = format!("{} × {factor}", num(tally.partitions));
    view! {
        <th scope="row" class="name">
            <span class="row"><a href=base::to(&format!("/topics/{name}"))>{name.to_string()}</a>{internal.then(|| view! { <Tag word="internal"/> })}</span>
            <span class="sub num">{shape}</span>
        </th>
        <td><Health health=TopicHealth::of(&tally) affected=affected(&tally)/></td>
        <td class="r num lo">{num(tally.partitions)}</td>
        <td class="r num lo">{factor}</td>
        <td class="lo">{changing(move || spread.get().map(|spread| view! { <LeaderSpread spread=spread/> }))}</td>
        <td class="r num lo mute">"#"{num(changed_index)}</td>
    }
    .into_any()
}
