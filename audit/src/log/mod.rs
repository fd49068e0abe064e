//! The log of a node: notes what happens, and what became of the log itself.

use crate::chain::Tip;
use crate::disk::{Disk, Real};
use crate::event::{Event, Kind};
use crate::files::{AuditError, Limits, make};
use crate::record::Draft;
use crate::repeats::{Due, Met, Repeats};
use crate::survey::survey;
use crate::writer::Writer;
use std::path::Path;

/// Writes what happens into a directory that no other process writes to. It never waits but for the disk.
pub struct Log {
    node: u64,
    writer: Writer,
    /// What the next line follows.
    tip: Tip,
    repeats: Repeats,
    /// What a start found, until it is written: at most two for each file.
    owed: Vec<Draft>,
    /// Events that could not be written, with the first and the last time and the last reason.
    lost: Option<Draft>,
}

impl Log {
    /// Opens the log of this node in a directory, and makes that unless it is there. Reads all that is in it. Where a file is
    /// damaged the log goes on behind it; a last line that is not whole is cut off.
    ///
    /// # Errors
    /// When the directory cannot be made or listed. That the disk is full is no reason not to start.
    pub fn open(dir: &Path, node: u64, limits: Limits, now_ms: u64) -> Result<Self, AuditError> {
        Log::on(Box::new(Real), dir, node, limits, now_ms)
    }

    fn on(disk: Box<dyn Disk>, dir: &Path, node: u64, limits: Limits, now_ms: u64) -> Result<Self, AuditError> {
        make(dir)?;
        let found = survey(dir, limits)?;
        let writer = Writer::new(dir, disk, limits, found.number, found.length);
        let owed = found.tell.into_iter().map(|event| Draft::once(event, now_ms)).collect();
        let mut log = Log { node, writer, tip: found.tip, repeats: Repeats::new(limits), owed, lost: None };
        // What cannot be written now stays owed, and whoever notes something hears of it.
        let _ = log.settle();
        Ok(log)
    }

    /// Where it writes.
    pub fn dir(&self) -> &Path {
        self.writer.dir()
    }

    /// Notes an event: it is written now, or counted with those that are equal to it.
    ///
    /// # Errors
    /// When the event, or a count that is due, cannot be written. A count is tried again. The event is lost; that it was is
    /// written with the next one that can be.
    pub fn note(&mut self, event: Event, now_ms: u64) -> Result<(), AuditError> {
        let event = event.clipped();
        let flushed = self.flush(Due::At(now_ms), now_ms);
        if self.repeats.meet(&event, now_ms) == Met::Counted {
            return flushed;
        }
        match self.append(Some(&Draft::once(event.clone(), now_ms))) {
            Ok(()) => self.repeats.begin(event, now_ms),
            Err(error) => {
                self.lose(now_ms, &error);
                return Err(error);
            }
        }
        flushed
    }

    /// Writes what is due: about once a second.
    ///
    /// # Errors
    /// When it cannot be written. It is tried again.
    pub fn tick(&mut self, now_ms: u64) -> Result<(), AuditError> {
        self.flush(Due::At(now_ms), now_ms)?;
        self.settle()
    }

    /// Writes all that was counted, and waits until it is on the disk. Without it those counts are lost.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(mut self, now_ms: u64) -> Result<(), AuditError> {
        self.flush(Due::All, now_ms)?;
        self.settle()?;
        self.writer.finish()
    }

    fn flush(&mut self, due: Due, now_ms: u64) -> Result<(), AuditError> {
        while let Some((draft, place)) = self.repeats.due(due) {
            self.append(Some(&draft))?;
            self.repeats.written(place, now_ms);
        }
        Ok(())
    }

    /// Says what has to be said of the log itself.
    fn settle(&mut self) -> Result<(), AuditError> {
        if self.owed.is_empty() && self.lost.is_none() { Ok(()) } else { self.append(None) }
    }

    /// Writes a line, behind what has to be said of the log itself: all of it or nothing. Otherwise a disk with room for the one and
    /// not for the other would fill up with lines that say so.
    fn append(&mut self, draft: Option<&Draft>) -> Result<(), AuditError> {
        let (mut tip, mut lines) = (self.tip, Vec::new());
        for draft in self.owed.iter().chain(&self.lost).chain(draft) {
            let seq = tip.seq + 1;
            let (line, hash) = draft.line(self.node, seq, tip.hash).map_err(|error| AuditError::at(self.dir())(error.into()))?;
            lines.extend_from_slice(&line);
            tip = Tip { seq, hash };
        }
        self.writer.append(&lines)?;
        self.tip = tip;
        self.owed.clear();
        self.lost = None;
        Ok(())
    }

    fn lose(&mut self, now_ms: u64, error: &AuditError) {
        let before = self.lost.take();
        let event = Event::own(Kind::Lost, "events that could not be written", Some(error.source.to_string())).clipped();
        let times = before.as_ref().map_or(0, |lost| lost.times).saturating_add(1);
        let first_at_ms = before.and_then(|lost| lost.first_at_ms).or(Some(now_ms));
        self.lost = Some(Draft { event, at_ms: now_ms, times, first_at_ms });
    }
}

#[cfg(test)]
mod tests;
