//! How a port is spoken to: plain, over TLS, or for as long as a cluster changes from the one to the other in both ways.

use crate::place::Place;
use crate::stream::Stream;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tls::{Identity, Secured, Speaking};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first byte of a TLS connection: a handshake record. No method of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// For who speaks plain HTTP where only TLS is spoken, and would see nothing but a closed connection.
const ONLY_TLS: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 39\r\n\r\n\
                        This port speaks TLS: begin with https\n";

/// Takes the connections on which Raft is spoken.
pub type Peers = Arc<dyn Fn(Secured, Place) + Send + Sync>;

/// How a port is spoken to.
#[derive(Clone)]
pub enum Security {
    Plain,
    Tls {
        speaking: Speaking,
        /// None where no controller speaks Raft.
        peers: Option<Peers>,
    },
}

/// Who is at the other end of the connection that a request came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub address: SocketAddr,
    /// Over TLS.
    pub secure: bool,
    /// As its certificate says.
    pub identity: Option<Identity>,
    /// SHA-256 of that certificate.
    pub fingerprint: Option<[u8; 32]>,
}

/// Says what is spoken here, and nothing else.
async fn told<T>(mut stream: TcpStream) -> io::Result<Option<T>> {
    stream.write_all(ONLY_TLS.as_bytes()).await?;
    stream.shutdown().await?;
    // A connection that is dropped with something unread is reset, and its end might not see why.
    let mut rest = [0; 1_024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(None)
}

impl Security {
    /// The stream that HTTP is spoken on and who is at its end; none when it is a peer's, who has been handed on.
    pub(crate) async fn open(&self, stream: TcpStream, address: SocketAddr, place: &Place) -> io::Result<Option<(Stream, Caller)>> {
        let plain = |stream| Some((Stream::Plain(stream), Caller { address, secure: false, identity: None, fingerprint: None }));
        let Security::Tls { speaking: Speaking { certificates, plain_too }, peers } = self else { return Ok(plain(stream)) };
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            return if *plain_too { Ok(plain(stream)) } else { told(stream).await };
        }
        let secured = certificates.accept(stream, peers.is_some()).await?;
        match peers {
            Some(peers) if secured.speaks_raft() => {
                peers(secured, place.clone());
                Ok(None)
            }
            _ => {
                let caller = Caller { address, secure: true, identity: secured.identity(), fingerprint: secured.fingerprint() };
                Ok(Some((Stream::Tls(Box::new(secured)), caller)))
            }
        }
    }
}
