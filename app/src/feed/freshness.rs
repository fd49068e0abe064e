//! Whether the page may call itself live.

use crate::live::STALE_MS;

/// When something was heard last, on the browser's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Of the node.
    pub frame_at: f64,
    /// How long the node had not heard its quorum then, ms.
    pub quorum_age_ms: u64,
    /// Whether the feed has caught up since it was opened.
    pub caught_up: bool,
}

impl Freshness {
    /// How long nothing was heard of the quorum at `now`, ms.
    pub fn silence_ms(&self, now: f64) -> u64 {
        let silent = (now - self.frame_at).max(0.0) as u64;
        if self.quorum_age_ms > STALE_MS { silent + self.quorum_age_ms } else { silent }
    }

    /// Whether that is too long.
    pub fn stale(&self, now: f64) -> bool {
        self.silence_ms(now) > STALE_MS
    }
}
