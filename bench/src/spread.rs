//! What many durations come to.

use serde_json::{Value, json};
use std::time::Duration;

/// The spread of some durations, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub count: usize,
    pub min: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    /// None of no durations.
    pub fn of(mut ms: Vec<f64>) -> Option<Self> {
        ms.sort_by(f64::total_cmp);
        let (min, max) = (*ms.first()?, *ms.last()?);
        Some(Spread { count: ms.len(), min, p50: at(&ms, 0.50), p99: at(&ms, 0.99), max })
    }

    pub fn json(self) -> Value {
        let [min, p50, p99, max] = [self.min, self.p50, self.p99, self.max].map(rounded);
        json!({ "count": self.count, "min_ms": min, "p50_ms": p50, "p99_ms": p99, "max_ms": max })
    }
}

/// The smallest value that has this share of all values at or below it.
fn at(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// To three places: more would be noise.
pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest_ones() {
        let spread = Spread::of((1..=100).rev().map(f64::from).collect());
        assert_eq!(spread, Some(Spread { count: 100, min: 1.0, p50: 50.0, p99: 99.0, max: 100.0 }));
        assert_eq!(Spread::of(vec![7.0]).map(|spread| (spread.p50, spread.p99)), Some((7.0, 7.0)));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
