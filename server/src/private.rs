//! What this process writes is for its user alone: logs, snapshots and backups hold everything that a cluster knows.

use std::io;
use std::path::Path;

/// First of all in every process: nothing that it makes can be read by others.
#[cfg(unix)]
pub fn begin() {
    use nix::sys::stat::{Mode, umask};
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Elsewhere the system's own rules hold.
#[cfg(not(unix))]
pub fn begin() {}

/// A directory that an earlier build, or somebody else, left open to others is closed. One that belongs to another user is
/// that user's to close: it is said.
#[cfg(unix)]
pub fn close(directory: &Path) -> io::Result<()> {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata(directory)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    match set_permissions(directory, Permissions::from_mode(mode & 0o700)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (directory, mode) = (directory.display(), format!("{:o}", mode & 0o777));
            tracing::warn!(%directory, mode, "others than its user may read or write the data directory, which belongs to somebody else");
            Ok(())
        }
        closed => closed,
    }
}

/// Elsewhere the system's own rules hold.
#[cfg(not(unix))]
pub fn close(_directory: &Path) -> io::Result<()> {
    Ok(())
}
