//! The glue to openraft: types, log, state machine, snapshots. The only module tree of Quorate that names openraft.

pub(crate) mod chance;
pub(crate) mod data;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod mark;
pub(crate) mod snapshot_file;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod torn_tail;

pub use data::TypeConfig;

use openraft::type_config::alias::{CommittedLeaderIdOf, EntryOf, LogIdOf, SnapshotMetaOf, StoredMembershipOf, VoteOf};

pub(crate) type Raft = openraft::Raft<TypeConfig, machine::StateMachine>;
pub(crate) type Entry = EntryOf<TypeConfig>;
pub(crate) type Payload = openraft::EntryPayload<data::LogData, u64, openraft::BasicNode>;
pub(crate) type LogId = LogIdOf<TypeConfig>;
pub(crate) type CommittedLeaderId = CommittedLeaderIdOf<TypeConfig>;
pub(crate) type Vote = VoteOf<TypeConfig>;
pub(crate) type StoredMembership = StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = SnapshotMetaOf<TypeConfig>;
