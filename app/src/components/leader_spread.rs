//! How a topic's leaders are spread over the brokers: one small bar per broker, the base line of one that is down in amber.

use crate::words::list;
use leptos::prelude::*;
use metadata::{State, TopicId};

const PITCH: u32 = 10;
const HEIGHT: u32 = 18;
/// From here on the bars would be too many to tell apart.
const MOST_BROKERS: usize = 12;
/// Counting the leaders of a larger topic at every change would cost more than the bar is worth.
const MOST_PARTITIONS: u32 = 512;

/// The leaders of one topic per broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// By broker id: the id, whether it is online, how many it leads.
    pub brokers: Vec<(u32, bool, u32)>,
}

impl Spread {
    /// The spread of a topic; none while its partitions are not all held here, or where it would tell nothing.
    pub fn of(state: &State, topic: TopicId) -> Option<Self> {
        let count = state.tally(topic).partitions;
        if count > MOST_PARTITIONS || state.broker_count() > MOST_BROKERS || state.partitions_of(topic).count() != count as usize {
            return None;
        }
        let mut brokers: Vec<(u32, bool, u32)> = state.brokers().map(|broker| (broker.id.0, broker.active(), 0)).collect();
        for leader in state.partitions_of(topic).filter_map(|partition| partition.leader) {
            if let Some(broker) = brokers.iter_mut().find(|(id, ..)| *id == leader.0) {
                broker.2 += 1;
            }
        }
        Some(Spread { brokers })
    }
}

/// Draws a spread.
#[component]
pub fn LeaderSpread(spread: Spread) -> impl IntoView {
    let words = format!("Leaders per broker: {}", list(spread.brokers.iter().map(|(id, _, leaders)| format!("{id}: {leaders}"))));
    let most = spread.brokers.iter().map(|(_, _, leaders)| *leaders).max().unwrap_or_default().max(1);
    let width = PITCH * spread.brokers.len() as u32 - 2;
    let bars = spread.brokers.iter().enumerate().map(|(at, (_, online, leaders))| {
        let x = PITCH * at as u32;
        if !online && *leaders == 0 {
            return view! { <path class="fen" d=format!("M{x} 18.5h7")></path> }.into_any();
        }
        let height = (leaders * HEIGHT).div_ceil(most).max(1);
        let class = if *leaders == 0 { "z" } else { "" };
        view! { <rect class=class x=x.to_string() y=(HEIGHT + 1 - height).to_string() width="7" height=height.to_string() rx="1"></rect> }
            .into_any()
    });
    view! {
        <span title=words.clone()>
            <svg class="spread" width=width.to_string() height="20" viewBox=format!("0 0 {width} 20") role="img" aria-label=words.clone()>
                {bars.collect_view()}
            </svg>
        </span>
    }
    .into_any()
}
