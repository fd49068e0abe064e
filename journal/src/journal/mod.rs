//! All segments, as one journal: one thread at a time appends, and any number read beside it.

mod filling;
mod opening;
mod reading;
mod search;
#[cfg(test)]
mod tests;
mod upkeep;

pub use filling::Filler;
pub use reading::{Kept, MOST_READ, Stretch};
pub use search::{MOST_FOUND, MOST_LOOKED, Page};
pub use upkeep::Verified;

use crate::disk::Disk;
use crate::error::{Damage, Dropped, JournalError};
use crate::files::{NEW, remove};
use crate::options::{Options, Whose};
use crate::scan::{damage, scan};
use crate::segment::{Fault, Known, Segment};
use crate::writer::{Item, MOST_APPENDED, Writer, write_sidecar};
use metadata::{Index, State};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Drops that are told; of more, the last ones.
const MOST_TOLD: usize = 1_000;

/// The commits that a controller keeps to look back at. No other process uses its directory.
pub struct Journal {
    options: Options,
    whose: Whose,
    disk: Arc<dyn Disk>,
    /// In their order; none overlaps another. Whoever changes them holds the writer.
    segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    /// Of the newest segment, unless that is finished.
    writer: Mutex<Option<Writer>>,
    dropped: Mutex<Vec<Dropped>>,
    /// After which position the segment begins that was verified last.
    verified: Mutex<Option<Index>>,
    filling: AtomicBool,
}

impl Journal {
    /// Begins a segment at this state, where the journal has none to append to, where that one is full, or where the state is ahead
    /// of it. What lies between is a gap. Nothing is done where the newest segment ends at the state and is not full.
    ///
    /// # Errors
    /// When the state is older than the end, or the files cannot be written; then it can be tried again.
    pub fn begin(&self, state: &State) -> Result<(), JournalError> {
        let mut writer = self.writer();
        let position = state.revision();
        if let Some(end) = self.end() {
            if position < end {
                return Err(JournalError::Behind { position, end });
            }
            if position == end && writer.as_ref().is_some_and(|writer| !writer.full(&self.options)) {
                return Ok(());
            }
        }
        if let Some(open) = writer.as_ref() {
            self.seal(open)?;
            *writer = None;
        }
        let mut next = Writer::begin(self.disk.clone(), &self.options.dir, self.whose, state, NEW)?;
        next.place()?;
        self.change(|segments| segments.push(next.segment.clone()));
        *writer = Some(next);
        Ok(())
    }

    /// Finishes the newest segment: from now on its table is in its sidecar. One without commits goes.
    fn seal(&self, writer: &Writer) -> Result<(), JournalError> {
        let old = &writer.segment;
        let (Known::Here(table), Some(about)) = (&old.known, writer.about()) else { return Ok(()) };
        if about.summary.count == 0 {
            self.change(|segments| segments.retain(|each| !Arc::ptr_eq(each, old)));
            return old.remove();
        }
        let about = {
            let table = table.read().unwrap_or_else(PoisonError::into_inner);
            write_sidecar(&*self.disk, &self.options.dir, old.header, &table, about.hash)?
        };
        self.replace(old, Known::Sidecar(about));
        Ok(())
    }

    /// Appends commits that follow the end, at most [`MOST_APPENDED`], and all of them or none. They are readable at once, and
    /// they are not synced: after a power failure the last ones may be gone.
    ///
    /// # Errors
    /// When they do not follow the end, when a segment has to begin before, or when the file cannot be written.
    pub fn append(&self, items: &[Item]) -> Result<(), JournalError> {
        let mut guard = self.writer();
        let Some(writer) = guard.as_mut() else { return Err(JournalError::Unbegun) };
        // Whoever begins the next segment when one is full does not come near this.
        let most = self.options.segment_commits as usize + MOST_APPENDED;
        if items.len() > MOST_APPENDED || items.len() + writer.segment.summary().count as usize > most {
            return Err(JournalError::Full);
        }
        match writer.append(items) {
            Ok(()) => Ok(()),
            Err(Fault::Error(error)) => Err(error),
            Err(Fault::Segment(segment, damage)) => {
                self.tell(self.take_out(&mut guard, &segment, damage));
                Err(JournalError::Unbegun)
            }
            Err(Fault::Sidecar(_)) => Err(JournalError::Unbegun),
        }
    }

    /// Whether a segment has to begin before more is appended: there is none to append to, or it is full.
    pub fn full(&self) -> bool {
        self.writer().as_ref().is_none_or(|writer| writer.full(&self.options))
    }

    /// The end of the newest stretch; none of an empty journal.
    pub fn end(&self) -> Option<Index> {
        self.list().last().map(|newest| newest.upto())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.list().iter().map(|segment| segment.bytes()).sum()
    }

    /// What was dropped since this was asked last, because it was not what had been written: the last 1 000.
    pub fn take_dropped(&self) -> Vec<Dropped> {
        std::mem::take(&mut *self.dropped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, what: Option<Dropped>) {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        dropped.extend(what);
        let more = dropped.len().saturating_sub(MOST_TOLD);
        dropped.drain(..more);
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Arc<Vec<Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Only by who holds the writer.
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Segment>>)) {
        let mut segments = self.list().as_ref().clone();
        change(&mut segments);
        segments.sort_unstable_by_key(|segment| segment.after());
        *self.segments.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(segments);
    }

    fn replace(&self, old: &Arc<Segment>, known: Known) {
        let new = Arc::new(Segment::new(&self.options.dir, old.header, known));
        self.change(|segments| segments.iter_mut().filter(|each| Arc::ptr_eq(each, old)).for_each(|each| *each = new.clone()));
    }

    fn holds(&self, segment: &Arc<Segment>) -> bool {
        self.list().iter().any(|each| Arc::ptr_eq(each, segment))
    }

    /// Takes a segment out and deletes it; none where somebody else did.
    fn take_out(&self, writer: &mut Option<Writer>, segment: &Arc<Segment>, why: Damage) -> Option<Dropped> {
        if !self.holds(segment) {
            return None;
        }
        self.change(|segments| segments.retain(|each| !Arc::ptr_eq(each, segment)));
        if writer.as_ref().is_some_and(|writer| Arc::ptr_eq(&writer.segment, segment)) {
            *writer = None;
        }
        // What stays is looked at again by the next start.
        let _ = segment.remove();
        Some(Dropped { name: segment.name(), after: segment.after(), upto: Some(segment.upto()), why })
    }

    /// Makes a sidecar anew; or takes the segment out, where that is not what was written either.
    fn mend(&self, segment: &Arc<Segment>) -> Option<Dropped> {
        let scanned = scan(&segment.path, self.whose, segment.after());
        let mut writer = self.writer();
        let whole = match scanned {
            Ok(Ok(scanned)) => match scanned.torn {
                Some((damage, _)) => Err(damage),
                None if (scanned.header, scanned.table.summary) == (segment.header, segment.summary()) => Ok(scanned),
                None => Err(Damage::Length { expected: segment.summary().length, found: scanned.table.summary.length }),
            },
            Ok(Err(damage)) => Err(damage),
            Err(error) => Err(damage(&error)),
        };
        // The one that grows has no sidecar.
        if !self.holds(segment) || writer.as_ref().is_some_and(|writer| Arc::ptr_eq(&writer.segment, segment)) {
            return None;
        }
        match whole {
            Err(damage) => self.take_out(&mut writer, segment, damage),
            Ok(scanned) => {
                let (table, hash) = (scanned.table, scanned.hasher.digest());
                let known = match write_sidecar(&*self.disk, &self.options.dir, segment.header, &table, hash) {
                    Ok(about) => Known::Sidecar(about),
                    Err(_) => {
                        // A disk that is full keeps nobody from reading.
                        let _ = remove(&segment.sidecar);
                        Known::Here(RwLock::new(table))
                    }
                };
                self.replace(segment, known);
                None
            }
        }
    }

    /// Reads, and again without what turned out not to be what was written: each time there is a segment less, or a sidecar is made anew.
    fn reading<T>(&self, mut read: impl FnMut(&[Arc<Segment>]) -> Result<T, Fault>) -> Result<T, JournalError> {
        let mut mended = Vec::new();
        loop {
            match read(&self.list()) {
                Ok(found) => return Ok(found),
                Err(Fault::Error(error)) => return Err(error),
                Err(Fault::Segment(segment, damage)) => {
                    let mut writer = self.writer();
                    self.tell(self.take_out(&mut writer, &segment, damage));
                }
                Err(Fault::Sidecar(segment)) if mended.contains(&segment.after()) => {
                    let why = Damage::Unreadable("its sidecar is damaged again".to_owned());
                    let mut writer = self.writer();
                    self.tell(self.take_out(&mut writer, &segment, why));
                }
                Err(Fault::Sidecar(segment)) => {
                    mended.push(segment.after());
                    self.tell(self.mend(&segment));
                }
            }
        }
    }
}
