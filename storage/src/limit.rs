//! A log line at most every so often, with the number of those that were left out before it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How far apart two lines about the same thing are at least.
const APART: Duration = Duration::from_secs(10);

/// One thing to log about.
#[derive(Debug, Default)]
pub(crate) struct Limit(Mutex<Past>);

#[derive(Debug, Default)]
struct Past {
    last: Option<Instant>,
    left_out: u64,
}

impl Limit {
    /// Whether to log now; if so, how many lines were left out since the last one.
    pub(crate) fn pass(&self) -> Option<u64> {
        let now = Instant::now();
        let mut past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if past.last.is_some_and(|last| now.duration_since(last) < APART) {
            past.left_out = past.left_out.saturating_add(1);
            return None;
        }
        past.last = Some(now);
        Some(std::mem::take(&mut past.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_in_between_are_counted() {
        let limit = Limit::default();
        assert_eq!(limit.pass(), Some(0));
        assert_eq!((limit.pass(), limit.pass()), (None, None));
        tokio::time::advance(APART).await;
        assert_eq!(limit.pass(), Some(2));
        assert_eq!(limit.pass(), None);
    }
}
