//! What can go wrong, and what is said of a file that went.

use metadata::Index;
use std::io;
use std::path::{Path, PathBuf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// What the operating system said no to.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Reading can go on at `next`, where the next stretch begins.
    #[error("what is at {position} is not kept; the oldest that is begins after {oldest:?}, the next one after {next:?}")]
    Missing { position: Index, oldest: Option<Index>, next: Option<Index> },
    #[error("commit {index} follows {prev}, and the journal ends at {end:?}")]
    NotFollowing { index: Index, prev: Index, end: Option<Index> },
    #[error("there is no segment to append to: begin one with the state at the end")]
    Unbegun,
    #[error("the newest segment is full: begin the next one with the state at the end")]
    Full,
    #[error("the state is at {position}, and the journal ends at {end}")]
    Behind { position: Index, end: Index },
    #[error("{0} bytes are too many for one block")]
    TooLarge(usize),
    #[error("this cannot be encoded: {0}")]
    Unencodable(String),
    /// Nothing is missing there, or nothing that is kept follows it.
    #[error("there is no gap from {after} to {upto} before a stretch")]
    NoGap { after: Index, upto: Index },
    #[error("another gap is being filled")]
    Filling,
    /// What fills a gap does not lead from the one end of it to the other: whoever gave it is not to be asked again.
    #[error("behind commit {position}: {why}")]
    Refused { position: Index, why: &'static str },
}

impl JournalError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| JournalError::Io { path, source }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it is of another cluster or lineage")]
    Foreign,
    #[error("it is gone")]
    Gone,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("its beginning is damaged")]
    Header,
    #[error("it was written by a build that this one does not know")]
    Version,
    #[error("by what it says it begins after {0}")]
    Named(Index),
    #[error("it has {found} bytes, and {expected} were written")]
    Length { expected: u64, found: u64 },
    #[error("the state that it begins at is damaged")]
    Checkpoint,
    #[error("what is at byte {offset} is damaged")]
    Block { offset: u64 },
    #[error("commit {0} does not follow the one before it")]
    Unchained(Index),
    #[error("commit {0} does not lead to the digest that it carries")]
    Digest(Index),
    #[error("it does not lead to where the next one begins")]
    Unlinked,
    #[error("another one holds the same commits")]
    Overlap,
    #[error("it does not hold what was written: its hash is another one")]
    Hash,
    /// The rest of it is kept.
    #[error("{bytes} bytes behind its last whole commit are damaged, and were cut off")]
    Torn { bytes: u64 },
    #[error("there are more files than are kept")]
    TooMany,
}

/// A file that is no longer there, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Dropped {
    /// The file's name in the directory.
    pub name: String,
    /// What lay behind this position is no longer kept.
    pub after: Index,
    /// The last commit of it, where that is known.
    pub upto: Option<Index>,
    pub why: Damage,
}
