//! The segment that grows: whole commits or none.

use crate::block::{self, Place};
use crate::content;
use crate::disk::{Disk, Growing};
use crate::error::{Damage, JournalError};
use crate::files::{self, File, NEW};
use crate::header::{HEADER, Header};
use crate::options::{Options, Whose};
use crate::segment::{Fault, Known, Segment};
use crate::sidecar::{self, About};
use crate::table::Table;
use metadata::history::Record;
use metadata::{Index, State, snapshot};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use xxhash_rust::xxh3::Xxh3;

/// Commits that are appended at once.
pub const MOST_APPENDED: usize = 4_096;
/// Bytes that are written at once, unless one commit has more.
const CHUNK: usize = 256 << 10;

/// A commit that is appended.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub record: &'a Record,
    /// It alone, as [`metadata::frame::Frame::encode`] gives it.
    pub frame: &'a [u8],
}

pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    /// Closed after an error: what is opened again is what is there.
    file: Option<Box<dyn Growing>>,
    /// Of the segment's bytes.
    hasher: Xxh3,
    pub segment: Arc<Segment>,
    /// Where it is written until it is put in its place; its own path then.
    path: std::path::PathBuf,
    /// What is about to be written: its room stays from one time to the next.
    bytes: Vec<u8>,
}

impl Writer {
    /// Goes on with a segment that is there.
    pub fn resume(disk: Arc<dyn Disk>, segment: Arc<Segment>, hasher: Xxh3) -> Self {
        let path = segment.path.clone();
        Writer { disk, file: None, hasher, segment, path, bytes: Vec::new() }
    }

    /// Writes the beginning of the segment that begins at this state, under a name for this stage. After an error nothing is there.
    pub fn begin(disk: Arc<dyn Disk>, dir: &Path, whose: Whose, state: &State, stage: &str) -> Result<Self, JournalError> {
        let header = Header { whose, after: state.revision(), at_ms: state.at_ms(), digest: state.digest() };
        let checkpoint = snapshot::encode_state(state).map_err(|error| JournalError::Unencodable(error.to_string()))?;
        let mut bytes = header.encode();
        let place = Place { after: header.after, offset: HEADER as u64 };
        block::put(&mut bytes, place, |out| {
            out.extend(checkpoint);
            Ok(())
        })?;
        let mut hasher = Xxh3::new();
        hasher.update(&bytes);
        let path = File::Segment.unplaced(dir, header.after, stage);
        let written = disk.create(&path).and_then(|mut file| file.append(&bytes).map(|()| file));
        let file = match written {
            Ok(file) => file,
            Err(error) => {
                // What stays goes when the journal is opened.
                let _ = files::remove(&path);
                return Err(JournalError::at(&path)(error));
            }
        };
        let table = RwLock::new(Table::new(&header, bytes.len() as u64));
        let segment = Arc::new(Segment::new(dir, header, Known::Here(table)));
        Ok(Writer { disk, file: Some(file), hasher, segment, path, bytes: Vec::new() })
    }

    /// Puts the segment in its place.
    pub fn place(&mut self) -> Result<(), JournalError> {
        files::place(&self.path, &self.segment.path)?;
        self.path = self.segment.path.clone();
        Ok(())
    }

    /// Whether it is full.
    pub fn full(&self, options: &Options) -> bool {
        let summary = self.segment.summary();
        options.fills(summary.count, summary.length - summary.first, summary.first)
    }

    /// Appends commits that follow the last one. After an error none of them is there.
    pub fn append(&mut self, items: &[Item]) -> Result<(), Fault> {
        let (segment, path) = (self.segment.clone(), self.path.clone());
        let Known::Here(table) = &segment.known else { return Err(JournalError::Unbegun.into()) };
        let before = segment.summary();
        let mut hasher = self.hasher.clone();
        let mut end: (Index, u64) = (before.upto, before.upto_ms);
        for Item { record, .. } in items {
            let commit = &record.commit;
            if commit.prev_index != end.0 || commit.index <= end.0 || commit.at_ms < end.1 {
                return Err(JournalError::NotFollowing { index: commit.index, prev: commit.prev_index, end: Some(end.0) }.into());
            }
            end = (commit.index, commit.at_ms);
        }
        let mut file = self.opened(before.length)?;
        let mut lengths = Vec::with_capacity(items.len());
        let mut written = before.length;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut write = || {
            for (nth, Item { record, frame }) in items.iter().enumerate() {
                let from = bytes.len();
                let place = Place { after: segment.after(), offset: written + from as u64 };
                block::put(&mut bytes, place, |out| content::put(out, frame, &record.beside))?;
                lengths.push((bytes.len() - from) as u64);
                if bytes.len() >= CHUNK || nth + 1 == items.len() {
                    file.append(&bytes).map_err(JournalError::at(&path))?;
                    hasher.update(&bytes);
                    written += bytes.len() as u64;
                    bytes.clear();
                }
            }
            Ok::<_, JournalError>(())
        };
        if let Err(error) = write() {
            // Where this fails too, the next opening cuts.
            if file.cut(before.length).is_ok() {
                self.file = Some(file);
            }
            return Err(error.into());
        }
        (self.file, self.hasher) = (Some(file), hasher);
        // One that a large commit made large is let go.
        self.bytes = if bytes.capacity() <= CHUNK * 2 { bytes } else { Vec::new() };
        let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
        items.iter().zip(lengths).for_each(|(item, bytes)| table.push(item.record, bytes));
        Ok(())
    }

    /// The file, as long as it should be.
    fn opened(&mut self, expected: u64) -> Result<Box<dyn Growing>, Fault> {
        let at = |error| JournalError::at(&self.path)(error);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => match self.disk.open(&self.path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Fault::Segment(self.segment.clone(), Damage::Gone));
                }
                opened => opened.map_err(at)?,
            },
        };
        let found = file.length().map_err(at)?;
        if found > expected {
            file.cut(expected).map_err(at)?;
        }
        if found < expected {
            return Err(Fault::Segment(self.segment.clone(), Damage::Length { expected, found }));
        }
        Ok(file)
    }

    /// What the sidecar of the segment, as it is now, says.
    pub fn about(&self) -> Option<About> {
        let Known::Here(table) = &self.segment.known else { return None };
        let table = table.read().unwrap_or_else(PoisonError::into_inner);
        Some(About::of(self.segment.header, &table, self.hasher.digest()))
    }
}

/// Writes a sidecar, and puts it in its place.
pub(crate) fn write_sidecar(disk: &dyn Disk, dir: &Path, header: Header, table: &Table, hash: u64) -> Result<About, JournalError> {
    let about = write_unplaced(disk, &File::Sidecar.unplaced(dir, header.after, NEW), header, table, hash)?;
    files::place(&File::Sidecar.unplaced(dir, header.after, NEW), &File::Sidecar.path(dir, header.after))?;
    Ok(about)
}

/// Writes a sidecar to a path. After an error nothing is there.
pub(crate) fn write_unplaced(disk: &dyn Disk, path: &Path, header: Header, table: &Table, hash: u64) -> Result<About, JournalError> {
    let about = About::of(header, table, hash);
    let written = disk.create(path).and_then(|mut file| file.append(&sidecar::encode(&about, table)));
    if let Err(error) = written {
        let _ = files::remove(path);
        return Err(JournalError::at(path)(error));
    }
    Ok(about)
}
