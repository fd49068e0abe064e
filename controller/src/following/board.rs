//! What a node has been told of the others: the newest pulse, and what each said of itself.

use crate::hub::Encoded;
use crate::net::rpc::NodeStatus;
use metadata::frame::{Backup, Pulse};
use metadata::{Index, NodeId, Term};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A pulse older than this says nothing of now.
pub(crate) const STALE_MS: u64 = 3_000;

/// That the SQL backup was looked through, up to where and when, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub index: Index,
    pub at_ms: u64,
    pub flaw: Option<String>,
}

/// The newest pulse and what it is made from.
pub(crate) struct PulseBoard {
    latest: Mutex<Option<(Arc<Pulse>, u64)>>,
    /// What the other controllers said of themselves, and when (monotonic ms).
    statuses: Mutex<BTreeMap<NodeId, (NodeStatus, u64)>>,
    /// The term in which this node, leading, has asked everybody once.
    asked: AtomicU64,
    backup: Mutex<Backup>,
    /// What this node found when it looked through the backup last.
    proof: Mutex<Option<Proof>>,
    count: watch::Sender<u64>,
    /// The newest pulse as it is sent to every reader of the feed, and its count.
    shared: Mutex<Option<(u64, Arc<Encoded>)>>,
}

impl PulseBoard {
    pub(crate) fn new(backup: bool) -> Self {
        let backup = if backup { Backup::Following { watermark: 0 } } else { Backup::Off };
        PulseBoard {
            latest: Mutex::default(),
            statuses: Mutex::default(),
            asked: AtomicU64::new(0),
            backup: Mutex::new(backup),
            proof: Mutex::default(),
            count: watch::channel(0).0,
            shared: Mutex::default(),
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    pub(crate) fn take(&self, pulse: Pulse, now_ms: u64) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::new(pulse), now_ms));
        self.tell();
    }

    /// There is another pulse to read.
    pub(crate) fn tell(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// The newest one that a leader told, with its age, while it says something of now.
    pub(crate) fn told(&self, now_ms: u64) -> Option<(Arc<Pulse>, u64)> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        latest.map(|(pulse, at_ms)| (pulse, now_ms.saturating_sub(at_ms))).filter(|(_, age_ms)| *age_ms < STALE_MS)
    }

    pub(crate) fn note_status(&self, status: NodeStatus, now_ms: u64) {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).insert(status.id, (status, now_ms));
    }

    pub(crate) fn note_backup(&self, backup: Backup) {
        *self.backup.lock().unwrap_or_else(PoisonError::into_inner) = backup;
    }

    pub(crate) fn note_proof(&self, proof: Proof) {
        *self.proof.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
    }

    pub(crate) fn proof(&self) -> Option<Proof> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn backup(&self) -> Backup {
        self.backup.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the other controllers said of themselves last, and when.
    pub(crate) fn statuses(&self) -> MutexGuard<'_, BTreeMap<NodeId, (NodeStatus, u64)>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node, leading in this term, has asked everybody once.
    pub(crate) fn has_asked(&self, term: Term) -> bool {
        self.asked.load(Ordering::Relaxed) == term
    }

    pub(crate) fn note_asked(&self, term: Term) {
        self.asked.store(term, Ordering::Relaxed);
    }

    /// The newest pulse in the form that is sent, made once for all who were told of it.
    pub(crate) fn once(&self, make: impl FnOnce() -> Encoded) -> Arc<Encoded> {
        let count = *self.count.borrow();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shared {
            Some((of, pulse)) if *of == count => pulse.clone(),
            _ => shared.insert((count, Arc::new(make()))).1.clone(),
        }
    }
}
