//! A backup in one file: what a node keeps of its history, compressed and checked as a whole. Any node writes one while it goes on.
//!
//! The file is gzip, so that every tool can tell whether it is cut. In it: a magic text, then records of a kind, a length and so many
//! bytes. The last one holds what was counted on the way, and a hash of all before it.

use super::rebuild::AsOf;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use metadata::command::AskedBy;
use metadata::digest::Digest;
use metadata::frame::Frame;
use metadata::history::Beside;
use metadata::{Commit, Index, NodeId, State, snapshot};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

const MAGIC: &[u8; 8] = b"QrBack01";
/// Bytes of a record at most: a state of ten million partitions is smaller.
const MOST_RECORD: u32 = 2 << 30;
const HEADER: u8 = 1;
const STATE: u8 = 2;
const COMMIT: u8 = 3;
const FOOTER: u8 = 4;

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("it is no backup of Quorate")]
    NotOurs,
    #[error("it was written by a newer version of Quorate")]
    Newer,
    #[error("it is cut off: its end is missing")]
    Cut,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Io(io::Error),
}

impl FileError {
    /// Whether the same file may be better later.
    pub fn retryable(&self) -> bool {
        matches!(self, FileError::Io(_))
    }
}

fn damaged(what: impl std::fmt::Display) -> FileError {
    FileError::Damaged(what.to_string())
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Cut,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => damaged(error),
            _ => FileError::Io(error),
        }
    }
}

/// Whose backup it is, and when and where it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub cluster_id: Uuid,
    pub lineage: Uuid,
    pub created_at_ms: u64,
    pub node_id: NodeId,
    /// Of the program that made it.
    pub version: String,
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Footer {
    commits: u64,
    index: Index,
    digest: u128,
    hash: u128,
}

/// Writes one.
pub(crate) struct Writer<W: Write> {
    out: GzEncoder<W>,
    hash: Xxh3,
    commits: u64,
    index: Index,
    digest: Digest,
}

impl<W: Write> Writer<W> {
    /// Begins with whose it is and the state that it begins with.
    pub(crate) fn begin(out: W, header: &Header, state: &State) -> io::Result<Self> {
        let mut writer = Writer {
            out: GzEncoder::new(out, Compression::fast()),
            hash: Xxh3::new(),
            commits: 0,
            index: state.revision(),
            digest: state.digest(),
        };
        writer.put(MAGIC)?;
        writer.record(HEADER, &[&postcard::to_allocvec(header).map_err(io::Error::other)?])?;
        writer.record(STATE, &[&snapshot::encode_state(state).map_err(io::Error::other)?])?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }

    fn record(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).ok().filter(|length| *length <= MOST_RECORD);
        let length = length.ok_or_else(|| io::Error::other("a record is too large for a backup"))?;
        self.put(&[kind])?;
        self.put(&length.to_le_bytes())?;
        parts.iter().try_for_each(|part| self.put(part))
    }

    /// Appends a commit: its frame, as feeds carry it, and what is kept beside it.
    pub(crate) fn commit(&mut self, commit: &Commit, frame: &[u8], beside: &Beside) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let beside = postcard::to_allocvec(beside).map_err(io::Error::other)?;
        self.record(COMMIT, &[&length.to_le_bytes(), frame, &beside])?;
        self.commits += 1;
        (self.index, self.digest) = (commit.index, commit.digest);
        Ok(())
    }

    /// Where it is written to.
    pub(crate) fn out(&mut self) -> &mut W {
        self.out.get_mut()
    }

    /// Ends it: without this it is taken for cut off.
    pub(crate) fn end(mut self) -> io::Result<W> {
        let footer = Footer { commits: self.commits, index: self.index, digest: self.digest.0, hash: self.hash.digest128() };
        self.record(FOOTER, &[&postcard::to_allocvec(&footer).map_err(io::Error::other)?])?;
        self.out.finish()
    }
}

/// What comes out of one, in this order: a state, commits.
pub(crate) enum Record {
    State(Box<State>),
    Commit(Arc<Commit>, Option<AskedBy>),
}

/// Reads one.
pub(crate) struct Reader<R: Read> {
    input: MultiGzDecoder<R>,
    hash: Xxh3,
    header: Header,
    commits: u64,
    index: Index,
    digest: Digest,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads whose it is.
    pub(crate) fn open(input: R) -> Result<Self, FileError> {
        let header = Header { cluster_id: Uuid::nil(), lineage: Uuid::nil(), created_at_ms: 0, node_id: 0, version: String::new() };
        let (input, hash) = (MultiGzDecoder::new(input), Xxh3::new());
        let mut reader = Reader { input, hash, header, commits: 0, index: 0, digest: Digest::default(), ended: false };
        let mut magic = [0; MAGIC.len()];
        reader.input.read_exact(&mut magic).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => FileError::NotOurs,
            _ => error.into(),
        })?;
        match (magic[..6] == MAGIC[..6], magic == *MAGIC) {
            (_, true) => reader.hash.update(&magic),
            (true, false) => return Err(FileError::Newer),
            (false, _) => return Err(FileError::NotOurs),
        }
        match reader.record()? {
            (HEADER, bytes) => reader.header = postcard::from_bytes(&bytes).map_err(damaged)?,
            (kind, _) => return Err(damaged(format!("it begins with a record of kind {kind}"))),
        }
        Ok(reader)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The next record's kind and bytes.
    fn record(&mut self) -> Result<(u8, Vec<u8>), FileError> {
        let (mut kind, mut length) = ([0; 1], [0; 4]);
        self.input.read_exact(&mut kind)?;
        self.input.read_exact(&mut length)?;
        let wanted = u32::from_le_bytes(length);
        if wanted > MOST_RECORD {
            return Err(damaged(format!("a record of {wanted} bytes")));
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(u64::from(wanted)).read_to_end(&mut bytes)?;
        if bytes.len() != wanted as usize {
            return Err(FileError::Cut);
        }
        if kind[0] != FOOTER {
            [&kind[..], &length, &bytes].iter().for_each(|part| self.hash.update(part));
        }
        Ok((kind[0], bytes))
    }

    /// The next one; none at the end, which is as it should be.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, FileError> {
        if self.ended {
            return Ok(None);
        }
        match self.record()? {
            (STATE, bytes) => {
                let state = snapshot::decode_state(&bytes).map_err(damaged)?;
                (self.index, self.digest) = (state.revision(), state.digest());
                Ok(Some(Record::State(Box::new(state))))
            }
            (COMMIT, bytes) => {
                let (commit, by) = commit(&bytes).ok_or_else(|| damaged(format!("the commit behind index {}", self.index)))?;
                self.commits += 1;
                (self.index, self.digest) = (commit.index, commit.digest);
                Ok(Some(Record::Commit(commit, by)))
            }
            (FOOTER, bytes) => {
                let footer: Footer = postcard::from_bytes(&bytes).map_err(damaged)?;
                let found = Footer { commits: self.commits, index: self.index, digest: self.digest.0, hash: self.hash.digest128() };
                if footer != found {
                    return Err(damaged("its checksum does not match"));
                }
                if self.input.read(&mut [0])? > 0 {
                    return Err(damaged("something is behind its end"));
                }
                self.ended = true;
                Ok(None)
            }
            (kind, _) => Err(damaged(format!("a record of kind {kind}"))),
        }
    }
}

fn commit(payload: &[u8]) -> Option<(Arc<Commit>, Option<AskedBy>)> {
    let (length, rest) = payload.split_first_chunk::<4>()?;
    let (frame, beside) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let Ok(Frame::Commit(commit)) = Frame::decode(frame) else { return None };
    match postcard::take_from_bytes::<Beside>(beside) {
        Ok((beside, [])) => Some((commit, beside.by)),
        _ => None,
    }
}

/// Whether a commit comes no later than this.
pub(super) fn within(as_of: AsOf, index: Index, at_ms: u64) -> bool {
    match as_of {
        AsOf::Newest => true,
        AsOf::Index(most) => index <= most,
        AsOf::Time(most) => at_ms <= most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> anyhow::Result<Vec<u8>> {
        let header =
            Header { cluster_id: Uuid::from_u128(1), lineage: Uuid::from_u128(2), created_at_ms: 3, node_id: 4, version: "5".into() };
        let mut state = State::default();
        let mut writer = Writer::begin(Vec::new(), &header, &state)?;
        for index in 1..=3 {
            let identity = metadata::model::Identity { cluster_id: Uuid::from_u128(1), lineage: Uuid::from_u128(index.into()) };
            let changes = vec![metadata::Change::ClusterBootstrapped { identity }];
            state.absorb(index, index, &changes[0]);
            let principal = metadata::Principal::controller(1);
            let (prev_index, digest) = (index - 1, state.digest());
            let commit = Commit { index, prev_index, term: 1, at_ms: index, principal, intent: None, digest, changes };
            let frame = Frame::Commit(Arc::new(commit.clone())).encode()?;
            writer.commit(&commit, &frame, &Beside::default())?;
        }
        Ok(writer.end()?)
    }

    fn read(bytes: &[u8]) -> Result<usize, FileError> {
        let mut reader = Reader::open(bytes)?;
        let mut records = 0;
        while reader.next()?.is_some() {
            records += 1;
        }
        Ok(records)
    }

    #[test]
    fn a_file_is_read_back_and_a_cut_or_damaged_one_is_refused() -> anyhow::Result<()> {
        let whole = written()?;
        assert_eq!(read(&whole)?, 4);
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        // The ten bytes of gzip's own head say nothing that matters.
        for at in 10..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            assert!(read(&bad).is_err(), "byte {at}");
        }
        Ok(())
    }
}
