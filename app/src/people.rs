//! What the pages of accounts show: to an admin of all, to everybody of the own. No hash and no secret is in it.

use metadata::access::Role;
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    pub name: String,
    pub role: Role,
    /// Whether it signs in with a password.
    pub person: bool,
    /// Whether it signs in by the provider.
    pub provided: bool,
    pub created_at_ms: u64,
    /// Sessions that hold now.
    pub sessions: u32,
    pub tokens: Vec<TokenRow>,
}

/// A token that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: String,
    pub expires_at_ms: u64,
}

/// A session that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    pub address: String,
    pub created_at_ms: u64,
    pub seen_at_ms: u64,
    pub ends_at_ms: u64,
    /// Whether it is the one that looks.
    pub this: bool,
}

/// Something that was written down at this node, or committed by it or another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailRow {
    pub at_ms: u64,
    pub who: String,
    /// Where from, where that is known.
    pub address: String,
    pub what: String,
    /// The refusal's code; the index of what was committed.
    pub outcome: Outcome,
    pub times: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Noted,
    Refused(String),
    Committed(u64),
}

/// What one of these pages shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// For an admin, on the page of accounts.
    pub accounts: Vec<AccountRow>,
    /// The own ones, on the page of the account.
    pub sessions: Vec<SessionRow>,
    /// For an admin, on the page of what was written down; newest first.
    pub trail: Vec<TrailRow>,
    /// Why what was written down at this node is not among it.
    pub unread: Option<String>,
    /// Whether who looks signs in by the provider, and has no password here.
    pub provided: bool,
    /// Whether the password was given lately, so that accounts can be changed.
    pub proven: bool,
}
