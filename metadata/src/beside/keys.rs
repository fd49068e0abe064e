//! Idempotency keys: a replicated table beside the state, so that a retry gets the first committed outcome on any node.

use crate::command::KeyUse;
use crate::ids::Index;
use crate::outcome::GroupOutcome;
use crate::proof::digest::Digest;
use crate::rejection::{Code, Rejection};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a key is remembered, in ms of the entries' clock (J6).
pub const KEPT_MS: u64 = 600_000;
/// How many keys are remembered at most; above that keyed calls get OVERLOADED.
pub const MOST: usize = 200_000;

/// The first committed outcome under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    pub fingerprint: [u8; 16],
    pub at_ms: u64,
    pub index: Index,
    /// Of each topic of a batch, in the order in which they were asked for; of anything else that of each group.
    pub outcomes: Vec<Result<GroupOutcome, Rejection>>,
}

/// The table. Cloning shares all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTable {
    by_hash: OrdMap<[u8; 32], Arc<Remembered>>,
    by_age: OrdMap<(u64, Index), [u8; 32]>,
}

impl KeyTable {
    /// What is remembered under a key at this time, if anything.
    ///
    /// # Errors
    /// IDEMPOTENCY_KEY_REUSED when it came with another request; OVERLOADED when a new key finds the table full.
    pub fn find(&self, key: &KeyUse, now_ms: u64) -> Result<Option<&Arc<Remembered>>, Rejection> {
        let fresh = |found: &&Arc<Remembered>| found.at_ms.saturating_add(KEPT_MS) > now_ms;
        match self.by_hash.get(&key.hash).filter(fresh) {
            Some(found) if found.fingerprint == key.fingerprint => Ok(Some(found)),
            Some(_) => Err(Rejection::new(Code::IdempotencyKeyReused, "This key was used with another request in the last 10 minutes").at(
                "Idempotency-Key",
                "this key",
                "a key that was not used in the last 10 minutes, or the same request",
            )),
            None if self.live(now_ms) >= MOST => {
                Err(Rejection::new(Code::Overloaded, format!("{MOST} idempotency keys are in use; they expire after 10 minutes")))
            }
            None => Ok(None),
        }
    }

    fn live(&self, now_ms: u64) -> usize {
        if self.by_hash.len() < MOST {
            return self.by_hash.len();
        }
        let expired = self.by_age.range(..(now_ms.saturating_sub(KEPT_MS) + 1, 0)).count();
        self.by_hash.len().saturating_sub(expired)
    }

    pub(crate) fn remember(&mut self, key: &KeyUse, outcome: Remembered) {
        self.expire(outcome.at_ms);
        self.by_age.insert((outcome.at_ms, outcome.index), key.hash);
        self.by_hash.insert(key.hash, Arc::new(outcome));
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some((&(at_ms, index), &hash)) = self.by_age.get_min().map(|(age, hash)| (age, hash)) {
            if at_ms.saturating_add(KEPT_MS) > now_ms {
                break;
            }
            self.by_age.remove(&(at_ms, index));
            // A key that was used again after it had expired lives under its newer age.
            if self.by_hash.get(&hash).is_some_and(|found| found.index == index) {
                self.by_hash.remove(&hash);
            }
        }
    }

    /// Everything that is remembered, by hash: for the snapshot.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; 32], &Arc<Remembered>)> {
        self.by_hash.iter()
    }

    /// The table that holds these.
    pub fn from_pairs(pairs: impl IntoIterator<Item = ([u8; 32], Arc<Remembered>)>) -> Self {
        let mut table = KeyTable::default();
        for (hash, outcome) in pairs {
            table.by_age.insert((outcome.at_ms, outcome.index), hash);
            table.by_hash.insert(hash, outcome);
        }
        table
    }

    /// A digest of the table: equal on two replicas at the same index.
    pub fn digest(&self) -> Digest {
        let pairs: Vec<_> = self.by_hash.iter().collect();
        Digest(xxhash_rust::xxh3::xxh3_128(&postcard::to_allocvec(&pairs).unwrap_or_default()))
    }
}
