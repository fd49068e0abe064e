//! A length, a hash and so many bytes. The hash is also of where they are, so that bytes that were moved are not taken for others.

use crate::error::JournalError;
use crate::header::bytes_at;
use metadata::Index;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Bytes before the payload.
pub(crate) const HEAD: usize = 12;
/// Bytes of a payload.
const MOST: usize = 1 << 30;

/// Where a block is: in the segment after this position, at this byte.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub after: Index,
    pub offset: u64,
}

impl Place {
    fn hash(self, payload: &[u8]) -> u64 {
        let mut place = [0; 16];
        place[..8].copy_from_slice(&self.after.to_le_bytes());
        place[8..].copy_from_slice(&self.offset.to_le_bytes());
        xxh3_64_with_seed(payload, xxh3_64(&place))
    }
}

/// Appends a block with what `write` appends as its payload. After an error there is no more than there was.
pub(crate) fn put(
    out: &mut Vec<u8>,
    place: Place,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let start = out.len();
    out.resize(start + HEAD, 0);
    let written = write(out).and_then(|()| {
        let length = out.len() - start - HEAD;
        u32::try_from(length).ok().filter(|_| length <= MOST).ok_or(JournalError::TooLarge(length))
    });
    match written {
        Ok(length) => {
            let hash = place.hash(&out[start + HEAD..]);
            out[start..start + 4].copy_from_slice(&length.to_le_bytes());
            out[start + 4..start + HEAD].copy_from_slice(&hash.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// How long the payload is said to be that follows these first bytes.
pub(crate) fn length(head: &[u8; HEAD]) -> u64 {
    u32::from_le_bytes([head[0], head[1], head[2], head[3]]).into()
}

/// The payload of a whole block; none where it is not what was written there.
pub(crate) fn payload(block: &[u8], place: Place) -> Option<&[u8]> {
    let head: [u8; HEAD] = bytes_at(block, 0)?;
    let payload = &block[HEAD..];
    let hash = u64::from_le_bytes(bytes_at(block, 4)?);
    (length(&head) == payload.len() as u64 && place.hash(payload) == hash).then_some(payload)
}
