//! The directories of the replicas that this broker is assigned: `replicas/<topic id>-<partition>`.
//!
//! A path is made of a UUID and a number and nothing else. Directories go by topic *id* and before others are created,
//! so a topic that is created again under its old name starts empty (F8, KAFKA-14616).
//!
//! Nothing here is synced to the disk: all of it follows from the metadata, and the first look after a start makes good
//! what a power cut took or brought back. A replica costs one inode: three (a directory for its topic and a file in its own)
//! took a third of a machine that made thousands of partitions a second.

use crate::broker::Shared;
use crate::files;
use crate::limit::Limit;
use crate::replica::{Touched, Watcher};
use metadata::{BrokerId, Partition, State, TopicId};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long after an I/O error it is tried again.
const RETRY: Duration = Duration::from_secs(5);

type Key = (TopicId, u32);

/// What one look at the state came to.
#[derive(Debug, Default)]
pub struct Report {
    pub made: usize,
    pub removed: usize,
    /// Replicas that an I/O error kept as they were; they are tried again.
    pub failed: usize,
    pub first_error: Option<String>,
}

/// The replicas on this disk.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    me: BrokerId,
    held: BTreeSet<Key>,
    /// Topics to look at again after an error.
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

    /// Whether an error left something to do.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Makes the disk what the state says of these topics: first away with what is not assigned, then the rest.
    pub fn reconcile(&mut self, state: &State, touched: Touched) -> Report {
        let owed = std::mem::take(&mut self.owed);
        let mut report = Report::default();
        let (wanted, stale): (BTreeSet<Key>, Vec<Key>) = match touched {
            Touched::All => {
                let wanted = self.wanted(state.all_partitions());
                let stale = self.held.difference(&wanted).copied().collect();
                (wanted, stale)
            }
            Touched::Topics(mut topics) => {
                topics.extend(owed);
                let partitions = topics.iter().flat_map(|id| state.partitions_of(*id).map(move |partition| (*id, partition)));
                let wanted = self.wanted(partitions);
                let held = topics.iter().flat_map(|id| self.held.range((*id, 0)..=(*id, u32::MAX)));
                let stale = held.filter(|key| !wanted.contains(*key)).copied().collect();
                (wanted, stale)
            }
        };
        for key in stale {
            let path = self.path(key);
            if self.settled(key, &path, gone(fs::remove_dir_all(&path)), &mut report) {
                report.removed += 1;
                self.held.remove(&key);
            }
        }
        let missing: Vec<Key> = wanted.difference(&self.held).copied().collect();
        for key in missing {
            let path = self.path(key);
            if self.settled(key, &path, fs::create_dir_all(&path), &mut report) {
                report.made += 1;
                self.held.insert(key);
            }
        }
        report
    }

    fn wanted<'a>(&self, partitions: impl Iterator<Item = (TopicId, &'a Arc<Partition>)>) -> BTreeSet<Key> {
        let mine = partitions.filter(|(_, partition)| partition.replicas.contains(&self.me));
        mine.map(|(topic, partition)| (topic, partition.partition)).collect()
    }

    /// Whether it was done; what was not is owed.
    fn settled(&mut self, key: Key, path: &Path, done: io::Result<()>, report: &mut Report) -> bool {
        if let Err(error) = &done {
            report.failed += 1;
            report.first_error.get_or_insert_with(|| format!("{}: {error}", path.display()));
            self.owed.insert(key.0);
        }
        done.is_ok()
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
    loop {
        tokio::select! {
            () = halt.cancelled() => return,
            more = watcher.changed() => if !more { return },
            () = tokio::time::sleep(RETRY), if disk.owes() => {}
        }
        let (image, touched) = watcher.take();
        // Without a copy nothing is known to be unassigned; the next one comes with everything touched.
        let Some(image) = image else { continue };
        let look = tokio::task::spawn_blocking(move || {
            let report = disk.reconcile(&image.state, touched);
            (disk, report)
        });
        // It cannot panic, and is not cancelled while this runs.
        let Ok((same, report)) = look.await else { return };
        disk = same;
        shared.replicas_online.store(report.failed == 0, Ordering::Relaxed);
        if let Some(error) = &report.first_error
            && let Some(left_out) = errors.pass()
        {
            tracing::error!(error, failed = report.failed, left_out, "replicas could not be brought up to date on disk");
        }
        if report.made + report.removed > 0 {
            tracing::debug!(made = report.made, removed = report.removed, held = disk.len(), "replicas on disk");
        }
    }
}
