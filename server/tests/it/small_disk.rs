//! A file system of a few megabytes for one process: a tmpfs in a mount namespace of its own, gone with the process.

use crate::process::{clean, program};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where it is mounted, and how large it is.
pub struct SmallDisk {
    pub mount: PathBuf,
    pub bytes: u64,
}

const MOUNT: &str = r#"mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@""#;

/// `unshare`, as root if it is root already, and as root of a user namespace of its own otherwise.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

impl SmallDisk {
    /// Whether this machine lets its users mount one.
    pub fn possible() -> bool {
        let probe = unshare().args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    }

    /// The program, to which arguments can be added.
    pub fn command(&self) -> Result<Command> {
        std::fs::create_dir_all(&self.mount)?;
        let mut command = unshare();
        command.args(["sh", "-c", MOUNT, "sh", &self.bytes.to_string()]).arg(&self.mount).arg(program()?);
        Ok(clean(command))
    }
}

/// What takes the room on a disk.
pub struct Filler(PathBuf);

impl Filler {
    /// Takes all the room there is.
    pub fn fill(directory: &Path) -> Result<Self> {
        let path = directory.join("filler");
        let mut file = File::create(&path).with_context(|| path.display().to_string())?;
        for block in [65_536, 4_096, 1] {
            loop {
                match file.write(&vec![0; block]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Filler(path))
    }

    /// Makes room again.
    pub fn remove(self) -> Result<()> {
        Ok(std::fs::remove_file(self.0)?)
    }
}
