//! A commit with all that is kept of it: what it replaced, how the topics that it speaks of were called, and by what whoever asked
//! was known.

use super::Was;
use crate::change::{Change, Commit};
use crate::command::AskedBy;
use crate::ids::{BrokerId, TopicId};
use crate::intent::Intent;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One commit as history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub commit: Arc<Commit>,
    pub beside: Beside,
}

/// What is kept beside a commit. Append only: journals encode it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// What each of its changes replaced, in their order.
    pub was: Vec<Was>,
    /// The topics that its changes speak of, as they were called.
    pub names: BTreeMap<TopicId, Arc<str>>,
    /// By what whoever asked was known: for the backup, and for no reader of the history.
    pub by: Option<AskedBy>,
}

impl Record {
    /// Takes a commit into the state that it follows, and notes what it replaces there. None where it does not follow: another commit
    /// comes before it, or its digest is not the one of what it leads to; the state is of no use then.
    pub fn of(state: &mut State, commit: Arc<Commit>, by: Option<AskedBy>) -> Option<Record> {
        if commit.prev_index != state.revision() {
            return None;
        }
        let mut beside = Beside { was: Vec::with_capacity(commit.changes.len()), names: BTreeMap::new(), by };
        for change in &commit.changes {
            beside.was.push(state.was(change));
            let spoken_of = topic_of(change);
            // Before a topic goes, and after it has come.
            beside.names.extend(spoken_of.and_then(|id| Some((id, state.topic(id)?.name.clone()))));
            state.absorb(commit.index, commit.at_ms, change);
            beside.names.extend(spoken_of.and_then(|id| Some((id, state.topic(id)?.name.clone()))));
        }
        (state.digest() == commit.digest).then_some(Record { commit, beside })
    }

    /// The brokers that it is about: those that changed, and the one that somebody asked it for. Not those that merely have replicas.
    pub fn brokers(&self) -> BTreeSet<BrokerId> {
        let changed = self.commit.changes.iter().filter_map(|change| match change {
            Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => Some(broker.id),
            Change::BrokerRemoved { id } | Change::StandingChanged { id, .. } => Some(*id),
            _ => None,
        });
        changed.chain(self.commit.intent.as_ref().map(Intent::inner).and_then(asked_for)).collect()
    }
}

fn topic_of(change: &Change) -> Option<TopicId> {
    match change {
        Change::TopicCreated { topic_id, .. }
        | Change::TopicDeleted { topic_id, .. }
        | Change::PartitionChanged { topic_id, .. }
        | Change::ConfigsChanged { topic_id, .. } => Some(*topic_id),
        Change::MoveChanged { movement, .. } => Some(movement.topic_id),
        _ => None,
    }
}

fn asked_for(intent: &Intent) -> Option<BrokerId> {
    match intent {
        Intent::RegisterBroker { registration } => Some(registration.id),
        Intent::BrokerHeartbeat { heartbeat } => Some(heartbeat.id),
        Intent::UnregisterBroker { id, .. }
        | Intent::SessionExpired { id, .. }
        | Intent::ContinueFencing { id, .. }
        | Intent::FenceBroker { id, .. }
        | Intent::UnfenceBroker { id, .. }
        | Intent::ChangeIsr { id, .. }
        | Intent::DrainBroker { id, .. }
        | Intent::StopDrain { id, .. }
        | Intent::ReplaceBroker { id, .. } => Some(*id),
        Intent::Elect { broker, .. } => *broker,
        _ => None,
    }
}
