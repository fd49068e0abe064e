//! What the leadership of one partition rests on.

use metadata::Index;
use tokio::time::Instant;

/// What the leadership of one partition rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    pub leader_epoch: u32,
    /// An index at which that epoch was there: a follower that has not come so far follows somebody else.
    pub index: Index,
    /// When this broker learned of it.
    pub since: Instant,
}
