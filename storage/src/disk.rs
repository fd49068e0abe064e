//! The directories of the replicas that this broker is assigned: `replicas/<topic id>/<partition>/replica.json`.
//!
//! A path is made of a UUID and a number and nothing else. Directories go by topic *id* and before others are created,
//! so a topic that is created again under its old name starts empty (F8, KAFKA-14616).
//!
//! Nothing here is synced to the disk: all of it follows from the metadata, and the first look after a start makes good
//! what a power cut took or brought back.

use crate::broker::Shared;
use crate::files::{self, Content};
use crate::limit::Limit;
use crate::replica::{Touched, Watcher};
use metadata::{BrokerId, State, TopicId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
const FILE: &str = "replica.json";

type Key = (TopicId, u32);

/// What `replica.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaFile {
    pub topic_id: TopicId,
    pub topic: Arc<str>,
    pub partition: u32,
    pub leader_epoch: u32,
}

/// What one look at the state came to.
#[derive(Debug, Default)]
pub struct Report {
    pub written: usize,
    pub removed: usize,
    /// Replicas that an I/O error kept as they were; they are tried again.
    pub failed: usize,
    pub first_error: Option<String>,
}

impl Report {
    fn count(&mut self, path: &Path, done: io::Result<()>) -> bool {
        match done {
            Ok(()) => true,
            Err(error) => {
                self.failed += 1;
                self.first_error.get_or_insert_with(|| format!("{}: {error}", path.display()));
                false
            }
        }
    }
}

/// The replicas on this disk.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    me: BrokerId,
    /// What every directory holds; none where its file could not be read.
    held: BTreeMap<Key, Option<ReplicaFile>>,
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
        let mut held = BTreeMap::new();
        for (name, path) in directories(&root)? {
            // Only a name that this service would have written is its own to remove later.
            let Some(id) = Uuid::parse_str(&name).ok().filter(|id| id.to_string() == name) else {
                tracing::warn!(path = %path.display(), "left alone: no directory of a topic");
                continue;
            };
            let before = held.len();
            for (name, path) in directories(&path)? {
                let Some(number) = name.parse::<u32>().ok().filter(|number| number.to_string() == name) else { continue };
                held.insert((TopicId(id), number), files::read_json(&path.join(FILE)).ok().flatten());
            }
            if held.len() == before {
                // What a crash between the last partition and its topic leaves; anything else in it keeps it.
                let _ = fs::remove_dir(&path);
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
        let (wanted, stale) = match touched {
            Touched::All => {
                let wanted = self.wanted(state, state.all_partitions());
                let stale = self.held.keys().filter(|key| !wanted.contains_key(*key)).copied().collect();
                (wanted, stale)
            }
            Touched::Topics(mut topics) => {
                topics.extend(owed);
                self.of_topics(state, &topics)
            }
        };
        self.remove(stale, &mut report);
        self.write(wanted, &mut report);
        report
    }

    fn of_topics(&self, state: &State, topics: &BTreeSet<TopicId>) -> (BTreeMap<Key, ReplicaFile>, Vec<Key>) {
        let partitions = topics.iter().flat_map(|id| state.partitions_of(*id).map(move |partition| (*id, partition)));
        let wanted = self.wanted(state, partitions);
        let held = topics.iter().flat_map(|id| self.held.range((*id, 0)..=(*id, u32::MAX)).map(|(key, _)| *key));
        let stale = held.filter(|key| !wanted.contains_key(key)).collect();
        (wanted, stale)
    }

    fn wanted<'a>(
        &self,
        state: &State,
        partitions: impl Iterator<Item = (TopicId, &'a Arc<metadata::Partition>)>,
    ) -> BTreeMap<Key, ReplicaFile> {
        let mine = partitions.filter(|(_, partition)| partition.replicas.contains(&self.me));
        mine.filter_map(|(topic_id, partition)| {
            let topic = state.topic(topic_id)?.name.clone();
            let file = ReplicaFile { topic_id, topic, partition: partition.partition, leader_epoch: partition.leader_epoch };
            Some(((topic_id, partition.partition), file))
        })
        .collect()
    }

    fn remove(&mut self, stale: Vec<Key>, report: &mut Report) {
        let mut topics = BTreeSet::new();
        for key in stale {
            let path = self.path(key);
            if report.count(&path, gone(fs::remove_dir_all(&path))) {
                report.removed += 1;
                self.held.remove(&key);
                topics.insert(key.0);
            } else {
                self.owed.insert(key.0);
            }
        }
        for id in &topics {
            if self.held.range((*id, 0)..=(*id, u32::MAX)).next().is_none() {
                let path = self.root.join(id.to_string());
                report.count(&path, gone(fs::remove_dir(&path)));
            }
        }
    }

    fn write(&mut self, wanted: BTreeMap<Key, ReplicaFile>, report: &mut Report) {
        for (key, file) in wanted {
            if self.held.get(&key).is_some_and(|held| held.as_ref() == Some(&file)) {
                continue;
            }
            let path = self.path(key);
            let done = fs::create_dir_all(&path).and_then(|()| files::write_json(&path.join(FILE), &file, Content::Derived));
            if report.count(&path, done) {
                report.written += 1;
                self.held.insert(key, Some(file));
            } else {
                self.owed.insert(key.0);
            }
        }
    }

    fn path(&self, (topic, partition): Key) -> PathBuf {
        self.root.join(topic.to_string()).join(partition.to_string())
    }
}

/// The directories in one, by name; what is not UTF-8 is none of ours.
fn directories(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            out.push((name, entry.path()));
        }
    }
    Ok(out)
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
        if report.written + report.removed > 0 {
            tracing::debug!(written = report.written, removed = report.removed, held = disk.len(), "replicas on disk");
        }
    }
}
