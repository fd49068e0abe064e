//! Step 4: openraft's log on the node's disk. An append is acknowledged only after its fsync.

use super::mark::{self, Mark};
use super::{CommittedLeaderId, Entry, LogId, Payload, TypeConfig, Vote};
use crate::disk::{Bounds, Disk, Done, Log, Position};
use openraft::impls::leader_id_std::LeaderId;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::oneshot;

/// The log of one node. Clones share it.
#[derive(Clone)]
pub struct LogStore {
    log: Arc<Mutex<Box<dyn Log>>>,
    mark: Mark,
    /// The first error of the disk; from then on nothing more is written.
    failure: Arc<OnceLock<io::Error>>,
}

fn to_position(log_id: &LogId) -> Position {
    (log_id.leader_id.term, log_id.index)
}

fn from_position((term, index): Position) -> LogId {
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

fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// Refuses a log that is shorter than what the mark says was durable.
fn check_mark(disk: &dyn Disk, mark: Position, bounds: &Bounds) -> io::Result<()> {
    let last = bounds.last.max(bounds.purged);
    if last.is_some_and(|(term, index)| index >= mark.1 && term >= mark.0) || mark == Position::default() {
        return Ok(());
    }
    let ends = last.map_or_else(|| "is empty".to_owned(), |(term, index)| format!("ends at index {index} of term {term}"));
    Err(damaged(format!(
        "the Raft log {} {ends}, and {} says that index {} of term {} was durable: entries are missing, and nothing is started without them",
        disk.path("log"),
        disk.path(mark::FILE),
        mark.1,
        mark.0
    )))
}

impl LogStore {
    /// Opens the log of this disk, recovering what is there.
    ///
    /// # Errors
    /// When it cannot be used, a file of it is damaged before its end, or entries are missing that were durable.
    pub fn open(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let mark = Mark::open(disk.clone())?;
        let opened = disk.open_log()?;
        let bounds = opened.log.bounds();
        match mark.written() {
            Some(written) => check_mark(&*disk, written, &bounds)?,
            None if bounds.is_pristine() => mark.begin()?,
            None => {
                return Err(damaged(format!(
                    "{} is missing beside the Raft log {}: it says how long that has to be, and nothing is started without it",
                    disk.path(mark::FILE),
                    disk.path("log")
                )));
            }
        }
        if let Some(cut) = opened.cut {
            let last = bounds.last.map_or(0, |last| last.1);
            tracing::warn!(cut, last, "what a crash had left incomplete was cut off the Raft log");
        }
        Ok(LogStore { log: Arc::new(Mutex::new(opened.log)), mark, failure: Arc::default() })
    }

    fn log(&self) -> MutexGuard<'_, Box<dyn Log>> {
        // A panic while the lock was held leaves the log's own invariants in place: it only queues records.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was ever written here.
    pub fn is_pristine(&self) -> bool {
        self.log().bounds().is_pristine()
    }

    /// The index up to which the log's beginning was removed; a snapshot has to cover it.
    pub fn purged_index(&self) -> u64 {
        self.log().bounds().purged.map_or(0, |purged| purged.1)
    }

    /// The mark that goes with this log.
    pub(crate) fn mark(&self) -> Mark {
        self.mark.clone()
    }

    /// The disk's first error, if there was one.
    pub(crate) fn failure(&self) -> Arc<OnceLock<io::Error>> {
        self.failure.clone()
    }

    /// Dead once everybody who held the log is gone.
    pub(crate) fn liveness(&self) -> Weak<Mutex<Box<dyn Log>>> {
        Arc::downgrade(&self.log)
    }

    fn write<T>(&self, write: impl FnOnce(&mut dyn Log) -> io::Result<T>) -> io::Result<T> {
        if let Some(error) = self.failure.get() {
            return Err(again(error));
        }
        write(&mut **self.log()).inspect_err(|error| drop(self.failure.set(again(error))))
    }

    async fn durably(&self, write: impl FnOnce(&mut dyn Log) -> io::Result<()>) -> io::Result<()> {
        let (done, flushed) = oneshot::channel();
        // The caller may have been cancelled; the write stands all the same.
        let done: Done = Box::new(move |result| drop(done.send(result)));
        self.write(|log| {
            write(log)?;
            log.flush(true, Some(done))
        })?;
        let result = flushed.await.unwrap_or_else(|_| Err(io::Error::other("the log's writer has stopped")));
        result.inspect_err(|error| drop(self.failure.set(again(error))))
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(&mut self, range: RB) -> io::Result<Vec<Entry>> {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let records = {
            let log = self.log();
            let next = log.bounds().last.map_or(0, |last| last.1 + 1);
            let end = match range.end_bound() {
                Bound::Included(index) => index + 1,
                Bound::Excluded(index) => *index,
                Bound::Unbounded => next,
            };
            if start >= end.min(next) {
                return Ok(Vec::new());
            }
            log.read(start, end.min(next))?
        };
        let entry = |(position, payload): (Position, Vec<u8>)| Ok(Entry { log_id: from_position(position), payload: decode(&payload)? });
        records.into_iter().map(entry).collect()
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.log().bounds().vote.map(|(term, (committed, voted_for))| {
            let leader_id = LeaderId { term, voted_for };
            Vote { leader_id, committed: committed != 0 }
        }))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let bounds = self.log().bounds();
        let purged = bounds.purged.map(from_position);
        Ok(LogState { last_purged_log_id: purged, last_log_id: bounds.last.map(from_position).or(purged) })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let record = (vote.leader_id.term, (u64::from(vote.committed), vote.leader_id.voted_for));
        self.durably(|log| log.save_vote(record)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else { return Ok(()) };
        // Best effort: the next append carries it to the disk, and without it Raft finds the commit index anew.
        self.write(|log| log.commit(to_position(&committed)))
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.log().bounds().committed.map(from_position))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records =
            entries.into_iter().map(|entry| Ok((to_position(&entry.log_id), encode(&entry.payload)?))).collect::<io::Result<Vec<_>>>()?;
        let last = records.last().map(|(position, _)| *position);
        let (mark, failure) = (self.mark.clone(), self.failure.clone());
        let done: Done = Box::new(move |result: io::Result<()>| {
            match (&result, last) {
                (Ok(()), Some(last)) => mark.reached(last),
                (Ok(()), None) => {}
                (Err(error), _) => drop(failure.set(again(error))),
            }
            callback.io_completed(result);
        });
        self.write(|log| {
            log.append(records)?;
            log.flush(true, Some(done))
        })
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |log_id| log_id.index + 1);
        // The WAL looks the entry before `from` up: where the log ends already there is none, and nothing to cut.
        let next = self.log().bounds().last.map_or(0, |last| last.1 + 1);
        if from >= next {
            return Ok(());
        }
        let last = last.as_ref().map(to_position);
        self.mark.lower(last).inspect_err(|error| drop(self.failure.set(again(error))))?;
        self.durably(|log| log.truncate(from)).await?;
        self.mark.lowered(last);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.durably(|log| log.purge(to_position(&log_id))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Directory, Opened};
    use openraft::type_config::TypeConfigExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A directory whose small files do not fit any more.
    struct Full(Directory, AtomicBool);

    impl Disk for Full {
        fn open_log(&self) -> io::Result<Opened> {
            self.0.open_log()
        }

        fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
            self.0.read(file)
        }

        fn replace(&self, file: &str, parts: &[&[u8]]) -> io::Result<()> {
            if self.1.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { self.0.replace(file, parts) }
        }

        fn check_room(&self) -> io::Result<()> {
            self.0.check_room()
        }

        fn path(&self, file: &str) -> String {
            self.0.path(file)
        }
    }

    /// Whatever the first write is that a full disk does not take: that it is full is why the node stopped, and it comes back with room.
    #[test]
    fn a_disk_that_is_full_when_the_log_is_cut_is_a_full_disk() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let disk = Arc::new(Full(Directory::new(dir.path())?, AtomicBool::new(false)));
        let mut log = LogStore::open(disk.clone())?;
        let at = |index| LogId::new(CommittedLeaderId::new(1), index);
        TypeConfig::run(async {
            let entries = (0..5).map(|index| Entry { log_id: at(index), payload: Payload::Blank });
            log.append(entries, IOFlushed::noop()).await?;
            log.save_vote(&Vote::new(1, 1)).await?;
            log.mark.reached((1, 4));
            log.mark.keep()?;
            disk.1.store(true, Ordering::SeqCst);
            let refused = log.truncate_after(Some(at(2))).await;
            anyhow::ensure!(refused.is_err(), "the log is cut, and its mark is not");
            anyhow::ensure!(log.failure().get().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull), "nobody is told why");
            Ok(())
        })
    }
}
