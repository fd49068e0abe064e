//! Whoever reads a feed: what a WebSocket and an event stream have in common.

use super::incoming::Said;
use super::socket::{Heard, Socket};
use super::stream::Stream;
use axum::body::Bytes;
use controller::hub::Encoded;
use std::io;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// One reader's connection.
pub enum Reader {
    Socket(Socket),
    Stream(Stream),
}

impl Reader {
    /// The bytes of a frame for this reader, shared with all others of its kind.
    pub fn encoding(&self, frame: &Encoded) -> Bytes {
        match self {
            Reader::Socket(socket) if socket.binary() => frame.binary(),
            Reader::Socket(_) => frame.json(),
            Reader::Stream(stream) if stream.binary() => frame.binary_event(),
            Reader::Stream(_) => frame.json_event(),
        }
    }

    /// Sends these frames in their order.
    ///
    /// # Errors
    /// When the reader is gone, or takes nothing for ten seconds.
    pub async fn send(&mut self, frames: Vec<Bytes>) -> io::Result<()> {
        match self {
            Reader::Socket(socket) => socket.send(&frames).await,
            Reader::Stream(stream) => stream.send(frames).await,
        }
    }

    /// Waits for something that matters. Nothing is lost when this is dropped and called again.
    pub async fn listen(&mut self) -> io::Result<Heard> {
        match self {
            Reader::Socket(socket) => socket.listen().await,
            Reader::Stream(stream) => {
                stream.left().await;
                Ok(Heard::Gone)
            }
        }
    }

    /// Answers what was heard; says whether the reader has left.
    pub async fn answer(&mut self, heard: Heard) -> io::Result<bool> {
        match (self, heard) {
            (Reader::Socket(socket), Heard::Said(Said::Ping(payload))) => socket.pong(payload).await.map(|()| false),
            (Reader::Socket(socket), Heard::Said(Said::Close(reason))) => socket.farewell(reason).await.map(|()| true),
            (Reader::Socket(socket), Heard::Violated(code)) => socket.close(code, "").await.map(|()| true),
            (_, Heard::Gone) | (Reader::Stream(_), _) => Ok(true),
        }
    }

    /// Ends the connection and says why, where there is a way to.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        match self {
            Reader::Socket(socket) => socket.close(code, reason).await,
            // The last frame said it.
            Reader::Stream(_) => Ok(()),
        }
    }
}
