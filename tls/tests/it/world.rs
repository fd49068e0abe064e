//! Authorities and the processes that they vouch for, as directories.

use anyhow::{Context, Result};
use metadata::BrokerId;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tls::issue::{Authority, LEAF_HOLDS, Leaf};
use tls::{Certificates, Identity};

/// A cluster's authority, and a directory for each process.
pub struct World {
    pub authority: Authority,
    dir: TempDir,
}

pub fn controller(id: u64) -> Identity {
    Identity::Controller(id)
}

pub fn broker(id: u32) -> Identity {
    Identity::Broker(BrokerId(id))
}

pub fn on_loopback(identity: Option<Identity>) -> Leaf {
    Leaf { identity, hosts: vec!["127.0.0.1".to_owned(), "node.example".to_owned()], holds: LEAF_HOLDS }
}

/// For its user alone, as keys have to be.
pub fn write_key(path: &Path, key: &str) -> Result<()> {
    fs::write(path, key)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

impl World {
    pub fn new() -> Result<Self> {
        Ok(World { authority: Authority::new("Test")?, dir: tempfile::tempdir()? })
    }

    /// A directory of this world.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Writes what a process has.
    pub fn equip(&self, dir: &Path, leaf: &Leaf) -> Result<()> {
        let issued = self.authority.issue(leaf)?;
        write_key(&dir.join(tls::NODE_KEY), &issued.key)?;
        fs::write(dir.join(tls::NODE), &issued.certificate)?;
        Ok(fs::write(dir.join(tls::CA), self.authority.certificate())?)
    }

    /// A process that this authority vouches for.
    pub fn process(&self, identity: Identity) -> Result<Certificates> {
        self.process_for(identity, LEAF_HOLDS)
    }

    /// The same for so long.
    pub fn process_for(&self, identity: Identity, holds: Duration) -> Result<Certificates> {
        let dir = self.dir(&identity.to_string().replace(['/', ':'], "-"))?;
        self.equip(&dir, &Leaf { holds, ..on_loopback(Some(identity)) })?;
        Certificates::read(&dir, identity).context("a new set cannot be used")
    }
}
