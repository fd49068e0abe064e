//! Files that grow, as a parameter: a test gives a disk that is full.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Opens files.
pub(crate) trait Disk: Send {
    /// One to append to, for its user alone; it is made unless it is there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Growing>>;
}

/// A file that is appended to.
pub(crate) trait Growing: Send {
    fn length(&self) -> io::Result<u64>;
    /// After an error some of the bytes may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Drops what lies behind.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Waits until all of it is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// The operating system's.
pub(crate) struct Real;

impl Disk for Real {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let found = file.metadata()?;
            if found.is_file() && found.permissions().mode() & 0o777 != 0o600 {
                file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
            }
        }
        Ok(Box::new(file))
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

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}
