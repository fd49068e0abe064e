//! The topics that need attention, worst first, with what is missing where.

use super::missing_words;
use crate::attention::{Attention, attention};
use crate::base;
use crate::boot::Boot;
use crate::components::card::Card;
use crate::components::chart::Progress;
use crate::components::status::Tag;
use crate::live::use_live;
use crate::order::distinct;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use metadata::load::Tally;
use metadata::views::TopicHealth;
use metadata::{BrokerId, State, TopicId};
use std::sync::Arc;

/// One topic of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    name: Arc<str>,
    affected: u32,
    partitions: u32,
    health: TopicHealth,
    /// In the worst of its partitions: in sync, of how many replicas.
    in_sync: (usize, usize),
    missing: Vec<BrokerId>,
}

fn row(state: &State, id: TopicId) -> Option<Row> {
    let topic = state.topic(id)?;
    let tally: Tally = state.tally(id);
    let worst = state.partitions_of(id).min_by_key(|partition| (partition.leader.is_some(), partition.isr.len()))?;
    let missing =
        state.partitions_of(id).flat_map(|partition| partition.replicas.iter().copied().filter(|broker| !partition.isr.contains(broker)));
    Some(Row {
        name: topic.name.clone(),
        affected: tally.under_replicated.max(tally.offline).max(tally.below_min_isr),
        partitions: tally.partitions,
        health: TopicHealth::of(&tally),
        in_sync: (worst.isr.len(), worst.replicas.len()),
        missing: distinct(missing),
    })
}

/// The card; nothing when nothing is wrong.
#[component]
pub fn NeedsAttention() -> impl IntoView {
    let live = use_live();
    let first_count = use_context::<Arc<Boot>>().map_or(0, |boot| boot.attention);
    let found = Memo::new(move |_| {
        live.state.with(|state| {
            let Attention { worst, count } = attention(state);
            // The slice of the first paint holds the worst alone; how many there are stands beside it.
            let count = if live.whole.get() { count } else { first_count.max(count) };
            (worst.into_iter().filter_map(|id| row(state, id)).collect::<Vec<_>>(), count)
        })
    });
    let any = Memo::new(move |_| found.with(|(rows, _)| !rows.is_empty()));
    view! {
        {changing(move || any.get().then(|| view! {
            <Card title="Needs attention" sub=move || count(found.with(|(_, count)| *count), "topic below full replication", "topics below full replication")>
                <table class="dt dt--flush">
                    <thead>
                        <tr>
                            <th scope="col">"Topic"</th>
                            <th scope="col" class="col-affected">"Affected"</th>
                            <th scope="col" class="lo col-tagged">"In sync"</th>
                            <th scope="col" class="lo col-broker">"Missing on"</th>
                        </tr>
                    </thead>
                    <tbody>{changing(move || found.with(|(rows, _)| rows.clone()).into_iter().map(|row| view! { <AttentionRow row=row/> }).collect_view())}</tbody>
                </table>
                {changing(move || {
                    let (listed, all) = found.with(|(rows, count)| (rows.len() as u32, *count));
                    (all > listed).then(|| view! {
                        <div class="card-f">
                            <span>{count(all - listed, "more topic", "more topics")}</span>
                            <a class="link" href=base::to("/topics")>{format!("Show all {}", num(all))}</a>
                        </div>
                    })
                })}
            </Card>
        }))}
    }
}

#[component]
fn AttentionRow(row: Row) -> impl IntoView {
    let (tone, word) = match row.health {
        TopicHealth::Offline => ("crit", "offline"),
        TopicHealth::BelowMinIsr => ("crit", "below minimum"),
        TopicHealth::AtMinIsr => ("warn", "at minimum"),
        _ => ("", ""),
    };
    let (there, replicas) = row.in_sync;
    view! {
        <tr>
            <th scope="row" class="name"><a href=base::to(&format!("/topics/{}", row.name))>{row.name.to_string()}</a></th>
            <td>
                <span class="affected">
                    <span class="num"><b>{num(row.affected)}</b>" "<span class="mute">"of "{num(row.partitions)}</span></span>
                    <span class="lo"><Progress part=row.affected whole=row.partitions class="warn"/></span>
                </span>
            </td>
            <td class="lo">
                <span class="row">
                    <span class="num">{format!("{there} of {replicas}")}</span>
                    {(!word.is_empty()).then(|| view! { <Tag word=word tone=tone/> })}
                </span>
            </td>
            <td class="lo soft">{missing_words(&row.missing)}</td>
        </tr>
    }
}
