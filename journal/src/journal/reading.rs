//! Commits in their order, where they are, and the states that they led to.

use super::Journal;
use crate::content;
use crate::error::{Damage, JournalError};
use crate::segment::{Fault, Reading, Segment, Then};
use crate::table::Entry;
use metadata::history::Record;
use metadata::{Index, State};
use std::sync::Arc;

/// Commits of one answer.
pub const MOST_READ: usize = 4_096;

/// A commit as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub record: Record,
    /// As feeds carry it.
    pub frame: Vec<u8>,
}

/// Commits that are kept without a gap. The state is known at `after`, at `upto` and at every commit between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub after: Index,
    /// The last commit, or `after` where there is none yet.
    pub upto: Index,
    /// The time of the state at `after`, ms since the Unix epoch; 0 of the empty one.
    pub from_ms: u64,
    /// The time of the state at `upto`.
    pub upto_ms: u64,
}

/// The segment that a position lies in, or that begins there.
fn holding(segments: &[Arc<Segment>], position: Index) -> Option<usize> {
    segments.partition_point(|segment| segment.after() <= position).checked_sub(1)
}

fn missing(segments: &[Arc<Segment>], position: Index) -> Fault {
    let oldest = segments.first().map(|segment| segment.after());
    let next = segments.iter().map(|segment| segment.after()).find(|after| *after > position);
    JournalError::Missing { position, oldest, next }.into()
}

impl Journal {
    /// What is kept segment by segment, the oldest first: at most [`crate::MOST_SEGMENTS`].
    pub fn segments(&self) -> Vec<Stretch> {
        let of = |segment: &Arc<Segment>| {
            let summary = segment.summary();
            Stretch { after: segment.after(), upto: summary.upto, from_ms: segment.header.at_ms, upto_ms: summary.upto_ms }
        };
        self.list().iter().map(of).collect()
    }

    /// What is kept without gaps, the oldest first: at most [`crate::MOST_SEGMENTS`].
    pub fn stretches(&self) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for segment in self.segments() {
            match stretches.last_mut() {
                Some(last) if last.upto == segment.after => (last.upto, last.upto_ms) = (segment.upto, segment.upto_ms),
                _ => stretches.push(segment),
            }
        }
        stretches
    }

    /// Commits behind a position, in their order and without a gap: at most so many and [`MOST_READ`], and no more once their frames
    /// have so many bytes; at least one. None at the end of the journal.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where the commit that follows is not known to be kept; and when files cannot be read.
    pub fn after(&self, position: Index, most: usize, most_bytes: usize) -> Result<Vec<Kept>, JournalError> {
        self.collect(position, most, most_bytes, |entry, payload| {
            let frame = content::frame(payload)?.to_vec();
            let record = content::record(payload).filter(|record| record.commit.index == entry.index)?;
            Some((frame.len(), Kept { record, frame }))
        })
    }

    /// As [`Journal::after`], the frames alone: for feeds.
    ///
    /// # Errors
    /// As [`Journal::after`].
    pub fn frames_after(&self, position: Index, most: usize, most_bytes: usize) -> Result<Vec<(Index, Vec<u8>)>, JournalError> {
        self.collect(position, most, most_bytes, |entry, payload| {
            let frame = content::frame(payload)?.to_vec();
            Some((frame.len(), (entry.index, frame)))
        })
    }

    /// `read` gives the bytes that something counts, and it.
    fn collect<T>(
        &self,
        position: Index,
        most: usize,
        most_bytes: usize,
        read: impl Fn(&Entry, &[u8]) -> Option<(usize, T)>,
    ) -> Result<Vec<T>, JournalError> {
        let most = most.clamp(1, MOST_READ);
        self.reading(|segments| {
            let (mut found, mut bytes, mut position) = (Vec::new(), 0usize, position);
            while let Some(at) = holding(segments, position) {
                let mut reading = Reading::of(&segments[at])?;
                let from = match reading.number_of(position)? {
                    Some(number) => number + 1,
                    None if segments[at].after() == position => 0,
                    None => return Err(missing(segments, position)),
                };
                if from == reading.summary.count {
                    // A stretch ends: what was found is all of it.
                    return if at + 1 == segments.len() || !found.is_empty() { Ok(found) } else { Err(missing(segments, position)) };
                }
                let room = u32::try_from(most - found.len()).unwrap_or(u32::MAX);
                reading.payloads(from, from.saturating_add(room), |entry, payload| {
                    let (length, what) = read(entry, payload).ok_or(Damage::Block { offset: entry.offset })?;
                    found.push(what);
                    (bytes, position) = (bytes.saturating_add(length), entry.index);
                    Ok(if bytes >= most_bytes { Then::Enough } else { Then::More })
                })?;
                if found.len() >= most || bytes >= most_bytes {
                    return Ok(found);
                }
            }
            Err(missing(segments, position))
        })
    }

    /// The commit of this index, if it is kept.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn at(&self, index: Index) -> Result<Option<Record>, JournalError> {
        self.reading(|segments| {
            // A segment does not hold the commit after which it begins: the one before does.
            let Some(at) = index.checked_sub(1).and_then(|before| holding(segments, before)) else { return Ok(None) };
            let mut reading = Reading::of(&segments[at])?;
            let Some(number) = reading.number_of(index)? else { return Ok(None) };
            let mut found = None;
            reading.payloads(number, number + 1, |entry, payload| {
                found = content::record(payload).filter(|record| record.commit.index == index);
                if found.is_some() { Ok(Then::Enough) } else { Err(Damage::Block { offset: entry.offset }) }
            })?;
            Ok(found)
        })
    }

    /// The newest position at or before an index whose state is kept, and its time in ms since the Unix epoch. There may be a gap between.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn at_or_before(&self, index: Index) -> Result<Option<(Index, u64)>, JournalError> {
        self.newest(|segment| segment.after() <= index, |entry| entry.index <= index)
    }

    /// The newest position at or before a time, in ms since the Unix epoch, whose state is kept. There may be a gap between.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn index_at(&self, at_ms: u64) -> Result<Option<Index>, JournalError> {
        let newest = self.newest(|segment| segment.header.at_ms <= at_ms, |entry| entry.at_ms <= at_ms)?;
        Ok(newest.map(|(index, _)| index))
    }

    fn newest(&self, begins: impl Fn(&Segment) -> bool, comes: impl Fn(&Entry) -> bool) -> Result<Option<(Index, u64)>, JournalError> {
        self.reading(|segments| {
            let Some(at) = segments.partition_point(|segment| begins(segment)).checked_sub(1) else { return Ok(None) };
            let mut reading = Reading::of(&segments[at])?;
            match reading.count_while(&comes)?.checked_sub(1) {
                Some(last) => reading.entry(last).map(|entry| Some((entry.index, entry.at_ms))),
                None => Ok(Some((segments[at].after(), segments[at].header.at_ms))),
            }
        })
    }

    /// The first commit behind an index that is kept, and its time in ms since the Unix epoch. There may be a gap between.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn next_after(&self, index: Index) -> Result<Option<(Index, u64)>, JournalError> {
        self.reading(|segments| {
            let Some(segment) = segments.iter().find(|segment| segment.upto() > index) else { return Ok(None) };
            let mut reading = Reading::of(segment)?;
            let next = reading.count_while(|entry| entry.index <= index)?;
            reading.entry(next).map(|entry| Some((entry.index, entry.at_ms)))
        })
    }

    /// How many commits behind an index are kept.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn count_after(&self, index: Index) -> Result<u64, JournalError> {
        self.reading(|segments| {
            let mut count = 0;
            for segment in segments.iter().filter(|segment| segment.upto() > index) {
                let before = if segment.after() >= index { 0 } else { Reading::of(segment)?.count_while(|entry| entry.index <= index)? };
                count += u64::from(segment.summary().count.saturating_sub(before));
            }
            Ok(count)
        })
    }

    /// The state at this index: that of the last commit at or before it. Every commit on the way is held against the digest that
    /// it carries.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where no stretch holds this index; and when files cannot be read.
    pub fn state_at(&self, index: Index) -> Result<State, JournalError> {
        self.reading(|segments| {
            let at = holding(segments, index).filter(|at| index <= segments[*at].upto()).ok_or_else(|| missing(segments, index))?;
            let mut reading = Reading::of(&segments[at])?;
            let mut state = reading.checkpoint()?;
            let to = reading.count_while(|entry| entry.index <= index)?;
            reading.payloads(0, to, |entry, payload| {
                let commit = content::commit(payload).ok_or(Damage::Block { offset: entry.offset })?;
                if commit.index != entry.index || commit.prev_index != state.revision() {
                    return Err(Damage::Unchained(commit.index));
                }
                state.absorb_commit(&commit);
                if state.digest() == commit.digest { Ok(Then::More) } else { Err(Damage::Digest(commit.index)) }
            })?;
            Ok(state)
        })
    }
}
