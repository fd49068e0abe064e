//! Who asks, what that takes, and whether it is theirs. Asked at the edge for a quick answer, by the leader's planner, and once more when
//! the entry is applied: a node that lags behind commits nothing for a credential that is revoked.

use super::role::Role;
use super::table::{Access, Fingerprint};
use crate::contract::Need;
use crate::ids::{BrokerId, NodeId};
use crate::intent::{Intent, Principal, Scope};
use crate::rejection::{Code, Rejection};
use serde::{Deserialize, Serialize};

/// What somebody proves by that it is them. Append only: the log encodes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    #[default]
    Nobody,
    /// A token that was shown, and whose secret was right.
    Token { id: String },
    /// A certificate that was verified in a handshake.
    BrokerCertificate { id: BrokerId, fingerprint: Fingerprint },
    ControllerCertificate { id: NodeId, fingerprint: Fingerprint },
    /// The user of a controller's process, on its machine.
    Local,
}

/// What a call takes, as far as it can be told without the state. Append only: the log encodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    View,
    /// About these topics; about any where none is named.
    Topics { names: Vec<String> },
    Brokers,
    Admin,
    OwnId { id: BrokerId },
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
            // What only the leader asks, and what is about the table itself.
            Intent::BootstrapCluster { .. }
            | Intent::SessionExpired { .. }
            | Intent::ContinueFencing { .. }
            | Intent::AdmitInstance { .. }
            | Intent::RaiseFormat { .. }
            | Intent::ContinueSettings
            | Intent::BalanceLeaders
            | Intent::ElectUnclean
            | Intent::ReplaceBroker { .. }
            | Intent::ContinueReassignments
            | Intent::ChangeAccess { .. } => Demand::Admin,
        }
    }

    /// The grant that it is about.
    pub fn need(&self) -> Need {
        match self {
            Demand::View => Need::View,
            Demand::Topics { .. } => Need::Topics,
            Demand::Brokers => Need::Brokers,
            Demand::Admin => Need::Admin,
            Demand::OwnId { .. } => Need::OwnId,
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = names.collect();
    names.into_iter().cloned().collect()
}

/// Somebody who is known, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub principal: Principal,
    /// None while the cluster is open: everything.
    pub role: Option<Role>,
}

impl Who {
    /// Whether this is theirs.
    ///
    /// # Errors
    /// FORBIDDEN with the grant that is missing.
    pub fn may(&self, demand: &Demand) -> Result<(), Rejection> {
        match &self.role {
            Some(role) if !role.may(demand) => Err(self.lacks(demand)),
            _ => Ok(()),
        }
    }

    /// Whether calls about this are for them at all.
    ///
    /// # Errors
    /// FORBIDDEN with the grant that is missing.
    pub fn has(&self, need: Need) -> Result<(), Rejection> {
        match &self.role {
            Some(role) if !role.has(need) => Err(self.refused(need.name(), need.name().to_owned())),
            _ => Ok(()),
        }
    }

    fn lacks(&self, demand: &Demand) -> Rejection {
        match demand {
            Demand::Topics { names } => {
                let role = self.role.as_ref();
                let outside =
                    names.iter().find(|name| !role.is_some_and(|role| role.may(&Demand::Topics { names: vec![(*name).clone()] })));
                match outside {
                    Some(name) => self.refused("topics", format!("topics, {name:?} among them")),
                    None => self.refused("topics", "topics of any name".to_owned()),
                }
            }
            Demand::OwnId { id } => self.refused("own id", format!("broker:{id}")),
            other => self.refused(other.need().name(), other.need().name().to_owned()),
        }
    }

    fn refused(&self, grant: &str, allowed: String) -> Rejection {
        let role = self.role.as_ref().map(Role::to_string).unwrap_or_default();
        let no = Rejection::new(Code::Forbidden, format!("{} is {role}, and lacks the grant {grant:?}", self.principal));
        no.at("grant", role, allowed)
    }
}

impl Access {
    /// Who shows this.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nothing is shown and the cluster is not open, or what is shown holds no more.
    pub fn who(&self, credential: &Credential, now_ms: u64) -> Result<Who, Rejection> {
        let no = |detail: String| Err(Rejection::new(Code::Unauthenticated, detail));
        let known = |principal: Principal, role: Role| Ok(Who { principal, role: Some(role) });
        match credential {
            Credential::Nobody if !self.claimed() => Ok(Who { principal: Principal::anonymous(), role: None }),
            Credential::Nobody => no("This cluster asks who you are: show a token, or a certificate".to_owned()),
            Credential::Token { id } => match self.token(id).filter(|token| token.expires_at_ms > now_ms) {
                Some(token) => match self.account(&token.account) {
                    Some(account) => known(Principal::service(&account.name), account.role.clone()),
                    None => no(format!("The account of token {id} is gone")),
                },
                None => no(format!("Token {id} is revoked, or has expired")),
            },
            Credential::BrokerCertificate { fingerprint, .. } | Credential::ControllerCertificate { fingerprint, .. }
                if self.revoked(fingerprint) =>
            {
                no("This certificate is revoked".to_owned())
            }
            Credential::BrokerCertificate { id, .. } => known(Principal::broker(*id), Role::Broker { id: *id }),
            // It speaks Raft, and looks.
            Credential::ControllerCertificate { id, .. } => known(Principal::controller(*id), Role::Viewer),
            Credential::Local => known(Principal("user:local".to_owned()), Role::Admin),
        }
    }

    /// Whether whoever shows this may do that.
    ///
    /// # Errors
    /// As [`Access::who`] and [`Who::may`].
    pub fn authorise(&self, credential: &Credential, demand: &Demand, now_ms: u64) -> Result<Who, Rejection> {
        let who = self.who(credential, now_ms)?;
        who.may(demand)?;
        Ok(who)
    }
}
