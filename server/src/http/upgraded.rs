//! A connection that has left HTTP: its socket, and what was read of it already.

use axum::body::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use tokio::net::TcpStream;

/// Waits for the upgrade, and takes the socket out of it.
///
/// # Errors
/// When the peer left meanwhile, or the connection is not one over TCP.
pub async fn socket(upgrading: OnUpgrade) -> io::Result<(TcpStream, Bytes)> {
    let upgraded = upgrading.await.map_err(io::Error::other)?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| io::Error::other("the connection is not one over TCP"))?;
    Ok((parts.io.into_inner(), parts.read_buf))
}
