//! What happens again and again: written once, then counted, and the count written every ten seconds.
//!
//! The first of equal events is written at once. Those that follow within [`JOINED_MS`] are counted, and become one line when that
//! time is over; while they go on coming, one more each time. As many different events as there is room for are counted at one
//! time. Refusals for which there is no room, or which would be more lines than strangers may fill, are summed up in one number;
//! everything else is written at once.

use crate::event::{Event, Kind};
use crate::files::Limits;
use crate::record::Draft;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// For how long equal events are joined: milliseconds.
pub const JOINED_MS: u64 = 10_000;

/// How an event met those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// It has to be written, and [`Repeats::begin`] told of it.
    New,
    Counted,
}

/// Equal events that are not written yet.
#[derive(Clone, Copy, Default)]
struct Count {
    times: u64,
    first_at_ms: u64,
    last_at_ms: u64,
    /// When counting began.
    since_ms: u64,
}

impl Count {
    fn add(&mut self, now_ms: u64) {
        if self.times == 0 {
            self.first_at_ms = now_ms;
        }
        self.times = self.times.saturating_add(1);
        self.last_at_ms = now_ms;
    }

    /// Takes another one in, which is not empty.
    fn merge(&mut self, other: Count, now_ms: u64) {
        if self.times == 0 {
            *self = Count { since_ms: now_ms, ..other };
            return;
        }
        self.times = self.times.saturating_add(other.times);
        self.first_at_ms = self.first_at_ms.min(other.first_at_ms);
        self.last_at_ms = self.last_at_ms.max(other.last_at_ms);
    }

    fn draft(&self, event: Event) -> Draft {
        Draft { event, at_ms: self.last_at_ms, times: self.times, first_at_ms: Some(self.first_at_ms) }
    }

    /// A clock that went back is no reason to wait for longer.
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms < self.since_ms || now_ms - self.since_ms >= JOINED_MS
    }
}

/// How many lines refusals may still become. Each costs some time, and time brings it back.
struct Allowance {
    left_ms: u64,
    most_ms: u64,
    line_ms: u64,
    seen_ms: u64,
}

impl Allowance {
    fn new(limits: Limits) -> Self {
        let line_ms = 60_000 / limits.refusals.clamp(1, 60_000);
        let most_ms = line_ms.saturating_mul(limits.repeats as u64);
        Allowance { left_ms: most_ms, most_ms, line_ms, seen_ms: 0 }
    }

    fn pass(&mut self, now_ms: u64) {
        self.left_ms = self.left_ms.saturating_add(now_ms.saturating_sub(self.seen_ms)).min(self.most_ms);
        self.seen_ms = now_ms;
    }

    fn has_line(&self) -> bool {
        self.left_ms >= self.line_ms
    }

    fn take_line(&mut self) {
        self.left_ms = self.left_ms.saturating_sub(self.line_ms);
    }
}

/// Which counts are to be written.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    /// Those that are over at this time.
    At(u64),
    /// All: there is no later.
    All,
}

impl Due {
    fn has(self, count: &Count) -> bool {
        match self {
            Due::At(now_ms) => count.is_over(now_ms),
            Due::All => true,
        }
    }
}

/// Where a line comes from that is due.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Front,
    Overflow,
}

pub(crate) struct Repeats {
    most: usize,
    /// By what makes events equal; with the first of them, which may say more.
    open: HashMap<Arc<Event>, (Event, Count)>,
    /// All that are open, the one that began first in front.
    order: VecDeque<Arc<Event>>,
    /// Refusals for which there was no room, or no line.
    overflow: Count,
    allowance: Allowance,
}

/// What makes events equal. A change that a person made is joined with no other change.
fn key(event: &Event) -> Event {
    let mut key = event.clone();
    if event.kind.is_refusal() {
        key.detail = None;
    }
    key
}

impl Repeats {
    pub fn new(limits: Limits) -> Self {
        let allowance = Allowance::new(limits);
        Repeats { most: limits.repeats, open: HashMap::new(), order: VecDeque::new(), overflow: Count::default(), allowance }
    }

    /// Counts an event, unless it is a new one.
    pub fn meet(&mut self, event: &Event, now_ms: u64) -> Met {
        self.allowance.pass(now_ms);
        if let Some((_, count)) = self.open.get_mut(&key(event)) {
            count.add(now_ms);
        } else if event.kind.is_refusal() && (self.open.len() >= self.most || !self.allowance.has_line()) {
            self.overflow.merge(Count { times: 1, first_at_ms: now_ms, last_at_ms: now_ms, since_ms: now_ms }, now_ms);
        } else {
            return Met::New;
        }
        Met::Counted
    }

    /// From now on those that are equal to this one are counted, if there is room.
    pub fn begin(&mut self, event: Event, now_ms: u64) {
        if event.kind.is_refusal() {
            self.allowance.take_line();
        }
        if self.open.len() < self.most {
            let key = Arc::new(key(&event));
            self.order.push_back(key.clone());
            self.open.insert(key, (event, Count { since_ms: now_ms, ..Count::default() }));
        }
    }

    /// The next line to write, if there is one. It is due until [`Repeats::written`] is told that it is not.
    pub fn due(&mut self, due: Due) -> Option<(Draft, Place)> {
        if let Due::At(now_ms) = due {
            self.allowance.pass(now_ms);
        }
        while let Some(key) = self.order.front() {
            match self.open.get(key) {
                Some((_, count)) if !due.has(count) => break,
                Some((event, count)) if count.times > 0 => match due {
                    Due::At(now_ms) if event.kind.is_refusal() && !self.allowance.has_line() => self.overflow.merge(*count, now_ms),
                    _ => return Some((count.draft(event.clone()), Place::Front)),
                },
                _ => {}
            }
            self.open.remove(key);
            self.order.pop_front();
        }
        let summed = self.overflow.times > 0 && due.has(&self.overflow);
        summed.then(|| (self.overflow.draft(Event::own(Kind::Overflow, "more refusals than are told one by one", None)), Place::Overflow))
    }

    /// What was due at this place is written.
    pub fn written(&mut self, place: Place, now_ms: u64) {
        match place {
            Place::Overflow => self.overflow = Count::default(),
            Place::Front => {
                let Some(key) = self.order.pop_front() else { return };
                if key.kind.is_refusal() {
                    self.allowance.take_line();
                }
                if let Some((_, count)) = self.open.get_mut(&key) {
                    *count = Count { since_ms: now_ms, ..Count::default() };
                }
                self.order.push_back(key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
