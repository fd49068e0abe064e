//! The one rule by which a state comes out of a backup again, for who verifies it and for who restores from it: the commits behind a
//! checkpoint, absorbed in their order, each held against the one before it and against the digest that it carries.

use metadata::{Change, Index, State};
use thiserror::Error;

/// Up to where a state is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// As new as the backup is.
    Newest,
    Index(Index),
    /// Milliseconds since the Unix epoch.
    Time(u64),
}

/// What a backup lacks, or holds and cannot be right.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Flaw {
    #[error("it holds nothing")]
    Empty,
    #[error("the commits behind index {after}, up to {upto}, are not in it")]
    Gap { after: Index, upto: Index },
    #[error("nothing in it tells the state that its history begins with, behind index {after}")]
    NoBeginning { after: Index },
    #[error("it begins at index {oldest}, and {asked} is before that")]
    TooEarly { asked: String, oldest: Index },
    #[error("it goes up to index {newest}, and {asked} is behind that")]
    TooLate { asked: Index, newest: Index },
    #[error("the commit at index {index} follows {follows}, and what is kept before it ends at {ends}")]
    Unchained { index: Index, follows: Index, ends: Index },
    #[error("the commit at index {index} leads to another state than the cluster had: its digest is {found}, and {told} was noted")]
    Digest { index: Index, told: String, found: String },
    #[error("the changes of the commit at index {index} cannot be read")]
    Changes { index: Index },
    #[error("the checkpoint at index {index} cannot be used: {why}")]
    Checkpoint { index: Index, why: String },
    #[error("the history ends at index {ends}, and it is noted that it goes up to {watermark}")]
    Short { ends: Index, watermark: Index },
    #[error("{table} is not what the history comes to at index {index}: {what}")]
    Table { table: &'static str, index: Index, what: String },
}

/// A commit as a backup keeps it, as far as it is needed to rebuild a state.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub index: Index,
    pub prev_index: Index,
    pub at_ms: u64,
    /// None of a gap: what lies before it is not kept.
    pub changes: Option<Vec<Change>>,
    pub digest: String,
}

/// A state that grows.
#[derive(Debug, Default)]
pub(crate) struct Rebuild {
    state: State,
    commits: u64,
}

impl Rebuild {
    /// From a checkpoint.
    pub(crate) fn from(state: State) -> Self {
        Rebuild { state, commits: 0 }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// How many commits were taken.
    pub(crate) fn commits(&self) -> u64 {
        self.commits
    }

    pub(crate) fn into_state(self) -> State {
        self.state
    }

    /// Takes the next commit.
    pub(crate) fn take(&mut self, row: &Row) -> Result<(), Flaw> {
        let Some(changes) = &row.changes else { return Err(Flaw::Gap { after: row.prev_index, upto: row.index }) };
        self.take_commit(row.index, row.prev_index, row.at_ms, changes, &row.digest)
    }

    /// The same of its parts.
    pub(crate) fn take_commit(&mut self, index: Index, follows: Index, at_ms: u64, changes: &[Change], told: &str) -> Result<(), Flaw> {
        let ends = self.state.revision();
        if follows != ends || index <= follows {
            return Err(Flaw::Unchained { index, follows, ends });
        }
        for change in changes {
            self.state.absorb(index, at_ms, change);
        }
        let found = self.state.digest().to_string();
        if found != told || self.state.revision() != index {
            return Err(Flaw::Digest { index, told: told.to_owned(), found });
        }
        self.commits += 1;
        Ok(())
    }

    /// Holds what was rebuilt against a checkpoint of the same index.
    pub(crate) fn compare(&self, index: Index, told: &str) -> Result<(), Flaw> {
        let found = self.state.digest().to_string();
        if found == told && self.state.revision() == index {
            return Ok(());
        }
        let why = format!("its digest is {told}, and the history before it comes to {found} at {}", self.state.revision());
        Err(Flaw::Checkpoint { index, why })
    }
}
