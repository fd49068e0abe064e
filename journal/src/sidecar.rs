//! A table as a file of pages, each with its hash: what is looked up is found by reading few of them.
//!
//! The first page says what segment it is of, what all commits come to, and the hash of the segment's bytes. Then follow the commits in
//! their order, and then (tag, number of a commit) in theirs.

use crate::header::{HEADER, Header, bytes_at};
use crate::table::{Entry, Summary, Table};
use metadata::Index;
use metadata::digest::Digest;
use metadata::history::Tag;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const PAGE: usize = 4_096;
/// Bytes of a page before its hash.
const FILLED: usize = PAGE - 8;
const ENTRY: usize = 24;
const POSTING: usize = 12;
const ENTRIES: u32 = (FILLED / ENTRY) as u32;
const POSTINGS: u32 = (FILLED / POSTING) as u32;
/// Bytes of the first page that say something.
const FIRST: usize = HEADER + 64;
/// Pages that a reader holds at a time.
const MOST_HELD: usize = 64;

/// What the first page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub header: Header,
    pub summary: Summary,
    /// xxh3 of all bytes of the segment.
    pub hash: u64,
    postings: u32,
}

impl About {
    /// Of a table with a segment of this hash.
    pub fn of(header: Header, table: &Table, hash: u64) -> Self {
        About { header, summary: table.summary, hash, postings: u32::try_from(table.postings.len()).unwrap_or(u32::MAX) }
    }

    fn entry_pages(&self) -> u32 {
        self.summary.count.div_ceil(ENTRIES)
    }

    /// Bytes of the sidecar.
    pub fn bytes(&self) -> u64 {
        (1 + u64::from(self.entry_pages()) + u64::from(self.postings.div_ceil(POSTINGS))) * PAGE as u64
    }

    fn seed(&self, page: u32) -> u64 {
        let mut place = [0; 20];
        place[..8].copy_from_slice(&self.header.after.to_le_bytes());
        place[8..16].copy_from_slice(&self.hash.to_le_bytes());
        place[16..].copy_from_slice(&page.to_le_bytes());
        xxh3_64(&place)
    }

    fn first_page(&self) -> Vec<u8> {
        let mut page = self.header.encode();
        let Summary { upto, upto_ms, count, first, length, digest } = self.summary;
        [upto, upto_ms, first, length, self.hash].iter().for_each(|number| page.extend(number.to_le_bytes()));
        [count, self.postings].iter().for_each(|number| page.extend(number.to_le_bytes()));
        page.extend(digest.0.to_le_bytes());
        page.resize(FILLED, 0);
        page.extend(xxh3_64(&page).to_le_bytes());
        page
    }

    fn decode(page: &[u8]) -> Option<About> {
        if xxh3_64(page.get(..FILLED)?) != u64::from_le_bytes(bytes_at(page, FILLED)?) {
            return None;
        }
        let long = |nth: usize| bytes_at(page, HEADER + 8 * nth).map(u64::from_le_bytes);
        let short = |nth: usize| bytes_at(page, HEADER + 40 + 4 * nth).map(u32::from_le_bytes);
        let digest = Digest(u128::from_le_bytes(bytes_at(page, FIRST - 16)?));
        let summary = Summary { upto: long(0)?, upto_ms: long(1)?, count: short(0)?, first: long(2)?, length: long(3)?, digest };
        Some(About { header: Header::decode(page.get(..HEADER)?).ok()?, summary, hash: long(4)?, postings: short(1)? })
    }

    /// Reads the first page; none where it is not what was written, or not the beginning of a file of that size.
    pub fn read(path: &Path, after: Index) -> io::Result<Option<About>> {
        let mut page = Vec::with_capacity(PAGE);
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let length = file.metadata()?.len();
        file.take(PAGE as u64).read_to_end(&mut page)?;
        Ok(About::decode(&page).filter(|about| about.header.after == after && about.bytes() == length))
    }
}

/// The whole file.
pub(crate) fn encode(about: &About, table: &Table) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(usize::try_from(about.bytes()).unwrap_or(PAGE));
    bytes.extend(about.first_page());
    let mut number = 0;
    let mut finish = |bytes: &mut Vec<u8>| {
        number += 1;
        let start = bytes.len() / PAGE * PAGE;
        bytes.resize(start + FILLED, 0);
        bytes.extend(xxh3_64_with_seed(&bytes[start..], about.seed(number)).to_le_bytes());
    };
    for page in table.entries.chunks(ENTRIES as usize) {
        for entry in page {
            [entry.index, entry.at_ms, entry.offset].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        finish(&mut bytes);
    }
    let mut left = 0;
    for (tag, number) in table.postings.sorted() {
        bytes.extend(tag.0.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        left += 1;
        if left == POSTINGS {
            finish(&mut bytes);
            left = 0;
        }
    }
    if left > 0 {
        finish(&mut bytes);
    }
    bytes
}

/// A sidecar that is read. Every error but one of opening it says that it is not what was written.
pub(crate) struct Pages {
    file: File,
    about: About,
    held: BTreeMap<u32, Vec<u8>>,
}

impl Pages {
    pub fn open(path: &Path, about: About) -> io::Result<Self> {
        Ok(Pages { file: File::open(path)?, about, held: BTreeMap::new() })
    }

    fn page(&mut self, number: u32) -> io::Result<&[u8]> {
        if self.held.len() >= MOST_HELD && !self.held.contains_key(&number) {
            self.held.clear();
        }
        match self.held.entry(number) {
            std::collections::btree_map::Entry::Occupied(held) => Ok(held.into_mut()),
            std::collections::btree_map::Entry::Vacant(room) => {
                let mut page = vec![0; PAGE];
                self.file.seek(SeekFrom::Start(u64::from(number) * PAGE as u64))?;
                self.file.read_exact(&mut page)?;
                let hash = bytes_at(&page, FILLED).map(u64::from_le_bytes);
                if hash != Some(xxh3_64_with_seed(&page[..FILLED], self.about.seed(number))) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Ok(room.insert(page))
            }
        }
    }

    /// The commit of this number.
    pub fn entry(&mut self, number: u32) -> io::Result<Entry> {
        let page = self.page(1 + number / ENTRIES)?;
        let at = (number % ENTRIES) as usize * ENTRY;
        let long = |nth: usize| bytes_at(page, at + 8 * nth).map(u64::from_le_bytes);
        let read = || Some(Entry { index: long(0)?, at_ms: long(1)?, offset: long(2)? });
        read().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn posting(&mut self, place: u32) -> io::Result<(Tag, u32)> {
        let page = self.page(1 + self.about.entry_pages() + place / POSTINGS)?;
        let at = (place % POSTINGS) as usize * POSTING;
        let read = || Some((Tag(bytes_at(page, at).map(u64::from_le_bytes)?), bytes_at(page, at + 8).map(u32::from_le_bytes)?));
        read().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The numbers of the commits with this tag, ascending.
    pub fn numbers(&mut self, tag: Tag) -> io::Result<Vec<u32>> {
        let (mut low, mut high) = (0, self.about.postings);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.posting(middle)?.0 < tag {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut numbers = Vec::new();
        for place in low..self.about.postings {
            match self.posting(place)? {
                (found, number) if found == tag => numbers.push(number),
                _ => break,
            }
        }
        Ok(numbers)
    }

    /// Reads every page.
    pub fn verify(&mut self) -> io::Result<()> {
        let pages = self.about.bytes() / PAGE as u64;
        (1..u32::try_from(pages).unwrap_or(u32::MAX)).try_for_each(|number| self.page(number).map(drop))
    }
}
