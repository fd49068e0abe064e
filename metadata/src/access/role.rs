//! What an account may do.

use super::demand::Demand;
use crate::contract::Need;
use crate::ids::BrokerId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Prefixes of one role, and bytes of one: no topic's name is longer.
const MOST_PREFIXES: usize = 64;
const LONGEST_PREFIX: usize = 249;

/// The grants of an account. Append only: the log encodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Creates, changes, moves and deletes topics; and, unless it is limited to names that begin so, fences, drains and removes brokers.
    Operator { prefixes: Vec<String> },
    /// All of it, and who belongs to the cluster.
    Admin,
    /// Is this broker, and looks.
    Broker { id: BrokerId },
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Viewer => f.write_str("viewer"),
            Role::Operator { prefixes } if prefixes.is_empty() => f.write_str("operator"),
            Role::Operator { prefixes } => write!(f, "operator of {}", prefixes.join("*, ") + "*"),
            Role::Admin => f.write_str("admin"),
            Role::Broker { id } => write!(f, "broker:{id}"),
        }
    }
}

impl Role {
    /// What is wrong with it, if anything is, and what is allowed.
    pub(super) fn fault(&self) -> Option<(String, String)> {
        let Role::Operator { prefixes } = self else { return None };
        let allowed = || format!("up to {MOST_PREFIXES} prefixes of 1 to {LONGEST_PREFIX} characters of a-z, A-Z, 0-9, '.', '_' and '-'");
        if prefixes.len() > MOST_PREFIXES {
            return Some((format!("{} prefixes", prefixes.len()), allowed()));
        }
        let fits = |prefix: &&String| {
            (1..=LONGEST_PREFIX).contains(&prefix.len())
                && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        prefixes.iter().find(|prefix| !fits(prefix)).map(|prefix| (prefix.clone(), allowed()))
    }

    /// Whether calls about this are for it at all; what a call asks may need more.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Nothing | Need::View => true,
            Need::Topics => matches!(self, Role::Operator { .. } | Role::Admin),
            Need::Brokers => self.unlimited(),
            Need::Admin => *self == Role::Admin,
            Need::OwnId => matches!(self, Role::Broker { .. }),
        }
    }

    /// Whether it may do this.
    pub fn may(&self, demand: &Demand) -> bool {
        match (demand, self) {
            (Demand::Topics { names }, Role::Operator { prefixes }) if !prefixes.is_empty() => {
                // No name is any name.
                !names.is_empty() && names.iter().all(|name| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())))
            }
            (Demand::OwnId { id }, Role::Broker { id: own }) => id == own,
            (demand, role) => role.has(demand.need()),
        }
    }

    /// An operator of everything, or an admin.
    pub fn unlimited(&self) -> bool {
        match self {
            Role::Operator { prefixes } => prefixes.is_empty(),
            Role::Admin => true,
            Role::Viewer | Role::Broker { .. } => false,
        }
    }
}
