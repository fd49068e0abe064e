//! The browser's replica of the cluster's state: absorbs commits in order and proves itself after each.

use metadata::digest::Digest;
use metadata::scrub::Scrub;
use metadata::{Commit, Index, State};
use std::collections::VecDeque;
use std::fmt;

/// How many digests are kept to compare with the nodes'.
pub const MOST_DIGESTS: usize = 64;

/// From the end of one scrub to the next, and from one part of it to the next.
const SCRUB_EVERY_MS: f64 = 60_000.0;
const PART_EVERY_MS: f64 = 1_000.0;
/// Topics and partitions in one part: a few milliseconds.
const AT_ONCE: usize = 2_000;

/// A whole state that follows the feed.
#[derive(Clone, Debug)]
pub struct Replica {
    state: State,
    /// Everything up to here was received; at or above the state's revision.
    reached: Index,
    digests: VecDeque<(Index, Digest)>,
    scrub: Option<Scrub>,
    /// When the next part of a scrub is due; none before the first was asked for.
    scrub_due: Option<f64>,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absorbed {
    Taken,
    /// At or below what the replica holds already: the feed may repeat itself after a restart.
    Known,
}

/// Why the replica must be dropped and the state taken anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The commit does not follow on what the replica holds.
    Gap { held: Index, prev_index: Index },
    /// The replica is not what the leader says that it should be.
    Digest { index: Index, ours: Digest, theirs: Digest },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Gap { held, prev_index } => write!(f, "the replica holds index {held}, and the commit follows on {prev_index}"),
            Mismatch::Digest { index, ours, theirs } => write!(f, "at index {index} the digest is {ours}, and should be {theirs}"),
        }
    }
}

impl Replica {
    /// A replica of this state.
    pub fn new(state: State) -> Self {
        let (reached, digests) = (state.revision(), VecDeque::from([(state.revision(), state.digest())]));
        Replica { state, reached, digests, scrub: None, scrub_due: None }
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The index up to which everything was received.
    pub fn reached(&self) -> Index {
        self.reached
    }

    /// The last digests, oldest first.
    pub fn digests(&self) -> impl Iterator<Item = (Index, Digest)> {
        self.digests.iter().copied()
    }

    /// Step 8: takes a commit in.
    ///
    /// # Errors
    /// When it does not follow, or the digest after it is another one; the replica is of no use then.
    pub fn absorb(&mut self, commit: &Commit) -> Result<Absorbed, Mismatch> {
        if commit.index <= self.state.revision() {
            return Ok(Absorbed::Known);
        }
        if commit.prev_index != self.state.revision() {
            return Err(Mismatch::Gap { held: self.state.revision(), prev_index: commit.prev_index });
        }
        self.state.absorb_commit(commit);
        self.progress(commit.index);
        if self.state.digest() != commit.digest {
            return Err(Mismatch::Digest { index: commit.index, ours: self.state.digest(), theirs: commit.digest });
        }
        if self.digests.len() == MOST_DIGESTS {
            self.digests.pop_front();
        }
        self.digests.push_back((commit.index, commit.digest));
        Ok(Absorbed::Taken)
    }

    /// Computes the digest anew, a part at a time: that finds what no commit touches. To be called at least once a second,
    /// with a clock in milliseconds.
    ///
    /// # Errors
    /// When the state is not what its digest says; the replica is of no use then.
    pub fn scrub(&mut self, now: f64) -> Result<(), Mismatch> {
        if now < *self.scrub_due.get_or_insert(now + SCRUB_EVERY_MS) {
            return Ok(());
        }
        let mut scrub = self.scrub.take().unwrap_or_else(|| Scrub::new(self.state.clone()));
        let Some(ours) = scrub.part(AT_ONCE) else {
            self.scrub = Some(scrub);
            self.scrub_due = Some(now + PART_EVERY_MS);
            return Ok(());
        };
        self.scrub_due = Some(now + SCRUB_EVERY_MS);
        let (index, theirs) = (scrub.state().revision(), scrub.state().digest());
        if ours == theirs { Ok(()) } else { Err(Mismatch::Digest { index, ours, theirs }) }
    }

    /// Everything up to `index` was received: what lies between changed nothing.
    pub fn progress(&mut self, index: Index) {
        self.reached = self.reached.max(index);
    }
}

/// The digest that a replica with these digests has at `index`: that of the last commit at or below it.
/// None when `index` lies above what was reached or before what is kept.
pub fn digest_at(digests: &[(Index, Digest)], reached: Index, index: Index) -> Option<Digest> {
    if index > reached {
        return None;
    }
    digests.iter().rev().find(|(at, _)| *at <= index).map(|(_, digest)| *digest)
}

#[cfg(test)]
mod tests;
