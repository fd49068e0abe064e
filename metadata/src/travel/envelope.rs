//! The versioned envelope around everything binary: two magic bytes, what it is, at which version.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Entry = 1,
    State = 2,
    Machine = 3,
    Frame = 4,
    Rpc = 5,
    Slice = 6,
    /// A log entry with the proof that its leader gave: controllers only.
    CheckedEntry = 7,
    /// A machine that remembers the instances of its controllers.
    AdmittedMachine = 8,
    /// A state of format 2, with settings, standings and reassignments.
    SecondState = 9,
    /// A machine with such a state.
    SecondMachine = 10,
    /// A slice of such a state.
    SecondSlice = 11,
    /// A machine in which sessions of brokers are bound to secrets.
    BoundMachine = 12,
    /// A machine that knows who may do what.
    GuardedMachine = 13,
}

/// The version of every encoding in this build.
pub const VERSION: u8 = 1;
const MAGIC: [u8; 2] = *b"Qr";
const USUAL_BYTES: usize = 512;

/// Why bytes were not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EnvelopeError {
    #[error("{0} bytes are too few for an envelope")]
    TooShort(usize),
    #[error("these bytes are not ours")]
    NotOurs,
    #[error("expected {expected:?}, found kind {found}")]
    WrongKind { expected: Kind, found: u8 },
    #[error("version {found} is newer than {VERSION}, the newest that this build reads")]
    TooNew { found: u8 },
    #[error("the content is damaged: {0}")]
    Damaged(String),
}

/// Wraps a value.
///
/// # Errors
/// When the value cannot be serialised, which no type of this crate comes to.
pub fn seal(kind: Kind, value: &impl Serialize) -> Result<Vec<u8>, EnvelopeError> {
    // Most of what is sealed is an entry or a commit of one topic, and has its room at once.
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.extend([MAGIC[0], MAGIC[1], kind as u8, VERSION]);
    postcard::to_io(value, bytes).map_err(|error| EnvelopeError::Damaged(error.to_string()))
}

/// Whether these bytes say that they hold this kind.
pub fn holds(kind: Kind, bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|found| *found == kind as u8)
}

/// Unwraps a value; bytes left over are damage.
///
/// # Errors
/// Whatever is wrong with the bytes; never a panic, and never more memory than a small multiple of them.
pub fn open<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, EnvelopeError> {
    let [first, second, found, version, content @ ..] = bytes else {
        return Err(EnvelopeError::TooShort(bytes.len()));
    };
    if [*first, *second] != MAGIC {
        return Err(EnvelopeError::NotOurs);
    }
    if *found != kind as u8 {
        return Err(EnvelopeError::WrongKind { expected: kind, found: *found });
    }
    if *version == 0 || *version > VERSION {
        return Err(EnvelopeError::TooNew { found: *version });
    }
    match postcard::take_from_bytes(content) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(EnvelopeError::Damaged(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(EnvelopeError::Damaged(error.to_string())),
    }
}
