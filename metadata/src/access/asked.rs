//! What each intent takes.

use super::change::AccessChange;
use super::demand::Demand;
use crate::intent::{Intent, Scope};

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
            Intent::Lead { leaders } => topics(distinct(leaders.iter().map(|each| &each.topic))),
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
            Intent::Undo { intent, .. } => Demand::of(intent),
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
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = names.collect();
    names.into_iter().cloned().collect()
}
