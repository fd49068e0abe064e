//! Steps 5 and 6: applies committed entries to the metadata machine and hands what became true to the feed hub.

use super::snapshot_file::{self, SnapshotFile};
use super::{LogId, Payload, SnapshotMeta, StoredMembership, TypeConfig};
use crate::environment::{Environment, elsewhere};
use crate::hub::{Applied, Hub};
use crate::living::proofs::Proofs;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use metadata::command::Membership;
use metadata::{Commit, ControllerNode, Index, Machine, Response, State};
use openraft::storage::{EntryResponder, RaftStateMachine, Snapshot};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use std::io;
use std::sync::Arc;

/// How many entries are applied before readers see them and callers are answered, when that many wait.
const MOST_AT_ONCE: usize = 256;

/// Topics and partitions from which on a state is large: a snapshot of it waits until the log has grown by half as many entries as it would
/// write objects. One every so many entries alone was a ninth of what a node does while it creates.
const LARGE: u64 = 40_000;
/// Entries after which there is one whatever the size: they are applied anew at each start.
const MOST_ENTRIES: u64 = 100_000;

/// The state machine of one node.
pub struct StateMachine {
    machine: Machine,
    applied: Option<LogId>,
    membership: StoredMembership,
    file: SnapshotFile,
    hub: Arc<Hub>,
    proofs: Arc<Proofs>,
    environment: Arc<dyn Environment>,
}

impl StateMachine {
    /// Starts from the newest snapshot; Raft re-applies the log after it. `purged` is where the log begins.
    ///
    /// # Errors
    /// When the snapshot is there and cannot be used, or does not reach to where the log begins.
    pub(crate) fn open(
        file: SnapshotFile,
        purged: Index,
        hub: Arc<Hub>,
        proofs: Arc<Proofs>,
        environment: Arc<dyn Environment>,
    ) -> io::Result<Self> {
        let (meta, machine) = file.load()?.unwrap_or_default();
        let applied = meta.last_log_id.map_or(0, |log_id| log_id.index);
        if applied < purged {
            return Err(file.too_old(applied, purged));
        }
        proofs.restart(&machine);
        hub.begin(machine.clone(), applied);
        Ok(StateMachine { machine, applied: meta.last_log_id, membership: meta.last_membership, file, hub, proofs, environment })
    }

    fn apply_one(&mut self, log_id: LogId, payload: Payload) -> io::Result<(Option<Response>, Option<Applied>)> {
        let term = log_id.leader_id.term;
        self.applied = Some(log_id);
        match payload {
            EntryPayload::Blank => Ok((None, self.take_membership(log_id).map(|commit| (Arc::new(commit), None)))),
            EntryPayload::Normal(data) => {
                let (checked, entry) = data.decode().map_err(|error| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("entry {} does not decode: {error}", log_id.index))
                })?;
                if let Some(checked) = checked {
                    self.proofs.compare(checked);
                }
                let (response, commit) = self.machine.apply(&entry, log_id.index, term);
                Ok((Some(response), commit.map(|commit| (Arc::new(commit), entry.asked_by()))))
            }
            EntryPayload::Membership(members) => {
                self.membership = StoredMembership::new(Some(log_id), members);
                // Index 0 means "nothing yet" to every reader: the first membership comes out with the blank entry after it.
                let commit = if log_id.index > 0 { self.take_membership(log_id) } else { None };
                Ok((None, commit.map(|commit| (Arc::new(commit), None))))
            }
        }
    }

    fn take_membership(&mut self, log_id: LogId) -> Option<Commit> {
        let members = self.membership.membership();
        let voters: Vec<u64> = members.voter_ids().collect();
        let node =
            |(id, node): (&u64, &openraft::BasicNode)| ControllerNode { id: *id, url: node.addr.clone(), voter: voters.contains(id) };
        let nodes = members.nodes().map(node).collect();
        self.machine.apply_membership(&Membership { nodes }, log_id.index, log_id.leader_id.term)
    }

    /// Entries since the last snapshot.
    fn grown(&self) -> u64 {
        self.applied.map_or(0, |log_id| log_id.index).saturating_sub(self.hub.snapshot_index())
    }

    fn snapshot_meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone() }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut batches = entries.ready_chunks(MOST_AT_ONCE);
        while let Some(batch) = batches.next().await {
            let mut commits = Vec::new();
            let mut answers = Vec::with_capacity(batch.len());
            self.environment.disturb(&mut self.machine);
            for item in batch {
                let (entry, responder) = item?;
                let (response, commit) = self.apply_one(entry.log_id, entry.payload)?;
                self.proofs.note(self.machine.proof());
                commits.extend(commit);
                answers.extend(responder.map(|responder| (responder, response.map(Arc::new))));
            }
            let applied = self.applied.map_or(0, |log_id| log_id.index);
            // Readers first: who is answered must find what it was answered.
            self.hub.publish(self.machine.clone(), applied, commits);
            answers.into_iter().for_each(|(responder, response)| responder.send(response));
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        if !force && self.grown() < due(objects(&self.machine.state)) {
            return None;
        }
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            machine: self.machine.clone(),
            meta: self.snapshot_meta(),
            file: self.file.clone(),
            hub: self.hub.clone(),
            environment: self.environment.clone(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, content: Bytes) -> io::Result<()> {
        let (file, written, own) = (self.file.clone(), meta.clone(), self.machine.clone());
        // Decoding and writing a large state takes long: not on a thread that Raft's heartbeats need.
        let machine = elsewhere(&*self.environment, move || {
            let machine = metadata::snapshot::decode_machine(&content).map_err(io::Error::other)?;
            check_lineage(&own, &machine)?;
            file.write(&written, &content)?;
            io::Result::Ok(machine)
        })
        .await??;
        self.machine = machine;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        let index = meta.last_log_id.map_or(0, |log_id| log_id.index);
        self.proofs.restart(&self.machine);
        self.hub.begin(self.machine.clone(), index);
        self.hub.note_snapshot(index);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot<super::CommittedLeaderId, u64, openraft::BasicNode, Bytes>>> {
        let file = self.file.clone();
        let kept = elsewhere(&*self.environment, move || file.read()).await??;
        Ok(kept.map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

/// How many topics and partitions a snapshot of this state would write.
fn objects(state: &State) -> u64 {
    state.topic_count() as u64 + u64::from(state.total().partitions)
}

/// Entries between two snapshots of a state of so many topics and partitions, beside what the flag says (I5).
fn due(objects: u64) -> u64 {
    if objects < LARGE { 0 } else { (objects / 2).min(MOST_ENTRIES) }
}

/// A snapshot of another history never replaces this one.
fn check_lineage(own: &Machine, other: &Machine) -> io::Result<()> {
    match (own.state.identity(), other.state.identity()) {
        (Some(own), Some(other)) if own != other => {
            Err(io::Error::other(format!("a snapshot of lineage {} was sent to a node of lineage {}", other.lineage, own.lineage)))
        }
        _ => Ok(()),
    }
}

/// Builds a snapshot beside the running state machine: the state is shared, never copied.
pub struct Builder {
    machine: Machine,
    meta: SnapshotMeta,
    file: SnapshotFile,
    hub: Arc<Hub>,
    environment: Arc<dyn Environment>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot<super::CommittedLeaderId, u64, openraft::BasicNode, Bytes>> {
        let (machine, meta, file) = (self.machine.clone(), self.meta.clone(), self.file.clone());
        let content = elsewhere(&*self.environment, move || {
            let content = snapshot_file::content(&machine)?;
            file.write(&meta, &content)?;
            io::Result::Ok(content)
        })
        .await??;
        self.hub.note_snapshot(self.meta.last_log_id.map_or(0, |log_id| log_id.index));
        Ok(Snapshot { meta: self.meta.clone(), snapshot: content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::model::Identity;
    use uuid::Uuid;

    #[test]
    fn i5_a_large_state_is_written_as_often_as_the_log_has_grown_by_half_of_it() {
        for (objects, entries) in
            [(0, 0), (39_999, 0), (40_000, 20_000), (100_001, 50_000), (200_000, 100_000), (2_000_000, 100_000), (u64::MAX, 100_000)]
        {
            assert_eq!(due(objects), entries, "{objects}");
        }
    }

    #[test]
    fn a_snapshot_of_another_history_is_refused() {
        let of = |lineage: Option<u128>| {
            let mut machine = Machine::default();
            if let Some(lineage) = lineage {
                let identity = Identity { cluster_id: Uuid::from_u128(1), lineage: Uuid::from_u128(lineage) };
                machine.state.absorb(1, 1, &metadata::Change::ClusterBootstrapped { identity });
            }
            machine
        };
        for (own, other, taken) in [(None, None, true), (None, Some(1), true), (Some(1), Some(1), true), (Some(1), Some(2), false)] {
            assert_eq!(check_lineage(&of(own), &of(other)).is_ok(), taken, "{own:?} {other:?}");
        }
    }
}
