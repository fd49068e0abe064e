//! How each kind of caller is answered: which certificate is shown, which versions are spoken, and whose certificates are asked for.

use crate::{HTTP, PROVIDER, RAFT};
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

/// How each kind of caller is answered.
#[derive(Debug)]
pub(crate) struct Configs {
    raft: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
    /// Under the names of its certificate.
    web: Option<(Arc<ServerConfig>, Arc<CertifiedKey>)>,
}

impl Configs {
    pub(crate) fn new(roots: &Arc<RootCertStore>, node: &Arc<CertifiedKey>, web: Option<Arc<CertifiedKey>>) -> Result<Self, rustls::Error> {
        let known = |mandatory: bool| {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), PROVIDER.clone());
            let verifier = if mandatory { verifier } else { verifier.allow_unauthenticated() };
            verifier.build().map_err(|error| rustls::Error::General(error.to_string()))
        };
        let config = |versions: &[&'static SupportedProtocolVersion], mandatory: bool, shown: &Arc<CertifiedKey>, speaks: &[u8]| {
            let config = ServerConfig::builder_with_provider(PROVIDER.clone()).with_protocol_versions(versions)?;
            let shown = Arc::new(SingleCertAndKey::from(shown.clone()));
            let mut config = config.with_client_cert_verifier(known(mandatory)?).with_cert_resolver(shown);
            // A session that could be resumed would outlive the certificate that it rests on.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config.alpn_protocols = vec![speaks.to_vec()];
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        Ok(Configs {
            raft: config(&[&TLS13], true, node, RAFT)?,
            http: config(&[&TLS13, &TLS12], false, node, HTTP)?,
            web: web.map(|web| Ok::<_, rustls::Error>((config(&[&TLS13, &TLS12], false, &web, HTTP)?, web))).transpose()?,
        })
    }

    /// For whoever says this; `peers` while controllers may speak Raft here.
    pub(crate) fn of(&self, hello: &ClientHello<'_>, peers: bool) -> &Arc<ServerConfig> {
        if peers && hello.alpn().is_some_and(|mut offered| offered.any(|name| name == RAFT)) {
            return &self.raft;
        }
        match &self.web {
            Some((config, web)) if hello.server_name().is_some_and(|name| for_host(web, name)) => config,
            _ => &self.http,
        }
    }

    pub(crate) fn web(&self) -> bool {
        self.web.is_some()
    }
}

fn for_host(web: &CertifiedKey, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else { return false };
    ParsedCertificate::try_from(&web.cert[0]).is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, &name).is_ok())
}
