//! Whether a process speaks TLS, with which certificates, and when it looks for others.

use crate::usage::Usage;
use clap::ValueEnum;
use serde::Deserialize;
use std::path::Path;
use tls::{Certificates, Identity, LOOK_EVERY, Speaking};

/// Where a process looks when it is not told.
const DIRECTORY: &str = "tls";

/// How a process speaks and is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Plain, whatever certificates there are.
    Off,
    /// TLS with those who speak it, and plain with the rest: while a cluster changes from the one to the other.
    Allow,
    /// TLS, and nothing else.
    Require,
}

/// Reads the certificates of a process from the directory that it was told, or the usual one; none where it speaks no TLS. `host` is
/// named in what to do when they cannot be used.
///
/// # Errors
/// [`Usage`] with the file at fault, and the commands that make it.
pub fn read(told: Option<&Path>, mode: Option<Mode>, data_dir: &Path, holder: Identity, host: &str) -> Result<Option<Speaking>, Usage> {
    let usual = data_dir.join(DIRECTORY);
    let dir = match (told, mode) {
        (_, Some(Mode::Off)) => return Ok(None),
        (Some(dir), _) => dir.to_owned(),
        (None, Some(_)) => usual,
        (None, None) if usual.is_dir() => usual,
        (None, None) => return Ok(None),
    };
    match Certificates::read(&dir, holder) {
        Ok(certificates) => Ok(Some(Speaking { certificates, plain_too: mode == Some(Mode::Allow) })),
        Err(unusable) => Err(Usage(format!("TLS cannot be spoken: {unusable}. {}", commands(&dir, holder, host)))),
    }
}

/// The commands that make the certificates of a process.
pub fn commands(dir: &Path, holder: Identity, host: &str) -> String {
    let (kind, id) = match holder {
        Identity::Controller(id) => ("controller", id.to_string()),
        Identity::Broker(id) => ("broker", id.to_string()),
    };
    format!(
        "To make them: `quorate cert ca --dir ca` once for the cluster, and `quorate cert {kind} --id {id} --host {host} --ca ca --dir {}`",
        dir.display()
    )
}

/// The signal that asks for another look. Taken in every mode: a process without certificates is not ended by it.
#[cfg(unix)]
pub struct HangUps(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl HangUps {
    /// From now on. In a runtime.
    pub fn new() -> Self {
        HangUps(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok())
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Elsewhere there is no such signal.
#[cfg(not(unix))]
pub struct HangUps;

#[cfg(not(unix))]
impl HangUps {
    pub fn new() -> Self {
        HangUps
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}

/// Looks for other certificates every minute, and whenever the process is sent SIGHUP.
pub async fn follow(mut hang_ups: HangUps, certificates: Option<Certificates>) {
    loop {
        tokio::select! {
            () = hang_ups.next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let Some(looking) = certificates.clone() else { continue };
        if let Err(error) = tokio::task::spawn_blocking(move || looking.look()).await {
            tracing::error!(%error, "the certificates could not be looked at");
        }
    }
}
