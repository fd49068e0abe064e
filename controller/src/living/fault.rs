//! Why a node does not start, or takes no part: its disk, its state, or its identity. Shown on every surface, in the same words.

use metadata::Index;
use std::fmt;
use std::io;
use thiserror::Error;

/// Why a node did not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error("Raft does not start: {0}")]
    Raft(String),
    /// The peers know this node id with another data directory, or belong to another history.
    #[error("{0}")]
    Refused(String),
}

impl StartError {
    /// A restart alone mends none of these.
    pub fn retryable(&self) -> bool {
        false
    }

    /// Whether somebody else holds the disk's files.
    pub(crate) fn held(&self) -> bool {
        matches!(self, StartError::Disk(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// What stopped a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk took no more. With `full`, the node goes on by itself when there is room; after any other error what the
    /// operating system still shows may not be on the disk, so a person has to look.
    Disk { full: bool, detail: String },
    /// The state is not what a majority has, or not what its own digest says. It is rebuilt once from snapshot and log.
    Diverged { index: Index, detail: String },
    /// The state that was rebuilt does not agree either.
    StillDiverged { index: Index, detail: String },
    /// The others know this node id with another data directory, or belong to another history.
    Refused { detail: String },
    /// Raft stopped for another reason.
    Raft { detail: String },
    /// The others removed this node from their membership (K4).
    Removed { detail: String },
}

impl Fault {
    /// The fault behind a disk's error.
    pub(crate) fn disk(error: &io::Error) -> Self {
        // EFBIG is what a quota of bytes per file comes to.
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge);
        Fault::Disk { full, detail: error.to_string() }
    }

    /// Why a node does not start again.
    pub(crate) fn start(error: &StartError) -> Self {
        match error {
            StartError::Disk(error) => Fault::disk(error),
            StartError::Refused(detail) => Fault::Refused { detail: detail.clone() },
            StartError::Raft(detail) => Fault::Raft { detail: detail.clone() },
        }
    }

    /// Whether what is applied here may still be read.
    pub fn readable(&self) -> bool {
        !matches!(self, Fault::Diverged { .. } | Fault::StillDiverged { .. })
    }

    /// Whether the node tries to come back by itself.
    pub(crate) fn mends(&self) -> bool {
        matches!(self, Fault::Disk { full: true, .. } | Fault::Diverged { .. })
    }

    /// Whether the process has no use any more.
    pub fn ends(&self) -> bool {
        matches!(self, Fault::Refused { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Disk { full: true, detail } => write!(f, "the disk is full: {detail}. It goes on by itself when there is room"),
            Fault::Disk { full: false, detail } => write!(f, "the disk failed: {detail}. Mend the disk, then restart this node"),
            Fault::Diverged { index, detail } => {
                write!(f, "the state diverged at index {index}: {detail}. It is being rebuilt from this node's own snapshot and log")
            }
            Fault::StillDiverged { index, detail } => {
                write!(f, "the state diverged at index {index}, and what was rebuilt from snapshot and log does not agree either: {detail}")
            }
            Fault::Refused { detail } | Fault::Removed { detail } => f.write_str(detail),
            Fault::Raft { detail } => write!(f, "Raft stopped: {detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_waited_for() {
        for (kind, full) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::FileTooLarge, true),
            (io::ErrorKind::Other, false),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            assert_eq!(Fault::disk(&io::Error::from(kind)).mends(), full, "{kind:?}");
        }
    }
}
