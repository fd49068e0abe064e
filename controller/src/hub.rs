//! Step 6: the feed hub. Apply publishes, every consumer reads at its own pace from one bounded ring.
//!
//! A consumer holds a position, not a queue: one that never reads costs nothing, and one that falls out of the ring is
//! told so. A commit is encoded once per subprotocol, by whoever needs it first.

mod encoded;

pub use encoded::Encoded;

use arc_swap::ArcSwap;
use bytes::Bytes;
use metadata::command::AskedBy;
use metadata::frame::{Frame, Since};
use metadata::views::Level;
use metadata::{Commit, Index, Machine, NodeId, State, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use tokio::sync::watch;

/// How many commits are kept in memory.
const MOST_COMMITS: usize = 4_096;
/// How many changes all kept commits may hold together: one commit of a large batch weighs as much as many small ones.
const MOST_CHANGES: usize = 100_000;

/// A commit, and by what whoever asked for it was known.
pub(crate) type Applied = (Arc<Commit>, Option<AskedBy>);

/// A commit with its encodings.
#[derive(Debug)]
pub struct Published {
    pub commit: Arc<Commit>,
    /// By what whoever asked was known: for the backup's history, and for no reader of the feed.
    pub(crate) by: Option<AskedBy>,
    pub frame: Encoded,
    pushed: OnceLock<Bytes>,
}

impl Published {
    fn new((commit, by): Applied) -> Arc<Self> {
        Arc::new(Published { frame: Encoded::new(Frame::Commit(commit.clone())), commit, by, pushed: OnceLock::new() })
    }

    /// Its changes for storage services, between commas: each with the commit's index and time, which a replica needs to
    /// absorb them exactly.
    pub(crate) fn pushed(&self) -> Bytes {
        let encode = || {
            let Commit { index, at_ms, changes, .. } = &*self.commit;
            let stamped: Vec<_> = changes.iter().map(|change| json::stamped(*index, *at_ms, change)).collect();
            let mut list = serde_json::to_vec(&stamped).unwrap_or_default();
            // Between its brackets.
            list.pop();
            let list = Bytes::from(list);
            list.slice(list.len().min(1)..)
        };
        self.pushed.get_or_init(encode).clone()
    }
}

/// What every reader of a node sees at one moment.
#[derive(Debug)]
pub struct View {
    pub machine: Machine,
    pub state: Arc<State>,
    /// The last applied index; at or above the state's revision, as some entries change nothing.
    pub applied: Index,
}

#[derive(Default)]
struct Ring {
    commits: VecDeque<Arc<Published>>,
    changes: usize,
    /// Everything after this index is in the ring.
    complete_after: Index,
    since: Option<Since>,
    /// Commits so far by the kind of what was asked.
    counts: BTreeMap<&'static str, u64>,
    /// Raft began anew below what readers have seen: nothing is shown before it is as far again.
    held: Option<Held>,
}

/// What becomes of the commits that are kept, once a node that began anew is as far as its readers were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// They stay: the state was sound.
    Sound,
    /// They go, and every feed ends: they may hold what was never true.
    Suspect,
}

/// What a reader gets at its position.
#[derive(Debug)]
pub enum Next {
    /// Commits after the position, in order; then everything up to `upto` has been given.
    Commits { commits: Vec<Arc<Published>>, upto: Index },
    /// The position is no longer kept.
    Gone { oldest: Index },
}

/// The hub of one node.
pub struct Hub {
    node_id: NodeId,
    view: ArcSwap<View>,
    ring: RwLock<Ring>,
    applied: watch::Sender<Index>,
    /// Rises when a snapshot from the leader replaced the state: feeds that began before end.
    generation: AtomicU64,
    snapshot_index: AtomicU64,
    /// How often what was shown turned out to be what may never have been true.
    suspected: AtomicU64,
}

impl Hub {
    /// An empty hub.
    pub fn new(node_id: NodeId) -> Self {
        let view = View { machine: Machine::default(), state: Arc::default(), applied: 0 };
        Hub {
            node_id,
            view: ArcSwap::from_pointee(view),
            ring: RwLock::default(),
            applied: watch::channel(0).0,
            generation: AtomicU64::new(0),
            snapshot_index: AtomicU64::new(0),
            suspected: AtomicU64::new(0),
        }
    }

    /// The node whose hub this is.
    pub fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// What is applied now.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Follows the applied index.
    pub fn watch_applied(&self) -> watch::Receiver<Index> {
        self.applied.subscribe()
    }

    /// The index of the newest snapshot; 0 for none.
    pub fn snapshot_index(&self) -> Index {
        self.snapshot_index.load(Ordering::Relaxed)
    }

    /// A feed that began at another generation has to end.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn note_snapshot(&self, index: Index) {
        self.snapshot_index.store(index, Ordering::Relaxed);
    }

    /// Replaces everything, as after an installed snapshot.
    pub(crate) fn restart(&self, machine: Machine, applied: Index) {
        {
            let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
            let counts = std::mem::take(&mut ring.counts);
            *ring = Ring { complete_after: applied, counts, ..Ring::default() };
            note_level(&mut ring, &machine.state);
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.show(machine, applied);
    }

    /// Holds everything back until a node that begins anew is as far as its readers were: what they see never goes back.
    pub(crate) fn hold(&self, held: Held) {
        self.ring.write().unwrap_or_else(PoisonError::into_inner).held = Some(held);
        if held == Held::Suspect {
            self.suspected.fetch_add(1, Ordering::AcqRel);
            self.generation.fetch_add(1, Ordering::AcqRel);
            self.applied.send_modify(|_| {});
        }
    }

    /// Rises when what was shown may never have been true: who wrote it down lets go of it.
    pub(crate) fn suspected(&self) -> u64 {
        self.suspected.load(Ordering::Acquire)
    }

    fn held(&self) -> bool {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).held.is_some()
    }

    /// Waits until what is applied is shown again.
    pub(crate) async fn released(&self) {
        let mut applied = self.applied.subscribe();
        while self.held() {
            if applied.changed().await.is_err() {
                return;
            }
        }
    }

    /// The first state of a node that begins, which is that of its snapshot: shown at once, unless readers have seen more.
    pub(crate) fn begin(&self, machine: Machine, applied: Index) {
        self.note_snapshot(applied);
        if self.held() && applied < self.view.load().applied {
            return;
        }
        self.restart(machine, applied);
    }

    /// Whether this batch is to be shown, and which of its commits readers have not seen.
    fn release(&self, machine: &Machine, applied: Index, commits: &mut Vec<Applied>) -> bool {
        let shown = self.view.load().applied;
        let held = self.ring.read().unwrap_or_else(PoisonError::into_inner).held;
        match held {
            None => return true,
            Some(_) if applied < shown => return false,
            Some(Held::Sound) => {}
            Some(Held::Suspect) => {
                self.restart(machine.clone(), applied);
                return false;
            }
        }
        commits.retain(|(commit, _)| commit.index > shown);
        self.ring.write().unwrap_or_else(PoisonError::into_inner).held = None;
        true
    }

    /// Publishes what a batch of entries made true.
    pub(crate) fn publish(&self, machine: Machine, applied: Index, mut commits: Vec<Applied>) {
        if !self.release(&machine, applied, &mut commits) {
            return;
        }
        if !commits.is_empty() {
            let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
            for applied in commits {
                ring.changes += applied.0.changes.len();
                *ring.counts.entry(applied.0.kind()).or_default() += 1;
                ring.commits.push_back(Published::new(applied));
            }
            while ring.commits.len() > MOST_COMMITS || (ring.changes > MOST_CHANGES && ring.commits.len() > 1) {
                if let Some(dropped) = ring.commits.pop_front() {
                    ring.changes -= dropped.commit.changes.len();
                    ring.complete_after = dropped.commit.index;
                }
            }
            note_level(&mut ring, &machine.state);
        }
        self.show(machine, applied);
    }

    fn show(&self, machine: Machine, applied: Index) {
        let state = Arc::new(machine.state.clone());
        self.view.store(Arc::new(View { machine, state, applied }));
        self.applied.send_replace(applied);
    }

    /// Up to `most` commits after a position.
    pub fn after(&self, position: Index, most: usize) -> Next {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        if position < ring.complete_after {
            return Next::Gone { oldest: ring.complete_after };
        }
        let start = ring.commits.partition_point(|published| published.commit.index <= position);
        let commits: Vec<_> = ring.commits.iter().skip(start).take(most).cloned().collect();
        // Read under the ring's lock: what is shown as applied may be newer than the ring only by entries without changes.
        let whole = start + commits.len() == ring.commits.len();
        let upto = if whole { self.view.load().applied.max(position) } else { commits.last().map_or(position, |last| last.commit.index) };
        let newest = ring.commits.back().map_or(ring.complete_after, |last| last.commit.index);
        Next::Commits { commits, upto: if whole { upto.max(newest.max(position)) } else { upto } }
    }

    /// The commit at exactly this index, while it is kept.
    pub fn commit_at(&self, index: Index) -> Option<Arc<Commit>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let at = ring.commits.binary_search_by_key(&index, |published| published.commit.index).ok()?;
        ring.commits.get(at).map(|published| published.commit.clone())
    }

    /// The newest commits, newest first.
    pub fn recent(&self, most: usize) -> Vec<Arc<Commit>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.commits.iter().rev().take(most).map(|published| published.commit.clone()).collect()
    }

    /// How many commits were published, by kind.
    pub fn commits_by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    /// Since when the level has been what it is.
    pub fn since(&self) -> Option<Since> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).since
    }

    /// Commits whose time is at or after this one, at most as many as the ring holds.
    pub fn count_since(&self, at_ms: u64) -> u32 {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.commits.iter().rev().take_while(|published| published.commit.at_ms >= at_ms).count() as u32
    }
}

fn note_level(ring: &mut Ring, state: &State) {
    let level: Level = state.level();
    if ring.since.is_none_or(|since| since.level != level) {
        ring.since = Some(Since { level, at_ms: state.at_ms(), index: state.revision() });
    }
}
