//! Small files that are whole after a crash: written beside, renamed into place, and the directory synced.

use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Whether a file can be had again from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Synced before it is renamed: nobody else knows what it says.
    Precious,
    /// What a power cut leaves empty is written again at the next start, so one sync per file is saved.
    Derived,
}

/// Replaces the file, or leaves the old one.
pub(crate) fn write_json(path: &Path, value: &impl Serialize, content: Content) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a file needs a directory"))?;
    let beside = path.with_extension("json.tmp");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    if content == Content::Precious {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(&beside, path)?;
    sync_directory(directory)
}

/// What the file says; none if there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the file for good, if there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_directory),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes creations, renames and removals in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_removed_once() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("x.json");
        assert_eq!(read_json::<u32>(&path)?, None);
        for (value, content) in [(1, Content::Precious), (2, Content::Derived)] {
            write_json(&path, &value, content)?;
            assert_eq!(read_json::<u32>(&path)?, Some(value));
        }
        assert_eq!(fs::read_dir(directory.path())?.count(), 1, "nothing is left beside it");
        remove(&path)?;
        remove(&path)?;
        assert_eq!(read_json::<u32>(&path)?, None);
        fs::write(&path, "")?;
        assert!(read_json::<u32>(&path).is_err(), "an empty file says nothing");
        Ok(())
    }
}
