//! How long to wait before the next attempt: 250 ms doubling to 4 s, spread so that browsers do not come back in step.

/// Counts the attempts.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

const FIRST_MS: f64 = 250.0;
const LONGEST_MS: f64 = 4_000.0;

impl Backoff {
    /// The wait before the next attempt; `chance` is from 0 to 1.
    pub fn next_ms(&mut self, chance: f64) -> u32 {
        let whole = (FIRST_MS * f64::from(1u32 << self.attempts.min(10))).min(LONGEST_MS);
        self.attempts += 1;
        (whole * (0.5 + chance.clamp(0.0, 1.0) / 2.0)) as u32
    }

    /// How many attempts in a row failed.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// An attempt succeeded.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}
