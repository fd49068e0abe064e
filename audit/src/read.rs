//! Records from the newest back, in bounded memory whatever the files hold.

use crate::event::Kind;
use crate::files::{AuditError, Listing, MOST_FILES};
use crate::record::{LONGEST_LINE, Record};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Records of one answer.
pub const MOST_READ: usize = 1_000;

/// Bytes that are read at once.
const BLOCK: u64 = 64 << 10;

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Only those with a lower number: where the last answer ended.
    pub before_seq: Option<u64>,
    /// Only those of this time and later. Clocks go back at times, and so older lines are looked at all the same.
    pub since_ms: Option<u64>,
    pub kind: Option<Kind>,
    /// Of at most so many, up to [`MOST_READ`].
    pub most: usize,
}

impl Default for Query {
    /// The newest ones.
    fn default() -> Self {
        Query { before_seq: None, since_ms: None, kind: None, most: 100 }
    }
}

impl Query {
    fn takes(&self, record: &Record) -> bool {
        self.before_seq.is_none_or(|before| record.seq < before)
            && self.since_ms.is_none_or(|since| record.at_ms >= since)
            && self.kind.is_none_or(|kind| record.kind == kind)
    }
}

/// A file, line by line from its end.
struct Backwards {
    file: File,
    /// Where `held` begins in the file.
    at: u64,
    /// Bytes that were read and are not taken yet: at most a line and a block.
    held: Vec<u8>,
    /// Whether the line that ends `held` is too long, and its end already gone.
    too_long: bool,
}

impl Backwards {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let at = file.seek(SeekFrom::End(0))?;
        Ok(Backwards { file, at, held: Vec::new(), too_long: false })
    }

    /// The line before, without its end; lines that are too long are left out.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let line = match self.held.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    let line = self.held.split_off(end + 1);
                    self.held.truncate(end);
                    line
                }
                None if self.at > 0 => {
                    self.take_block()?;
                    continue;
                }
                None if self.held.is_empty() => return Ok(None),
                None => std::mem::take(&mut self.held),
            };
            if !std::mem::take(&mut self.too_long) && line.len() <= LONGEST_LINE {
                return Ok(Some(line));
            }
        }
    }

    fn take_block(&mut self) -> io::Result<()> {
        if self.held.len() > LONGEST_LINE {
            (self.held, self.too_long) = (Vec::new(), true);
        }
        let start = self.at.saturating_sub(BLOCK);
        let mut block = Vec::new();
        self.file.seek(SeekFrom::Start(start))?;
        // Fewer bytes are there when the node took back a line that it could not write whole.
        (&self.file).take(self.at - start).read_to_end(&mut block)?;
        block.append(&mut self.held);
        (self.at, self.held) = (start, block);
        Ok(())
    }
}

/// Reads records of a log's directory, the newest first, also while a node writes them. Lines that are no records are left out.
///
/// # Errors
/// When the directory or one of its files cannot be read.
pub fn read(dir: &Path, query: &Query) -> Result<Vec<Record>, AuditError> {
    let (most, mut records) = (query.most.min(MOST_READ), Vec::new());
    for (_, path) in Listing::of(dir)?.newest(MOST_FILES).iter().rev() {
        let mut lines = match Backwards::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.map_err(AuditError::at(path))?,
        };
        while records.len() < most {
            let Some(line) = lines.next().map_err(AuditError::at(path))? else { break };
            records.extend(serde_json::from_slice(&line).ok().filter(|record| query.takes(record)));
        }
    }
    Ok(records)
}
