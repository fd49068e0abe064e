//! The broker's copy of the state: what it takes in, what it refuses, and who is told.
//!
//! The copy belongs to one lineage and only moves forward. Its digest is compared after every push; a copy that
//! disagrees is dropped whole, and none that is older than it was comes in its place.

use crate::limit::Limit;
use crate::push::{Content, Push};
use metadata::digest::Digest;
use metadata::json::Stamped;
use metadata::model::Identity;
use metadata::{Change, Index, NodeId, State, Term, TopicId};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// More topics than this in one go are looked at as a whole.
const MOST_TOUCHED: usize = 10_000;

/// A state and the index up to which it is known to be current. Cheap to share, never changed.
#[derive(Clone, Debug)]
pub struct Image {
    pub state: State,
    /// Not below the state's own revision: entries that change nothing move this alone.
    pub index: Index,
}

/// Why a push was not taken. Each says up to where the sender may rely on what it sent before.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// Another cluster or another history: only a snapshot could help, and only after a new registration.
    #[error("the lineage is not this broker's")]
    UnknownLineage,
    #[error("a later term was seen")]
    StaleTerm { acknowledged: Index },
    /// Something between is missing, or the copy was dropped.
    #[error("the push begins after index {acknowledged}")]
    Gap { acknowledged: Index },
}

impl Refused {
    /// The code of the contract.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::UnknownLineage => "UNKNOWN_LINEAGE",
            Refused::StaleTerm { .. } => "STALE_TERM",
            Refused::Gap { .. } => "GAP",
        }
    }

    /// The index up to which the sender's lineage is taken in.
    pub fn acknowledged(&self) -> Index {
        match self {
            Refused::UnknownLineage => 0,
            Refused::StaleTerm { acknowledged } | Refused::Gap { acknowledged } => *acknowledged,
        }
    }
}

/// Who a push is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The leader of the newest term that the controllers confirmed.
    Leads,
    /// Certainly not the leader any more, or never.
    LeadsNot,
    /// Of a term that nobody has confirmed: anybody can write a number.
    Unknown,
}

/// The topics whose partitions may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    Topics(BTreeSet<TopicId>),
    All,
}

impl Touched {
    /// No topic.
    pub fn none() -> Self {
        Touched::Topics(BTreeSet::new())
    }

    fn merge(&mut self, other: &Touched) {
        match (&mut *self, other) {
            (Touched::Topics(mine), Touched::Topics(more)) if mine.len() + more.len() <= MOST_TOUCHED => mine.extend(more),
            _ => *self = Touched::All,
        }
    }

    fn by(changes: &[Stamped]) -> Self {
        let ids = changes.iter().filter_map(|stamped| match &stamped.change {
            Change::TopicCreated { topic_id, .. }
            | Change::TopicDeleted { topic_id, .. }
            | Change::PartitionChanged { topic_id, .. }
            | Change::ConfigsChanged { topic_id, .. } => Some(*topic_id),
            _ => None,
        });
        Touched::Topics(ids.collect())
    }
}

/// Follows the images, and what was touched since it last looked.
#[derive(Debug)]
pub struct Watcher {
    images: watch::Receiver<Option<Arc<Image>>>,
    touched: Arc<Mutex<Touched>>,
}

impl Watcher {
    /// Waits for an image that was not taken yet; false once there will be none.
    pub async fn changed(&mut self) -> bool {
        self.images.changed().await.is_ok()
    }

    /// The newest image, and every topic that may differ from the image before.
    pub fn take(&mut self) -> (Option<Arc<Image>>, Touched) {
        // In this order: the image is then never older than what was touched, and looking twice does no harm.
        let touched = std::mem::replace(&mut *lock(&self.touched), Touched::none());
        (self.images.borrow_and_update().clone(), touched)
    }
}

#[derive(Debug, Default)]
struct Standing {
    identity: Option<Identity>,
    /// A snapshot of another lineage may replace the copy.
    open: bool,
    /// The newest term that a push of this lineage came with, and its leader as the controllers know it.
    term: Term,
    leader: Option<NodeId>,
    /// The newest revision that any copy of this lineage had: what was merely confirmed beyond it holds nothing more.
    floor: Index,
    watchers: Vec<Weak<Mutex<Touched>>>,
}

/// The copy.
#[derive(Debug)]
pub struct Replica {
    /// The cluster that the data directory belongs to.
    home: Option<Uuid>,
    standing: Mutex<Standing>,
    images: watch::Sender<Option<Arc<Image>>>,
    strangers: Notify,
    disagreements: Limit,
}

impl Replica {
    /// No copy yet. With a home, nothing of another cluster is ever taken.
    pub fn new(home: Option<Uuid>) -> Self {
        Replica {
            home,
            standing: Mutex::new(Standing { open: true, ..Standing::default() }),
            images: watch::Sender::new(None),
            strangers: Notify::new(),
            disagreements: Limit::default(),
        }
    }

    /// The copy as it is now.
    pub fn image(&self) -> Option<Arc<Image>> {
        self.images.borrow().clone()
    }

    /// The index to acknowledge: 0 without a copy.
    pub fn index(&self) -> Index {
        self.images.borrow().as_ref().map_or(0, |image| image.index)
    }

    /// The index below which no copy will be taken.
    pub fn floor(&self) -> Index {
        self.index().max(lock(&self.standing).floor)
    }

    /// The lineage that the copy belongs to, once it is known.
    pub fn identity(&self) -> Option<Identity> {
        lock(&self.standing).identity.clone()
    }

    /// Follows the copy from now on, beginning with all of it.
    pub fn watch(&self) -> Watcher {
        let touched = Arc::new(Mutex::new(Touched::All));
        lock(&self.standing).watchers.push(Arc::downgrade(&touched));
        let mut images = self.images.subscribe();
        images.mark_changed();
        Watcher { images, touched }
    }

    /// Waits until the copy has this index.
    pub async fn reached(&self, index: Index) {
        let mut images = self.images.subscribe();
        // The sender lives as long as this does, so it cannot be closed.
        let _ = images.wait_for(|image| image.as_ref().is_some_and(|image| image.index >= index)).await;
    }

    /// Waits until a push of an unknown lineage was refused.
    pub async fn stranger(&self) {
        self.strangers.notified().await;
    }

    /// Says what the broker registered with. Of another lineage, the copy is dropped; where the controllers did not
    /// say, the next snapshot decides.
    pub fn registered(&self, identity: Option<&Identity>) {
        let mut standing = lock(&self.standing);
        match identity {
            Some(identity) => {
                self.adopt(&mut standing, identity);
                standing.open = false;
            }
            None => standing.open = true,
        }
    }

    /// What is known of a push's sender before the controllers are asked.
    pub fn sender(&self, push: &Push) -> Sender {
        let standing = lock(&self.standing);
        if standing.identity.as_ref() != Some(&push.identity) {
            let adopts = matches!(push.content, Content::Snapshot(_)) && self.may_adopt(&standing, &push.identity);
            // What is not taken in any case is not asked about.
            return if adopts { Sender::Unknown } else { Sender::Leads };
        }
        match push.term.cmp(&standing.term) {
            Ordering::Less => Sender::LeadsNot,
            Ordering::Equal if standing.leader == Some(push.controller_id) => Sender::Leads,
            Ordering::Equal if standing.leader.is_some() => Sender::LeadsNot,
            _ => Sender::Unknown,
        }
    }

    /// What a push would be refused for, whoever sends it; else whether it brings nothing that is not here. Nothing is taken.
    ///
    /// # Errors
    /// As [`Replica::accept`].
    pub fn refuses(&self, push: &Push) -> Result<bool, Refused> {
        let standing = lock(&self.standing);
        let acknowledged = self.index();
        if standing.identity.as_ref() != Some(&push.identity) {
            return Err(Refused::UnknownLineage);
        }
        match push.content {
            _ if push.term < standing.term => Err(Refused::StaleTerm { acknowledged }),
            Content::Changes(_) if push.from > acknowledged => Err(Refused::Gap { acknowledged }),
            _ => Ok(push.to <= acknowledged && push.term == standing.term),
        }
    }

    /// The controllers know this leader of this term: one term has one.
    pub fn believe(&self, leader: NodeId, term: Term) {
        let mut standing = lock(&self.standing);
        if term >= standing.term {
            (standing.term, standing.leader) = (term, Some(leader));
        }
    }

    /// Takes a push, or says why not.
    ///
    /// # Errors
    /// As the contract has it; the copy is unchanged then, or dropped where it disagreed.
    pub fn accept(&self, push: Push) -> Result<Index, Refused> {
        let mut standing = lock(&self.standing);
        if standing.identity.as_ref() != Some(&push.identity) {
            if !matches!(push.content, Content::Snapshot(_)) || !self.may_adopt(&standing, &push.identity) {
                self.strangers.notify_one();
                return Err(Refused::UnknownLineage);
            }
            self.adopt(&mut standing, &push.identity);
        }
        let own = self.index();
        if push.term < standing.term {
            return Err(Refused::StaleTerm { acknowledged: own });
        }
        if push.term > standing.term {
            (standing.term, standing.leader) = (push.term, None);
        }
        match push.content {
            Content::Snapshot(state) => self.replace(&mut standing, *state, push.to, push.digest),
            Content::Changes(_) if push.from > own => Err(Refused::Gap { acknowledged: own }),
            Content::Changes(changes) => self.advance(&mut standing, &changes, push.to, push.digest),
        }
    }

    /// Takes a state that was fetched and is not older than `as_of`.
    ///
    /// # Errors
    /// When it is of another lineage.
    pub fn install(&self, state: State, as_of: Index) -> Result<Index, Refused> {
        let mut standing = lock(&self.standing);
        let Some(identity) = state.identity().cloned() else { return Err(Refused::UnknownLineage) };
        if standing.identity.as_ref() != Some(&identity) {
            if !self.may_adopt(&standing, &identity) {
                self.strangers.notify_one();
                return Err(Refused::UnknownLineage);
            }
            self.adopt(&mut standing, &identity);
        }
        let digest = state.digest();
        let to = as_of.max(state.revision());
        self.replace(&mut standing, state, to, digest)
    }

    /// The state at `revision` has this digest. If the copy has it too, it is current up to there.
    pub fn confirm(&self, revision: Index, digest: Digest) -> bool {
        let mut standing = lock(&self.standing);
        let Some(image) = self.image().filter(|image| image.state.digest() == digest) else { return false };
        if revision > image.index {
            self.publish(&mut standing, Image { state: image.state.clone(), index: revision }, &Touched::none());
        }
        true
    }

    /// Computes the copy's digest anew, at a pace; a copy that is not what its digest says is dropped. Takes seconds where
    /// there is much, and a thread.
    pub fn scrub(&self, breathe: impl FnMut()) {
        let Some(image) = self.image() else { return };
        let computed = image.state.scrub(breathe);
        if computed != image.state.digest() {
            // Whatever was absorbed since rests on it.
            let _standing = lock(&self.standing);
            self.disagree(image.index, image.state.digest(), computed);
        }
    }

    fn may_adopt(&self, standing: &Standing, identity: &Identity) -> bool {
        let cluster = self.home.or(standing.identity.as_ref().map(|identity| identity.cluster_id));
        standing.open && cluster.is_none_or(|cluster| cluster == identity.cluster_id)
    }

    fn adopt(&self, standing: &mut Standing, identity: &Identity) {
        if standing.identity.as_ref() == Some(identity) {
            return;
        }
        if let Some(old) = standing.identity.replace(identity.clone()) {
            tracing::warn!(old = %old.lineage, new = %identity.lineage, "the cluster began a new history: starting from a snapshot");
        }
        (standing.open, standing.term, standing.leader, standing.floor) = (false, 0, None, 0);
        self.images.send_if_modified(|image| image.take().is_some());
    }

    fn replace(&self, standing: &mut Standing, state: State, to: Index, digest: Digest) -> Result<Index, Refused> {
        let own = self.index();
        if to < own.max(standing.floor) {
            // It was sent before what this broker has.
            return if own > 0 { Ok(own) } else { Err(Refused::Gap { acknowledged: 0 }) };
        }
        if state.digest() != digest {
            return Err(self.disagree(to, state.digest(), digest));
        }
        self.publish(standing, Image { state, index: to }, &Touched::All);
        Ok(to)
    }

    fn advance(&self, standing: &mut Standing, changes: &[Stamped], to: Index, digest: Digest) -> Result<Index, Refused> {
        let image = self.image();
        let own = image.as_ref().map_or(0, |image| image.index);
        if to < own {
            return Ok(own);
        }
        if to < standing.floor {
            return Err(Refused::Gap { acknowledged: own });
        }
        let mut state = image.as_ref().map(|image| image.state.clone()).unwrap_or_default();
        let news = &changes[changes.partition_point(|stamped| stamped.index <= own)..];
        for stamped in news {
            state.absorb(stamped.index, stamped.at_ms, &stamped.change);
        }
        if state.digest() != digest {
            return Err(self.disagree(to, state.digest(), digest));
        }
        if to > own {
            // Without a copy before, directories may be there of which these changes say nothing.
            let touched = if image.is_some() { Touched::by(news) } else { Touched::All };
            self.publish(standing, Image { state, index: to }, &touched);
        }
        Ok(to)
    }

    fn disagree(&self, index: Index, own: Digest, sent: Digest) -> Refused {
        if let Some(left_out) = self.disagreements.pass() {
            tracing::error!(index, %own, %sent, left_out, "the digests disagree: the copy of the metadata is dropped");
        }
        self.images.send_if_modified(|image| image.take().is_some());
        Refused::Gap { acknowledged: 0 }
    }

    fn publish(&self, standing: &mut Standing, image: Image, touched: &Touched) {
        standing.floor = standing.floor.max(image.state.revision());
        standing.watchers.retain(|watcher| watcher.upgrade().map(|watcher| lock(&watcher).merge(touched)).is_some());
        self.images.send_replace(Some(Arc::new(image)));
    }
}

/// What these locks guard is whole at every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
