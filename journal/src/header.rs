//! How a segment begins: whose it is, after which commit, and what the state was there.

use crate::error::Damage;
use crate::options::Whose;
use metadata::Index;
use metadata::digest::Digest;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: [u8; 6] = *b"QrJrnl";
/// Of everything in a segment and its sidecar.
const VERSION: u16 = 1;

/// Bytes of a header.
pub(crate) const HEADER: usize = 80;

/// Numbers are written with their lowest byte first.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub whose: Whose,
    pub after: Index,
    /// The state's time there, ms since the Unix epoch.
    pub at_ms: u64,
    /// The state's digest there.
    pub digest: Digest,
}

impl Header {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.whose.cluster_id.as_bytes());
        bytes.extend(self.whose.lineage.as_bytes());
        bytes.extend(self.after.to_le_bytes());
        bytes.extend(self.at_ms.to_le_bytes());
        bytes.extend(self.digest.0.to_le_bytes());
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header of [`HEADER`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Header, Damage> {
        let read = || {
            let said = bytes.get(..HEADER - 8)?;
            if bytes_at(bytes, 0)? != MAGIC || xxh3_64(said) != u64::from_le_bytes(bytes_at(bytes, HEADER - 8)?) {
                return None;
            }
            let whose = Whose { cluster_id: Uuid::from_bytes(bytes_at(bytes, 8)?), lineage: Uuid::from_bytes(bytes_at(bytes, 24)?) };
            let after = u64::from_le_bytes(bytes_at(bytes, 40)?);
            let at_ms = u64::from_le_bytes(bytes_at(bytes, 48)?);
            let digest = Digest(u128::from_le_bytes(bytes_at(bytes, 56)?));
            Some((u16::from_le_bytes(bytes_at(bytes, 6)?), Header { whose, after, at_ms, digest }))
        };
        match read() {
            Some((VERSION, header)) => Ok(header),
            Some(_) => Err(Damage::Version),
            None => Err(Damage::Header),
        }
    }
}
