//! Chance: each part of a run draws from a stream of its own, which follows from the seed and the part's name.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of draws. Clones share it.
#[derive(Clone)]
pub struct Lot(Arc<Mutex<StdRng>>);

impl Lot {
    /// The stream of this name under this seed.
    pub fn new(seed: u64, name: &str) -> Self {
        Lot(Arc::new(Mutex::new(StdRng::seed_from_u64(xxh3_64_with_seed(name.as_bytes(), seed)))))
    }

    fn draw(&self) -> MutexGuard<'_, StdRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn bits(&self) -> u64 {
        self.draw().next_u64()
    }

    pub fn wide(&self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    pub fn between(&self, range: RangeInclusive<u64>) -> u64 {
        self.draw().random_range(range)
    }

    /// True once in so many draws.
    pub fn one_in(&self, times: u64) -> bool {
        self.between(1..=times) == 1
    }

    pub fn pick<T: Clone>(&self, of: &[T]) -> Option<T> {
        let last = of.len().checked_sub(1)?;
        of.get(self.between(0..=last as u64) as usize).cloned()
    }

    /// The same in another order.
    pub fn shuffled<T>(&self, mut all: Vec<T>) -> Vec<T> {
        for at in (1..all.len()).rev() {
            all.swap(at, self.between(0..=at as u64) as usize);
        }
        all
    }
}
