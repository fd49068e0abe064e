//! Where a topic's replicas are: brokers are rows, partitions are columns, with each broker's share of this topic.

use crate::components::card::Card;
use crate::components::placement_matrix::{MOST_COLUMNS, Matrix, Row, placement_matrix};
use crate::components::replica_tokens::Legend;
use crate::components::share_bar::{ShareBar, rounded};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use metadata::{BrokerId, BrokerState, State, TopicId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many columns have room with full cells on a wide screen.
const ROOM: usize = 24;

/// What the tab shows.
#[derive(Clone, Debug, PartialEq)]
struct Spread {
    matrix: Matrix,
    /// Replicas and leaders per broker, of all partitions.
    shares: BTreeMap<BrokerId, (u32, u32)>,
    partitions: usize,
    /// What every broker would have if all were alike.
    fair_replicas: u32,
    fair_leaders: u32,
    moving: bool,
}

impl Spread {
    fn of(state: &State, id: TopicId) -> Self {
        let mut shares: BTreeMap<BrokerId, (u32, u32)> = BTreeMap::new();
        let mut partitions = 0;
        for partition in state.partitions_of(id) {
            partitions += 1;
            for broker in &partition.replicas {
                let (replicas, leaders) = shares.entry(*broker).or_default();
                *replicas += 1;
                *leaders += u32::from(partition.leader == Some(*broker));
            }
        }
        let sum = |what: fn(&(u32, u32)) -> u32| shares.values().map(|share| u64::from(what(share))).sum::<u64>();
        let online = state.brokers().filter(|broker| broker.active()).count();
        Spread {
            matrix: Matrix::of(state, state.partitions_of(id).map(Arc::as_ref)),
            partitions,
            fair_replicas: rounded(sum(|share| share.0), state.broker_count()),
            fair_leaders: rounded(sum(|share| share.1), online),
            moving: state.partitions_of(id).any(|partition| !partition.adding_replicas.is_empty()),
            shares,
        }
    }

    fn most(&self, what: fn(&(u32, u32)) -> u32) -> u32 {
        self.shares.values().map(what).max().unwrap_or_default()
    }
}

/// The tab.
#[component]
pub fn Placement(id: TopicId) -> impl IntoView {
    let live = use_live();
    let spread = Memo::new(move |_| live.state.with(|state| Spread::of(state, id)));
    view! {
        <Card title="Placement" sub=|| "brokers are rows, partitions are columns">
            <div class="card-b stacked">
                {changing(move || spread.with(draw))}
                {changing(move || spread.with(left_out).map(|words| view! { <p class="mute small num">{words}</p> }))}
                {changing(move || view! { <Legend moving=spread.with(|spread| spread.moving)/> })}
            </div>
        </Card>
    }
    .into_any()
}

fn draw(spread: &Spread) -> AnyView {
    let head = view! {
        <th scope="col" class="mx-t">"Leaders"</th>
        <th scope="col" class="mx-t">"Replicas"</th>
    }
    .into_any();
    let tail = |row: &Row| {
        let (replicas, leaders) = spread.shares.get(&row.broker).copied().unwrap_or_default();
        let down = row.state != BrokerState::Online;
        view! {
            <td class="mx-t">
                <span class="row"><span class="num mx-n">{num(leaders)}</span><ShareBar value=leaders fair=spread.fair_leaders most=spread.most(|share| share.1) down=down/></span>
            </td>
            <td class="mx-t">
                <span class="row"><span class="num mx-n">{num(replicas)}</span><ShareBar value=replicas fair=spread.fair_replicas most=spread.most(|share| share.0) down=down/></span>
            </td>
        }
        .into_any()
    };
    placement_matrix(&spread.matrix, ROOM, head, tail)
}

/// What is not drawn.
fn left_out(spread: &Spread) -> Option<String> {
    let mut parts = Vec::new();
    if spread.partitions > MOST_COLUMNS {
        parts.push(format!("{} more", count((spread.partitions - MOST_COLUMNS) as u64, "partition", "partitions")));
    }
    if spread.matrix.rows_left_out > 0 {
        parts.push(count(spread.matrix.rows_left_out as u64, "broker without a replica", "brokers without a replica"));
    }
    (!parts.is_empty()).then(|| format!("Not drawn: {}. The counts include every partition.", parts.join(", ")))
}
