//! A node's disk as a parameter: a log that is durable on request, and a few small files that are replaced whole.
//!
//! `directory` is the real one. A simulation, or a test that wants a full disk, gives its own.

mod directory;
mod wal;

pub use directory::Directory;

use std::io;

/// Where an entry stands in the log: term, index.
pub type Position = (u64, u64);

/// A vote as the log keeps it: term, (committed, voted for), in the order in which votes grow.
pub type VoteRecord = (u64, (u64, u64));

/// Called once what was flushed is on the disk, or is not. Called on the disk's own thread: it must not block.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// What a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub vote: Option<VoteRecord>,
    pub committed: Option<Position>,
    pub purged: Option<Position>,
    pub last: Option<Position>,
}

impl Bounds {
    /// Whether nothing was ever written.
    pub(crate) fn is_pristine(&self) -> bool {
        self.vote.is_none() && self.last.is_none() && self.purged.is_none()
    }
}

/// The log of one node. Writes are queued in their order; [`Log::flush`] makes them durable.
pub trait Log: Send {
    /// What it holds, queued writes included.
    fn bounds(&self) -> Bounds;

    /// The entries from an index up to, and without, another.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    fn read(&self, from: u64, to: u64) -> io::Result<Vec<(Position, Vec<u8>)>>;

    /// Queues entries behind the last one.
    ///
    /// # Errors
    /// When the disk has failed before.
    fn append(&mut self, entries: Vec<(Position, Vec<u8>)>) -> io::Result<()>;

    /// Queues a vote.
    ///
    /// # Errors
    /// When the disk has failed before.
    fn save_vote(&mut self, vote: VoteRecord) -> io::Result<()>;

    /// Queues the position up to which the log is committed.
    ///
    /// # Errors
    /// When the disk has failed before.
    fn commit(&mut self, upto: Position) -> io::Result<()>;

    /// Queues the removal of everything from an index on.
    ///
    /// # Errors
    /// When the disk has failed before.
    fn truncate(&mut self, from: u64) -> io::Result<()>;

    /// Queues the removal of everything up to a position.
    ///
    /// # Errors
    /// When the disk has failed before.
    fn purge(&mut self, upto: Position) -> io::Result<()>;

    /// Hands over what is queued; with `sync`, `done` comes after an fsync.
    ///
    /// # Errors
    /// When the disk has failed before; then `done` is never called.
    fn flush(&mut self, sync: bool, done: Option<Done>) -> io::Result<()>;
}

/// A log as it was found.
pub struct Opened {
    pub log: Box<dyn Log>,
    /// What a crash had left incomplete and was cut off, in words for people, with the file's name.
    pub cut: Option<String>,
}

/// Everything that one node keeps on disk, the SQL backup aside.
pub trait Disk: Send + Sync + 'static {
    /// Opens the log and recovers what is there. The one opened before must be gone.
    ///
    /// # Errors
    /// When it cannot be used, or a file of it is damaged before its end: the file's name is in the error.
    fn open_log(&self) -> io::Result<Opened>;

    /// The content of a file; none when it was never written.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>>;

    /// Replaces a file by these parts, whole or not at all; durable when this returns.
    ///
    /// # Errors
    /// When the disk does not take it; the file before stays.
    fn replace(&self, file: &str, parts: &[&[u8]]) -> io::Result<()>;

    /// Tries whether there is room to go on.
    ///
    /// # Errors
    /// When there is not.
    fn check_room(&self) -> io::Result<()>;

    /// How people find a file.
    fn path(&self, file: &str) -> String;
}
