//! openraft's own suite on this store.

use super::TypeConfig;
use super::log::LogStore;
use super::machine::StateMachine;
use super::snapshot_file::SnapshotFile;
use crate::disk::Directory;
use crate::environment::Machine;
use crate::hub::Hub;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use std::sync::Arc;
use tempfile::TempDir;

struct OnDisk;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
        let failed = |error: std::io::Error| StorageError::from_io_error(openraft::ErrorSubject::Store, openraft::ErrorVerb::Read, error);
        let dir = tempfile::tempdir().map_err(failed)?;
        let disk = Arc::new(Directory::new(dir.path()).map_err(failed)?);
        let log = LogStore::open(disk.clone()).map_err(failed)?;
        let machine = StateMachine::open(
            SnapshotFile::new(disk, log.failure()),
            0,
            Arc::new(Hub::new(1)),
            Arc::default(),
            Arc::new(Machine::default()),
        )
        .map_err(failed)?;
        Ok((dir, log, machine))
    }
}

#[test]
fn openrafts_suite_passes_on_this_store() -> anyhow::Result<()> {
    TypeConfig::run(async { Suite::test_all(OnDisk).await }).map_err(|error| anyhow::anyhow!("{error}"))
}
