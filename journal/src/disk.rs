//! Files that grow, as a parameter: a test gives a disk that is full.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Opens files to append to, for their user alone.
pub(crate) trait Disk: Send + Sync {
    /// An empty one, whatever was there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Growing>>;
    /// One that is there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Growing>>;
}

/// A file that is appended to.
pub(crate) trait Growing: Send {
    fn length(&self) -> io::Result<u64>;
    /// After an error some of the bytes may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Drops what lies behind.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// The operating system's.
pub(crate) struct Real;

impl Disk for Real {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        Ok(Box::new(OpenOptions::new().append(true).open(path)?))
    }
}

impl Growing for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
