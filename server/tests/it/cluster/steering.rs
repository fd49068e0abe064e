//! A cluster whose processes are started otherwise than before, and spoken to otherwise.

use super::Cluster;
use crate::small_disk::Filler;
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

impl Cluster {
    /// Fills the small disk of a running node.
    pub fn fill_disk(&self, id: u64) -> Result<Filler> {
        let controller = self.controllers.get(&id).with_context(|| format!("there is no node {id}"))?;
        Filler::fill(&controller.process.inside(&self.data_dir(id))?)
    }

    /// From its next start on a node has this flag.
    pub fn set_flag(&mut self, id: u64, flag: &str, value: &str) -> Result<()> {
        self.controller(id)?.process.set_flag(flag, value);
        Ok(())
    }

    /// The same of a storage service.
    pub fn set_storage_flag(&mut self, id: u32, flag: &str, value: &str) -> Result<()> {
        self.storage(id)?.process.set_flag(flag, value);
        Ok(())
    }

    /// Every node's API can be spoken to over TLS, and believes whom this file vouches for.
    pub fn trusts(&mut self, ca: &Path) -> Result<()> {
        for controller in self.controllers.values_mut() {
            controller.api = controller.api.clone().trusting(ca)?;
        }
        Ok(())
    }

    /// Where a node's backup is that has a disk of its own.
    pub(super) fn backup_disk(&self, id: u64) -> PathBuf {
        self.path().join(format!("backup-{id}"))
    }

    /// That file, as this process can open it.
    pub fn backup_file(&self, id: u64) -> Result<PathBuf> {
        let controller = self.controllers.get(&id).with_context(|| format!("there is no node {id}"))?;
        controller.process.inside(&self.backup_disk(id).join("backup.sqlite"))
    }

    /// Fills that disk.
    pub fn fill_backup_disk(&self, id: u64) -> Result<Filler> {
        let controller = self.controllers.get(&id).with_context(|| format!("there is no node {id}"))?;
        Filler::fill(&controller.process.inside(&self.backup_disk(id))?)
    }

    /// Sends a node's process a signal.
    pub fn signal(&mut self, id: u64, signal: Signal) -> Result<()> {
        self.controller(id)?.process.signal(signal)
    }
}
