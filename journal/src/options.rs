//! Where a journal is, whose it is, and how much it keeps.

use std::path::PathBuf;
use uuid::Uuid;

/// Whose commits these are. Those of others are none of its business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    pub cluster_id: Uuid,
    /// A cluster that was restored from a backup has another one.
    pub lineage: Uuid,
}

/// Where a journal is, and in which portions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A directory of its own; it is made unless it is there.
    pub dir: PathBuf,
    /// Bytes of commits after which a segment is full, or twice its checkpoint, whichever is more.
    pub segment_bytes: u64,
    /// Commits after which a segment is full, from 1 on.
    pub segment_commits: u32,
}

/// How much a journal keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes of all files. The newest segment stays whatever it has.
    pub most_bytes: u64,
    /// ms; none keeps a commit for as long as there is room.
    pub most_age_ms: Option<u64>,
}

/// Segments that a journal has room for at least, unless they begin with a large state.
const SEGMENTS_KEPT: u64 = 8;

impl Options {
    /// Segments of 64 MiB or 100 000 commits.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Options { dir: dir.into(), segment_bytes: 64 << 20, segment_commits: 100_000 }
    }

    /// Smaller segments where little is kept: what goes goes by segments.
    #[must_use]
    pub fn keeping(self, most_bytes: u64) -> Self {
        Options { segment_bytes: self.segment_bytes.min(most_bytes / SEGMENTS_KEPT), ..self }
    }

    /// Whether a segment with these commits behind such a checkpoint is full.
    pub(crate) fn fills(&self, commits: u32, bytes: u64, checkpoint: u64) -> bool {
        commits > 0 && (commits >= self.segment_commits || bytes >= self.segment_bytes.max(checkpoint.saturating_mul(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn where_little_is_kept_segments_are_small() {
        for (kept, segment) in [(16 << 20, 2 << 20), (512 << 20, 64 << 20), (8 << 30, 64 << 20), (0, 0)] {
            assert_eq!(Options::new("journal").keeping(kept).segment_bytes, segment, "{kept}");
        }
        // A segment is full once it has twice what it begins with, whatever is kept, and never without a commit.
        let none = Options::new("journal").keeping(0);
        assert!(!none.fills(0, 0, 0) && none.fills(1, 200, 100) && !none.fills(1, 199, 100));
    }
}
