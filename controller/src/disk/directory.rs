//! The real disk: a data directory. Files are written to a temporary name, fsynced and renamed.

use super::wal::Wal;
use super::{Disk, Opened};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const LOG: &str = "log";
/// Room that has to be there before a node that found none goes on: some seconds of a busy log.
const ROOM_BYTES: usize = 1 << 20;

/// A data directory.
#[derive(Clone, Debug)]
pub struct Directory {
    dir: PathBuf,
}

impl Directory {
    /// The directory at this path, which is made when it is not there.
    ///
    /// # Errors
    /// When it can neither be found nor made.
    pub fn new(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        let log = dir.join(LOG);
        fs::create_dir_all(&log).map_err(|error| named(&log, &error))?;
        Ok(Directory { dir })
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn write_new(&self, file: &str, parts: &[&[u8]]) -> io::Result<PathBuf> {
        let path = self.dir.join(file).with_extension("tmp");
        let mut created = File::create(&path)?;
        let written = parts.iter().try_for_each(|part| created.write_all(part)).and_then(|()| created.sync_all());
        if let Err(error) = written {
            // Half a file is of no use, and its room may be needed.
            drop(fs::remove_file(&path));
            return Err(error);
        }
        Ok(path)
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn sizes(dir: &Path) -> io::Result<BTreeMap<PathBuf, u64>> {
    let mut sizes = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "wal") {
            sizes.insert(entry.path(), entry.metadata()?.len());
        }
    }
    Ok(sizes)
}

impl Disk for Directory {
    fn open_log(&self) -> io::Result<Opened> {
        let dir = self.dir.join(LOG);
        let before = sizes(&dir)?;
        let wal = Wal::open(&dir)?;
        let after = sizes(&dir)?;
        let cut: Vec<String> = before
            .iter()
            .filter_map(|(path, size)| {
                let kept = after.get(path).copied().unwrap_or(0);
                (kept < *size).then(|| format!("{} bytes from the end of {}", size - kept, path.display()))
            })
            .collect();
        Ok(Opened { log: Box::new(wal), cut: (!cut.is_empty()).then(|| cut.join(", ")) })
    }

    fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.dir.join(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(&path, &error)),
        }
    }

    fn replace(&self, file: &str, parts: &[&[u8]]) -> io::Result<()> {
        let path = self.dir.join(file);
        let write = || {
            fs::rename(self.write_new(file, parts)?, &path)?;
            self.sync()
        };
        write().map_err(|error: io::Error| named(&path, &error))
    }

    fn check_room(&self) -> io::Result<()> {
        let block = [0x51; 4_096];
        let parts = vec![&block[..]; ROOM_BYTES / block.len()];
        fs::remove_file(self.write_new("room", &parts)?)
    }

    fn path(&self, file: &str) -> String {
        self.dir.join(file).display().to_string()
    }
}
