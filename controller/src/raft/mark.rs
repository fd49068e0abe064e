//! The durable mark: a small fsynced file that keeps a recent durable log id, so that a log that comes back shorter is
//! noticed. What was acknowledged after the last mark, at most a second's worth, is covered by the fsync alone.

use crate::disk::{Disk, Position};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// The file's name.
pub(crate) const FILE: &str = "log-mark";
const MAGIC: &[u8; 8] = b"QrMark01";

#[derive(Debug, Default)]
struct Standing {
    /// The last log id that is known to be on the disk.
    durable: Option<Position>,
    /// What the file says.
    written: Option<Position>,
    /// The log's end is being removed: what an earlier flush reports no longer counts.
    truncating: bool,
}

/// The mark of one log. Clones share it.
#[derive(Clone)]
pub(crate) struct Mark {
    disk: Arc<dyn Disk>,
    standing: Arc<Mutex<Standing>>,
    // Writers of the file take turns.
    file: Arc<Mutex<()>>,
}

fn damaged(path: &str, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{path} is damaged: {what}. It says how long the Raft log has to be, and nothing is started without it"),
    )
}

/// Reads a mark's bytes.
fn decode(path: &str, bytes: &[u8]) -> io::Result<Position> {
    let [content @ .., _, _, _, _, _, _, _, _] = bytes else { return Err(damaged(path, "it is too short")) };
    if content.len() != 24 || &content[..8] != MAGIC {
        return Err(damaged(path, "it does not begin as a mark does"));
    }
    if xxh3_64(content).to_be_bytes() != bytes[24..] {
        return Err(damaged(path, "its checksum does not match"));
    }
    let number = |at: usize| content[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Ok((number(8), number(16)))
}

fn encode((term, index): Position) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(term.to_be_bytes());
    bytes.extend(index.to_be_bytes());
    let sum = xxh3_64(&bytes);
    bytes.extend(sum.to_be_bytes());
    bytes
}

impl Mark {
    /// Reads the mark of this disk.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let written = disk.read(FILE)?.map(|bytes| decode(&disk.path(FILE), &bytes)).transpose()?;
        let standing = Standing { durable: written, written, truncating: false };
        Ok(Mark { disk, standing: Arc::new(Mutex::new(standing)), file: Arc::default() })
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file says.
    pub(crate) fn written(&self) -> Option<Position> {
        self.standing().written
    }

    /// An fsync ended, and everything up to here is on the disk.
    pub(crate) fn reached(&self, upto: Position) {
        let mut standing = self.standing();
        if !standing.truncating {
            standing.durable = Some(upto);
        }
    }

    /// Writes the mark of a log that holds nothing yet: from now on one that is missing is noticed.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) fn begin(&self) -> io::Result<()> {
        self.write(Position::default())
    }

    /// Writes the mark when the log has grown since.
    ///
    /// # Errors
    /// When the disk does not take it; the one before stays.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let _turn = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let durable = {
            let standing = self.standing();
            standing.durable.filter(|durable| !standing.truncating && standing.written != Some(*durable))
        };
        durable.map_or(Ok(()), |durable| self.write(durable))
    }

    /// Lowers the mark before the log's end is removed, so that no crash between the two looks like a loss.
    ///
    /// # Errors
    /// When the disk does not take it; then nothing may be removed.
    pub(crate) fn lower(&self, last: Option<Position>) -> io::Result<()> {
        let _turn = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.unwrap_or_default();
        let above = {
            let mut standing = self.standing();
            standing.truncating = true;
            standing.written.is_some_and(|written| written.1 > last.1)
        };
        if above { self.write(last) } else { Ok(()) }
    }

    /// The log's end is removed, durably.
    pub(crate) fn lowered(&self, last: Option<Position>) {
        let mut standing = self.standing();
        standing.durable = last;
        standing.truncating = false;
    }

    fn write(&self, position: Position) -> io::Result<()> {
        self.disk.replace(FILE, &[&encode(position)])?;
        self.standing().written = Some(position);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_every_damaged_one_is_refused() {
        let good = encode((7, 1_000_000));
        assert_eq!(decode("m", &good).expect("good"), (7, 1_000_000));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(decode("m", &bad).is_err(), "byte {at} bit {bit}");
            }
            assert!(decode("m", &good[..at]).is_err(), "cut at {at}");
        }
        assert!(decode("m", &[good, vec![0]].concat()).is_err());
    }
}
