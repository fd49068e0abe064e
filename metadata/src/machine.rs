//! The replicated state machine: the state and the idempotency keys, moved by one entry at a time.

use crate::access::{Access, Credential, Demand};
use crate::beside::bindings::Bindings;
use crate::beside::instances::Instances;
use crate::beside::keys::{KeyTable, Remembered};
use crate::change::{Change, Commit};
use crate::command::{Command, Entry, Group, Membership};
use crate::ids::{Index, Term};
use crate::intent::{Intent, NewTopic};
use crate::outcome::{GroupOutcome, Response};
use crate::principal::Principal;
use crate::proof::digest::Digest;
use crate::rejection::{Code, Rejection};
use crate::state::State;

/// The outcome of each topic of a batch, in the order in which they were asked for: what was refused before it was proposed
/// has no group, and once topics are gone nothing else tells which group was whose. Of anything else that of each group.
fn by_item(entry: &Entry, outcomes: &[Result<GroupOutcome, Rejection>]) -> Vec<Result<GroupOutcome, Rejection>> {
    let Intent::CreateTopics { topics } = entry.intent.inner() else { return outcomes.to_vec() };
    if topics.len() == outcomes.len() {
        return outcomes.to_vec();
    }
    let registers = |group: &Group, wanted: &str| {
        group.commands.iter().any(|command| matches!(command, Command::RegisterTopic { name, .. } if name.as_str() == wanted))
    };
    let mut groups = entry.groups.iter().zip(outcomes).peekable();
    let outcome = |topic: &NewTopic| match groups.next_if(|(group, _)| registers(group, &topic.name)) {
        Some((_, outcome)) => outcome.clone(),
        None => Err(Rejection::new(Code::InvalidRequest, "It was refused when this key was first used")),
    };
    topics.iter().map(outcome).collect()
}

/// The state, and what is replicated beside it. Cloning shares all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    pub state: State,
    pub keys: KeyTable,
    pub instances: Instances,
    pub bindings: Bindings,
    pub access: Access,
}

impl Machine {
    /// Applies one entry: rights, idempotency key, expected revisions, guards, changes, in this order.
    pub fn apply(&mut self, entry: &Entry, index: Index, term: Term) -> (Response, Option<Commit>) {
        let at_ms = self.state.at_ms().max(entry.at_ms);
        if let Err(no) = self.may(entry, at_ms) {
            let outcomes = entry.groups.iter().map(|_| Err(no.clone())).collect();
            return (Response { index, outcomes }, None);
        }
        if let Some(key) = &entry.key {
            match self.keys.find(key, at_ms) {
                Ok(Some(first)) => return (Response { index: first.index, outcomes: first.outcomes.clone() }, None),
                Ok(None) => {}
                Err(no) => {
                    let outcomes = entry.groups.iter().map(|_| Err(no.clone())).collect();
                    return (Response { index, outcomes }, None);
                }
            }
        }
        let prev_index = self.state.revision();
        let (mut outcomes, changes) = self.state.apply(entry, index);
        self.remember_beside(entry, index, at_ms, &mut outcomes);
        if let Some(key) = entry.key.as_ref().filter(|_| outcomes.iter().any(Result::is_ok)) {
            let fingerprint = key.fingerprint;
            self.keys.remember(key, Remembered { fingerprint, at_ms, index, outcomes: by_item(entry, &outcomes) });
        }
        let commit = self.commit(index, prev_index, term, entry.principal.clone(), Some(entry.intent.clone()), changes);
        (Response { index, outcomes }, commit)
    }

    /// Whether who asked may still do this: the credential may have been revoked since it was planned, or the cluster claimed.
    fn may(&self, entry: &Entry, at_ms: u64) -> Result<(), Rejection> {
        match entry.requires() {
            Some((credential, demand)) => self.access.authorise(credential, demand, at_ms).map(drop),
            None if self.access.claimed() && !entry.principal.is_controller() => {
                self.access.authorise(&Credential::Nobody, &Demand::View, at_ms).map(drop)
            }
            None => Ok(()),
        }
    }

    /// What an entry says of things beside the state: who was met first under each node id, what registrations are bound to, and who may
    /// do what.
    fn remember_beside(&mut self, entry: &Entry, index: Index, at_ms: u64, outcomes: &mut [Result<GroupOutcome, Rejection>]) {
        for (group, outcome) in entry.groups.iter().zip(outcomes) {
            for command in &group.commands {
                match command {
                    Command::AdmitInstance { node_id, instance_id } => {
                        if let Err(no) = self.instances.admit(*node_id, *instance_id) {
                            *outcome = Err(no);
                        }
                    }
                    Command::ChangeAccess { change } if outcome.is_ok() => {
                        if let Err(no) = self.access.change(change, at_ms, index) {
                            *outcome = Err(no);
                        }
                    }
                    Command::BindBroker { id, proof } if outcome.is_ok() => self.bindings.bind(&self.state, *id, *proof),
                    _ => {}
                }
            }
        }
    }

    /// What this machine is held against on other nodes: the index of the last change of the state or of the rights, and a digest of both.
    pub fn proof(&self) -> (Index, Digest) {
        let index = self.state.revision().max(self.access.changed_index());
        (index, Digest(self.state.digest().0.wrapping_add(self.access.digest().0)))
    }

    /// Applies a committed membership.
    pub fn apply_membership(&mut self, membership: &Membership, index: Index, term: Term) -> Option<Commit> {
        let prev_index = self.state.revision();
        let changes = self.state.apply_membership(&membership.nodes, index);
        self.commit(index, prev_index, term, Principal::quorum(), None, changes)
    }

    fn commit(
        &self,
        index: Index,
        prev_index: Index,
        term: Term,
        principal: Principal,
        intent: Option<Intent>,
        changes: Vec<Change>,
    ) -> Option<Commit> {
        (!changes.is_empty()).then(|| Commit {
            index,
            prev_index,
            term,
            at_ms: self.state.at_ms(),
            principal,
            intent,
            digest: self.state.digest(),
            changes,
        })
    }
}
