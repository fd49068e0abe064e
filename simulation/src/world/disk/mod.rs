//! A disk with a model of fsync: what was written and not yet flushed is lost in a crash, but for a beginning of it that chance picks.

mod log;

use super::chance::Lot;
use super::time::Time;
use controller::disk::{Disk, Done, Opened};
use log::{Image, Op, Written};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long an fsync takes, in ms: at least, and at most.
const FSYNC: (u64, u64) = (0, 3);

/// A flush on its way to the disk.
struct Flush {
    pub due: u64,
    /// How many writes are durable with it.
    pub upto: u64,
    pub done: Option<Done>,
}

/// What is on one disk, and on its way there.
struct Platter {
    pub durable: Image,
    files: BTreeMap<String, Vec<u8>>,
    /// What the process sees: the durable image and everything after it.
    pub current: Image,
    pub pending: VecDeque<Op>,
    /// Writes so far that are durable, and all of them.
    pub flushed: u64,
    pub written: u64,
    pub flushes: VecDeque<Flush>,
    /// Rises when the log is opened: who held it before holds nothing any more.
    pub opened: u64,
    pub full: bool,
    /// Added to each fsync, in ms.
    slow: u64,
    time: Time,
    lot: Lot,
}

impl Platter {
    pub fn now(&self) -> u64 {
        self.time.now()
    }

    /// When a flush that begins now ends: not before the one that began before it.
    pub fn due(&self) -> u64 {
        let takes = self.lot.between(FSYNC.0..=FSYNC.1) + self.slow;
        self.flushes.back().map_or(0, |last| last.due).max(self.time.now() + takes)
    }

    fn harden(&mut self, upto: u64) {
        while self.flushed < upto {
            let Some(op) = self.pending.pop_front() else { return };
            self.durable.take(&op);
            self.flushed += 1;
        }
    }

    /// The process is gone: of what was not flushed the operating system wrote the beginning, some of it or all.
    fn lose(&mut self) {
        let kept = self.lot.between(0..=self.pending.len() as u64);
        self.harden(self.flushed + kept);
        self.pending.clear();
        self.written = self.flushed;
        self.flushes.clear();
        self.current = self.durable.clone();
    }
}

/// One machine's disk. Clones share it.
#[derive(Clone)]
pub struct Spindle(Arc<Mutex<Platter>>);

impl Spindle {
    pub fn new(time: Time, lot: Lot) -> Self {
        let platter = Platter {
            durable: Image::default(),
            files: BTreeMap::new(),
            current: Image::default(),
            pending: VecDeque::new(),
            flushed: 0,
            written: 0,
            flushes: VecDeque::new(),
            opened: 0,
            full: false,
            slow: 0,
            time,
            lot,
        };
        Spindle(Arc::new(Mutex::new(platter)))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the flushes that are due. The process hears of them, unless it stands still.
    pub fn step(&self) {
        loop {
            let done = {
                let mut platter = self.platter();
                let now = platter.now();
                match platter.flushes.front() {
                    Some(flush) if flush.due <= now => {}
                    _ => return,
                }
                let Some(flush) = platter.flushes.pop_front() else { return };
                platter.harden(flush.upto);
                flush.done
            };
            // Not under the lock: who hears of it may write again.
            if let Some(done) = done {
                done(Ok(()));
            }
        }
    }

    pub fn crash(&self) {
        self.platter().lose();
    }

    pub fn fill(&self, full: bool) {
        self.platter().full = full;
    }

    pub fn slow_down(&self, by_ms: u64) {
        self.platter().slow = by_ms;
    }
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space is left on this simulated disk")
}

impl Disk for Spindle {
    fn open_log(&self) -> io::Result<Opened> {
        let mut platter = self.platter();
        if platter.full {
            return Err(full());
        }
        platter.lose();
        platter.opened += 1;
        let log = Written { disk: self.clone(), opened: platter.opened };
        Ok(Opened { log: Box::new(log), cut: None })
    }

    fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.platter().files.get(file).cloned())
    }

    fn replace(&self, file: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut platter = self.platter();
        if platter.full {
            return Err(full());
        }
        platter.files.insert(file.to_owned(), parts.concat());
        Ok(())
    }

    fn check_room(&self) -> io::Result<()> {
        if self.platter().full { Err(full()) } else { Ok(()) }
    }

    fn path(&self, file: &str) -> String {
        format!("disk/{file}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However chance falls, a crash keeps everything that was flushed, a beginning of the rest, and nothing behind a gap.
    #[test]
    fn a_crash_keeps_what_was_flushed_and_a_beginning_of_the_rest() -> io::Result<()> {
        let mut kept = [0; 6];
        for seed in 0..200 {
            let time = Time::default();
            let disk = Spindle::new(time.clone(), Lot::new(seed, "disk"));
            let mut log = disk.open_log()?.log;
            log.append((1..=2).map(|index| ((1, index), vec![index as u8])).collect())?;
            log.flush(true, Some(Box::new(|result| assert!(result.is_ok()))))?;
            time.set(10);
            disk.step();
            (3..=5).try_for_each(|index| log.append(vec![((1, index), vec![index as u8])]))?;
            log.flush(true, Some(Box::new(|_| panic!("nobody hears of a flush that a crash cut off"))))?;
            disk.crash();
            let log = disk.open_log()?.log;
            let last = log.bounds().last.map_or(0, |last| last.1);
            assert_eq!(log.read(1, last + 1)?.len() as u64, last);
            kept[last as usize] += 1;
        }
        assert_eq!(kept[..2], [0, 0], "a flushed entry is gone");
        assert!(kept[2..].iter().all(|times| *times > 10), "{kept:?}");
        Ok(())
    }
}
