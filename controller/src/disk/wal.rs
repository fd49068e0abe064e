//! The real log: the `raft-log` WAL. Whatever arrives while one fsync runs shares the next.

use super::{Bounds, Done, Log, Position, VoteRecord};
use raft_log::api::raft_log_writer::RaftLogWriter;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A log file is closed and a new one begun at this size: purging frees space, and the cache memory, in these steps.
const CHUNK_BYTES: usize = 4 << 20;
/// Entries kept in memory for followers that are a little behind.
const CACHE_BYTES: usize = 4 << 20;
const READ_BUFFER_BYTES: usize = 1 << 20;
/// How long the writer looks for more before each fsync. With no time at all it would take one write a fsync; this is
/// enough to take what is queued already, and too short to put its thread to sleep.
const GATHER: Duration = Duration::from_nanos(500);

/// The WAL's own type parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct WalTypes;

impl raft_log::Types for WalTypes {
    type LogId = Position;
    type LogPayload = Vec<u8>;
    type Vote = VoteRecord;
    type Callback = Flushed;
    type UserData = String;

    fn log_index(log_id: &Self::LogId) -> u64 {
        log_id.1
    }

    fn payload_size(payload: &Self::LogPayload) -> u64 {
        payload.len() as u64
    }
}

struct Flushed(Done);

impl raft_log::Callback for Flushed {
    fn send(self, result: io::Result<()>) {
        (self.0)(result);
    }
}

/// An open WAL.
pub(super) struct Wal(raft_log::RaftLog<WalTypes>);

impl Wal {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let wal = raft_log::chunked_wal::Config {
            read_buffer_size: Some(READ_BUFFER_BYTES),
            chunk_max_size: Some(CHUNK_BYTES),
            truncate_incomplete_record: Some(true),
            flush_batch_wait: Some(GATHER),
            ..raft_log::chunked_wal::Config::new(dir.display())
        };
        let config = raft_log::Config { wal, log_cache_max_items: None, log_cache_capacity: Some(CACHE_BYTES) };
        raft_log::RaftLog::open(Arc::new(config)).map(Wal).map_err(|error| refused(dir, &error))
    }
}

/// Names the file, as the WAL's own error names only the offset that the file is called after.
fn refused(dir: &Path, error: &io::Error) -> io::Error {
    let text = error.to_string();
    let offset = text.split_once("ChunkId(").and_then(|(_, rest)| rest.split_once(')')).map(|(offset, _)| offset);
    let file = offset.map_or_else(|| dir.to_path_buf(), |offset| dir.join(format!("r-{offset}.wal")));
    let detail = format!("the Raft log file {} is damaged or incomplete, and nothing is started without it: {text}", file.display());
    io::Error::new(error.kind(), detail)
}

impl Log for Wal {
    fn bounds(&self) -> Bounds {
        let state = self.0.log_state();
        Bounds {
            vote: state.vote().copied(),
            committed: state.committed().copied(),
            purged: state.purged().copied(),
            last: state.last().copied(),
        }
    }

    fn read(&self, from: u64, to: u64) -> io::Result<Vec<(Position, Vec<u8>)>> {
        self.0.read(from, to).collect()
    }

    fn append(&mut self, entries: Vec<(Position, Vec<u8>)>) -> io::Result<()> {
        self.0.append(entries).map(drop)
    }

    fn save_vote(&mut self, vote: VoteRecord) -> io::Result<()> {
        self.0.save_vote(vote).map(drop)
    }

    fn commit(&mut self, upto: Position) -> io::Result<()> {
        self.0.commit(upto).map(drop)
    }

    fn truncate(&mut self, from: u64) -> io::Result<()> {
        self.0.truncate(from).map(drop)
    }

    fn purge(&mut self, upto: Position) -> io::Result<()> {
        self.0.purge(upto).map(drop)
    }

    fn flush(&mut self, sync: bool, done: Option<Done>) -> io::Result<()> {
        self.0.flush(sync, done.map(Flushed))
    }
}
