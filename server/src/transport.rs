//! How a controller reaches the others: over TLS with its own certificate, or plain by an HTTP request that is upgraded to Raft's framing.

use acceptor::Stream;
use controller::net::{Certified, Dialled, PATH, PROTOCOL, Transport};
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use metadata::access::Fingerprint;
use std::io;
use tls::{Certificates, Identity, Secured, Speaking, speaks_no_tls};
use tokio::net::TcpStream;

/// Peers over TCP; plain where nothing is said of TLS.
pub struct Tcp(pub Option<Speaking>);

impl Transport for Tcp {
    fn connect(&self, url: &str) -> BoxFuture<'static, io::Result<Dialled>> {
        // What the address begins with says how others reach that node; how this one does is its own matter.
        let address = url.split_once("://").map_or(url, |(_, address)| address).to_owned();
        let Some(Speaking { certificates, plain_too }) = self.0.clone() else { return Box::pin(upgraded(address)) };
        Box::pin(async move {
            match secured(&certificates, &address).await {
                Err(error) if plain_too && speaks_no_tls(&error) => upgraded(address).await,
                dialled => dialled,
            }
        })
    }
}

/// Which controller is at the other end.
pub fn certified(stream: &Secured) -> Option<Certified> {
    match (stream.identity(), stream.fingerprint()) {
        (Some(Identity::Controller(id)), Some(fingerprint)) => Some(Certified { id, fingerprint: Fingerprint(fingerprint) }),
        _ => None,
    }
}

async fn connected(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn secured(certificates: &Certificates, address: &str) -> io::Result<Dialled> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let stream = certificates.dial_controller(host, connected(address).await?).await?;
    let proven = certified(&stream);
    Ok(Dialled { stream: Box::new(Stream::Tls(Box::new(stream))), proven })
}

async fn upgraded(address: String) -> io::Result<Dialled> {
    let stream = connected(&address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let request = ::http::Request::get(PATH)
        .header(::http::header::HOST, &address)
        .header(::http::header::CONNECTION, "upgrade")
        .header(::http::header::UPGRADE, PROTOCOL)
        .body(String::new())
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    if response.status() != ::http::StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::other(format!("{address} answered {} where a controller would have upgraded", response.status())));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
    Ok(Dialled::plain(TokioIo::new(upgraded)))
}
