//! What was heard lately of the soft state: heartbeat ages per broker and the commit rate, each a short ring.

use metadata::BrokerId;
use metadata::frame::Pulse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many heartbeat intervals a strip shows: a minute of them.
pub const STRIP: usize = 30;
/// How many samples of the commit rate are kept: five minutes of them.
pub const RATES: usize = 60;
/// Length of a heartbeat interval.
const INTERVAL_MS: u64 = 2_000;
/// Time between two samples of the commit rate.
const RATE_MS: u64 = 5_000;
/// What stands for an interval in which nothing was heard.
pub const MISSED: u16 = u16::MAX;
/// From here on an interval counts as missed: two of them and what a pulse may lag.
const MISSED_FROM_MS: u64 = 2 * INTERVAL_MS + 1_500;

/// Rings of what was heard, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The largest heartbeat age within each interval, ms; [`MISSED`] where none came.
    pub heartbeats: BTreeMap<BrokerId, Vec<u16>>,
    /// Commits in ten seconds, one sample each five.
    pub rates: Vec<u32>,
    slot: u64,
    rate_slot: u64,
}

impl Heard {
    /// Takes a pulse in.
    pub fn take(&mut self, pulse: &Pulse) {
        let now = pulse.at_ms.saturating_add(pulse.age_ms);
        let fresh = now / INTERVAL_MS != self.slot;
        self.slot = now / INTERVAL_MS;
        self.heartbeats.retain(|id, _| pulse.brokers.iter().any(|broker| broker.id == *id));
        for broker in &pulse.brokers {
            let sample = match broker.heartbeat_age_ms {
                Some(age) if age < MISSED_FROM_MS => age as u16,
                _ => MISSED,
            };
            let ring = self.heartbeats.entry(broker.id).or_default();
            match ring.last_mut() {
                Some(last) if !fresh => *last = sample.max(*last),
                _ => push(ring, sample, STRIP),
            }
        }
        if now / RATE_MS != self.rate_slot || self.rates.is_empty() {
            self.rate_slot = now / RATE_MS;
            push(&mut self.rates, pulse.commits_10s, RATES);
        }
    }

    /// The strip of one broker, oldest first; shorter than [`STRIP`] while it is not heard that long.
    pub fn strip(&self, id: BrokerId) -> &[u16] {
        self.heartbeats.get(&id).map_or(&[], Vec::as_slice)
    }
}

fn push<T>(ring: &mut Vec<T>, value: T, most: usize) {
    if ring.len() >= most {
        ring.remove(0);
    }
    ring.push(value);
}
