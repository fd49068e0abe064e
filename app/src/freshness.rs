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
        (now - self.frame_at).max(0.0) as u64 + self.quorum_age_ms
    }

    /// Whether that is too long.
    pub fn stale(&self, now: f64) -> bool {
        self.silence_ms(now) > STALE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_had_not_heard_counts_from_the_first_millisecond() {
        let cases: [(f64, u64, f64, bool); 6] = [
            (1_000.0, 0, 4_000.0, false),
            (1_000.0, 0, 4_001.0, true),
            // A node that is cut off goes on telling its age: the page need not wait for a frame that is above the limit.
            (1_000.0, 2_600, 1_400.0, false),
            (1_000.0, 2_600, 1_401.0, true),
            (1_000.0, 3_001, 1_000.0, true),
            // A clock that goes back is no silence.
            (1_000.0, 0, 500.0, false),
        ];
        for (frame_at, quorum_age_ms, now, stale) in cases {
            let fresh = Freshness { frame_at, quorum_age_ms, caught_up: true };
            assert_eq!(fresh.stale(now), stale, "{fresh:?} at {now}");
        }
    }
}
