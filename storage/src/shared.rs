//! What the tasks of one service share, and why it ends.

use crate::client::{Client, Problem};
use crate::limit::Limit;
use crate::options::Options;
use crate::replica::Replica;
use metadata::{BrokerId, Index};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

/// Why a storage service ended by itself.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fatal {
    /// The data directory holds replicas of another cluster; nothing in it was touched.
    #[error("the data directory belongs to cluster {home}, and these are the controllers of {found}")]
    WrongCluster { home: Uuid, found: Uuid },
    /// No retry can help.
    #[error("the registration was refused: {0}")]
    Refused(Problem),
    #[error("the task {0} ended unexpectedly")]
    TaskEnded(&'static str),
}

/// What the tasks of one service share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    pub(crate) client: Client,
    pub(crate) replica: Replica,
    /// The last index that the pull should have.
    pub(crate) wanted: watch::Sender<Index>,
    pub(crate) replicas_online: AtomicBool,
    /// One push at a time.
    pub(crate) pushing: Semaphore,
    /// And one of those that do not prove whom they are from.
    pub(crate) unproven: Semaphore,
    pub(crate) malformed: Limit,
    /// Pushes of terms that nobody confirms.
    pub(crate) strange: Limit,
    pub(crate) epoch: watch::Sender<Option<Index>>,
}

impl Shared {
    pub(crate) fn me(&self) -> BrokerId {
        BrokerId(self.options.id)
    }

    /// The broker epoch while it is registered.
    pub(crate) fn epoch(&self) -> Option<Index> {
        *self.epoch.borrow()
    }

    pub(crate) fn set_epoch(&self, epoch: Option<Index>) {
        self.epoch.send_replace(epoch);
    }
}
