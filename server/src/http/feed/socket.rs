//! A WebSocket that is written to without copying: what is sent to a thousand readers is one buffer, and each of them costs a
//! system call.

use super::incoming::{Incoming, Said};
use acceptor::Stream;
use axum::body::Bytes;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// A reader that takes nothing for this long is let go.
const STUCK: Duration = Duration::from_secs(10);
/// How long the reader's own farewell is waited for.
const FAREWELL: Duration = Duration::from_secs(1);
/// Frames in one system call.
const MOST_AT_ONCE: usize = 32;
/// A server's frame has no mask.
const LONGEST_HEADER: usize = 10;
const READ: usize = 4_096;

/// One reader's connection.
pub struct Socket {
    stream: Stream,
    incoming: Incoming,
    binary: bool,
}

/// What comes from a reader.
pub enum Heard {
    Said(Said),
    /// It left without a word.
    Gone,
    /// What it says makes no sense.
    Violated(CloseCode),
}

/// The header of a whole, unmasked frame.
struct Header {
    bytes: [u8; LONGEST_HEADER],
    length: usize,
}

impl Header {
    fn of(opcode: OpCode, payload: usize) -> io::Result<Self> {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        let mut bytes = [0; LONGEST_HEADER];
        let mut rest = &mut bytes[..];
        header.format(payload as u64, &mut rest).map_err(io::Error::other)?;
        let length = LONGEST_HEADER - rest.len();
        Ok(Header { bytes, length })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Without copying, and with a system call for all of it.
async fn write_plain(stream: &TcpStream, mut rest: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !rest.is_empty() {
        match stream.try_write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => timeout(STUCK, stream.writable()).await??,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Socket {
    /// A WebSocket on this connection, of which this much was read already.
    pub fn new(stream: Stream, already_read: &[u8], binary: bool) -> Self {
        let mut incoming = Incoming::default();
        incoming.push(already_read);
        Socket { stream, incoming, binary }
    }

    /// Whether frames are binary, and text otherwise.
    pub fn binary(&self) -> bool {
        self.binary
    }

    /// Sends these frames, in one piece if the connection has room.
    ///
    /// # Errors
    /// When the reader is gone, or takes nothing for ten seconds.
    pub async fn send(&mut self, frames: &[Bytes]) -> io::Result<()> {
        let data = if self.binary { Data::Binary } else { Data::Text };
        for frames in frames.chunks(MOST_AT_ONCE) {
            self.write(OpCode::Data(data), frames).await?;
        }
        Ok(())
    }

    async fn write(&mut self, opcode: OpCode, frames: &[Bytes]) -> io::Result<()> {
        let headers = frames.iter().map(|frame| Header::of(opcode, frame.len())).collect::<io::Result<Vec<_>>>()?;
        let mut slices = Vec::with_capacity(2 * frames.len());
        for (header, frame) in headers.iter().zip(frames) {
            slices.extend([IoSlice::new(header.bytes()), IoSlice::new(frame)]);
        }
        let mut rest = &mut slices[..];
        match &mut self.stream {
            Stream::Plain(stream) => write_plain(stream, rest).await,
            Stream::Tls(stream) => {
                while !rest.is_empty() {
                    let written = timeout(STUCK, stream.write_vectored(rest)).await??;
                    if written == 0 {
                        return Err(io::ErrorKind::WriteZero.into());
                    }
                    IoSlice::advance_slices(&mut rest, written);
                }
                timeout(STUCK, stream.flush()).await?
            }
        }
    }

    /// Waits for something that matters. Nothing is lost when this is dropped and called again.
    pub async fn listen(&mut self) -> io::Result<Heard> {
        loop {
            // Neither waiting for the socket nor reading it gives way by itself: one reader who never stops would keep the thread.
            tokio::task::consume_budget().await;
            match self.incoming.next() {
                Ok(Some(said)) => return Ok(Heard::Said(said)),
                Ok(None) => {}
                Err(code) => return Ok(Heard::Violated(code)),
            }
            let mut buffer = [0; READ];
            match self.stream.read(&mut buffer).await? {
                0 => return Ok(Heard::Gone),
                read => self.incoming.push(&buffer[..read]),
            }
        }
    }

    /// Answers a ping.
    pub async fn pong(&mut self, payload: Bytes) -> io::Result<()> {
        self.write(OpCode::Control(Control::Pong), &[payload]).await
    }

    /// Says why the connection ends, and ends it when the reader has heard it.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        self.farewell([&u16::from(code).to_be_bytes()[..], reason.as_bytes()].concat().into()).await
    }

    /// Ends the connection with this payload, which is the reader's own when it leaves first.
    pub async fn farewell(&mut self, payload: Bytes) -> io::Result<()> {
        self.write(OpCode::Control(Control::Close), &[payload]).await?;
        self.stream.shutdown().await?;
        // A connection that is dropped with something unread is reset, and the reader might not see why.
        let drained = async {
            let mut buffer = [0; READ];
            loop {
                tokio::task::consume_budget().await;
                if self.stream.read(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
        };
        timeout(FAREWELL, drained).await.unwrap_or(Ok(()))
    }
}
