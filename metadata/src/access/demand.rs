//! What a call takes.

use crate::contract::Need;
use crate::ids::BrokerId;
use serde::{Deserialize, Serialize};

/// What a call takes, as far as it can be told without the state. Append only: the log encodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    View,
    /// About these topics; about any where none is named.
    Topics {
        names: Vec<String>,
    },
    Brokers,
    Admin,
    OwnId {
        id: BrokerId,
    },
    /// To change who may do what: an admin's, who has given the password lately.
    Access,
    /// To end or to use sessions of this account: its person's, or an admin's.
    Sessions {
        account: String,
    },
    /// To be signed in as this account: whoever has just given its password.
    SignIn {
        account: String,
    },
    /// To give this account another password: whoever has just given the one that it has, or an admin as above.
    Password {
        account: String,
    },
}

impl Demand {
    /// The grant that it is about.
    pub fn need(&self) -> Need {
        match self {
            Demand::View => Need::View,
            Demand::Topics { .. } => Need::Topics,
            Demand::Brokers => Need::Brokers,
            Demand::Admin | Demand::Access => Need::Admin,
            // Whose account it is decides, and not the role alone.
            Demand::Sessions { .. } | Demand::SignIn { .. } | Demand::Password { .. } => Need::View,
            Demand::OwnId { .. } => Need::OwnId,
        }
    }
}
