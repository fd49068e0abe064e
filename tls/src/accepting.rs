//! The side that is called: who is at the other end, and whether they may say what they came to say.

use crate::RAFT;
use crate::certificate::Certificate;
use crate::current::Certificates;
use crate::identity::Identity;
use crate::secured::{Movable, Secured};
use rustls::server::Acceptor;
use std::io;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

fn no(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_string())
}

impl Certificates {
    /// Answers a call. With `peers`, controllers may speak Raft here, and show a controller's certificate.
    ///
    /// # Errors
    /// When the connection breaks, the caller speaks something else, or shows what is not trusted or names nobody.
    pub async fn accept(&self, stream: TcpStream, peers: bool) -> io::Result<Secured> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), Movable::new(stream)).await?;
        let set = self.set();
        let config = set.configs.of(&start.client_hello(), peers).clone();
        let stream = start.into_stream(config).await?;
        let (_, session) = stream.get_ref();
        let raft = session.alpn_protocol() == Some(RAFT);
        let shown = session.peer_certificates().and_then(<[_]>::first).map(Certificate::read).transpose().map_err(no)?;
        let identity = match &shown {
            None => None,
            Some(shown) => Some(shown.identity.ok_or_else(|| no(format!("the certificate of {} names nobody", shown.subject)))?),
        };
        if raft && !matches!(identity, Some(Identity::Controller(_))) {
            return Err(no(format!("{} does not speak Raft", identity.map_or_else(|| "nobody".to_owned(), |who| who.to_string()))));
        }
        Ok(Secured::new(stream.into(), raft, identity, shown))
    }
}
