//! One segment: what it holds is found by its table, in memory or in its sidecar, and read from its file.

use crate::block::{self, Place};
use crate::error::{Damage, JournalError};
use crate::files::{self, File as Name};
use crate::header::{HEADER, Header};
use crate::scan::{damage, damages};
use crate::sidecar::{About, Pages};
use crate::table::{Entry, Summary, Table};
use metadata::history::Tag;
use metadata::{Index, State, snapshot};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Bytes that are read at once, unless one block has more.
const CHUNK: u64 = 256 << 10;

/// Where what is known of its commits is.
pub(crate) enum Known {
    /// In memory: of the newest one, and of those whose sidecar could not be written.
    Here(RwLock<Table>),
    Sidecar(About),
}

pub(crate) struct Segment {
    pub header: Header,
    pub path: PathBuf,
    pub sidecar: PathBuf,
    pub known: Known,
}

/// Why something was not read.
pub(crate) enum Fault {
    /// Of this segment nothing more may be served.
    Segment(Arc<Segment>, Damage),
    /// Its sidecar has to be made anew.
    Sidecar(Arc<Segment>),
    Error(JournalError),
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Fault::Error(error)
    }
}

impl Segment {
    pub fn new(dir: &Path, header: Header, known: Known) -> Self {
        let path = |name: Name| name.path(dir, header.after);
        Segment { header, path: path(Name::Segment), sidecar: path(Name::Sidecar), known }
    }

    pub fn after(&self) -> Index {
        self.header.after
    }

    pub fn name(&self) -> String {
        Name::Segment.name(self.after())
    }

    pub fn summary(&self) -> Summary {
        match &self.known {
            Known::Here(table) => table.read().unwrap_or_else(PoisonError::into_inner).summary,
            Known::Sidecar(about) => about.summary,
        }
    }

    pub fn upto(&self) -> Index {
        self.summary().upto
    }

    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        match &self.known {
            Known::Here(_) => self.summary().length,
            Known::Sidecar(about) => about.summary.length + about.bytes(),
        }
    }

    /// Deletes its files.
    pub fn remove(&self) -> Result<(), JournalError> {
        // The sidecar last: alone it says what is gone.
        files::remove(&self.path)?;
        files::remove(&self.sidecar)
    }
}

/// A segment that is being read, as it was when that began.
pub(crate) struct Reading {
    segment: Arc<Segment>,
    pub summary: Summary,
    file: File,
    pages: Option<Pages>,
}

impl Reading {
    pub fn of(segment: &Arc<Segment>) -> Result<Self, Fault> {
        let pages = match &segment.known {
            Known::Here(_) => None,
            Known::Sidecar(about) => Some(Pages::open(&segment.sidecar, *about).map_err(|error| unread_sidecar(segment, error))?),
        };
        let file = File::open(&segment.path).map_err(|error| unread(segment, error))?;
        Ok(Reading { segment: segment.clone(), summary: segment.summary(), file, pages })
    }

    /// What is said of a segment that does not hold what was written.
    pub fn damaged(&self, damage: Damage) -> Fault {
        Fault::Segment(self.segment.clone(), damage)
    }

    /// The commit of this number, from 0 to below their count.
    pub fn entry(&mut self, number: u32) -> Result<Entry, Fault> {
        match (&mut self.pages, &self.segment.known) {
            (Some(pages), _) => pages.entry(number).map_err(|error| unread_sidecar(&self.segment, error)),
            (None, Known::Here(table)) => {
                let table = table.read().unwrap_or_else(PoisonError::into_inner);
                table.entries.get(number as usize).copied().ok_or_else(|| Fault::Sidecar(self.segment.clone()))
            }
            (None, Known::Sidecar(_)) => Err(Fault::Sidecar(self.segment.clone())),
        }
    }

    /// How many commits come before the first of which this is not so; it is so of none behind that one.
    pub fn count_while(&mut self, so: impl Fn(&Entry) -> bool) -> Result<u32, Fault> {
        let (mut low, mut high) = (0, self.summary.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if so(&self.entry(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The number of this commit.
    pub fn number_of(&mut self, index: Index) -> Result<Option<u32>, Fault> {
        let number = self.count_while(|entry| entry.index < index)?;
        Ok(if number < self.summary.count && self.entry(number)?.index == index { Some(number) } else { None })
    }

    /// The numbers of the commits that have all of these tags, ascending.
    pub fn tagged(&mut self, tags: &[Tag]) -> Result<Vec<u32>, Fault> {
        let mut found: Option<Vec<u32>> = None;
        for tag in tags {
            let numbers = match (&mut self.pages, &self.segment.known) {
                (Some(pages), _) => pages.numbers(*tag).map_err(|error| unread_sidecar(&self.segment, error))?,
                (None, Known::Here(table)) => {
                    let table = table.read().unwrap_or_else(PoisonError::into_inner);
                    table.postings.numbers(*tag)
                }
                (None, Known::Sidecar(_)) => return Err(Fault::Sidecar(self.segment.clone())),
            };
            found = Some(match found {
                None => numbers,
                Some(mut found) => {
                    found.retain(|number| numbers.binary_search(number).is_ok());
                    found
                }
            });
        }
        let mut found = found.unwrap_or_default();
        found.retain(|number| *number < self.summary.count);
        Ok(found)
    }

    fn end_of(&mut self, number: u32) -> Result<u64, Fault> {
        if number + 1 < self.summary.count { Ok(self.entry(number + 1)?.offset) } else { Ok(self.summary.length) }
    }

    fn bytes(&mut self, from: u64, to: u64) -> Result<Vec<u8>, Fault> {
        let length = to.checked_sub(from).filter(|_| to <= self.summary.length);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| Fault::Sidecar(self.segment.clone()))?;
        let mut bytes = vec![0; length];
        let read = self.file.seek(SeekFrom::Start(from)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| unread(&self.segment, error))?;
        Ok(bytes)
    }

    /// Gives the commits of these numbers with their payloads, in their order, until `take` has enough.
    pub fn payloads(&mut self, from: u32, to: u32, mut take: impl FnMut(&Entry, &[u8]) -> Result<Then, Damage>) -> Result<(), Fault> {
        let mut next = from;
        while next < to.min(self.summary.count) {
            let start = self.entry(next)?.offset;
            let mut extents = Vec::new();
            while next < to.min(self.summary.count) {
                let (entry, end) = (self.entry(next)?, self.end_of(next)?);
                if !extents.is_empty() && end.saturating_sub(start) > CHUNK {
                    break;
                }
                extents.push((entry, end));
                next += 1;
            }
            let bytes = self.bytes(start, extents.last().map_or(start, |(_, end)| *end))?;
            for (entry, end) in extents {
                let place = Place { after: self.segment.after(), offset: entry.offset };
                let block = (entry.offset.checked_sub(start)).zip(end.checked_sub(start));
                let block = block.and_then(|(from, to)| bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?));
                let payload = block.and_then(|block| block::payload(block, place));
                let payload = payload.ok_or_else(|| self.damaged(Damage::Block { offset: entry.offset }))?;
                match take(&entry, payload).map_err(|damage| self.damaged(damage))? {
                    Then::Enough => return Ok(()),
                    Then::More => {}
                }
            }
        }
        Ok(())
    }

    /// The state that the segment begins at.
    pub fn checkpoint(&mut self) -> Result<State, Fault> {
        let bytes = self.bytes(0, self.summary.first)?;
        let (head, block) = bytes.split_at_checked(HEADER).ok_or_else(|| self.damaged(Damage::Header))?;
        if Header::decode(head) != Ok(self.segment.header) {
            return Err(self.damaged(Damage::Header));
        }
        let payload = block::payload(block, Place { after: self.segment.after(), offset: HEADER as u64 });
        let state = payload.and_then(|payload| snapshot::decode_state(payload).ok());
        let header = &self.segment.header;
        let whole = |state: &State| (state.revision(), state.at_ms(), state.digest()) == (header.after, header.at_ms, header.digest);
        state.filter(whole).ok_or_else(|| self.damaged(Damage::Checkpoint))
    }
}

/// Whether there is a use for more.
pub(crate) enum Then {
    More,
    Enough,
}

fn unread(segment: &Arc<Segment>, error: io::Error) -> Fault {
    if damages(&error) { Fault::Segment(segment.clone(), damage(&error)) } else { Fault::Error(JournalError::at(&segment.path)(error)) }
}

fn unread_sidecar(segment: &Arc<Segment>, error: io::Error) -> Fault {
    if damages(&error) { Fault::Sidecar(segment.clone()) } else { Fault::Error(JournalError::at(&segment.sidecar)(error)) }
}
