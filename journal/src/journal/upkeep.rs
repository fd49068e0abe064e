//! What goes because there is too much of it, and whether what stays is still what was written.

use super::Journal;
use crate::error::{Damage, Dropped, JournalError};
use crate::files::MOST_SEGMENTS;
use crate::options::Keep;
use crate::scan::{damage, damages};
use crate::segment::{Known, Segment};
use crate::sidecar::{About, Pages};
use metadata::Index;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, PoisonError};
use xxhash_rust::xxh3::Xxh3;

const CHUNK: usize = 1 << 20;

/// What became of a segment that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is what was written; this is its name.
    Sound(String),
    Dropped(Dropped),
    /// There is none but the newest.
    Nothing,
}

fn hash(segment: &Segment) -> io::Result<u64> {
    let (mut file, mut hasher, mut bytes) = (File::open(&segment.path)?, Xxh3::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(hasher.digest()),
            Ok(read) => hasher.update(&bytes[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Journal {
    /// Reads all of the finished segment whose turn it is, and drops it where it is not what was written. For a task of little urgency.
    ///
    /// # Errors
    /// When a file cannot be read for a reason that is not its content.
    pub fn verify_next(&self) -> Result<Verified, JournalError> {
        let open = self.writer().as_ref().map(|writer| writer.segment.clone());
        let segments = self.list();
        let finished = |segment: &&Arc<Segment>| open.as_ref().is_none_or(|open| !Arc::ptr_eq(open, segment));
        let next = {
            let mut last = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            let behind = |segment: &&Arc<Segment>| last.is_none_or(|last| segment.after() > last);
            let next = segments.iter().filter(finished).find(behind).or_else(|| segments.iter().find(finished));
            *last = next.map(|segment| segment.after());
            next
        };
        let Some(segment) = next else { return Ok(Verified::Nothing) };
        let dropped = match &segment.known {
            // Without a sidecar there is nothing to hold it against but itself.
            Known::Here(_) => self.mend(segment),
            Known::Sidecar(about) => self.verify(segment, about)?,
        };
        Ok(dropped.map_or_else(|| Verified::Sound(segment.name()), Verified::Dropped))
    }

    fn verify(&self, segment: &Arc<Segment>, about: &About) -> Result<Option<Dropped>, JournalError> {
        let why = match hash(segment) {
            Ok(found) if found == about.hash => {
                let first = About::read(&segment.sidecar, segment.after());
                let pages = Pages::open(&segment.sidecar, *about).and_then(|mut pages| pages.verify());
                let whole = first.is_ok_and(|first| first == Some(*about)) && pages.is_ok();
                return Ok(if whole { None } else { self.mend(segment) });
            }
            Ok(_) => Damage::Hash,
            Err(error) if damages(&error) => damage(&error),
            Err(error) => return Err(JournalError::at(&segment.path)(error)),
        };
        Ok(self.take_out(&mut self.writer(), segment, why))
    }

    /// Removes the oldest segments while there are too many bytes, or while all of one's commits are too old, and gives the
    /// indexes of their last commits. The newest segment stays. For about once a second.
    ///
    /// # Errors
    /// When a file cannot be removed; it is not served any more.
    pub fn retain(&self, now_ms: u64, keep: Keep) -> Result<Vec<Index>, JournalError> {
        let _writer = self.writer();
        let segments = self.list();
        let mut bytes: u64 = self.bytes();
        let oldest_ms = keep.most_age_ms.map_or(0, |age| now_ms.saturating_sub(age));
        let mut gone = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let left = segments.len() - at;
            let too_much = bytes > keep.most_bytes || left > MOST_SEGMENTS || segment.summary().upto_ms < oldest_ms;
            if left == 1 || !too_much {
                break;
            }
            bytes = bytes.saturating_sub(segment.bytes());
            gone.push(segment.clone());
        }
        self.remove(&gone)?;
        Ok(gone.iter().map(|segment| segment.upto()).collect())
    }

    /// Removes all.
    ///
    /// # Errors
    /// When a file cannot be removed; it is not served any more.
    pub fn clear(&self) -> Result<(), JournalError> {
        let mut writer = self.writer();
        *writer = None;
        self.remove(&self.list())
    }

    /// Only by who holds the writer.
    fn remove(&self, gone: &[Arc<Segment>]) -> Result<(), JournalError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.change(|segments| segments.retain(|segment| !gone.iter().any(|gone| Arc::ptr_eq(gone, segment))));
        // All of them are tried.
        let failed: Vec<JournalError> = gone.iter().filter_map(|segment| segment.remove().err()).collect();
        failed.into_iter().next().map_or(Ok(()), Err)
    }
}
