//! A connection that has left HTTP: its stream, and what was read of it already.

use acceptor::Stream;
use axum::body::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;

/// Waits for the upgrade, and takes the stream out of it.
///
/// # Errors
/// When the peer left meanwhile, or the connection is not one of this node's port.
pub async fn stream(upgrading: OnUpgrade) -> io::Result<(Stream, Bytes)> {
    let upgraded = upgrading.await.map_err(io::Error::other)?;
    let parts = upgraded.downcast::<TokioIo<Stream>>().map_err(|_| io::Error::other("the connection is not one of this port"))?;
    Ok((parts.io.into_inner(), parts.read_buf))
}
