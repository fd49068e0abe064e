//! Commits as a leader makes them, the truth about them, and a journal in a directory.

use anyhow::{Context, Result, ensure};
use journal::{Dropped, Item, Journal, JournalError, Options, Stretch, Whose};
use metadata::access::Credential;
use metadata::command::AskedBy;
use metadata::frame::Frame;
use metadata::history::{Filter, Record};
use metadata::intent::{ConfigOp, ConfigOpKind, Heartbeat, NewTopic, Registration};
use metadata::liveness::Session;
use metadata::model::Identity;
use metadata::plan::plan;
use metadata::{BrokerId, Draw, Endpoint, Entry, Index, Intent, Liveness, Machine, Principal, State};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

pub const WHOSE: Whose = Whose { cluster_id: Uuid::from_u128(0xC1), lineage: Uuid::from_u128(0x11) };
pub const START_MS: u64 = 1_700_000_000_000;
const BROKERS: u32 = 3;

/// What really happened.
#[derive(Default)]
pub struct Truth {
    machine: Machine,
    liveness: Liveness,
    index: Index,
    pub records: Vec<Record>,
    pub frames: Vec<Vec<u8>>,
    /// The state before the first commit, and after each.
    pub states: Vec<State>,
}

impl Truth {
    /// So many commits, always the same ones.
    pub fn of(commits: usize) -> Result<Self> {
        let mut truth = Truth { states: vec![State::default()], ..Truth::default() };
        truth.liveness = Liveness { now_ms: 1_000_000, session_timeout_ms: 9_000, ..Liveness::default() };
        let mut step = 0;
        while truth.records.len() < commits {
            let intent = truth.intent(step);
            step += 1;
            ensure!((step as usize) < 10 * commits + 100, "nothing is committed any more");
            truth.submit(intent, step)?;
        }
        Ok(truth)
    }

    fn intent(&self, step: u32) -> Intent {
        let set = |value: u32| vec![ConfigOp { key: "retention.ms".to_owned(), op: ConfigOpKind::Set, value: Some(value.to_string()) }];
        let name = |number: u32| format!("topic-{}", number % 7);
        let broker = BrokerId(101 + step % BROKERS);
        match step {
            0 => Intent::BootstrapCluster { identity: Identity { cluster_id: WHOSE.cluster_id, lineage: WHOSE.lineage } },
            1..=BROKERS => Intent::RegisterBroker { registration: registration(100 + step) },
            _ if step <= 2 * BROKERS => {
                let id = BrokerId(100 + step - BROKERS);
                let broker_epoch = self.machine.state.broker(id).map_or(0, |broker| broker.epoch);
                Intent::BrokerHeartbeat {
                    heartbeat: Heartbeat { id, broker_epoch, metadata_index: self.index, want_fence: false, want_shut_down: false },
                }
            }
            _ => match step % 8 {
                0 | 3 => Intent::CreateTopics { topics: vec![topic(&name(step / 3), 1 + i64::from(step % 3))] },
                1 => Intent::DeleteTopic { name: name(step / 5), expected: None },
                2 => Intent::FenceBroker { id: broker, expected: None },
                4 => Intent::UnfenceBroker { id: broker, expected: None },
                5 => Intent::CreateTopics { topics: vec![topic(&name(step), 2), topic(&name(step + 1), 1)] },
                _ => Intent::ChangeConfigs { name: name(step / 2), ops: set(1_000 + step), expected: None },
            },
        }
    }

    fn submit(&mut self, intent: Intent, step: u32) -> Result<()> {
        // Some entries change nothing, and commits have indexes far from each other.
        self.index += 1 + u64::from(step.is_multiple_of(4));
        if let Intent::BrokerHeartbeat { heartbeat } = &intent {
            let session = Session { broker_epoch: heartbeat.broker_epoch, contact_ms: self.liveness.now_ms, metadata_index: self.index };
            self.liveness.sessions.insert(heartbeat.id, session);
        }
        // Several commits within one millisecond, and a clock that goes back.
        let draw = Draw { now_ms: START_MS + u64::from(step / 3 * 10) - u64::from(step % 5), seed: u128::from(self.index) };
        let Ok(planned) = plan(&self.machine.state, &self.liveness, &draw, &intent) else { return Ok(()) };
        let principal = if step.is_multiple_of(3) { Principal("ann".to_owned()) } else { Principal::anonymous() };
        let entry = Entry { at_ms: draw.now_ms, principal, intent, key: None, groups: planned.groups() };
        let (_, commit) = self.machine.apply(&entry, self.index, 1);
        let Some(commit) = commit else { return Ok(()) };
        let mut state = self.states.last().context("a state")?.clone();
        let by = step.is_multiple_of(2).then(|| AskedBy { credential: Credential::Nobody, address: Some([10, 0, 0, 1].into()) });
        let record = Record::of(&mut state, Arc::new(commit), by).context("a commit leads to its digest")?;
        self.frames.push(Frame::Commit(record.commit.clone()).encode()?);
        self.records.push(record);
        self.states.push(state);
        Ok(())
    }

    pub fn index(&self, nth: usize) -> Index {
        self.records[nth].commit.index
    }

    pub fn items(&self, range: std::ops::Range<usize>) -> Vec<Item<'_>> {
        range.map(|nth| Item { record: &self.records[nth], frame: &self.frames[nth] }).collect()
    }

    /// How many commits there are up to this index.
    pub fn count(&self, upto: Index) -> usize {
        self.records.partition_point(|record| record.commit.index <= upto)
    }

    /// Appends these commits as a controller does, so many at a time.
    pub fn append(&self, journal: &Journal, range: std::ops::Range<usize>, at_once: usize) -> Result<()> {
        let mut from = range.start;
        while from < range.end {
            if journal.full() {
                journal.begin(&self.states[from])?;
            }
            let to = (from + at_once).min(range.end);
            journal.append(&self.items(from..to))?;
            from = to;
        }
        Ok(())
    }

    /// Whether everything that is served is true, and all that the stretches say is served.
    pub fn holds(&self, journal: &Journal) -> Result<()> {
        // What is damaged goes when it is first read; what is served is looked at then.
        self.looks(journal)?;
        let stretches = journal.stretches();
        let mut kept = BTreeSet::new();
        for Stretch { after, upto, .. } in &stretches {
            let (from, to) = (self.count(*after), self.count(*upto));
            ensure!(*after == 0 || self.index(from - 1) == *after, "{after} is no position");
            let mut position = *after;
            let mut read = Vec::new();
            while position < *upto {
                let some = journal.after(position, 3, 700)?;
                ensure!((1..=3).contains(&some.len()), "{} at once", some.len());
                let frames = journal.frames_after(position, 3, 700)?;
                ensure!(frames.iter().map(|(_, frame)| frame).eq(some.iter().map(|kept| &kept.frame)));
                position = some.last().context("one")?.record.commit.index;
                read.extend(some);
            }
            ensure!(read.iter().map(|kept| &kept.record).eq(&self.records[from..to]), "behind {after}");
            ensure!(read.iter().map(|kept| &kept.frame).eq(&self.frames[from..to]), "behind {after}");
            kept.extend(from..to);
        }
        for nth in 0..self.records.len() {
            let found = journal.at(self.index(nth))?;
            ensure!(found.as_ref() == kept.contains(&nth).then_some(&self.records[nth]), "commit {}", self.index(nth));
        }
        self.looks(journal)
    }

    /// Whether searches and states are true.
    fn looks(&self, journal: &Journal) -> Result<()> {
        let (mut before, mut found, mut gaps) = (None, Vec::new(), Vec::new());
        loop {
            let page = journal.search(&Filter::default(), before, 7)?;
            ensure!(page.records.len() <= 7);
            found.extend(page.records);
            gaps.extend(page.gaps);
            let Some(next) = page.next else { break };
            ensure!(before.is_none_or(|before| next < before), "it does not go on");
            before = Some(next);
        }
        for record in &found {
            ensure!(self.records.contains(record), "commit {} is not true", record.commit.index);
        }
        ensure!(found.is_sorted_by(|a, b| a.commit.index > b.commit.index), "in order, and each once");
        for nth in (0..self.states.len()).rev() {
            let index = nth.checked_sub(1).map_or(0, |nth| self.index(nth));
            match journal.state_at(index) {
                Ok(state) => ensure!(state == self.states[nth] && state.digest() == self.states[nth].digest(), "the state at {index}"),
                Err(JournalError::Missing { .. }) => {
                    let within = journal.stretches().iter().any(|stretch| (stretch.after..=stretch.upto).contains(&index));
                    ensure!(!within, "the state at {index} is said to be missing");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

pub fn registration(id: u32) -> Registration {
    Registration {
        id: BrokerId(id),
        incarnation_id: Uuid::from_u128(id.into()),
        cluster_id: Some(WHOSE.cluster_id),
        rack: None,
        endpoints: vec![Endpoint { name: "main".to_owned(), host: format!("broker-{id}"), port: 9092 }],
        push_url: None,
        previous_broker_epoch: None,
    }
}

pub fn topic(name: &str, partitions: i64) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions: Some(partitions), replication_factor: Some(1), ..NewTopic::default() }
}

/// A directory for a journal.
pub struct World {
    dir: TempDir,
    pub commits: u32,
}

impl World {
    /// With segments of so many commits.
    pub fn new(commits: u32) -> Result<Self> {
        Ok(World { dir: tempfile::tempdir()?, commits })
    }

    /// With all of this in it, and closed.
    pub fn with(truth: &Truth, commits: u32) -> Result<Self> {
        let world = World::new(commits)?;
        truth.append(&world.open()?.0, 0..truth.records.len(), 1)?;
        Ok(world)
    }

    /// A copy of the directory.
    pub fn copy(&self) -> Result<Self> {
        let copy = World::new(self.commits)?;
        for name in self.names()? {
            std::fs::copy(self.dir().join(&name), copy.dir().join(&name))?;
        }
        Ok(copy)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub fn options(&self) -> Options {
        Options { segment_commits: self.commits, ..Options::new(self.dir()) }
    }

    pub fn open(&self) -> Result<(Arc<Journal>, Vec<Dropped>)> {
        let (journal, dropped) = Journal::open(self.options(), WHOSE)?;
        Ok((Arc::new(journal), dropped))
    }

    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.dir())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    pub fn segments(&self) -> Result<Vec<String>> {
        Ok(self.names()?.into_iter().filter(|name| name.ends_with(".journal")).collect())
    }
}

/// Fills every gap from a journal that has it, and what comes before the oldest stretch.
pub fn repair(into: &Arc<Journal>, from: &Journal) -> Result<()> {
    loop {
        let stretches = into.stretches();
        let ends = std::iter::once(0).chain(stretches.iter().map(|stretch| stretch.upto));
        let Some((after, upto)) = ends.zip(stretches.iter().map(|stretch| stretch.after)).find(|(end, next)| end < next) else {
            return Ok(());
        };
        let mut filler = into.fill(from.state_at(after)?, upto)?;
        while filler.position() < upto {
            for kept in from.after(filler.position(), 100, usize::MAX)? {
                if kept.record.commit.index <= upto {
                    filler.push(&kept.frame, kept.record.beside.by)?;
                }
            }
        }
        filler.finish()?;
    }
}
