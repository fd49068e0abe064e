//! What is known of a segment's commits without reading them.

use crate::header::Header;
use metadata::Index;
use metadata::digest::Digest;
use metadata::history::{Record, Tag};
use std::collections::BTreeMap;

/// Where a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub index: Index,
    /// Never less than that of the one before.
    pub at_ms: u64,
    /// Its block's first byte in the segment.
    pub offset: u64,
}

/// What all of them come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The last commit, or the position after which the segment begins.
    pub upto: Index,
    pub upto_ms: u64,
    pub count: u32,
    /// Where the first commit begins, or would.
    pub first: u64,
    /// Bytes of the segment.
    pub length: u64,
    /// The state's digest at the end.
    pub digest: Digest,
}

/// Commits of one segment, in memory.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub entries: Vec<Entry>,
    /// The numbers of the commits that can be looked up by a tag, ascending.
    pub postings: BTreeMap<Tag, Vec<u32>>,
    pub summary: Summary,
}

impl Table {
    /// Without commits yet; the checkpoint ends at this byte.
    pub fn new(header: &Header, length: u64) -> Self {
        let (upto, upto_ms, digest) = (header.after, header.at_ms, header.digest);
        Table {
            entries: Vec::new(),
            postings: BTreeMap::new(),
            summary: Summary { upto, upto_ms, count: 0, first: length, length, digest },
        }
    }

    /// Whether this commit can be the next one.
    pub fn precedes(&self, record: &Record) -> bool {
        let commit = &record.commit;
        commit.prev_index == self.summary.upto && commit.index > commit.prev_index && commit.at_ms >= self.summary.upto_ms
    }

    /// Takes the next commit in, whose block has so many bytes.
    pub fn push(&mut self, record: &Record, bytes: u64) {
        let (commit, number) = (&record.commit, self.summary.count);
        self.entries.push(Entry { index: commit.index, at_ms: commit.at_ms, offset: self.summary.length });
        for tag in Tag::all(record) {
            self.postings.entry(tag).or_default().push(number);
        }
        self.summary = Summary {
            upto: commit.index,
            upto_ms: commit.at_ms,
            count: number + 1,
            first: self.summary.first,
            length: self.summary.length + bytes,
            digest: commit.digest,
        };
    }
}
