//! What was heard lately of the soft state: heartbeat ages per broker and the commit rate, each a short ring.

use metadata::frame::{BrokerPulse, Pulse};
use metadata::{BrokerId, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many heartbeat intervals a strip shows: a minute of them.
pub const STRIP: usize = 30;
/// How many samples of the commit rate are kept: five minutes of them.
pub const RATES: usize = 60;
/// Length of a heartbeat interval.
pub const INTERVAL_MS: u64 = 2_000;
/// Time between two samples of the commit rate.
const RATE_MS: u64 = 5_000;
/// What stands for an interval in which a heartbeat was due and none came.
pub const MISSED: u16 = u16::MAX;
/// What stands for an interval of which nothing is known: nobody listened, or there was no such broker.
pub const UNKNOWN: u16 = u16::MAX - 1;
/// From here on an interval counts as missed: two of them and what a pulse may lag.
const MISSED_FROM_MS: u64 = 2 * INTERVAL_MS + 1_500;

/// Rings of what was heard, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The largest heartbeat age within each interval, ms; or [`MISSED`], or [`UNKNOWN`].
    pub heartbeats: BTreeMap<BrokerId, Vec<u16>>,
    /// Commits in ten seconds, one sample each five.
    pub rates: Vec<u32>,
    slot: u64,
    rate_slot: u64,
    /// Who hears the brokers, and since when.
    listener: Option<(NodeId, u64)>,
}

impl Heard {
    /// Takes a pulse in.
    pub fn take(&mut self, pulse: &Pulse) {
        let now = pulse.at_ms.saturating_add(pulse.age_ms);
        if let Some(leader) = pulse.leader_id {
            self.take_heartbeats(pulse, leader, now);
        }
        if now / RATE_MS != self.rate_slot || self.rates.is_empty() {
            self.rate_slot = now / RATE_MS;
            push(&mut self.rates, pulse.commits_10s, RATES);
        }
    }

    /// Brokers are heard by a leader alone: without one nothing is known of them.
    fn take_heartbeats(&mut self, pulse: &Pulse, leader: NodeId, now: u64) {
        let slot = now / INTERVAL_MS;
        // Another leader's clock may be behind.
        let passed = if slot >= self.slot { slot - self.slot } else { 1 };
        self.slot = slot;
        let since = match self.listener {
            Some((listener, since)) if listener == leader => since,
            _ => now,
        };
        self.listener = Some((leader, since));
        self.heartbeats.retain(|id, _| pulse.brokers.iter().any(|broker| broker.id == *id));
        for broker in &pulse.brokers {
            let ring = self.heartbeats.entry(broker.id).or_default();
            let sample = sample(broker, now.saturating_sub(since));
            match ring.last_mut() {
                Some(last) if passed == 0 => *last = both(*last, sample),
                // A strip begins with what is first known.
                None if sample == UNKNOWN => {}
                None => ring.push(sample),
                Some(_) => {
                    (1..passed.min(STRIP as u64)).for_each(|_| push(ring, UNKNOWN, STRIP));
                    push(ring, sample, STRIP);
                }
            }
        }
    }

    /// The strip of one broker, oldest first; shorter than [`STRIP`] while it is not heard that long.
    pub fn strip(&self, id: BrokerId) -> &[u16] {
        self.heartbeats.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// What a pulse says of a broker, of a leader that has listened for so long.
fn sample(broker: &BrokerPulse, listened_ms: u64) -> u16 {
    match broker.heartbeat_age_ms {
        Some(age) if age >= MISSED_FROM_MS => MISSED,
        // A new leader gives every broker a session before it has heard it; with a heartbeat comes what it has acknowledged.
        Some(age) if broker.acknowledged_index.is_some() => age as u16,
        None if listened_ms >= MISSED_FROM_MS => MISSED,
        _ => UNKNOWN,
    }
}

/// Two samples of one interval.
fn both(one: u16, other: u16) -> u16 {
    match (one, other) {
        (UNKNOWN, known) | (known, UNKNOWN) => known,
        (one, other) => one.max(other),
    }
}

fn push<T>(ring: &mut Vec<T>, value: T, most: usize) {
    if ring.len() >= most {
        ring.remove(0);
    }
    ring.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::frame::Backup;

    const BROKER: BrokerId = BrokerId(7);

    /// What a leader says at a second: of a broker that is not registered yet nothing.
    fn pulse(at_s: u64, leader: Option<NodeId>, broker: Option<(Option<u64>, Option<u64>)>) -> Pulse {
        let broker = broker.map(|(heartbeat_age_ms, acknowledged_index)| BrokerPulse { id: BROKER, heartbeat_age_ms, acknowledged_index });
        Pulse {
            at_ms: at_s * 1_000,
            age_ms: 0,
            leader_id: leader,
            term: 1,
            nodes: Vec::new(),
            brokers: broker.into_iter().filter(|_| leader.is_some()).collect(),
            backup: Backup::Off,
            since: None,
            commits_10s: 0,
        }
    }

    const ALIVE: Option<(Option<u64>, Option<u64>)> = Some((Some(900), Some(3)));
    const SEEDED: Option<(Option<u64>, Option<u64>)> = Some((Some(900), None));
    const GONE: Option<(Option<u64>, Option<u64>)> = Some((Some(MISSED_FROM_MS), Some(3)));
    const NO_SESSION: Option<(Option<u64>, Option<u64>)> = Some((None, None));

    /// A stretch of time: until which second, who leads, and what it says of the broker.
    type Stretch = (u64, Option<NodeId>, Option<(Option<u64>, Option<u64>)>);

    fn strip(stretches: &[Stretch]) -> Vec<u16> {
        let (mut heard, mut at_s) = (Heard::default(), 1_000);
        for (until_s, leader, broker) in stretches {
            while at_s < 1_000 + until_s {
                heard.take(&pulse(at_s, *leader, *broker));
                at_s += 1;
            }
        }
        heard.strip(BROKER).to_vec()
    }

    #[test]
    fn a_strip_begins_with_what_is_first_known() {
        assert!(strip(&[(60, Some(1), None)]).is_empty(), "nothing is missed before there is a broker");
        assert_eq!(strip(&[(10, Some(1), None), (16, Some(1), ALIVE)]), [900; 3]);
        assert_eq!(strip(&[(10, Some(1), None), (16, Some(1), ALIVE), (20, Some(1), GONE)]), [900, 900, 900, MISSED, MISSED]);
        // Registered and never heard: it is waited for before anything counts as missed.
        assert_eq!(strip(&[(10, Some(1), None), (12, Some(1), SEEDED), (16, Some(1), GONE)]), [MISSED, MISSED]);
        assert_eq!(strip(&[(200, Some(1), ALIVE)]).len(), STRIP);
    }

    #[test]
    fn another_leader_knows_nothing_yet_and_takes_nothing_away() {
        assert_eq!(
            strip(&[(4, Some(1), ALIVE), (8, Some(2), SEEDED), (10, Some(2), ALIVE)]),
            [900, 900, UNKNOWN, UNKNOWN, 900],
            "a session that was given is no heartbeat"
        );
        // A fenced broker gets no session: that nobody heard it is known only after a while.
        assert_eq!(strip(&[(4, Some(1), GONE), (14, Some(2), NO_SESSION)]), [MISSED, MISSED, UNKNOWN, UNKNOWN, UNKNOWN, MISSED, MISSED]);
        assert_eq!(strip(&[(4, Some(1), ALIVE), (10, None, None), (12, Some(1), ALIVE)]), [900, 900, UNKNOWN, UNKNOWN, UNKNOWN, 900]);
        assert_eq!(strip(&[(6, Some(2), NO_SESSION)]), [0; 0]);
    }
}
