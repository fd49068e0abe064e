//! Load against the fair share: a bar with a mark, and a small bar per broker for the leaders of one topic.

use crate::words::decimal;
use leptos::prelude::*;
use metadata::State;
use metadata::load::Load;

/// What every broker would carry if all were alike, rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FairShare {
    /// Per broker that is online: no other leads.
    pub leaders: u32,
    /// Per broker.
    pub replicas: u32,
    /// The busiest broker, which sets the scale.
    pub most_leaders: u32,
    pub most_replicas: u32,
}

impl FairShare {
    /// The shares of a cluster.
    pub fn of(state: &State) -> Self {
        let loads: Vec<(bool, Load)> = state.brokers().map(|broker| (broker.active(), state.load(broker.id))).collect();
        let online = loads.iter().filter(|(active, _)| *active).count();
        let sum = |what: fn(&Load) -> u32| loads.iter().map(|(_, load)| u64::from(what(load))).sum::<u64>();
        let most = |what: fn(&Load) -> u32| loads.iter().map(|(_, load)| what(load)).max().unwrap_or_default();
        FairShare {
            leaders: rounded(sum(|load| load.leaders), online),
            replicas: rounded(sum(|load| load.replicas), loads.len()),
            most_leaders: most(|load| load.leaders),
            most_replicas: most(|load| load.replicas),
        }
    }
}

/// A sum divided over some, rounded.
pub fn rounded(sum: u64, over: usize) -> u32 {
    let over = (over as u64).max(1);
    u32::try_from((sum + over / 2) / over).unwrap_or(u32::MAX)
}

/// A value against its fair share, on a scale that ends a little above the greatest; hatched when the broker is down.
#[component]
pub fn ShareBar(value: u32, fair: u32, most: u32, #[prop(optional)] down: bool) -> impl IntoView {
    let end = f64::from(most.max(fair).max(value).max(1)) * 1.08;
    let percent = |part: u32| decimal(f64::from(part) / end * 100.0, 1) + "%";
    view! {
        <span class=if down { "share fen" } else { "share" } role="img" aria-label=format!("{value}, fair share {fair}")>
            <span class="share-v" style=format!("--v:{}", percent(value))></span>
            <span class="share-f" style=format!("--fair:{}", percent(fair))></span>
        </span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{FairShare, rounded};
    use crate::pages::sample;

    #[test]
    fn shares_are_rounded_means() {
        let fair = FairShare::of(&sample::state());
        // 7 leaders and 21 replicas over three brokers.
        assert_eq!((fair.leaders, fair.replicas), (2, 7));
        assert_eq!((fair.most_leaders, fair.most_replicas), (4, 7));
        assert_eq!((rounded(5, 2), rounded(0, 0)), (3, 0));
    }
}
