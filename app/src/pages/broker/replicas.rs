//! A broker's replicas by topic: what is not in sync first, then where it holds most.

use crate::base;
use crate::components::card::Card;
use crate::components::status::{Status, Tone};
use crate::icons;
use crate::live::use_live;
use crate::order::sorted;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use metadata::{BrokerId, State, TopicId};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many topics are listed before more are asked for.
const PAGE: usize = 10;
/// How many partitions the first paint carries for this list.
const MOST_PARTITIONS: u32 = 500;

/// What a broker holds of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    id: TopicId,
    name: Arc<str>,
    partitions: u32,
    replicas: u32,
    leaders: u32,
    in_sync: u32,
}

/// Topics that the state holds only as rows, as slices do, are left out: what is in sync there is not known.
fn by_topic(state: &State, broker: BrokerId) -> Vec<Held> {
    let mut counts: BTreeMap<TopicId, (u32, u32, u32, u32)> = BTreeMap::new();
    for (topic, partition) in state.all_partitions() {
        let (seen, replicas, leaders, in_sync) = counts.entry(topic).or_default();
        *seen += 1;
        *replicas += u32::from(partition.replicas.contains(&broker));
        *leaders += u32::from(partition.leader == Some(broker));
        *in_sync += u32::from(partition.isr.contains(&broker));
    }
    let held: Vec<Held> = counts
        .into_iter()
        .filter(|(id, (seen, replicas, ..))| *replicas > 0 && *seen == state.tally(*id).partitions)
        .filter_map(|(id, (partitions, replicas, leaders, in_sync))| {
            Some(Held { id, name: state.topic(id)?.name.clone(), partitions, replicas, leaders, in_sync })
        })
        .collect();
    let rank = |held: &Held| (Reverse(held.replicas - held.in_sync), Reverse(held.replicas));
    sorted(held, |one, other| rank(one).cmp(&rank(other)).then_with(|| one.name.cmp(&other.name)))
}

/// The first topics of the list, as many as are small enough for a first paint.
pub fn for_first_paint(state: &State, broker: BrokerId) -> Vec<TopicId> {
    let mut room = MOST_PARTITIONS;
    let fits = |held: &Held| {
        let fits = held.partitions <= room;
        room -= if fits { held.partitions } else { 0 };
        fits
    };
    by_topic(state, broker).into_iter().take(PAGE).filter(fits).map(|held| held.id).collect()
}

/// The card.
#[component]
pub fn ReplicasByTopic(id: BrokerId) -> impl IntoView {
    let live = use_live();
    // Every partition is looked at, so not at every commit: only when the broker's own counts moved or a topic came or went.
    let moved = Memo::new(move |_| (live.state.with(|state| (state.load(id), state.topic_count())), live.whole.get()));
    let held = Memo::new(move |_| {
        moved.track();
        live.state.with_untracked(|state| by_topic(state, id))
    });
    let most = RwSignal::new(PAGE);
    let rows = move || held.with(|held| held.iter().take(most.get()).map(row).collect_view());
    let listed = move || held.with(|held| held.iter().map(|held| held.replicas).sum::<u32>());
    let all = move || moved.get().0.0.replicas;
    let sub = move || {
        if listed() < all() {
            format!("{} of {} listed", num(listed()), count(all(), "replica", "replicas"))
        } else {
            format!("{} in {}", count(all(), "replica", "replicas"), count(held.with(Vec::len) as u64, "topic", "topics"))
        }
    };
    let hidden = Memo::new(move |_| held.with(Vec::len).saturating_sub(most.get()));
    view! {
        <Card title="Replicas by topic" sub=move || sub>
            <Show when=move || { all() > 0 } fallback=|| view! { <p class="card-b mute">"It holds no replica."</p> }>
                <div class="dt-wrap" tabindex="0" role="region" aria-label="List of topics">
                    <table class="dt dt--flush">
                        <caption class="sr">"Replicas by topic"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"Topic"</th>
                                <th scope="col" class="r col-count">"Replicas"</th>
                                <th scope="col" class="r lo col-count">"Leaders"</th>
                                <th scope="col" class="col-state">"In sync"</th>
                            </tr>
                        </thead>
                        <tbody>{changing(rows)}</tbody>
                    </table>
                </div>
            </Show>
            <Show when=move || { hidden.get() > 0 }>
                <div class="card-f">
                    <span class="num">{changing(move || format!("{} more", count(hidden.get() as u64, "topic", "topics")))}</span>
                    <button type="button" class="link js-only" on:click=move |_| most.update(|most| *most += 100)>"Show more"</button>
                </div>
            </Show>
        </Card>
    }
    .into_any()
}

fn row(held: &Held) -> impl IntoView + use<> {
    let missing = held.replicas - held.in_sync;
    let in_sync = match missing {
        0 => view! { <Status tone=Tone::Quiet glyph=icons::OK words="All in sync"/> },
        missing if missing == held.replicas => view! { <Status tone=Tone::Warn glyph=icons::WARN words="None in sync"/> },
        missing => view! { <Status tone=Tone::Warn glyph=icons::WARN words=format!("{} not in sync", num(missing))/> },
    };
    view! {
        <tr>
            <th scope="row" class="name"><a href=base::to(&format!("/topics/{}", held.name))>{held.name.to_string()}</a></th>
            <td class="r num">{num(held.replicas)}" "<span class="mute">"of "{num(held.partitions)}</span></td>
            <td class="r num lo">{num(held.leaders)}</td>
            <td>{in_sync}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{by_topic, for_first_paint};
    use crate::pages::sample;
    use metadata::{BrokerId, slice};

    #[test]
    fn what_is_not_in_sync_comes_first() {
        let state = sample::state();
        let held = by_topic(&state, BrokerId(3));
        let rows: Vec<_> = held.iter().map(|held| (&*held.name, held.replicas, held.leaders, held.in_sync)).collect();
        assert_eq!(rows, [("orders", 2, 1, 1), ("metrics", 4, 0, 4), ("audit", 1, 0, 1)]);
    }

    #[test]
    fn a_slice_lists_what_it_holds_whole() {
        let state = sample::state();
        let whole = for_first_paint(&state, BrokerId(3));
        let bytes = slice::encode(&state, &[], &whole[..1]).expect("a slice");
        let names: Vec<_> =
            by_topic(&slice::decode(&bytes).expect("a state"), BrokerId(3)).into_iter().map(|held| held.name.to_string()).collect();
        assert_eq!(names, ["orders"]);
    }
}
