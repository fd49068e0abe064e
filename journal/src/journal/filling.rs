//! What is missing, from another controller: every commit is taken into the state before it, and has to lead to the digest that it
//! carries, and the last one to the state that is kept where the gap ends.

use super::Journal;
use crate::error::JournalError;
use crate::files::{self, File, MOST_SEGMENTS, PART};
use crate::header::Header;
use crate::segment::{Fault, Known, Segment};
use crate::sidecar::About;
use crate::writer::{Item, Writer, write_unplaced};
use metadata::command::AskedBy;
use metadata::frame::Frame;
use metadata::history::Record;
use metadata::{Commit, Index, State};
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError};

/// What a gap is being filled with. Unless it is finished, nothing of it remains.
pub struct Filler {
    journal: Arc<Journal>,
    state: State,
    upto: Index,
    writer: Option<Writer>,
    /// Segments that are whole, and not in their place yet.
    parts: Vec<(Header, About)>,
    /// Something that was given was refused.
    refused: bool,
}

impl Journal {
    /// Fills what is missing between a state and the stretch that begins after `upto`: all of a gap, the end of one, or what comes before
    /// the oldest stretch. One at a time.
    ///
    /// # Errors
    /// When no stretch begins there, when something between is kept, when the state is not the one that a kept stretch leads to, or
    /// when files cannot be written.
    pub fn fill(self: &Arc<Self>, state: State, upto: Index) -> Result<Filler, JournalError> {
        let after = state.revision();
        self.gap(after, upto)?;
        if self.list().iter().any(|segment| segment.upto() == after && segment.summary().digest != state.digest()) {
            return Err(JournalError::Refused { position: after, why: "it is another state there" });
        }
        if self.filling.swap(true, SeqCst) {
            return Err(JournalError::Filling);
        }
        let mut filler = Filler { journal: self.clone(), state, upto, writer: None, parts: Vec::new(), refused: false };
        filler.begin()?;
        Ok(filler)
    }

    /// How the stretch begins that this gap lies before.
    fn gap(&self, after: Index, upto: Index) -> Result<Header, JournalError> {
        let segments = self.list();
        let free = after < upto && segments.iter().all(|segment| segment.upto() <= after || segment.after() >= upto);
        let next = segments.iter().find(|segment| segment.after() == upto).filter(|_| free);
        next.map(|segment| segment.header).ok_or(JournalError::NoGap { after, upto })
    }
}

impl Filler {
    /// How far it has come.
    pub fn position(&self) -> Index {
        self.state.revision()
    }

    fn begin(&mut self) -> Result<(), JournalError> {
        let journal = &self.journal;
        self.writer = Some(Writer::begin(journal.disk.clone(), &journal.options.dir, journal.whose, &self.state, PART)?);
        Ok(())
    }

    /// Finishes a segment.
    fn seal(&mut self) -> Result<(), JournalError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let header = writer.segment.header;
        if let (Known::Here(table), Some(about)) = (&writer.segment.known, writer.about()) {
            let path = File::Sidecar.unplaced(&self.journal.options.dir, header.after, PART);
            let table = table.read().unwrap_or_else(PoisonError::into_inner);
            // Whatever comes of it, it has to be found when this is dropped.
            self.parts.push((header, about));
            write_unplaced(&*self.journal.disk, &path, header, &table, about.hash)?;
        }
        Ok(())
    }

    /// Takes the next commit, as a feed carries it, and by what whoever asked for it was known. What it replaced is not asked of anybody.
    ///
    /// # Errors
    /// [`JournalError::Refused`] where it does not follow, or does not lead to its digest; and when it cannot be written. Nothing more
    /// is taken then.
    pub fn push(&mut self, frame: &[u8], by: Option<AskedBy>) -> Result<(), JournalError> {
        if self.refused {
            return Err(self.refuse("something before it was refused"));
        }
        let pushed = self.take(frame, by);
        self.refused |= pushed.is_err();
        pushed
    }

    fn take(&mut self, frame: &[u8], by: Option<AskedBy>) -> Result<(), JournalError> {
        let Ok(Frame::Commit(commit)) = Frame::decode(frame) else { return Err(self.refuse("it is no commit")) };
        let position = self.position();
        let Commit { index, prev_index, at_ms, .. } = *commit;
        if prev_index != position || index <= position || index > self.upto || at_ms < self.state.at_ms() || commit.changes.is_empty() {
            return Err(self.refuse("the commit does not follow"));
        }
        if self.writer.as_ref().is_some_and(|writer| writer.full(&self.journal.options)) {
            if self.parts.len() >= MOST_SEGMENTS {
                return Err(self.refuse("these are more commits than are kept"));
            }
            self.seal()?;
            self.begin()?;
        }
        let refused = JournalError::Refused { position, why: "the commit does not lead to the digest that it carries" };
        let record = Record::of(&mut self.state, commit, by).ok_or(refused)?;
        // Not what was given: there may be several ways to say the same.
        let frame = Frame::Commit(record.commit.clone()).encode().map_err(|error| JournalError::Unencodable(error.to_string()))?;
        let writer = self.writer.as_mut().ok_or(JournalError::Unbegun)?;
        writer.append(&[Item { record: &record, frame: &frame }]).map_err(|fault| match fault {
            Fault::Error(error) => error,
            Fault::Segment(..) | Fault::Sidecar(_) => JournalError::Unbegun,
        })
    }

    fn refuse(&self, why: &'static str) -> JournalError {
        JournalError::Refused { position: self.position(), why }
    }

    /// Puts all of it in its place.
    ///
    /// # Errors
    /// [`JournalError::Refused`] where it does not lead to the state after which the next stretch begins, [`JournalError::NoGap`] where
    /// there is none any more, and when files cannot be written. Nothing of it remains then.
    pub fn finish(mut self) -> Result<(), JournalError> {
        if self.refused || self.position() != self.upto {
            return Err(self.refuse("the commits do not reach the end of the gap"));
        }
        self.seal()?;
        let journal = self.journal.clone();
        let _writer = journal.writer();
        let first = self.parts.first().map_or(self.upto, |(header, _)| header.after);
        let next = journal.gap(first, self.upto)?;
        if (self.state.digest(), self.state.at_ms()) != (next.digest, next.at_ms) {
            return Err(self.refuse("the commits lead to another state than the one that is kept"));
        }
        let dir = &journal.options.dir;
        let segments = self.parts.iter().map(|(header, about)| Segment::new(dir, *header, Known::Sidecar(*about)));
        let segments: Vec<Arc<Segment>> = segments.map(Arc::new).collect();
        let placed = self.parts.iter().try_for_each(|(header, _)| {
            let [segment, sidecar] = [File::Segment, File::Sidecar];
            files::place(&segment.unplaced(dir, header.after, PART), &segment.path(dir, header.after))?;
            files::place(&sidecar.unplaced(dir, header.after, PART), &sidecar.path(dir, header.after))
        });
        if let Err(error) = placed {
            // Those that are still parts go when this is dropped.
            segments.iter().for_each(|segment| drop(segment.remove()));
            return Err(error);
        }
        journal.change(|kept| kept.extend(segments));
        Ok(())
    }

    fn leftovers(&self) -> impl Iterator<Item = PathBuf> {
        let open = self.writer.as_ref().map(|writer| writer.segment.after());
        let all = self.parts.iter().map(|(header, _)| header.after).chain(open);
        all.flat_map(|after| [File::Segment, File::Sidecar].map(|file| file.unplaced(&self.journal.options.dir, after, PART)))
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // What stays goes when the journal is opened.
        self.leftovers().for_each(|path| drop(files::remove(&path)));
        self.journal.filling.store(false, SeqCst);
    }
}
