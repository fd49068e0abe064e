//! `quorate storage`: runs the reference storage service until it is asked to stop; stopping is a controlled shutdown.

use crate::cli::StorageFlags;
use crate::usage::Usage;
use crate::{private, stop, telemetry};
use anyhow::Context;

pub fn run(flags: StorageFlags) -> anyhow::Result<()> {
    let _log = telemetry::start(flags.log_format);
    if !flags.listen.ip().is_loopback() && !flags.insecure {
        return Err(Usage(format!(
            "--listen {} is beyond loopback, and there is no TLS yet: give --insecure to do it all the same",
            flags.listen
        ))
        .into());
    }
    if flags.data_dir.is_dir() {
        let closed = private::close(&flags.data_dir);
        closed.with_context(|| format!("the data directory {} cannot be closed to others", flags.data_dir.display()))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
    let ran = runtime.block_on(async {
        let mut options = storage::Options::new(flags.id, flags.controllers, flags.listen, flags.data_dir);
        options.rack = flags.rack;
        options.insecure = flags.insecure;
        options.advertised_host = flags.advertised_host;
        let handle = storage::run(options).await?;
        tokio::select! {
            () = stop::asked(flags.stop_with_stdin) => {}
            ended = handle.wait() => return ended.context("the storage service ended"),
        }
        handle.stop().await.context("the controlled shutdown did not complete")?;
        Ok(())
    });
    // A read of stdin cannot be cancelled; waiting for it would keep the process.
    runtime.shutdown_background();
    ran
}
