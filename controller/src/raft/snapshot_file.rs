//! The newest snapshot on disk: written to a temporary file, fsynced, renamed, checksummed.

use super::SnapshotMeta;
use bytes::Bytes;
use metadata::Machine;
use metadata::snapshot::{decode_machine, encode_machine};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

const MAGIC: &[u8; 8] = b"QrSnap01";
/// Magic, checksum of all that follows, length of the meta.
const HEAD: usize = 8 + 16 + 4;

/// Where a node keeps its snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    path: PathBuf,
}

fn refuse(path: &Path, what: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the snapshot {} is damaged: {what}. It is not used, and nothing is started without it", path.display()),
    )
}

impl SnapshotFile {
    /// The snapshot of this data directory.
    pub fn new(data_dir: &Path) -> Self {
        SnapshotFile { path: data_dir.join("snapshot.bin") }
    }

    /// The newest snapshot's meta and content; none when none was ever written.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged: its name is in the error.
    pub fn read(&self) -> io::Result<Option<(SnapshotMeta, Bytes)>> {
        let file = match fs::read(&self.path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))),
        };
        if file.len() < HEAD || &file[..8] != MAGIC {
            return Err(refuse(&self.path, "it does not begin as a snapshot does"));
        }
        if xxh3_128(&file[24..]).to_be_bytes() != file[8..24] {
            return Err(refuse(&self.path, "its checksum does not match"));
        }
        let meta_len = u32::from_be_bytes([file[24], file[25], file[26], file[27]]) as usize;
        let content = HEAD.checked_add(meta_len).filter(|end| *end <= file.len());
        let content = content.ok_or_else(|| refuse(&self.path, "its meta is longer than the file"))?;
        let meta = postcard::from_bytes(&file[HEAD..content]).map_err(|error| refuse(&self.path, error))?;
        Ok(Some((meta, file.slice(content..))))
    }

    /// The newest snapshot, decoded and with its digests checked.
    ///
    /// # Errors
    /// As [`SnapshotFile::read`].
    pub fn load(&self) -> io::Result<Option<(SnapshotMeta, Machine)>> {
        let Some((meta, content)) = self.read()? else { return Ok(None) };
        let machine = decode_machine(&content).map_err(|error| refuse(&self.path, error))?;
        Ok(Some((meta, machine)))
    }

    /// Replaces the snapshot, whole or not at all.
    ///
    /// # Errors
    /// When the disk does not take it; the one before stays.
    pub fn write(&self, meta: &SnapshotMeta, content: &[u8]) -> io::Result<()> {
        let meta = postcard::to_allocvec(meta).map_err(io::Error::other)?;
        let mut body = Vec::with_capacity(4 + meta.len() + content.len());
        body.extend((meta.len() as u32).to_be_bytes());
        body.extend(&meta);
        body.extend(content);
        let temporary = self.path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(MAGIC)?;
        file.write_all(&xxh3_128(&body).to_be_bytes())?;
        file.write_all(&body)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        match self.path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// Encodes a machine as a snapshot's content.
///
/// # Errors
/// As [`encode_machine`].
pub fn content(machine: &Machine) -> io::Result<Bytes> {
    encode_machine(machine).map(Bytes::from).map_err(io::Error::other)
}
