//! The directories of the replicas that this broker is assigned: `replicas/<topic id>-<partition>`.
//!
//! A path is made of a UUID and a number and nothing else. Directories go by topic *id*, so a topic that is created again
//! under its old name starts empty (F8, KAFKA-14616).
//!
//! Nothing here is synced to the disk: all of it follows from the metadata, and the first look after a start makes good
//! what a power cut took or brought back. A replica costs one inode: three (a directory for its topic and a file in its own)
//! took a third of a machine that made thousands of partitions a second.

use crate::files;
use crate::limit::Limit;
use crate::replica::{Touched, Watcher};
use crate::shared::Shared;
use metadata::{BrokerId, State, TopicId};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long after an I/O error it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Directories made and removed in one look. What is left has to wait: thousands of new directories a second would take the
/// disk and the time of a controller beside this service, which decides what is in them.
const MOST_AT_ONCE: usize = 64;
/// The wait after such a look, in times of what it took, …
const REST: u32 = 19;
/// … but not longer than this.
const LONGEST_REST: Duration = Duration::from_millis(250);

type Key = (TopicId, u32);

/// What one look at the state came to.
#[derive(Debug, Default)]
pub struct Report {
    pub made: usize,
    pub removed: usize,
    /// Replicas that an I/O error kept as they were; they are tried again.
    pub failed: usize,
    /// Topics that are for the next look.
    pub left: usize,
    pub first_error: Option<String>,
}

/// The replicas on this disk.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    me: BrokerId,
    held: BTreeSet<Key>,
    /// Topics to look at: what one look did not come to, and where there was an error.
    owed: BTreeSet<TopicId>,
}

impl Disk {
    /// Reads what an earlier run left below the data directory.
    ///
    /// # Errors
    /// When the directory cannot be made or listed.
    pub fn open(data_dir: &Path, me: BrokerId) -> io::Result<Self> {
        let root = data_dir.join("replicas");
        fs::create_dir_all(&root)?;
        files::sync_directory(data_dir)?;
        let mut held = BTreeSet::new();
        for entry in fs::read_dir(&root)? {
            let entry = entry?;
            // Only a name that this service would have written is its own to remove later.
            match entry.file_name().to_str().and_then(key) {
                Some(key) if entry.file_type()?.is_dir() => _ = held.insert(key),
                _ => tracing::warn!(path = %entry.path().display(), "left alone: no directory of a replica"),
            }
        }
        Ok(Disk { root, me, held, owed: BTreeSet::new() })
    }

    /// How many replicas there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is no replica.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether something is left to do.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Makes the disk what the state says of these topics and of those that are owed, up to a bound; the rest is then owed.
    pub fn reconcile(&mut self, state: &State, touched: Touched) -> Report {
        match touched {
            Touched::All => self.owed = self.differing(state),
            Touched::Topics(topics) => self.owed.extend(topics),
        }
        let (mut report, mut failed) = (Report::default(), BTreeSet::new());
        while report.made + report.removed + report.failed < MOST_AT_ONCE
            && let Some(topic) = self.owed.pop_first()
        {
            if let Err(error) = self.settle(state, topic, &mut report) {
                report.first_error.get_or_insert(error);
                failed.insert(topic);
            }
        }
        report.left = self.owed.len();
        self.owed.append(&mut failed);
        report
    }

    fn differing(&self, state: &State) -> BTreeSet<TopicId> {
        let mine = state.all_partitions().filter(|(_, partition)| partition.replicas.contains(&self.me));
        let wanted: BTreeSet<Key> = mine.map(|(topic, partition)| (topic, partition.partition)).collect();
        wanted.symmetric_difference(&self.held).map(|(topic, _)| *topic).collect()
    }

    /// Makes one topic's directories what they should be; the first of its errors, if there was one.
    fn settle(&mut self, state: &State, topic: TopicId, report: &mut Report) -> Result<(), String> {
        let mine = state.partitions_of(topic).filter(|partition| partition.replicas.contains(&self.me));
        let wanted: BTreeSet<Key> = mine.map(|partition| (topic, partition.partition)).collect();
        let held: BTreeSet<Key> = self.held.range((topic, 0)..=(topic, u32::MAX)).copied().collect();
        let mut first = Ok(());
        for key in held.symmetric_difference(&wanted) {
            let path = self.path(*key);
            let stale = held.contains(key);
            let done = if stale { gone(fs::remove_dir_all(&path)) } else { fs::create_dir_all(&path) };
            match done {
                Ok(()) if stale => report.removed += usize::from(self.held.remove(key)),
                Ok(()) => report.made += usize::from(self.held.insert(*key)),
                Err(error) => {
                    report.failed += 1;
                    first = first.and_then(|()| Err(format!("{}: {error}", path.display())));
                }
            }
        }
        first
    }

    fn path(&self, (topic, partition): Key) -> PathBuf {
        self.root.join(format!("{topic}-{partition}"))
    }
}

/// The replica that a directory of this name is for.
fn key(name: &str) -> Option<Key> {
    let (topic, partition) = name.rsplit_once('-')?;
    let key = (TopicId(Uuid::parse_str(topic).ok()?), partition.parse::<u32>().ok()?);
    (format!("{}-{}", key.0, key.1) == name).then_some(key)
}

/// What is not there need not be removed.
fn gone(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Keeps the disk in step with the copy until it is told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut disk: Disk, mut watcher: Watcher, halt: CancellationToken) {
    let errors = Limit::default();
    let mut rest = None;
    loop {
        tokio::select! {
            () = halt.cancelled() => return,
            more = watcher.changed(), if rest.is_none() => if !more { return },
            () = tokio::time::sleep(rest.unwrap_or(RETRY)), if disk.owes() => {}
        }
        let (image, touched) = watcher.take();
        // Without a copy nothing is known to be unassigned; the next one comes with everything touched.
        let Some(image) = image else {
            rest = None;
            continue;
        };
        let look = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let report = disk.reconcile(&image.state, touched);
            (disk, report, began.elapsed())
        });
        // It cannot panic, and is not cancelled while this runs.
        let Ok((same, report, took)) = look.await else { return };
        disk = same;
        rest = (report.left > 0 && report.failed == 0).then(|| (took * REST).min(LONGEST_REST));
        shared.replicas_online.store(report.failed == 0, Ordering::Relaxed);
        if let Some(error) = &report.first_error
            && let Some(left_out) = errors.pass()
        {
            tracing::error!(error, failed = report.failed, left_out, "replicas could not be brought up to date on disk");
        }
        if report.made + report.removed > 0 {
            tracing::debug!(made = report.made, removed = report.removed, left = report.left, held = disk.len(), "replicas on disk");
        }
    }
}
