//! Small files that are whole after a crash: nobody else knows what they say.

use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Replaces the file, wholly or not at all: written beside, synced and renamed into place, and the directory synced.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a file needs a directory"))?;
    let beside = path.with_extension("json.tmp");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()?;
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
        for value in [1, 2] {
            write_json(&path, &value)?;
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

    #[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    struct Known {
        lineage: uuid::Uuid,
        index: u64,
        name: Option<String>,
    }

    fn good() -> Known {
        Known { lineage: uuid::Uuid::from_u128(7), index: 9, name: Some("orders".to_owned()) }
    }

    #[test]
    fn a_part_of_a_file_says_nothing() -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("x.json");
        write_json(&path, &good())?;
        let bytes = fs::read(&path)?;
        assert_eq!(read_json::<Known>(&path)?, Some(good()));
        for end in 0..bytes.len() {
            fs::write(&path, &bytes[..end])?;
            assert!(read_json::<Known>(&path).is_err(), "{end} of {} bytes", bytes.len());
        }
        Ok(())
    }

    proptest::proptest! {
        #![proptest_config(damage::cases(256))]

        // Whatever is there: none only where there is no file, for none means that everything begins anew.
        #[test]
        fn any_file_is_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100), at in proptest::prelude::any::<proptest::sample::Index>()) {
            let directory = tempfile::tempdir()?;
            let path = directory.path().join("x.json");
            fs::write(&path, &bytes)?;
            proptest::prop_assert!(read_json::<Known>(&path).is_err());
            let mut damaged = serde_json::to_vec(&good())?;
            let at = at.index(damaged.len());
            damaged.splice(at..at + 1, bytes);
            fs::write(&path, &damaged)?;
            if let Ok(read) = read_json::<Known>(&path) {
                proptest::prop_assert!(read.is_some());
            }
        }
    }
}
