//! A segment, read from its beginning: what it holds, and how far it is what was written.

use crate::block::{self, HEAD, Place};
use crate::content;
use crate::error::Damage;
use crate::header::{HEADER, Header};
use crate::options::Whose;
use crate::table::Table;
use metadata::Index;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

const BUFFER: usize = 1 << 20;

/// What was found.
pub(crate) struct Scanned {
    pub header: Header,
    /// Of the whole commits before anything that is damaged.
    pub table: Table,
    /// Of the bytes of those.
    pub hasher: Xxh3,
    /// What is wrong behind them, and how many bytes there are.
    pub torn: Option<(Damage, u64)>,
}

/// Whether an error says that the file does not hold what was written.
pub(crate) fn damages(error: &io::Error) -> bool {
    /// EIO on all systems that have it.
    const DEVICE: i32 = 5;
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData];
    kinds.contains(&error.kind()) || error.raw_os_error() == Some(DEVICE)
}

/// The damage that an error of reading stands for.
pub(crate) fn damage(error: &io::Error) -> Damage {
    if error.kind() == io::ErrorKind::NotFound { Damage::Gone } else { Damage::Unreadable(error.to_string()) }
}

/// Reads the header of the segment after this position.
pub(crate) fn header(path: &Path, whose: Whose, after: Index) -> io::Result<Result<(Header, u64), Damage>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(HEADER);
    file.take(HEADER as u64).read_to_end(&mut bytes)?;
    Ok(Header::decode(&bytes).and_then(|header| match () {
        () if header.whose != whose => Err(Damage::Foreign),
        () if header.after != after => Err(Damage::Named(header.after)),
        () => Ok((header, length)),
    }))
}

struct Blocks {
    from: BufReader<File>,
    after: Index,
    offset: u64,
    length: u64,
    bytes: Vec<u8>,
}

impl Blocks {
    /// The next block, whole and as it was written; none where there is none.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let left = self.length.saturating_sub(self.offset);
        let mut head = [0; HEAD];
        if left < HEAD as u64 {
            return Ok(None);
        }
        self.from.read_exact(&mut head)?;
        let payload = block::length(&head);
        if payload > left - HEAD as u64 {
            return Ok(None);
        }
        self.bytes.clear();
        self.bytes.extend(head);
        // No more than the file has.
        (&mut self.from).take(payload).read_to_end(&mut self.bytes)?;
        let place = Place { after: self.after, offset: self.offset };
        if block::payload(&self.bytes, place).is_none() {
            return Ok(None);
        }
        self.offset += self.bytes.len() as u64;
        Ok(Some(&self.bytes))
    }
}

/// Reads the segment after this position. Of the state that it begins at it is seen that its bytes are what was written.
pub(crate) fn scan(path: &Path, whose: Whose, after: Index) -> io::Result<Result<Scanned, Damage>> {
    let (header, length) = match header(path, whose, after)? {
        Ok(found) => found,
        Err(damage) => return Ok(Err(damage)),
    };
    let mut from = BufReader::with_capacity(BUFFER, File::open(path)?);
    let mut hasher = Xxh3::new();
    let mut bytes = [0; HEADER];
    from.read_exact(&mut bytes)?;
    hasher.update(&bytes);
    let mut blocks = Blocks { from, after, offset: HEADER as u64, length, bytes: Vec::new() };
    match blocks.next()? {
        Some(checkpoint) => hasher.update(checkpoint),
        None => return Ok(Err(Damage::Checkpoint)),
    }
    let mut table = Table::new(&header, blocks.offset);
    let torn = loop {
        let offset = blocks.offset;
        if offset == length {
            break None;
        }
        let damage = match blocks.next()? {
            None => Damage::Block { offset },
            Some(block) => match content::record(&block[HEAD..]) {
                None => Damage::Block { offset },
                Some(record) if !table.precedes(&record) => Damage::Unchained(record.commit.index),
                Some(record) => {
                    hasher.update(block);
                    table.push(&record, block.len() as u64);
                    continue;
                }
            },
        };
        break Some((damage, length - offset));
    };
    Ok(Ok(Scanned { header, table, hasher, torn }))
}
