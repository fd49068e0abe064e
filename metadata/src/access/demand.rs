//! What a call takes.

use super::change::AccessChange;
use crate::contract::Need;
use crate::ids::BrokerId;
use crate::intent::{Intent, Scope};
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
    /// What an intent takes.
    pub fn of(intent: &Intent) -> Self {
        let topics = |names: Vec<String>| Demand::Topics { names };
        match intent {
            Intent::RegisterBroker { registration } => Demand::OwnId { id: registration.id },
            Intent::BrokerHeartbeat { heartbeat } => Demand::OwnId { id: heartbeat.id },
            Intent::ChangeIsr { id, .. } => Demand::OwnId { id: *id },
            Intent::CreateTopics { topics: new } => topics(new.iter().map(|topic| topic.name.clone()).collect()),
            Intent::DeleteTopic { name, .. }
            | Intent::ChangeConfigs { name, .. }
            | Intent::GrowTopic { name, .. }
            | Intent::ChangeFactor { name, .. } => topics(vec![name.clone()]),
            Intent::Elect { partitions: Some(partitions), .. } => topics(distinct(partitions.iter().map(|each| &each.topic))),
            Intent::Elect { topic: Some(topic), .. } => topics(vec![topic.clone()]),
            Intent::Reassign { moves, .. } => topics(distinct(moves.iter().map(|each| &each.topic))),
            Intent::Rebalance { rebalance, .. } if rebalance.scope == Scope::Topics => topics(rebalance.topics.clone()),
            Intent::UnregisterBroker { .. }
            | Intent::FenceBroker { .. }
            | Intent::UnfenceBroker { .. }
            | Intent::Elect { .. }
            | Intent::Rebalance { .. }
            | Intent::DrainBroker { .. }
            | Intent::StopDrain { .. }
            | Intent::CancelReassignment { .. }
            | Intent::LimitReassignment { .. }
            | Intent::ChangeSettings { .. } => Demand::Brokers,
            // What only the leader asks.
            Intent::BootstrapCluster { .. }
            | Intent::SessionExpired { .. }
            | Intent::ContinueFencing { .. }
            | Intent::AdmitInstance { .. }
            | Intent::RaiseFormat { .. }
            | Intent::ContinueSettings
            | Intent::BalanceLeaders
            | Intent::ElectUnclean
            | Intent::ReplaceBroker { .. }
            | Intent::ContinueReassignments => Demand::Admin,
            Intent::ChangeAccess { change } => Demand::of_change(change),
        }
    }

    fn of_change(change: &AccessChange) -> Self {
        match change {
            AccessChange::AddAccount { .. }
            | AccessChange::AddPerson { .. }
            | AccessChange::ChangeRole { .. }
            | AccessChange::RemoveAccount { .. }
            | AccessChange::AddToken { .. }
            | AccessChange::RemoveToken { .. }
            | AccessChange::Revoke { .. } => Demand::Access,
            AccessChange::SetPassword { account, .. } => Demand::Password { account: account.clone() },
            AccessChange::Admit { name: account, .. }
            | AccessChange::BeginSession { account, .. }
            | AccessChange::ProveSession { account, .. } => Demand::SignIn { account: account.clone() },
            AccessChange::SeeSession { account, .. }
            | AccessChange::EndSession { account, .. }
            | AccessChange::EndSessions { account, .. } => Demand::Sessions { account: account.clone() },
        }
    }

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

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = names.collect();
    names.into_iter().cloned().collect()
}
