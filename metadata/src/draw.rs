//! What chance and the clock gave the leader for one plan, and the token that makes a preview binding.

use crate::command::Group;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// The leader draws once per intent; everything random in a plan follows from the seed, so a plan can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
    pub seed: u128,
}

/// Bits of a seed below its time.
const RANDOM_BITS: u32 = 80;

impl Draw {
    /// A draw at this time. The seed carries the time in its upper 48 bits, so that ids drawn one after another lie side by
    /// side in the state's maps, and so that a preview repeats them.
    pub fn at(now_ms: u64, random: u128) -> Self {
        Draw { now_ms, seed: u128::from(now_ms) << RANDOM_BITS | random & ((1 << RANDOM_BITS) - 1) }
    }

    /// The `n`th UUID of this draw, version 7 in form (RFC 9562): the seed's time, `n`, and what follows from the seed.
    pub fn uuid(&self, n: u64) -> Uuid {
        let mut low = [0; 10];
        low.copy_from_slice(&self.hash(n).to_be_bytes()[..10]);
        // 12 bits behind the version, then six behind the variant: more than a request has topics (F3).
        [low[0], low[1], low[2]] = [(n >> 14 & 0xf) as u8, (n >> 6) as u8, (n & 0x3f) as u8];
        uuid::Builder::from_unix_timestamp_millis((self.seed >> RANDOM_BITS) as u64, &low).into_uuid()
    }

    /// The `n`th 64-bit number of this draw.
    pub fn number(&self, n: u64) -> u64 {
        self.hash(n ^ (1 << 63)) as u64
    }

    fn hash(&self, n: u64) -> u128 {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.seed.to_be_bytes());
        bytes[16..].copy_from_slice(&n.to_be_bytes());
        xxh3_128(&bytes)
    }
}

/// A preview: the seed that it was planned with and a hash of what was shown. 48 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview {
    pub seed: u128,
    pub hash: u64,
}

impl Preview {
    /// The preview of these groups, planned with this seed.
    pub fn of(seed: u128, groups: &[Group]) -> Self {
        Preview { seed, hash: xxh3_64(&postcard::to_allocvec(groups).unwrap_or_default()) }
    }

    /// The preview of this token, if it is one.
    pub fn parse(token: &str) -> Option<Self> {
        // The parser of integers would take a sign.
        if token.len() != 48 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let (seed, hash) = token.split_at(32);
        Some(Preview { seed: u128::from_str_radix(seed, 16).ok()?, hash: u64::from_str_radix(hash, 16).ok()? })
    }

    /// The token that [`Preview::parse`] reads.
    pub fn token(&self) -> String {
        format!("{:032x}{:016x}", self.seed, self.hash)
    }
}
