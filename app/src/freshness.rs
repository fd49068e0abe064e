//! Whether the page may call itself live.

use metadata::views::STALE_MS;

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

    /// Who is silent at `now`, when that is too long.
    pub fn silence(&self, now: f64) -> Option<Silence> {
        let node_ms = (now - self.frame_at).max(0.0) as u64;
        match self.stale(now) {
            false => None,
            // Frames come at least once a second: a node that still sends them has said most of the silence itself.
            true if node_ms <= STALE_MS && node_ms < self.quorum_age_ms => Some(Silence::Quorum),
            true => Some(Silence::Node { without_quorum: self.quorum_age_ms > STALE_MS }),
        }
    }
}

/// Who is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The node is, and says that it hears no majority.
    Quorum,
    /// The node itself, which had no majority any more when it was heard last, or had.
    Node { without_quorum: bool },
}

impl Silence {
    /// Whether the node, as far as is known, has no majority.
    pub fn without_quorum(self) -> bool {
        matches!(self, Silence::Quorum | Silence::Node { without_quorum: true })
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

    #[test]
    fn who_is_silent_is_told_apart() {
        use Silence::{Node, Quorum};
        let cases: [(u64, f64, Option<Silence>); 8] = [
            (0, 3_000.0, None),
            (0, 3_001.0, Some(Node { without_quorum: false })),
            (2_600, 401.0, Some(Quorum)),
            (3_001, 0.0, Some(Quorum)),
            (9_000, 900.0, Some(Quorum)),
            (1_200, 1_900.0, Some(Node { without_quorum: false })),
            // It had no quorum, and now it says nothing at all.
            (9_000, 3_001.0, Some(Node { without_quorum: true })),
            (60_000, 600_000.0, Some(Node { without_quorum: true })),
        ];
        for (quorum_age_ms, silent_ms, silence) in cases {
            let fresh = Freshness { frame_at: 1_000.0, quorum_age_ms, caught_up: true };
            assert_eq!(fresh.silence(1_000.0 + silent_ms), silence, "{quorum_age_ms} {silent_ms}");
        }
    }
}
