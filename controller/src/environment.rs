//! Clock and chance, as parameters: a simulation gives its own.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// What a node learns from outside beside its peers and its disk.
pub trait Environment: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch; may jump.
    fn wall_ms(&self) -> u64;
    /// Milliseconds of a clock that never goes back.
    fn monotonic_ms(&self) -> u64;
    /// 128 random bits.
    fn seed(&self) -> u128;
    /// Runs what holds a thread for long on one that nobody needs.
    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        drop(tokio::task::spawn_blocking(work));
    }
    /// What a fault in memory does to a node before it applies the next entries; on a real machine nothing that we do.
    fn disturb(&self, _machine: &mut metadata::Machine) {}
}

/// Runs what holds a thread for long elsewhere, and waits for what it comes to.
///
/// # Errors
/// When it did not come to its end: the process stops, or it panicked.
pub(crate) async fn elsewhere<T: Send + 'static>(
    environment: &dyn Environment,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    // Who waits may be gone.
    environment.blocking(Box::new(move || drop(done.send(work()))));
    result.await.map_err(|_| io::Error::other("work on another thread did not come to its end"))
}

/// The machine's own clock and random numbers.
pub struct Machine {
    started: Instant,
}

impl Default for Machine {
    fn default() -> Self {
        Machine { started: Instant::now() }
    }
}

impl Environment for Machine {
    fn wall_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn seed(&self) -> u128 {
        rand::random()
    }
}
