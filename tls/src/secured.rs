//! A connection after its handshake: who is at its other end, and no longer than that end's certificate holds.

use crate::certificate::Certificate;
use crate::identity::Identity;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::Sleep;
use tokio_rustls::TlsStream;

/// A socket that can change its runtime below the session on it.
#[derive(Debug)]
pub(crate) struct Movable(Option<TcpStream>);

impl Movable {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Movable(Some(stream))
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.0.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Movable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Movable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

/// A stream that nobody else reads.
#[derive(Debug)]
pub struct Secured {
    stream: TlsStream<Movable>,
    raft: bool,
    identity: Option<Identity>,
    fingerprint: Option<[u8; 32]>,
    /// With the end of the other's certificate.
    ends: Option<Pin<Box<Sleep>>>,
}

impl Secured {
    pub(crate) fn new(stream: TlsStream<Movable>, raft: bool, identity: Option<Identity>, shown: Option<Certificate>) -> Self {
        let left = |shown: &Certificate| shown.not_after.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let ends = shown.as_ref().map(|shown| Box::pin(tokio::time::sleep(left(shown))));
        Secured { stream, raft, identity, fingerprint: shown.map(|shown| shown.fingerprint), ends }
    }

    /// Whether Raft is spoken on it, and HTTP otherwise.
    pub fn speaks_raft(&self) -> bool {
        self.raft
    }

    /// Who is at the other end; none for who showed no certificate.
    pub fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// SHA-256 of the certificate that was shown.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.fingerprint
    }

    /// The same stream on another runtime: no thread of this one has to wake up for it any more.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn moved_to(mut self, runtime: &Handle) -> io::Result<Self> {
        let socket = self.stream.get_mut().0;
        let moved = socket.0.take().ok_or(io::ErrorKind::NotConnected)?.into_std()?;
        let _entered = runtime.enter();
        socket.0 = Some(TcpStream::from_std(moved)?);
        self.ends = self.ends.map(|ends| Box::pin(tokio::time::sleep_until(ends.deadline())));
        Ok(self)
    }

    fn holds(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.ends.as_mut().is_some_and(|ends| ends.as_mut().poll(cx).is_ready()) {
            true => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the certificate of the other end has expired")),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.holds(cx)?;
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buffer)) {
            // Without a goodbye: what HTTP and our frames have said ends by their own lengths.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.holds(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.holds(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
