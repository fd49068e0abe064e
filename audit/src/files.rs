//! The files of a log: their names, how large they get, and how many there are.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

/// Files that are looked at, the newest ones: more are not this crate's.
pub const MOST_FILES: usize = 64;

const FIRST: u64 = 1;

/// How much a log keeps, on the disk and in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file. Only one that holds nothing but what was written at once has more.
    pub bytes: u64,
    /// Files, 1 to [`MOST_FILES`].
    pub files: usize,
    /// Different events whose repeats are counted at one time, and lines that refusals may become at once.
    pub repeats: usize,
    /// Lines that refusals may become in the long run, in a minute: 1 to 60 000. With those of a common length, what is kept reaches
    /// back a day also while strangers do what they can.
    pub refusals: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 8 << 20, files: 8, repeats: 1_024, refusals: 120 }
    }
}

/// What the operating system said no to.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct AuditError {
    pub path: PathBuf,
    pub source: io::Error,
}

impl AuditError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| AuditError { path, source }
    }
}

pub(crate) fn name(number: u64) -> String {
    format!("audit-{number:08}.jsonl")
}

fn number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok()?;
    ((FIRST..u64::MAX).contains(&number) && self::name(number) == name).then_some(number)
}

/// What a directory holds.
pub(crate) struct Listing {
    /// Number and path, in ascending order.
    pub files: Vec<(u64, PathBuf)>,
    /// A number above all that are taken, by whatever it is.
    pub next: u64,
}

impl Listing {
    pub fn of(dir: &Path) -> Result<Self, AuditError> {
        let (mut files, mut next) = (Vec::new(), FIRST);
        for entry in fs::read_dir(dir).map_err(AuditError::at(dir))? {
            let entry = entry.map_err(AuditError::at(dir))?;
            let Some(number) = entry.file_name().to_str().and_then(number) else { continue };
            next = next.max(number + 1);
            // Nothing else is opened: a pipe would keep whoever reads it.
            if fs::metadata(entry.path()).is_ok_and(|found| found.is_file()) {
                files.push((number, entry.path()));
            }
        }
        files.sort_unstable();
        Ok(Listing { files, next })
    }

    /// The last ones, at most so many and [`MOST_FILES`].
    pub fn newest(&self, most: usize) -> &[(u64, PathBuf)] {
        &self.files[self.files.len().saturating_sub(most.min(MOST_FILES))..]
    }
}

/// Makes the directory, for its user alone, unless it is there.
pub(crate) fn make(dir: &Path) -> Result<(), AuditError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(AuditError::at(dir))
}

/// Makes room for a file of this number: the oldest go, until there are fewer than `most`. What is in the directory is on the disk
/// then.
pub(crate) fn make_room(dir: &Path, number: u64, most: usize) -> Result<(), AuditError> {
    let listing = Listing::of(dir)?;
    let older: Vec<_> = listing.files.into_iter().filter(|(other, _)| *other < number).collect();
    for (_, path) in &older[..(older.len() + 1).saturating_sub(most.clamp(1, MOST_FILES))] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(AuditError::at(path)(error)),
            _ => {}
        }
    }
    if cfg!(unix) { File::open(dir).and_then(|dir| dir.sync_all()).map_err(AuditError::at(dir)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_of_a_name_is_a_file_of_the_log() {
        for (given, expected) in [
            ("audit-00000001.jsonl", Some(1)),
            ("audit-99999999.jsonl", Some(99_999_999)),
            ("audit-100000000.jsonl", Some(100_000_000)),
            ("audit-00000000.jsonl", None),
            ("audit-1.jsonl", None),
            ("audit-+0000001.jsonl", None),
            ("audit-000000001.jsonl", None),
            ("audit-18446744073709551615.jsonl", None),
            ("audit-00000001.jsonl.gz", None),
            ("audit-.jsonl", None),
            ("", None),
        ] {
            assert_eq!(number(given), expected, "{given}");
        }
    }
}
