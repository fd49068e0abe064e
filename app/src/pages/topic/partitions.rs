//! A topic's partitions: worst first, then by number; each row renders anew, and flashes once, when its partition changed.

use crate::base;
use crate::components::replica_tokens::{Legend, ReplicaTokens};
use crate::components::status::{Status, Tag, Tone, level_glyph};
use crate::live::use_live;
use crate::order::sorted;
use crate::signals::{Memo, changing};
use crate::words::{count, list, num};
use leptos::prelude::*;
use metadata::load::Tally;
use metadata::views::TopicHealth;
use metadata::{Partition, State, TopicId};
use std::sync::Arc;

/// How many rows are drawn before more are asked for.
const PAGE: usize = 100;

/// What a partition's condition is called.
fn health(partition: &Partition, min_isr: usize) -> TopicHealth {
    TopicHealth::of(&Tally::of(partition, min_isr))
}

/// The numbers of a topic's partitions, those in the worst condition first.
fn worst_first(state: &State, id: TopicId) -> Vec<u32> {
    let min_isr = state.min_isr(id);
    let numbers: Vec<(TopicHealth, u32)> =
        state.partitions_of(id).map(|partition| (health(partition, min_isr), partition.partition)).collect();
    sorted(numbers, Ord::cmp).into_iter().map(|(_, number)| number).collect()
}

/// The tab.
#[component]
pub fn Partitions(id: TopicId) -> impl IntoView {
    let live = use_live();
    let numbers = Memo::new(move |_| live.state.with(|state| worst_first(state, id)));
    let most = RwSignal::new(PAGE);
    let rows = move || numbers.with(|numbers| numbers.iter().take(most.get()).copied().collect::<Vec<_>>());
    let hidden = Memo::new(move |_| numbers.with(Vec::len).saturating_sub(most.get()));
    let moving =
        Memo::new(move |_| live.state.with(|state| state.partitions_of(id).any(|partition| !partition.adding_replicas.is_empty())));
    let more = move || {
        view! {
            <div class="card-f">
                <span>{changing(move || format!("{} more", count(hidden.get() as u64, "partition", "partitions")))}</span>
                <button type="button" class="btn js-only" on:click=move |_| most.update(|most| *most += PAGE)>{format!("Show {PAGE} more")}</button>
            </div>
        }
    };
    view! {
        <section class="card">
            <div class="dt-wrap" tabindex="0" role="region" aria-label="List of partitions">
                <table class="dt wide">
                    <caption class="sr">"Partitions"</caption>
                    <thead>
                        <tr>
                            <th scope="col" class="r col-number"><span aria-hidden="true">"#"</span><span class="sr">"Number"</span></th>
                            <th scope="col" class="col-condition">"State"</th>
                            <th scope="col" class="lo col-broker">"Leader"</th>
                            <th scope="col">"Replicas"</th>
                            <th scope="col" class="lo col-tagged">"In sync"</th>
                            <th scope="col" class="r lo col-epoch">"Leader epoch"</th>
                            <th scope="col" class="r lo col-epoch">"Partition epoch"</th>
                        </tr>
                    </thead>
                    <tbody><For each=rows key=|number| *number let:number><PartitionRow id=id number=number/></For></tbody>
                </table>
                <Show when=move || { hidden.get() > 0 }>{more()}</Show>
            </div>
            <div class="card-f">{changing(move || view! { <Legend moving=moving.get()/> })}</div>
        </section>
    }
    .into_any()
}

#[component]
fn PartitionRow(id: TopicId, number: u32) -> impl IntoView {
    let live = use_live();
    let held =
        Memo::new(move |_| live.state.with(|state| state.partition(id, number).map(|partition| (partition.clone(), state.min_isr(id)))));
    let flash = RwSignal::new(None::<&'static str>);
    Effect::new(move |before: Option<Option<Arc<Partition>>>| {
        let now = held.get().map(|(partition, _)| partition);
        if before.is_some_and(|before| before != now) {
            // Two names for one animation: alternating starts it again.
            flash.update(|name| *name = Some(if *name == Some("a") { "b" } else { "a" }));
        }
        now
    });
    view! {
        <tr data-flash=move || flash.get()>
            {changing(move || held.get().map(|(partition, min_isr)| view! { <Cells partition=Partition::clone(&partition) min_isr=min_isr/> }))}
        </tr>
    }
    .into_any()
}

#[component]
fn Cells(partition: Partition, min_isr: usize) -> impl IntoView {
    let health = health(&partition, min_isr);
    // The state says that replicas are missing; how close that is to the minimum stands beside the count.
    let words = match health {
        TopicHealth::BelowMinIsr | TopicHealth::AtMinIsr => TopicHealth::UnderReplicated.words(),
        other => other.words(),
    };
    let tag = match health {
        TopicHealth::Offline | TopicHealth::BelowMinIsr if partition.isr.len() < min_isr.min(partition.replicas.len()) => {
            Some(view! { <Tag word="below minimum" tone="crit"/> }.into_any())
        }
        TopicHealth::AtMinIsr => Some(view! { <Tag word="at minimum" tone="warn"/> }.into_any()),
        _ => None,
    };
    let leader = match partition.leader {
        Some(id) => view! { <a href=base::to(&format!("/brokers/{id}"))>{format!("Broker {id}")}</a> }.into_any(),
        None => view! { <span class="mute">"none"</span> }.into_any(),
    };
    let in_sync = format!("{} of {}", partition.isr.len(), partition.replicas.len());
    let ids = format!("ISR: {}", list(&partition.isr));
    let (leader_epoch, partition_epoch) = (num(partition.leader_epoch), num(partition.partition_epoch));
    view! {
        <th scope="row" class="r num med">{partition.partition}</th>
        <td><Status tone=Tone::of(health.level()) glyph=level_glyph(health.level()) words=words/></td>
        <td class="num lo">{leader}</td>
        <td><ReplicaTokens partition=partition/></td>
        <td class="lo"><span class="row num" title=ids>{in_sync}{tag}</span></td>
        <td class="r num lo soft">{leader_epoch}</td>
        <td class="r num lo soft">{partition_epoch}</td>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::worst_first;
    use crate::pages::sample;

    #[test]
    fn the_worst_partition_is_first() {
        let state = sample::state();
        assert_eq!(worst_first(&state, sample::topic_id(3)), [1, 0]);
        assert_eq!(worst_first(&state, sample::topic_id(2)), [0, 1, 2, 3]);
    }
}
