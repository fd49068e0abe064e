//! The brokers' machines: which of them runs, stands still, or was asked to stop.

use metadata::BrokerId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One broker's machine.
#[derive(Clone, Copy, Default)]
pub struct Standing {
    /// Rises with every kill.
    pub killed: u64,
    /// It does not run, or stands still, before then (ms of the run).
    pub down_until: u64,
    pub paused_until: u64,
    /// An orderly stop was asked for, and it stays away for so long, in ms.
    pub leaves: Option<u64>,
    /// The process serves: it can be in sync.
    pub serves: bool,
}

/// All of them. Clones share them.
#[derive(Clone, Default)]
pub struct Fleet(Arc<Mutex<BTreeMap<BrokerId, Standing>>>);

impl Fleet {
    pub fn new(brokers: &[BrokerId]) -> Self {
        Fleet(Arc::new(Mutex::new(brokers.iter().map(|id| (*id, Standing::default())).collect())))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<BrokerId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn of(&self, id: BrokerId) -> Standing {
        self.all().get(&id).copied().unwrap_or_default()
    }

    pub fn change(&self, id: BrokerId, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.all().get_mut(&id) {
            change(standing);
        }
    }

    /// It stopped as it was asked to.
    pub fn left(&self, id: BrokerId, now: u64) {
        self.change(id, |standing| standing.down_until = now + standing.leaves.take().unwrap_or(0));
    }

    /// Nothing keeps any of them from running.
    pub fn heal(&self) {
        for standing in self.all().values_mut() {
            *standing = Standing { down_until: 0, paused_until: 0, leaves: None, ..*standing };
        }
    }
}
