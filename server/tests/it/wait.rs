//! Waiting with a deadline: machines are noisy, so hardly anything asserts on timing; it only ends at some time.

use anyhow::{Result, anyhow};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(40);

/// Tries until it succeeds; at the deadline the last failure is the error.
pub async fn until<T>(what: &str, attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    within(PATIENCE, what, attempt).await
}

/// The same where the contract says how long it may take.
pub async fn within<T>(limit: Duration, what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + limit;
    let mut last = None;
    loop {
        match timeout_at(end, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(why)) => last = Some(why),
            // An attempt that was cut short says less than the one before it.
            Err(_) => {}
        }
        if Instant::now() >= end {
            let why = last.unwrap_or_else(|| anyhow!("the first attempt did not end"));
            return Err(why.context(format!("{what}: not within {limit:?}")));
        }
        sleep(PAUSE).await;
    }
}

/// Random numbers for tests: which node, how many, when. The seed is printed, so that a failure can be run again.
pub struct Dice(u64);

impl Dice {
    /// A seed from `QUORATE_SEED`, or a new one.
    pub fn new(of: &str) -> Self {
        let given = std::env::var("QUORATE_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
        println!("{of}: QUORATE_SEED={seed}");
        Dice(seed | 1)
    }

    /// A number below `end` (xorshift64*).
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// Another one, independent of this.
    pub fn fork(&mut self) -> Self {
        Dice((self.below(u64::MAX) << 20 ^ self.below(u64::MAX)) | 1)
    }
}
