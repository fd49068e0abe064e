//! The newest snapshot on disk: written to a temporary file, fsynced, renamed, checksummed.

use super::SnapshotMeta;
use crate::disk::Disk;
use bytes::Bytes;
use metadata::Machine;
use metadata::snapshot::{decode_machine, encode_machine};
use std::io;
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The file's name.
pub(crate) const FILE: &str = "snapshot.bin";
const MAGIC: &[u8; 8] = b"QrSnap01";
/// Magic, checksum of all that follows, length of the meta.
const HEAD: usize = 8 + 16 + 4;

/// Where a node keeps its snapshot.
#[derive(Clone)]
pub struct SnapshotFile {
    disk: Arc<dyn Disk>,
    /// The disk's first error, shared with the log: either says why the node stopped.
    failure: Arc<OnceLock<io::Error>>,
}

impl SnapshotFile {
    /// The snapshot on this disk.
    pub fn new(disk: Arc<dyn Disk>, failure: Arc<OnceLock<io::Error>>) -> Self {
        SnapshotFile { disk, failure }
    }

    fn refuse(&self, what: impl std::fmt::Display) -> io::Error {
        let path = self.disk.path(FILE);
        let detail = format!("the snapshot {path} is damaged: {what}. It is not used, and nothing is started without it");
        io::Error::new(io::ErrorKind::InvalidData, detail)
    }

    /// The refusal of a snapshot that does not reach to where the log begins.
    pub(crate) fn too_old(&self, applied: u64, purged: u64) -> io::Error {
        self.refuse(format!("it ends at index {applied}, and the Raft log begins after {purged}"))
    }

    /// The newest snapshot's meta and content; none when none was ever written.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged: its name is in the error.
    pub fn read(&self) -> io::Result<Option<(SnapshotMeta, Bytes)>> {
        let Some(file) = self.disk.read(FILE)?.map(Bytes::from) else { return Ok(None) };
        if file.len() < HEAD || &file[..8] != MAGIC {
            return Err(self.refuse("it does not begin as a snapshot does"));
        }
        if xxh3_128(&file[24..]).to_be_bytes() != file[8..24] {
            return Err(self.refuse("its checksum does not match"));
        }
        let meta_len = u32::from_be_bytes([file[24], file[25], file[26], file[27]]) as usize;
        let content = HEAD.checked_add(meta_len).filter(|end| *end <= file.len());
        let content = content.ok_or_else(|| self.refuse("its meta is longer than the file"))?;
        let meta = postcard::from_bytes(&file[HEAD..content]).map_err(|error| self.refuse(error))?;
        Ok(Some((meta, file.slice(content..))))
    }

    /// The newest snapshot, decoded and with its digests checked.
    ///
    /// # Errors
    /// As [`SnapshotFile::read`].
    pub fn load(&self) -> io::Result<Option<(SnapshotMeta, Machine)>> {
        let Some((meta, content)) = self.read()? else { return Ok(None) };
        let machine = decode_machine(&content).map_err(|error| self.refuse(error))?;
        Ok(Some((meta, machine)))
    }

    /// Replaces the snapshot, whole or not at all.
    ///
    /// # Errors
    /// When the disk does not take it; the one before stays.
    pub fn write(&self, meta: &SnapshotMeta, content: &[u8]) -> io::Result<()> {
        let meta = postcard::to_allocvec(meta).map_err(io::Error::other)?;
        let meta_len = u32::try_from(meta.len()).map_err(io::Error::other)?.to_be_bytes();
        let mut sum = Xxh3::new();
        [&meta_len[..], &meta, content].iter().for_each(|part| sum.update(part));
        let written = self.disk.replace(FILE, &[MAGIC, &sum.digest128().to_be_bytes(), &meta_len, &meta, content]);
        written.inspect_err(|error| drop(self.failure.set(io::Error::new(error.kind(), error.to_string()))))
    }
}

/// Encodes a machine as a snapshot's content.
///
/// # Errors
/// As [`encode_machine`].
pub fn content(machine: &Machine) -> io::Result<Bytes> {
    encode_machine(machine).map(Bytes::from).map_err(io::Error::other)
}
