//! The Raft log on a simulated disk: writes in their order, each durable or not.

use super::{Flush, Spindle};
use controller::disk::{Bounds, Done, Log, Position, VoteRecord};
use std::collections::BTreeMap;
use std::io;

/// One write.
pub(super) enum Op {
    Append(Vec<(Position, Vec<u8>)>),
    Vote(VoteRecord),
    Commit(Position),
    Truncate(u64),
    Purge(Position),
}

/// What a log holds.
#[derive(Clone, Default)]
pub(super) struct Image {
    vote: Option<VoteRecord>,
    committed: Option<Position>,
    purged: Option<Position>,
    entries: BTreeMap<u64, (Position, Vec<u8>)>,
}

impl Image {
    pub fn take(&mut self, op: &Op) {
        match op {
            Op::Append(entries) => self.entries.extend(entries.iter().map(|entry| (entry.0.1, entry.clone()))),
            Op::Vote(vote) => self.vote = Some(*vote),
            Op::Commit(upto) => self.committed = Some(*upto),
            Op::Truncate(from) => drop(self.entries.split_off(from)),
            Op::Purge(upto) => {
                self.entries = self.entries.split_off(&(upto.1 + 1));
                self.purged = self.purged.max(Some(*upto));
            }
        }
    }

    fn last(&self) -> Option<Position> {
        self.entries.last_key_value().map(|(_, entry)| entry.0).or(self.purged)
    }
}

/// An open log.
pub(super) struct Written {
    pub disk: Spindle,
    pub opened: u64,
}

fn opened_anew() -> io::Error {
    io::Error::other("this log was opened anew")
}

impl Written {
    fn write(&self, op: Op) -> io::Result<()> {
        let mut platter = self.disk.platter();
        if platter.opened != self.opened {
            return Err(opened_anew());
        }
        platter.current.take(&op);
        platter.pending.push_back(op);
        platter.written += 1;
        Ok(())
    }
}

impl Log for Written {
    fn bounds(&self) -> Bounds {
        let platter = self.disk.platter();
        let Image { vote, committed, purged, .. } = platter.current;
        Bounds { vote, committed, purged, last: platter.current.last() }
    }

    fn read(&self, from: u64, to: u64) -> io::Result<Vec<(Position, Vec<u8>)>> {
        let platter = self.disk.platter();
        let entries: Vec<_> = platter.current.entries.range(from..to).map(|(_, entry)| entry.clone()).collect();
        if entries.len() as u64 == to - from { Ok(entries) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn append(&mut self, entries: Vec<(Position, Vec<u8>)>) -> io::Result<()> {
        let next = self.bounds().last.map(|last| last.1 + 1);
        match (entries.first(), next) {
            (Some(first), Some(next)) if first.0.1 != next => Err(io::Error::other(format!("entry {:?} was appended at {next}", first.0))),
            _ => self.write(Op::Append(entries)),
        }
    }

    fn save_vote(&mut self, vote: VoteRecord) -> io::Result<()> {
        self.write(Op::Vote(vote))
    }

    fn commit(&mut self, upto: Position) -> io::Result<()> {
        self.write(Op::Commit(upto))
    }

    fn truncate(&mut self, from: u64) -> io::Result<()> {
        self.write(Op::Truncate(from))
    }

    fn purge(&mut self, upto: Position) -> io::Result<()> {
        self.write(Op::Purge(upto))
    }

    fn flush(&mut self, _sync: bool, done: Option<Done>) -> io::Result<()> {
        let refused = {
            let mut platter = self.disk.platter();
            if platter.opened != self.opened {
                opened_anew()
            } else if platter.full {
                io::ErrorKind::StorageFull.into()
            } else {
                let (due, upto) = (platter.due(), platter.written);
                platter.flushes.push_back(Flush { due, upto, done });
                return Ok(());
            }
        };
        // As a real disk: who waits for the fsync hears of it.
        let Some(done) = done else { return Err(refused) };
        done(Err(refused));
        Ok(())
    }
}
