//! The files of a journal: their names, and what a directory holds of them.

use crate::error::JournalError;
use metadata::Index;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

/// Segments of a journal: of more, the oldest go.
pub const MOST_SEGMENTS: usize = 4_096;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Segment,
    Sidecar,
}

/// What a file is called while it is written.
pub(crate) const NEW: &str = "new";
/// What a file is called that a gap is going to be filled with.
pub(crate) const PART: &str = "part";

impl File {
    pub fn name(self, after: Index) -> String {
        match self {
            File::Segment => format!("{after:020}.journal"),
            File::Sidecar => format!("{after:020}.index"),
        }
    }

    pub fn path(self, dir: &Path, after: Index) -> PathBuf {
        dir.join(self.name(after))
    }

    /// The path of one that is not in its place yet.
    pub fn unplaced(self, dir: &Path, after: Index, stage: &str) -> PathBuf {
        dir.join(format!("{}.{stage}", self.name(after)))
    }

    fn read(name: &str) -> Option<(Index, File)> {
        let after = name.get(..20)?.parse().ok()?;
        [File::Segment, File::Sidecar].into_iter().find(|file| file.name(after) == name).map(|file| (after, file))
    }
}

/// Makes the directory, for its user alone, unless it is there.
pub(crate) fn make(dir: &Path) -> Result<(), JournalError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(JournalError::at(dir))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::at(path)(error)),
        _ => Ok(()),
    }
}

/// Puts a file in its place.
pub(crate) fn place(from: &Path, to: &Path) -> Result<(), JournalError> {
    fs::rename(from, to).map_err(JournalError::at(to))
}

/// By the position after which they begin, whether there is a segment and whether there is a sidecar. What was not put in its place
/// is removed, and what is no file of a journal is left alone.
pub(crate) fn list(dir: &Path) -> Result<BTreeMap<Index, (bool, bool)>, JournalError> {
    let mut found = BTreeMap::<Index, (bool, bool)>::new();
    for entry in fs::read_dir(dir).map_err(JournalError::at(dir))? {
        let entry = entry.map_err(JournalError::at(dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // Nothing else is opened: a pipe would keep whoever reads it.
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if let Some((after, file)) = File::read(name) {
            let both = found.entry(after).or_default();
            match file {
                File::Segment => both.0 = true,
                File::Sidecar => both.1 = true,
            }
        } else if [NEW, PART].iter().any(|stage| name.strip_suffix(stage).and_then(|name| File::read(name.strip_suffix('.')?)).is_some()) {
            remove(&entry.path())?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_of_a_name_is_a_file_of_the_journal() {
        for (given, expected) in [
            ("00000000000000000000.journal", Some((0, File::Segment))),
            ("00000000000000001000.index", Some((1000, File::Sidecar))),
            ("18446744073709551615.journal", Some((u64::MAX, File::Segment))),
            ("18446744073709551616.journal", None),
            ("0000000000000001000.journal", None),
            ("+0000000000000001000.journal", None),
            ("00000000000000001000.journal.new", None),
            ("00000000000000001000", None),
            ("äääääääääääääääääääää.journal", None),
            ("", None),
        ] {
            assert_eq!(File::read(given), expected, "{given}");
        }
    }
}
