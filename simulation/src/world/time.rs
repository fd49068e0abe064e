//! The one time of a run, in ms from its beginning. Machines have clocks of their own, which may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The time of a run. Clones share it.
#[derive(Clone, Default)]
pub struct Time(Arc<AtomicU64>);

impl Time {
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }
}
