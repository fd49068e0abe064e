//! A certificate authority for a cluster that has none, and what it signs: P-256, the authority for ten years, the rest for 398 days,
//! which is what browsers take at most.

use crate::identity::Identity;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::CertificateDer;
use std::time::Duration;
use time::OffsetDateTime;

const DAY: Duration = Duration::from_secs(86_400);
/// How long an authority's own certificate holds.
pub const AUTHORITY_HOLDS: Duration = Duration::from_secs(3_650 * 86_400);
/// How long what it signs holds.
pub const LEAF_HOLDS: Duration = Duration::from_secs(398 * 86_400);

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("{host:?} is no host: a certificate is for names such as node-1.example and addresses such as 10.0.0.1")]
    Host { host: String },
    #[error("{0}")]
    Rcgen(#[from] rcgen::Error),
}

/// A certificate with its key, as files hold them.
pub struct Issued {
    pub der: CertificateDer<'static>,
    pub certificate: String,
    pub key: String,
}

/// What is to be signed.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// None for a certificate that only browsers meet.
    pub identity: Option<Identity>,
    pub hosts: Vec<String>,
    pub holds: Duration,
}

impl Leaf {
    /// For a process that goes by these hosts.
    pub fn of(identity: Identity, hosts: impl IntoIterator<Item = String>) -> Self {
        Leaf { identity: Some(identity), hosts: hosts.into_iter().collect(), holds: LEAF_HOLDS }
    }
}

/// Signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    key: String,
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "Quorate");
    names.push(DnType::CommonName, name);
    names
}

/// From a little earlier on: the clocks of two machines differ.
fn within(params: &mut CertificateParams, holds: Duration) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - DAY / 24;
    params.not_after = now + holds;
}

impl Authority {
    /// A new one of this name.
    ///
    /// # Errors
    /// When the machine has no random numbers.
    pub fn new(name: &str) -> Result<Self, IssueError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        within(&mut params, AUTHORITY_HOLDS);
        let certificate = params.self_signed(&key)?.pem();
        let pem = key.serialize_pem();
        Ok(Authority { issuer: Issuer::new(params, key), certificate, key: pem })
    }

    /// The one whose certificate and key these are.
    ///
    /// # Errors
    /// When they are none, or do not belong together.
    pub fn of(certificate: &str, key: &str) -> Result<Self, IssueError> {
        let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?;
        Ok(Authority { issuer, certificate: certificate.to_owned(), key: key.to_owned() })
    }

    /// Its certificate, which everybody may have.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its key, which nobody else may have.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Signs one with a new key.
    ///
    /// # Errors
    /// A host that is none.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, IssueError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        for host in &leaf.hosts {
            params.subject_alt_names.push(name(host)?);
        }
        if let Some(identity) = leaf.identity {
            params.subject_alt_names.push(SanType::URI(identity.to_string().try_into()?));
        }
        let common = leaf.identity.map(|identity| identity.to_string()).or_else(|| leaf.hosts.first().cloned());
        params.distinguished_name = named(&common.unwrap_or_default());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if leaf.identity.is_some() {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        params.use_authority_key_identifier_extension = true;
        within(&mut params, leaf.holds);
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { der: signed.der().clone(), certificate: signed.pem(), key: key.serialize_pem() })
    }
}

fn name(host: &str) -> Result<SanType, IssueError> {
    let no = || IssueError::Host { host: host.to_owned() };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'*' | b'_');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(usable) {
        return Err(no());
    }
    Ok(SanType::DnsName(host.to_owned().try_into().map_err(|_| no())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Certificate;

    #[test]
    fn an_authority_read_again_signs_as_before() -> anyhow::Result<()> {
        let first = Authority::new("Test")?;
        let again = Authority::of(first.certificate(), first.key())?;
        let leaf = Leaf::of(Identity::Controller(1), ["localhost".to_owned(), "::1".to_owned()]);
        let (one, other) = (Certificate::read(&first.issue(&leaf)?.der)?, Certificate::read(&again.issue(&leaf)?.der)?);
        assert_eq!((&one.issuer, &one.hosts, one.identity), (&other.issuer, &other.hosts, other.identity));
        assert_ne!(one.serial, other.serial, "two certificates of one authority have one number");
        Ok(())
    }

    #[test]
    fn what_is_no_host_is_refused_by_name() -> anyhow::Result<()> {
        let authority = Authority::new("Test")?;
        for bad in ["", "a b", "http://a", "a:1", "ü"] {
            let leaf = Leaf::of(Identity::Controller(1), [bad.to_owned()]);
            let message = authority.issue(&leaf).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(&format!("{bad:?}")), "{bad}: {message}");
        }
        Ok(())
    }
}
