//! What somebody proves by that it is them.

use crate::ids::{BrokerId, Index, NodeId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads 64 hex digits; colons between bytes, as other programs print them, are passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> =
            text.bytes().filter(|byte| *byte != b':').map(|digit| (digit as char).to_digit(16)).map(digit).collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|two| two[0] << 4 | two[1]).collect();
        (digits.len() == 64).then(|| bytes.try_into().ok().map(Fingerprint)).flatten()
    }
}

fn digit(digit: Option<u32>) -> Option<u8> {
    digit.and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What somebody proves by that it is them. Append only: the log encodes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    #[default]
    Nobody,
    /// A token that was shown, and whose secret was right.
    Token {
        id: String,
    },
    /// A certificate that was verified in a handshake.
    BrokerCertificate {
        id: BrokerId,
        fingerprint: Fingerprint,
    },
    ControllerCertificate {
        id: NodeId,
        fingerprint: Fingerprint,
    },
    /// The user of a controller's process, on its machine.
    Local,
    /// A session's cookie that was shown, and whose secret was right.
    Session {
        id: String,
    },
    /// A password that a node has just checked: the one that the entry at this index set.
    Password {
        account: String,
        since: Index,
    },
    /// The same, by a node without a majority: to look, and nothing else.
    Glance {
        account: String,
        since: Index,
    },
    /// A provider of identities has vouched for the account's person, just now and to a node.
    Provider {
        account: String,
    },
}

impl Credential {
    /// The session that is shown, if it is one.
    pub fn session(&self) -> Option<&str> {
        match self {
            Credential::Session { id } => Some(id),
            _ => None,
        }
    }

    /// By what somebody is known, without a secret; none of nobody.
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Credential::Nobody => return None,
            Credential::Token { id } => format!("token {id}"),
            Credential::Session { id } => format!("session {id}"),
            Credential::BrokerCertificate { fingerprint, .. } | Credential::ControllerCertificate { fingerprint, .. } => {
                format!("certificate {fingerprint}")
            }
            Credential::Password { .. } | Credential::Glance { .. } => "password".to_owned(),
            Credential::Provider { .. } => "provider".to_owned(),
            Credential::Local => "local".to_owned(),
        })
    }
}
