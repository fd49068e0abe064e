//! A real data directory that can be told to be full.

use controller::disk::{Bounds, Directory, Disk, Done, Log, Opened, Position, VoteRecord};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Clone)]
pub struct Limited {
    inside: Directory,
    full: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
}

impl Limited {
    pub fn new(inside: Directory) -> Self {
        Limited { inside, full: Arc::default(), open: Arc::default() }
    }

    pub fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Whether any part of the node still has its log.
    pub fn log_is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Limited {
    fn open_log(&self) -> io::Result<Opened> {
        self.check()?;
        let opened = self.inside.open_log()?;
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Opened { log: Box::new(LimitedLog { inside: opened.log, disk: self.clone() }), cut: opened.cut })
    }

    fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.inside.read(file)
    }

    fn replace(&self, file: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.check()?;
        self.inside.replace(file, parts)
    }

    fn check_room(&self) -> io::Result<()> {
        self.check()?;
        self.inside.check_room()
    }

    fn path(&self, file: &str) -> String {
        self.inside.path(file)
    }
}

struct LimitedLog {
    inside: Box<dyn Log>,
    disk: Limited,
}

impl Drop for LimitedLog {
    fn drop(&mut self) {
        self.disk.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Log for LimitedLog {
    fn bounds(&self) -> Bounds {
        self.inside.bounds()
    }

    fn read(&self, from: u64, to: u64) -> io::Result<Vec<(Position, Vec<u8>)>> {
        self.inside.read(from, to)
    }

    fn append(&mut self, entries: Vec<(Position, Vec<u8>)>) -> io::Result<()> {
        self.inside.append(entries)
    }

    fn save_vote(&mut self, vote: VoteRecord) -> io::Result<()> {
        self.inside.save_vote(vote)
    }

    fn commit(&mut self, upto: Position) -> io::Result<()> {
        self.inside.commit(upto)
    }

    fn truncate(&mut self, from: u64) -> io::Result<()> {
        self.inside.truncate(from)
    }

    fn purge(&mut self, upto: Position) -> io::Result<()> {
        self.inside.purge(upto)
    }

    fn flush(&mut self, sync: bool, done: Option<Done>) -> io::Result<()> {
        match (self.disk.check(), done) {
            (Ok(()), done) => self.inside.flush(sync, done),
            // As the real one: who waits for the fsync hears of it.
            (Err(error), Some(done)) => {
                done(Err(error));
                Ok(())
            }
            (Err(error), None) => Err(error),
        }
    }
}
