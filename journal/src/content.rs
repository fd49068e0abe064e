//! What a block holds of a commit: the frame in which feeds carry it, and what is kept beside it.

use crate::error::JournalError;
use crate::header::bytes_at;
use metadata::Commit;
use metadata::frame::Frame;
use metadata::history::{Beside, Record};
use std::sync::Arc;

/// Appends it.
pub(crate) fn put(out: &mut Vec<u8>, frame: &[u8], beside: &Beside) -> Result<(), JournalError> {
    let length = u32::try_from(frame.len()).map_err(|_| JournalError::TooLarge(frame.len()))?;
    out.extend(length.to_le_bytes());
    out.extend(frame);
    postcard::to_io(beside, &mut *out).map_err(|error| JournalError::Unencodable(error.to_string()))?;
    Ok(())
}

fn parts(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_le_bytes(bytes_at(payload, 0)?);
    payload[4..].split_at_checked(length as usize)
}

/// The frame.
pub(crate) fn frame(payload: &[u8]) -> Option<&[u8]> {
    parts(payload).map(|(frame, _)| frame)
}

/// The commit alone.
pub(crate) fn commit(payload: &[u8]) -> Option<Arc<Commit>> {
    match Frame::decode(frame(payload)?) {
        Ok(Frame::Commit(commit)) => Some(commit),
        _ => None,
    }
}

/// All of it.
pub(crate) fn record(payload: &[u8]) -> Option<Record> {
    let (_, beside) = parts(payload)?;
    match postcard::take_from_bytes::<Beside>(beside) {
        Ok((beside, [])) => Some(Record { commit: commit(payload)?, beside }),
        _ => None,
    }
}
