//! The side that calls: the answer's certificate has to be for the host that was called, and its holder who is expected there.

use crate::certificate::Certificate;
use crate::current::Certificates;
use crate::files::{Unusable, roots};
use crate::identity::Identity;
use crate::secured::{Movable, Secured};
use crate::{HTTP, PROVIDER, RAFT};
use metadata::BrokerId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Who may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any controller: which one is said by its greeting, or does not matter.
    Controller,
    /// This storage service.
    Broker(BrokerId),
    /// Any storage service: which one it is, it says itself.
    AnyBroker,
}

impl Expected {
    fn is(self, identity: Option<Identity>) -> bool {
        match (self, identity) {
            (Expected::Controller, Some(Identity::Controller(_))) => true,
            (Expected::Broker(expected), Some(Identity::Broker(id))) => expected == id,
            (Expected::AnyBroker, Some(Identity::Broker(_))) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Controller => f.write_str("a controller"),
            Expected::Broker(id) => Identity::Broker(*id).fmt(f),
            Expected::AnyBroker => f.write_str("a broker"),
        }
    }
}

/// Another answers than was expected.
#[derive(thiserror::Error)]
#[error("{} answers, and {expected} was expected", found.map_or_else(|| "who names nobody".to_owned(), |found| found.to_string()))]
struct Another {
    expected: Expected,
    found: Option<Identity>,
}

/// Within others' errors this is all that is shown of it.
impl fmt::Debug for Another {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Judges by the set in use at the time of the handshake.
struct Verifier {
    certificates: Certificates,
    expected: Expected,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({:?})", self.expected)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let set = self.certificates.set();
        let verified = set.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let read = Certificate::read(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if self.certificates.revoked(&read.fingerprint) {
            return Err(CertificateError::Revoked.into());
        }
        let found = read.identity;
        if self.expected.is(found) {
            return Ok(verified);
        }
        let another = Another { expected: self.expected, found };
        Err(CertificateError::Other(OtherError(Arc::new(another))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.certificates.set().verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.certificates.set().verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// Shows the certificate in use at the time of the handshake.
struct Own(Certificates);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl ResolvesClientCert for Own {
    fn resolve(&self, _root_hint_subjects: &[&[u8]], _sigschemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.set().node.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Certificates {
    fn dialling(&self, expected: Expected, speaks: &[u8]) -> Result<ClientConfig, Error> {
        let verifier = Arc::new(Verifier { certificates: self.clone(), expected });
        let config = ClientConfig::builder_with_provider(PROVIDER.clone()).with_protocol_versions(&[&TLS13])?;
        let mut config =
            config.dangerous().with_custom_certificate_verifier(verifier).with_client_cert_resolver(Arc::new(Own(self.clone())));
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![speaks.to_vec()];
        Ok(config)
    }

    /// How HTTP is spoken to whom: for a client that makes its own connections.
    ///
    /// # Errors
    /// When the provider lacks TLS 1.3.
    pub fn client(&self, expected: Expected) -> Result<ClientConfig, Error> {
        self.dialling(expected, HTTP)
    }

    /// Speaks to another controller.
    ///
    /// # Errors
    /// When the connection breaks, or whoever answers is not trusted or no controller.
    pub async fn dial_controller(&self, host: &str, stream: TcpStream) -> io::Result<Secured> {
        let invalid = |error: &dyn fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| invalid(&error))?;
        let config = self.dialling(Expected::Controller, RAFT).map_err(|error| invalid(&error))?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, Movable::new(stream)).await?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(RAFT) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak Raft over TLS"));
        }
        let shown = session.peer_certificates().and_then(<[_]>::first).map(Certificate::read).transpose().map_err(io::Error::other)?;
        let identity = shown.as_ref().and_then(|shown| shown.identity);
        Ok(Secured::new(stream.into(), true, identity, shown))
    }
}

/// Whether whoever answered a handshake with this error speaks something else, and so is nobody that was not trusted.
pub fn speaks_no_tls(error: &io::Error) -> bool {
    let garbled = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).is_some_and(|e| matches!(e, Error::InvalidMessage(_)));
    garbled || matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// An error of a client with what caused it: it hides the reason, as a refused connection or certificate, behind a general sentence.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// How a person's program speaks HTTP: to who is vouched for by the authorities in this file, or else by the machine's own.
///
/// # Errors
/// When the file cannot be used.
pub fn trusting(ca: Option<&Path>) -> Result<ClientConfig, Unusable> {
    let roots = match ca {
        Some(path) => {
            let pem = std::fs::read(path).map_err(|error| Unusable::new(path, error))?;
            roots(path, &pem)?
        }
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let config = ClientConfig::builder_with_provider(PROVIDER.clone()).with_protocol_versions(&[&TLS13, &TLS12]);
    let config = config.map_err(|error| Unusable::new(ca.unwrap_or(Path::new("")), error))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(config)
}
