//! The server's clock as far as this browser can tell.

use std::collections::VecDeque;

/// How many pulses the estimate rests on.
const SAMPLES: usize = 30;

/// An estimate of the server's clock over the browser's monotonic one. What arrives is late, never early: the sample that
/// was least late is the best.
#[derive(Debug)]
pub struct Clock {
    offsets: VecDeque<f64>,
}

impl Clock {
    /// A clock that shows `server_ms` when the monotonic one shows `now`.
    pub fn new(server_ms: u64, now: f64) -> Self {
        Clock { offsets: VecDeque::from([server_ms as f64 - now]) }
    }

    /// A stamp of the server's clock arrived at `now`.
    pub fn stamp(&mut self, server_ms: u64, now: f64) {
        if self.offsets.len() == SAMPLES {
            self.offsets.pop_front();
        }
        self.offsets.push_back(server_ms as f64 - now);
    }

    /// The server's clock at `now`.
    pub fn at(&self, now: f64) -> u64 {
        let offset = self.offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (now + offset).max(0.0) as u64
    }
}
