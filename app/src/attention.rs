//! The topics that need attention: those with partitions without all their replicas in sync, worst first.

use crate::order::sorted;
use crate::shown::Shown;
use metadata::load::Tally;
use metadata::{State, TopicId};

/// How many of them the overview lists.
pub const LISTED: usize = 6;
/// The largest topic that the first paint carries whole.
const MOST_PARTITIONS: u32 = 512;

/// The worst topics and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    pub worst: Vec<TopicId>,
    pub count: u32,
}

/// Looks through every topic, unless the totals say that there is nothing to find.
pub fn attention(state: &State) -> Attention {
    let total = state.total();
    if total.under_replicated == 0 && total.offline == 0 && total.below_min_isr == 0 {
        return Attention::default();
    }
    let bad: Vec<_> = state
        .topics_after(None)
        .map(|topic| (state.tally(topic.id), topic))
        .filter(|(tally, _)| tally.under_replicated > 0 || tally.offline > 0 || tally.below_min_isr > 0)
        .collect();
    let bad = sorted(bad, |(one, a), (other, b)| rank(other).cmp(&rank(one)).then_with(|| a.name.cmp(&b.name)));
    let count = bad.len() as u32;
    Attention { worst: bad.into_iter().take(LISTED).map(|(_, topic)| topic.id).collect(), count }
}

fn rank(tally: &Tally) -> (u32, u32, u32, u32) {
    (tally.offline, tally.below_min_isr, tally.at_min_isr, tally.under_replicated)
}

/// What the overview shows of topics.
pub fn shown(state: &State) -> Shown {
    let (whole, rows) = attention(state).worst.into_iter().partition(|id| state.tally(*id).partitions <= MOST_PARTITIONS);
    Shown { rows, whole }
}
