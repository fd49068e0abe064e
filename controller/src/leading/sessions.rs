//! The leader's heartbeat table (B1): soft, in memory, touched without a lock that any other work holds.

use metadata::ids::{BrokerId, Index};
use metadata::intent::Heartbeat;
use metadata::liveness::Session;
use metadata::settings::SESSION_TIMEOUT;
use metadata::{Liveness, State};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The sessions of the brokers, while this node leads.
pub(crate) struct Sessions {
    /// What the flag says, for as long as there is no setting.
    flag_ms: u64,
    table: Mutex<BTreeMap<BrokerId, Session>>,
    late: AtomicU64,
}

impl Sessions {
    pub(crate) fn new(timeout: Duration) -> Self {
        Sessions { flag_ms: timeout.as_millis() as u64, table: Mutex::default(), late: AtomicU64::new(0) }
    }

    // Held for a map operation at most; never across an await or a decision.
    fn table(&self) -> MutexGuard<'_, BTreeMap<BrokerId, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// C1: every unfenced broker gets a full grace period; a fenced one none, or its restart would wait for it.
    pub(crate) fn seed(&self, state: &State, now_ms: u64) {
        let mut table = self.table();
        table.clear();
        for broker in state.brokers().filter(|broker| broker.active() || broker.state == metadata::BrokerState::ShuttingDown) {
            table.insert(broker.id, Session { broker_epoch: broker.epoch, contact_ms: now_ms, metadata_index: 0 });
        }
    }

    /// After a pause of this process every contact is void: each session gets a full grace period again.
    pub(crate) fn reseed(&self, now_ms: u64) {
        self.table().values_mut().for_each(|session| session.contact_ms = now_ms);
    }

    /// A heartbeat came, or a registration (with index 0).
    pub(crate) fn touch(&self, id: BrokerId, broker_epoch: Index, metadata_index: Index, now_ms: u64) {
        let mut table = self.table();
        let known = table.get(&id).filter(|session| session.broker_epoch == broker_epoch).map_or(0, |session| session.metadata_index);
        table.insert(id, Session { broker_epoch, contact_ms: now_ms, metadata_index: metadata_index.max(known) });
    }

    /// A heartbeat whose transition is still to come.
    pub(crate) fn touch_by(&self, heartbeat: &Heartbeat, now_ms: u64) {
        self.touch(heartbeat.id, heartbeat.broker_epoch, heartbeat.metadata_index, now_ms);
    }

    /// B2: a heartbeat whose transition waited too long.
    pub(crate) fn only_touched(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// How many of these there were.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// What a push to this registration acknowledged; a later one starts from what it says itself.
    pub(crate) fn acknowledge(&self, id: BrokerId, epoch: Index, index: Index) {
        if let Some(session) = self.table().get_mut(&id).filter(|session| session.broker_epoch == epoch) {
            session.metadata_index = session.metadata_index.max(index);
        }
    }

    /// SHUTDOWN_NOW, or gone: the id is free at once (A3, J1).
    pub(crate) fn drop_session(&self, id: BrokerId) {
        self.table().remove(&id);
    }

    pub(crate) fn clear(&self) {
        self.table().clear();
    }

    /// L3: how long a session outlives its last heartbeat.
    fn timeout_ms(&self, state: &State) -> u64 {
        if state.settings().changed_index == 0 { self.flag_ms } else { state.settings().number(&SESSION_TIMEOUT) }
    }

    /// For the plan.
    pub(crate) fn liveness(&self, state: &State, now_ms: u64) -> Liveness {
        Liveness { now_ms, session_timeout_ms: self.timeout_ms(state), sessions: self.table().clone() }
    }

    /// The first broker whose session has ended though the state still counts on it (B14).
    pub(crate) fn first_expired(&self, state: &State, now_ms: u64) -> Option<(BrokerId, Index)> {
        use metadata::BrokerState::{Online, ShuttingDown};
        let liveness = self.liveness(state, now_ms);
        let counted = state.brokers().filter(|broker| matches!(broker.state, Online | ShuttingDown));
        counted.map(|broker| (broker.id, broker.epoch)).find(|(id, epoch)| !liveness.alive(*id, *epoch))
    }
}
