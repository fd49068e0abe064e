//! Sessions of people: who signed in, from where, and how long that holds.

use crate::secret::SecretHash;
use serde::{Deserialize, Serialize};

const MINUTE_MS: u64 = 60_000;
/// The longest that a session holds.
pub const LONGEST_SESSION_MS: u64 = 12 * 60 * MINUTE_MS;
/// How long one holds while nothing is asked with it.
pub const IDLE_MS: u64 = 60 * MINUTE_MS;
/// How often it is written down that a session is used.
pub const SEEN_EVERY_MS: u64 = 10 * MINUTE_MS;
/// How long after the password was given it need not be given again before accounts and tokens are changed.
pub const PROVEN_MS: u64 = 10 * MINUTE_MS;
/// Bytes of the address and of the browser's name that are kept.
pub(super) const LONGEST_ORIGIN: usize = 64;

/// A session that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewSession {
    pub id: String,
    pub hash: SecretHash,
    /// Where from, as its person recognises it.
    pub address: String,
}

/// A session, without what it is proven by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub account: String,
    pub hash: SecretHash,
    pub address: String,
    pub created_at_ms: u64,
    /// When it was last written down that it is used, at most every [`SEEN_EVERY_MS`].
    pub seen_at_ms: u64,
    /// When the password was last given.
    pub proven_at_ms: u64,
}

impl Session {
    /// When it ends, if nothing more is asked with it.
    pub fn ends_at_ms(&self) -> u64 {
        (self.created_at_ms + LONGEST_SESSION_MS).min(self.seen_at_ms + IDLE_MS)
    }

    /// Whether the password was given lately.
    pub fn proven(&self, now_ms: u64) -> bool {
        now_ms < self.proven_at_ms + PROVEN_MS
    }

    /// Whether it is time to write down that it is used.
    pub fn to_be_seen(&self, now_ms: u64) -> bool {
        now_ms >= self.seen_at_ms + SEEN_EVERY_MS
    }
}
