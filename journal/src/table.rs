//! What is known of a segment's commits without reading them.

use crate::header::Header;
use metadata::Index;
use metadata::digest::Digest;
use metadata::history::{Record, Tag};

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

/// Which commits can be looked up by which tag. Almost all of them are never looked up before they are a file: they are put down as they come,
/// and whoever asks looks through all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postings(Vec<(Tag, u32)>);

impl Postings {
    fn push(&mut self, tag: Tag, number: u32) {
        self.0.push((tag, number));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The numbers of the commits with this tag, ascending.
    pub fn numbers(&self, tag: Tag) -> Vec<u32> {
        self.0.iter().filter(|(found, _)| *found == tag).map(|(_, number)| *number).collect()
    }

    /// By tag, and of one tag by number.
    pub fn sorted(&self) -> Vec<(Tag, u32)> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// Commits of one segment, in memory.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub entries: Vec<Entry>,
    pub postings: Postings,
    pub summary: Summary,
}

impl Table {
    /// Without commits yet; the checkpoint ends at this byte.
    pub fn new(header: &Header, length: u64) -> Self {
        let (upto, upto_ms, digest) = (header.after, header.at_ms, header.digest);
        Table {
            entries: Vec::new(),
            postings: Postings::default(),
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
            self.postings.push(tag, number);
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
