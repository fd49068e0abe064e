//! Soft state from heartbeats, only in the leader's memory: when each session was last heard, and what it has taken in.

use crate::ids::{BrokerId, Index};
use crate::state::State;
use std::collections::BTreeMap;

/// The sessions as the leader knows them at `now_ms` of its monotonic clock.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    /// Monotonic milliseconds; comparable with [`Session::contact_ms`] alone.
    pub now_ms: u64,
    /// How long a session outlives its last heartbeat, in ms.
    pub session_timeout_ms: u64,
    pub sessions: BTreeMap<BrokerId, Session>,
}

/// One broker's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The registration that it belongs to.
    pub broker_epoch: Index,
    /// Monotonic milliseconds of the last heartbeat.
    pub contact_ms: u64,
    /// The index that the broker acknowledged; 0 while unknown.
    pub metadata_index: Index,
}

impl Liveness {
    /// Whether this registration's session is still valid (A3, B14).
    pub fn alive(&self, id: BrokerId, epoch: Index) -> bool {
        self.sessions.get(&id).is_some_and(|session| {
            session.broker_epoch == epoch && self.now_ms <= session.contact_ms.saturating_add(self.session_timeout_ms)
        })
    }

    /// The smallest acknowledged index among the active brokers except one; an unknown one counts as 0 (B10).
    pub fn seen_by_all_active(&self, state: &State, except: BrokerId) -> Index {
        let indexes = state.brokers().filter(|broker| broker.active() && broker.id != except).map(|broker| {
            self.sessions.get(&broker.id).filter(|session| session.broker_epoch == broker.epoch).map_or(0, |session| session.metadata_index)
        });
        indexes.min().unwrap_or(Index::MAX)
    }
}
