//! What is read of a certificate: its holder, the hosts that it is for, until when it holds.

use crate::identity::Identity;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate as people and this program need it; nothing of it is verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// In hex, as its authority numbered it.
    pub serial: String,
    pub authority: bool,
    /// None where there is no URI, more than one, or one that names nobody.
    pub identity: Option<Identity>,
    /// Names and addresses of its hosts.
    pub hosts: Vec<String>,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    /// SHA-256 of the whole.
    pub fingerprint: [u8; 32],
}

/// A certificate that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no certificate: {0}")]
pub struct Unreadable(String);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(seconds: i64) -> SystemTime {
    // Before 1970 nothing of ours began.
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A day as people write it, in UTC.
pub fn day(at: SystemTime) -> String {
    time::OffsetDateTime::from(at).date().to_string()
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

impl Certificate {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, Unreadable> {
        let (rest, read) = X509Certificate::from_der(der).map_err(|error| Unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(Unreadable(format!("{} bytes follow it", rest.len())));
        }
        let names = read.subject_alternative_name().map_err(|error| Unreadable(error.to_string()))?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let uris: Vec<&str> = names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None }).collect();
        let hosts = names.iter().filter_map(|name| match name {
            GeneralName::DNSName(host) => Some((*host).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        });
        Ok(Certificate {
            subject: read.subject().to_string(),
            issuer: read.issuer().to_string(),
            serial: hex(read.raw_serial()),
            authority: read.is_ca(),
            identity: if let [only] = uris[..] { only.parse().ok() } else { None },
            hosts: hosts.collect(),
            not_before: at(read.validity().not_before.timestamp()),
            not_after: at(read.validity().not_after.timestamp()),
            fingerprint: Sha256::digest(der).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{Authority, Leaf};
    use metadata::BrokerId;
    use proptest::prelude::*;

    fn broker() -> anyhow::Result<CertificateDer<'static>> {
        let issued =
            Authority::new("Test")?.issue(&Leaf::of(Identity::Broker(BrokerId(101)), ["127.0.0.1".to_owned(), "b-1".to_owned()]))?;
        Ok(issued.der)
    }

    #[test]
    fn what_it_says_is_read() -> anyhow::Result<()> {
        let read = Certificate::read(&broker()?)?;
        assert_eq!(read.identity, Some(Identity::Broker(BrokerId(101))));
        assert_eq!(read.hosts, ["127.0.0.1", "b-1"]);
        assert!(!read.authority && read.not_before < read.not_after, "{read:?}");
        Ok(())
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_damage_is_refused_or_read(stretch in damage::stretch(&["\u{0}", "\u{30}\u{7f}", "quorate://broker/1"])) {
            let mut bytes = broker().map(|der| der.to_vec()).unwrap_or_default();
            stretch.apply(&mut bytes);
            if let Ok(read) = Certificate::read(&CertificateDer::from(bytes)) {
                prop_assert!(read.not_before >= UNIX_EPOCH);
            }
        }
    }
}
