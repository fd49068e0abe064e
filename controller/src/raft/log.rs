//! Step 4: the durable log on the `raft-log` WAL. An append is acknowledged only after its fsync; whatever arrives while
//! one fsync runs shares the next.

use super::{CommittedLeaderId, Entry, LogId, Payload, TypeConfig, Vote};
use openraft::impls::leader_id_std::LeaderId;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use raft_log::api::raft_log_writer::RaftLogWriter;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// A log file is closed and a new one begun at this size, so that purging frees space in these steps.
const CHUNK_BYTES: usize = 16 << 20;
/// Entries kept in memory for followers that are a little behind.
const CACHE_BYTES: usize = 8 << 20;
const READ_BUFFER_BYTES: usize = 1 << 20;

/// The WAL's own type parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalTypes;

impl raft_log::Types for WalTypes {
    /// Term, index.
    type LogId = (u64, u64);
    type LogPayload = Vec<u8>;
    /// Term, (committed, voted for): in the order in which votes grow.
    type Vote = (u64, (u64, u64));
    type Callback = Flushed;
    type UserData = String;

    fn log_index(log_id: &Self::LogId) -> u64 {
        log_id.1
    }

    fn payload_size(payload: &Self::LogPayload) -> u64 {
        payload.len() as u64
    }
}

/// Who waits for an fsync.
pub enum Flushed {
    Raft(IOFlushed<TypeConfig>),
    Caller(oneshot::Sender<io::Result<()>>),
}

impl raft_log::Callback for Flushed {
    fn send(self, result: io::Result<()>) {
        match self {
            Flushed::Raft(callback) => callback.io_completed(result),
            // The caller may have been cancelled; the write stands all the same.
            Flushed::Caller(waiting) => drop(waiting.send(result)),
        }
    }
}

/// The log of one node. Clones share it.
#[derive(Clone)]
pub struct LogStore {
    wal: Arc<Mutex<raft_log::RaftLog<WalTypes>>>,
}

fn to_wal(log_id: &LogId) -> (u64, u64) {
    (log_id.leader_id.term, log_id.index)
}

fn from_wal(&(term, index): &(u64, u64)) -> LogId {
    LogId::new(CommittedLeaderId::new(term), index)
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

pub(crate) fn encode(payload: &Payload) -> io::Result<Vec<u8>> {
    postcard::to_allocvec(payload).map_err(damaged)
}

pub(crate) fn decode(bytes: &[u8]) -> io::Result<Payload> {
    postcard::from_bytes(bytes).map_err(damaged)
}

impl LogStore {
    /// Opens the log in this directory, recovering what is there.
    ///
    /// # Errors
    /// When the directory cannot be used or a file in it is damaged before its end.
    pub fn open(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let wal = raft_log::chunked_wal::Config {
            read_buffer_size: Some(READ_BUFFER_BYTES),
            chunk_max_size: Some(CHUNK_BYTES),
            truncate_incomplete_record: Some(true),
            // Batches form by themselves while an fsync runs; waiting for more only adds delay.
            flush_batch_wait: Some(Duration::ZERO),
            ..raft_log::chunked_wal::Config::new(dir.display())
        };
        let config = raft_log::Config { wal, log_cache_max_items: None, log_cache_capacity: Some(CACHE_BYTES) };
        let opened = raft_log::RaftLog::open(Arc::new(config))
            .map_err(|error| io::Error::new(error.kind(), format!("the Raft log in {} does not open: {error}", dir.display())))?;
        Ok(LogStore { wal: Arc::new(Mutex::new(opened)) })
    }

    fn wal(&self) -> MutexGuard<'_, raft_log::RaftLog<WalTypes>> {
        // A panic while the lock was held leaves the WAL's own invariants in place: it only queues records.
        self.wal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was ever written here.
    pub fn is_pristine(&self) -> bool {
        let wal = self.wal();
        wal.log_state().vote().is_none() && wal.log_state().last().is_none()
    }

    async fn durably(&self, write: impl FnOnce(&mut raft_log::RaftLog<WalTypes>) -> io::Result<()>) -> io::Result<()> {
        let (done, flushed) = oneshot::channel();
        {
            let mut wal = self.wal();
            write(&mut wal)?;
            wal.flush(true, Some(Flushed::Caller(done)))?;
        }
        flushed.await.map_err(|_| io::Error::other("the log's writer has stopped"))?
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(&mut self, range: RB) -> io::Result<Vec<Entry>> {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let wal = self.wal();
        let next = wal.log_state().last().map_or(0, |last| last.1 + 1);
        let end = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => next,
        };
        if start >= end.min(next) {
            return Ok(Vec::new());
        }
        wal.read(start, end.min(next))
            .map(|record| {
                let (log_id, payload) = record?;
                Ok(Entry { log_id: from_wal(&log_id), payload: decode(&payload)? })
            })
            .collect()
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.wal().log_state().vote().map(|&(term, (committed, voted_for))| {
            let leader_id = LeaderId { term, voted_for };
            Vote { leader_id, committed: committed != 0 }
        }))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let wal = self.wal();
        let state = wal.log_state();
        let purged = state.purged().map(from_wal);
        Ok(LogState { last_purged_log_id: purged, last_log_id: state.last().map(from_wal).or(purged) })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let record = (vote.leader_id.term, (u64::from(vote.committed), vote.leader_id.voted_for));
        self.durably(|wal| wal.save_vote(record).map(drop)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else { return Ok(()) };
        let mut wal = self.wal();
        wal.commit(to_wal(&committed))?;
        // Best effort: the next append's fsync carries it, and without it Raft finds the commit index anew.
        wal.flush(false, None)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.wal().log_state().committed().map(from_wal))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records =
            entries.into_iter().map(|entry| Ok((to_wal(&entry.log_id), encode(&entry.payload)?))).collect::<io::Result<Vec<_>>>()?;
        let mut wal = self.wal();
        wal.append(records)?;
        wal.flush(true, Some(Flushed::Raft(callback)))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |log_id| log_id.index + 1);
        // The WAL looks the entry before `from` up: where the log ends already there is none, and nothing to cut.
        let next = self.wal().log_state().last().map_or(0, |last| last.1 + 1);
        if from >= next {
            return Ok(());
        }
        self.durably(|wal| wal.truncate(from).map(drop)).await
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.durably(|wal| wal.purge(to_wal(&log_id)).map(drop)).await
    }
}
