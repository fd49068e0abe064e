//! The places of connections: as many as there are, and how long one may be kept for nothing.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How many connections there may be, and how long one may keep its place for nothing.
#[derive(Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    /// For the whole head of a request, the time before its first byte included.
    pub head_within: Duration,
    /// The same for who is accepted when fewer than half of the places are free: the silent then leave faster than they
    /// come, and a peer that has to get through behind them does.
    pub head_within_when_scarce: Duration,
}

/// A connection's place, for as long as one of these lives: also where it has left HTTP.
#[derive(Clone)]
pub struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
    cut: Arc<Notify>,
    leaving: CancellationToken,
}

impl Place {
    /// Ends the connection at once, whatever is still to be written: its peer takes nothing.
    pub fn cut(&self) {
        self.cut.notify_one();
    }

    /// Waits until it is.
    pub(crate) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// Waits until the node stops: an answer without an end has to end then.
    pub async fn left(&self) {
        self.leaving.cancelled().await;
    }
}

/// The places of a node's connections.
#[derive(Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    limits: Limits,
    leaving: CancellationToken,
}

impl Places {
    /// All of them free.
    pub fn new(limits: Limits) -> Self {
        Places { free: Arc::new(Semaphore::new(limits.connections)), limits, leaving: CancellationToken::new() }
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.limits.connections - self.free.available_permits()
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.limits.connections
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// There will be no more, and what has no end has to end.
    pub(crate) fn leave(&self) {
        self.leaving.cancel();
    }

    pub(crate) fn scarce(&self) -> bool {
        self.free.available_permits() < self.limits.connections / 2
    }

    /// Waits for a place; none once there will be no more.
    pub async fn take(&self) -> Option<Place> {
        if self.free.available_permits() == 0 {
            tracing::warn!(connections = self.limits.connections, "all places for connections are taken, newcomers wait");
        }
        let permit = self.free.clone().acquire_owned().await.ok()?;
        Some(Place { _permit: Arc::new(permit), cut: Arc::default(), leaving: self.leaving.clone() })
    }
}
