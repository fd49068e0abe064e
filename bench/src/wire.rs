//! A connection to a node: plain or, when the run is one over TLS, with the certificates of an authority of its own.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// Whom the connections of this run trust; none in a run that is plain.
static TRUSTED: OnceLock<Arc<ClientConfig>> = OnceLock::new();

pub type Wire = Either<TcpStream, TlsStream<TcpStream>>;

/// How addresses of nodes begin in this run.
pub fn scheme() -> &'static str {
    if TRUSTED.get().is_some() { "https" } else { "http" }
}

/// Connects.
///
/// # Errors
/// When nobody listens there, or nobody who is trusted.
pub async fn open(address: &str) -> Result<Wire> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("{address} does not take connections"))?;
    stream.set_nodelay(true)?;
    let Some(trusted) = TRUSTED.get() else { return Ok(Either::Left(stream)) };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned();
    let connecting = TlsConnector::from(trusted.clone()).connect(host.try_into()?, stream);
    Ok(Either::Right(connecting.await.with_context(|| format!("no handshake with {address}"))?))
}

/// The authority of this run.
pub struct Authority {
    quorate: PathBuf,
    dir: PathBuf,
}

impl Authority {
    /// Makes one with the program under test; from now on every connection is over TLS.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(quorate: &Path, below: &Path) -> Result<Self> {
        let authority = Authority { quorate: quorate.to_owned(), dir: below.join("authority") };
        let ca = authority.dir.join(tls::CA);
        if !ca.exists() {
            authority.cert(&["ca", "--dir", &authority.dir.display().to_string()])?;
        }
        drop(TRUSTED.set(Arc::new(tls::trusting(Some(&ca))?)));
        Ok(authority)
    }

    fn cert(&self, arguments: &[&str]) -> Result<()> {
        let made = Command::new(&self.quorate).arg("cert").args(arguments).output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(())
    }

    /// The certificates of a process, where it looks for them.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn equip(&self, kind: &str, id: u64, data_dir: &str) -> Result<()> {
        let (ca, dir) = (self.dir.display().to_string(), format!("{data_dir}/tls"));
        self.cert(&[kind, "--id", &id.to_string(), "--host", "127.0.0.1", "--ca", &ca, "--dir", &dir])
    }
}
