//! `quorate storage`: runs the reference storage service until it is asked to stop; stopping is a controlled shutdown.

use crate::certificates::HangUps;
use crate::cli::StorageFlags;
use crate::usage::Usage;
use crate::{certificates, private, stop, telemetry, token};
use anyhow::Context;
use metadata::BrokerId;
use tls::Identity;

pub fn run(flags: StorageFlags) -> anyhow::Result<()> {
    let _log = telemetry::start(flags.log_format);
    let holder = Identity::Broker(BrokerId(flags.id));
    let host = flags.advertised_host.clone().unwrap_or_else(|| flags.listen.ip().to_string());
    let tls = certificates::read(flags.tls_dir.as_deref(), flags.tls, &flags.data_dir, holder, &host)?;
    if !flags.listen.ip().is_loopback() && !flags.insecure && tls.as_ref().is_none_or(|tls| tls.plain_too) {
        let how = certificates::commands(&flags.data_dir.join("tls"), holder, &host);
        let listen = flags.listen;
        let no = format!(
            "--listen {listen} is beyond loopback, and nothing but TLS is safe there. {how}; or give --insecure to do it all the same"
        );
        return Err(Usage(no).into());
    }
    if flags.data_dir.is_dir() {
        let closed = private::close(&flags.data_dir);
        closed.with_context(|| format!("the data directory {} cannot be closed to others", flags.data_dir.display()))?;
    }
    let authorization = token::shown(flags.token_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
    let ran = runtime.block_on(async {
        let mut options = storage::Options::new(flags.id, flags.controllers, flags.listen, flags.data_dir);
        options.rack = flags.rack;
        options.insecure = flags.insecure;
        let certificates = tls.as_ref().map(|tls| tls.certificates.clone());
        tokio::spawn(certificates::follow(HangUps::new(), certificates));
        options.tls = tls;
        options.authorization = authorization;
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
