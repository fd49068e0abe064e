//! A limit for each place in the code that logs: so many lines in a second, and then one that says how many were left out.

use std::collections::HashMap;
use std::fmt::{self, Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};
use tracing_subscriber::layer::{Context, Filter};

/// Lines of one place within a second.
pub const MOST_A_SECOND: u64 = 10;
const SECOND_MS: u64 = 1_000;
/// How much of a message is repeated.
const LONGEST_LIKE: usize = 200;
/// Where the lines about other lines come from; they are not limited.
const TARGET: &str = "log_limits";
/// Lets them through.
pub const DIRECTIVE: &str = "log_limits=info";

/// Places in the code are as many as the program has, so this does not grow with what happens.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    places: RwLock<HashMap<Identifier, Arc<Place>>>,
}

struct Place {
    metadata: &'static Metadata<'static>,
    /// When its current second began (ms), and lines written in it: one number, so that no line is counted in the wrong second.
    window: AtomicU64,
    left_out: AtomicU64,
    /// The first message that was left out.
    like: Mutex<String>,
}

/// Bits of [`Place::window`] for the count.
const COUNT_BITS: u32 = 8;

impl Place {
    fn admits(&self, now_ms: u64) -> bool {
        let step = |packed: u64| {
            let (began_ms, count) = (packed >> COUNT_BITS, packed & ((1 << COUNT_BITS) - 1));
            match count {
                0 => Some((now_ms << COUNT_BITS) | 1),
                _ if now_ms.saturating_sub(began_ms) >= SECOND_MS => Some((now_ms << COUNT_BITS) | 1),
                MOST_A_SECOND.. => None,
                _ => Some(packed + 1),
            }
        };
        self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }

    fn over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.window.load(Ordering::Relaxed) >> COUNT_BITS) >= SECOND_MS
    }

    fn report(&self) {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out == 0 {
            return;
        }
        let like = std::mem::take(&mut *self.like.lock().unwrap_or_else(PoisonError::into_inner));
        let (level, target, line) = (self.metadata.level().as_str(), self.metadata.target(), self.metadata.line().unwrap_or_default());
        tracing::info!(target: TARGET, suppressed = left_out, level, from = target, line, like, "lines were left out");
    }
}

impl Limits {
    /// `clock` tells milliseconds, and never goes back.
    pub fn new(clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Limits(Arc::new(Inner { clock: Box::new(clock), places: RwLock::default() }))
    }

    fn place(&self, metadata: &'static Metadata<'static>) -> Arc<Place> {
        let id = metadata.callsite();
        if let Some(place) = self.0.places.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return place.clone();
        }
        let mut places = self.0.places.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Place { metadata, window: AtomicU64::new(0), left_out: AtomicU64::new(0), like: Mutex::default() });
        places.entry(id).or_insert_with(new).clone()
    }

    fn admits(&self, event: &Event<'_>) -> bool {
        if event.metadata().target() == TARGET {
            return true;
        }
        let place = self.place(event.metadata());
        if place.admits((self.0.clock)()) {
            return true;
        }
        if place.left_out.fetch_add(1, Ordering::Relaxed) == 0 {
            let mut like = Like(String::new());
            event.record(&mut like);
            *place.like.lock().unwrap_or_else(PoisonError::into_inner) = like.0.chars().take(LONGEST_LIKE).collect();
        }
        false
    }

    /// Says what was left out in seconds that are over.
    pub fn report(&self) {
        let now_ms = (self.0.clock)();
        self.every_place().iter().filter(|place| place.over(now_ms)).for_each(|place| place.report());
    }

    /// Says what was left out and not said yet.
    pub fn report_all(&self) {
        self.every_place().iter().for_each(|place| place.report());
    }

    // A copy: a report logs, and what logs looks up its place.
    fn every_place(&self) -> Vec<Arc<Place>> {
        self.0.places.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// An event's message.
struct Like(String);

impl Visit for Like {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing into a string cannot fail.
            let _: fmt::Result = write!(self.0, "{value:?}");
        }
    }
}

impl<S> Filter<S> for Limits {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.admits(event)
    }
}
