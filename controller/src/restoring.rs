//! A new cluster of one controller out of a backup: the same cluster id, topics and ids, in a new lineage, in a data directory that
//! `quorate serve` starts from.
//!
//! Nothing of the former cluster takes the new one for its own: the lineage is another one, every index is above all that it may have used,
//! and every broker has another epoch, so that it has to register before anything is taken from it.

use crate::backup::{Archive, AsOf, BackupError, Missing, Rebuilt};
use crate::disk::{Directory, Disk};
use crate::environment::Environment;
use crate::living::identity::Instance;
use crate::raft::log::LogStore;
use crate::raft::snapshot_file::{self, SnapshotFile};
use crate::raft::{CommittedLeaderId, LogId, SnapshotMeta, StoredMembership, Vote};
use metadata::digest::Digest;
use metadata::model::Identity;
use metadata::{Broker, BrokerId, BrokerState, Change, ControllerNode, Index, Machine, NodeId, Partition, State, Term};
use openraft::storage::RaftLogStorage;
use openraft::{BasicNode, Membership};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::{Builder, Uuid};

/// How far above everything that is kept the new indexes begin: what the former cluster used beyond its backup is below as well.
const ABOVE: u64 = 1_000_000;

/// What is to be restored, and as whom.
pub struct Wanted<'a> {
    pub from: &'a str,
    pub as_of: AsOf,
    pub data_dir: &'a Path,
    pub node_id: NodeId,
    /// Where other controllers will reach it.
    pub url: String,
    /// Nothing is written.
    pub dry_run: bool,
}

/// What was restored, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub cluster_id: Uuid,
    pub former_lineage: Uuid,
    pub lineage: Uuid,
    /// What the backup comes to: its index, time and digest.
    pub as_of: Index,
    pub at_ms: u64,
    pub digest: Digest,
    /// Where the new history begins, and the digest there.
    pub index: Index,
    pub term: Term,
    pub new_digest: Digest,
    pub topics: usize,
    pub partitions: usize,
    pub brokers: Vec<BrokerId>,
    /// Settings that differ from their defaults.
    pub settings: Vec<String>,
    /// Reassignments that had not ended: they go on.
    pub reassignments: usize,
    /// Up to where the backup goes.
    pub upto: Index,
    pub gaps: Vec<Missing>,
}

/// Restores.
///
/// # Errors
/// When the directory holds anything, the backup has not what was asked for, or the disk does not take it.
pub async fn restore(wanted: &Wanted<'_>, environment: &dyn Environment) -> Result<Restored, BackupError> {
    check_empty(wanted.data_dir)?;
    let Rebuilt { state: kept, newest, upto, gaps } = Archive::open(wanted.from).await?.rebuild(wanted.as_of).await?;
    let Some(former) = kept.identity().cloned() else {
        return Err(BackupError::Refused("what it comes to is a cluster that was not born yet: ask for a later index".to_owned()));
    };
    if u32::try_from(wanted.node_id).is_ok_and(|id| kept.broker(BrokerId(id)).is_some()) {
        return Err(BackupError::Refused(format!(
            "--node-id {}: a broker has this number, and no controller may have it too",
            wanted.node_id
        )));
    }
    let lineage = Builder::from_random_bytes(environment.seed().to_be_bytes()).into_uuid();
    let identity = Identity { cluster_id: former.cluster_id, lineage };
    let controller = ControllerNode { id: wanted.node_id, url: wanted.url.clone(), voter: true };
    let first = newest.0.max(kept.revision()) + ABOVE;
    let state = begun(&kept, first, environment.wall_ms(), identity, controller);
    let term = newest.1 + 1;
    if !wanted.dry_run {
        write(wanted, &state, term, environment).await?;
    }
    Ok(Restored {
        cluster_id: former.cluster_id,
        former_lineage: former.lineage,
        lineage,
        as_of: kept.revision(),
        at_ms: kept.at_ms(),
        digest: kept.digest(),
        index: state.revision(),
        term,
        new_digest: state.digest(),
        topics: state.topic_count(),
        partitions: state.all_partitions().count(),
        brokers: state.brokers().map(|broker| broker.id).collect(),
        settings: state.settings().values.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        reassignments: state.reassignments().filter(|each| each.ended_at_ms.is_none()).count(),
        upto,
        gaps,
    })
}

fn check_empty(dir: &Path) -> Result<(), BackupError> {
    let io = |source| BackupError::Io { what: dir.display().to_string(), source };
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(entry) => {
                let name = entry.map_err(io)?.file_name();
                let no = format!(
                    "--data-dir {} holds something, {}: give a directory that is empty or not there",
                    dir.display(),
                    name.display()
                );
                Err(BackupError::Refused(no))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(error)),
    }
}

/// The state that the new lineage begins with.
fn begun(kept: &State, first: Index, now_ms: u64, identity: Identity, controller: ControllerNode) -> State {
    let (mut state, at_ms) = (kept.clone(), now_ms.max(kept.at_ms()));
    // Of each broker an index of its own: epochs are never used twice.
    let brokers: Vec<_> = kept.brokers().cloned().zip(first..).collect();
    for (broker, index) in &brokers {
        let fenced =
            Broker { epoch: *index, changed_index: *index, state: BrokerState::Fenced, shutdown_index: None, ..Broker::clone(broker) };
        state.absorb(*index, at_ms, &Change::BrokerChanged { broker: Arc::new(fenced) });
    }
    let last = first + brokers.len() as u64;
    for (topic_id, partition) in kept.all_partitions() {
        let partition = Arc::new(without_leader(partition));
        state.absorb(last, at_ms, &Change::PartitionChanged { topic_id, partition });
    }
    state.absorb(last, at_ms, &Change::ControllersChanged { controllers: vec![controller] });
    state.absorb(last, at_ms, &Change::ClusterBootstrapped { identity });
    state
}

/// A partition all of whose brokers are fenced at once: who was in sync may lead it again, whichever comes first. One after the other the
/// last one alone could.
fn without_leader(old: &Partition) -> Partition {
    let mut eligible: BTreeSet<BrokerId> = old.isr.iter().chain(&old.elr).copied().collect();
    Partition {
        leader: None,
        leader_epoch: old.leader_epoch + 1,
        partition_epoch: old.partition_epoch + 1,
        isr: Vec::new(),
        elr: old.replicas.iter().copied().filter(|id| eligible.remove(id)).collect(),
        last_known_leader: old.leader.or(old.last_known_leader),
        ..old.clone()
    }
}

/// Writes a data directory as a controller would have left it that made a snapshot and stopped.
async fn write(wanted: &Wanted<'_>, state: &State, term: Term, environment: &dyn Environment) -> Result<(), BackupError> {
    let io = |source| BackupError::Io { what: format!("{} cannot be written", wanted.data_dir.display()), source };
    let disk: Arc<dyn Disk> = Arc::new(Directory::new(PathBuf::from(wanted.data_dir)).map_err(io)?);
    let last = LogId::new(CommittedLeaderId::new(term), state.revision());
    let nodes: BTreeMap<NodeId, BasicNode> = [(wanted.node_id, BasicNode::new(&wanted.url))].into();
    let members = Membership::new(vec![[wanted.node_id].into()], nodes).map_err(|error| io(std::io::Error::other(error.to_string())))?;
    let meta = SnapshotMeta { last_log_id: Some(last), last_membership: StoredMembership::new(Some(last), members) };
    let machine = Machine { state: state.clone(), ..Machine::default() };
    // First: without it the rest would pass for a controller that never began.
    let snapshot = SnapshotFile::new(disk.clone(), Arc::default());
    snapshot.write(&meta, &snapshot_file::content(&machine).map_err(io)?).map_err(io)?;
    Instance::open(&*disk, wanted.node_id, environment).map_err(io)?;
    let mut log = LogStore::open(disk).map_err(io)?;
    log.save_vote(&Vote::new(term, wanted.node_id)).await.map_err(io)?;
    log.purge(last).await.map_err(io)?;
    log.mark().reached((term, state.revision()));
    log.mark().keep().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::tests::{CLUSTER, LINEAGE, story, told, url};
    use crate::environment::Machine;

    #[tokio::test]
    async fn what_is_restored_is_the_same_cluster_in_another_history() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        told(&url(dir.path(), "b.sqlite"), 3, None).await?;
        let (from, data_dir) = (dir.path().join("b.sqlite").display().to_string(), dir.path().join("new"));
        let node = "http://127.0.0.1:9091".to_owned();
        let mut wanted = Wanted { from: &from, as_of: AsOf::Index(9), data_dir: &data_dir, node_id: 1, url: node, dry_run: true };
        let environment = Machine::default();
        restore(&wanted, &environment).await?;
        assert!(!data_dir.exists(), "a dry run wrote something");
        wanted.dry_run = false;
        let restored = restore(&wanted, &environment).await?;
        let refused = restore(&wanted, &environment).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("holds something"), "{refused}");
        assert_eq!((restored.as_of, restored.upto, restored.topics, restored.partitions), (9, 13, 2, 2));
        assert!(restored.index > 1_000_000 + 13 && restored.term == 4 && restored.lineage != Uuid::from_u128(LINEAGE));
        let disk: Arc<dyn Disk> = Arc::new(Directory::new(&data_dir)?);
        let (_, machine) = SnapshotFile::new(disk, Arc::default()).load()?.ok_or_else(|| anyhow::anyhow!("no snapshot"))?;
        let (state, kept) = (&machine.state, &story()[5].1);
        metadata::invariants::hold_in(state);
        assert_eq!((state.digest(), state.revision()), (restored.new_digest, restored.index));
        assert_eq!(state.identity().map(|identity| identity.cluster_id), Some(Uuid::from_u128(CLUSTER)));
        for topic in kept.topics_after(None) {
            assert_eq!(state.topic(topic.id), Some(topic), "a topic is another one");
            for before in kept.partitions_of(topic.id) {
                let after = state.partition(topic.id, before.partition).ok_or_else(|| anyhow::anyhow!("no partition"))?;
                assert_eq!((after.leader, after.replicas.clone(), after.elr.clone()), (None, before.replicas.clone(), before.isr.clone()));
                assert!(after.leader_epoch > before.leader_epoch && after.partition_epoch > before.partition_epoch);
            }
        }
        for broker in state.brokers() {
            assert!(broker.state == BrokerState::Fenced && !broker.held && broker.epoch > 1_000_000, "{broker:?}");
        }
        let early = Wanted { as_of: AsOf::Index(0), data_dir: &dir.path().join("other"), ..wanted };
        assert!(restore(&early, &environment).await.is_err(), "a cluster before its birth");
        Ok(())
    }
}
