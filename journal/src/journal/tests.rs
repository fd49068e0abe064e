//! Disks that are full, or that do not cut.

use super::Journal;
use crate::disk::{Disk, Growing, Real};
use crate::error::{Dropped, JournalError};
use crate::options::{Options, Whose};
use crate::writer::Item;
use anyhow::{Context, Result, ensure};
use damage::cases;
use metadata::command::{Command, Group};
use metadata::frame::Frame;
use metadata::history::Record;
use metadata::model::Configs;
use metadata::{Entry, Intent, Machine, Principal, State, TopicId};
use proptest::prelude::*;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

const PLENTY: u64 = u64::MAX / 2;
const WHOSE: Whose = Whose { cluster_id: Uuid::from_u128(1), lineage: Uuid::from_u128(2) };

/// A disk with room for so many bytes.
#[derive(Clone, Default)]
struct Small {
    room: Arc<AtomicU64>,
    no_cuts: Arc<AtomicBool>,
}

struct OnSmall {
    file: Box<dyn Growing>,
    disk: Small,
}

impl Disk for Small {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        Ok(Box::new(OnSmall { file: Real.create(path)?, disk: self.clone() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        Ok(Box::new(OnSmall { file: Real.open(path)?, disk: self.clone() }))
    }
}

impl Growing for OnSmall {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.disk.room.load(SeqCst);
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.disk.room.store(room - fits as u64, SeqCst);
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.disk.no_cuts.load(SeqCst) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let freed = self.file.length()?.saturating_sub(length);
        self.disk.room.fetch_add(freed, SeqCst);
        self.file.cut(length)
    }
}

struct Truth {
    commits: Vec<(Record, Vec<u8>)>,
    states: Vec<State>,
}

static TRUTH: LazyLock<Truth> = LazyLock::new(|| {
    let (mut machine, mut state) = (Machine::default(), State::default());
    let mut truth = Truth { commits: Vec::new(), states: vec![state.clone()] };
    for index in 1..60 {
        let commands = vec![Command::RegisterTopic {
            topic_id: TopicId(Uuid::from_u128(index.into())),
            name: format!("topic-{index}"),
            configs: Configs::new(),
        }];
        let intent = Intent::CreateTopics { topics: Vec::new() };
        let entry = Entry { at_ms: index, principal: Principal::anonymous(), intent, key: None, groups: vec![Group::of(commands)] };
        let commit = machine.apply(&entry, index, 1).1.map(Arc::new);
        let record = commit.and_then(|commit| Record::of(&mut state, commit, None)).expect("a topic is made");
        let frame = Frame::Commit(record.commit.clone()).encode().expect("a commit is encoded");
        truth.commits.push((record, frame));
        truth.states.push(state.clone());
    }
    truth
});

fn open(disk: &Small, dir: &Path) -> Result<(Journal, Vec<Dropped>), JournalError> {
    Journal::on(Arc::new(disk.clone()), Options { segment_commits: 6, ..Options::new(dir) }, WHOSE)
}

/// The next commits, so many of them.
fn append(journal: &Journal, commits: usize) -> Result<(), JournalError> {
    let from = journal.end().unwrap_or(0) as usize;
    if journal.full() {
        journal.begin(&TRUTH.states[from])?;
    }
    let items: Vec<Item> = TRUTH.commits[from..(from + commits).min(59)].iter().map(|(record, frame)| Item { record, frame }).collect();
    journal.append(&items)
}

fn holds(journal: &Journal) -> Result<()> {
    let end = journal.end().unwrap_or(0) as usize;
    if end > 0 {
        let kept = journal.after(0, usize::MAX, usize::MAX)?;
        ensure!(kept.len() == end, "{} of {end}", kept.len());
        ensure!(kept.iter().zip(&TRUTH.commits).all(|(kept, (record, frame))| (&kept.record, &kept.frame) == (record, frame)));
        ensure!(journal.state_at(end as u64)? == TRUTH.states[end]);
    }
    Ok(())
}

#[test]
fn commits_that_do_not_fit_are_not_there_and_can_be_appended_later() -> Result<()> {
    for no_cuts in [false, true] {
        let (dir, disk) = (tempfile::tempdir()?, Small::default());
        ensure!(open(&disk, dir.path()).is_ok_and(|(journal, _)| append(&journal, 1).is_err()), "not even a checkpoint");
        disk.room.store(PLENTY, SeqCst);
        let (journal, _) = open(&disk, dir.path())?;
        append(&journal, 3)?;
        let before = journal.bytes();
        for room in (0..210).step_by(7) {
            disk.room.store(room, SeqCst);
            disk.no_cuts.store(no_cuts, SeqCst);
            let refused = append(&journal, 2).err().with_context(|| format!("{room}"))?;
            ensure!(matches!(&refused, JournalError::Io { path, .. } if path.ends_with("00000000000000000000.journal")), "{refused}");
            holds(&journal)?;
            disk.no_cuts.store(false, SeqCst);
        }
        disk.room.store(PLENTY, SeqCst);
        append(&journal, 2)?;
        ensure!(journal.bytes() > before && journal.end() == Some(5));
        holds(&journal)?;
        drop(journal);
        let (journal, dropped) = open(&disk, dir.path())?;
        ensure!(dropped.is_empty(), "{dropped:?}");
        holds(&journal)?;
    }
    Ok(())
}

#[test]
fn a_full_disk_keeps_nobody_from_starting_or_reading() -> Result<()> {
    let (dir, disk) = (tempfile::tempdir()?, Small::default());
    disk.room.store(PLENTY, SeqCst);
    let (journal, _) = open(&disk, dir.path())?;
    while journal.end() != Some(59) {
        append(&journal, 3)?;
    }
    disk.room.store(0, SeqCst);
    for start in [true, false] {
        for entry in std::fs::read_dir(dir.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "index") {
                std::fs::remove_file(path)?;
            }
        }
        match start {
            true => holds(&open(&disk, dir.path())?.0)?,
            false => holds(&journal)?,
        }
    }
    ensure!(journal.take_dropped().is_empty());
    disk.room.store(PLENTY, SeqCst);
    for _ in 0..20 {
        journal.verify_next()?;
    }
    let sidecars =
        std::fs::read_dir(dir.path())?.flatten().filter(|entry| entry.path().extension().is_some_and(|it| it == "index")).count();
    ensure!(sidecars == 9, "{sidecars} sidecars are made anew once there is room");
    holds(&journal)
}

#[derive(Clone, Debug)]
enum Happens {
    Append(usize),
    Room(u64),
    Cuts(bool),
    Verify,
    /// The process ends without a word, and starts again.
    Killed,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        8 => (1usize..6).prop_map(Happens::Append),
        2 => (0u64..3_000).prop_map(Happens::Room),
        1 => Just(Happens::Room(PLENTY)),
        1 => any::<bool>().prop_map(Happens::Cuts),
        1 => Just(Happens::Verify),
        1 => Just(Happens::Killed),
    ]
}

fn through(happening: &[Happens]) -> Result<()> {
    let (dir, disk) = (tempfile::tempdir()?, Small::default());
    let (mut journal, _) = open(&disk, dir.path())?;
    for what in happening {
        match what {
            Happens::Append(commits) => {
                let before = journal.end();
                let appended = append(&journal, *commits);
                let more = journal.end().unwrap_or(0) - before.unwrap_or(0);
                ensure!(appended.is_ok() || more == 0, "{more} are there after {appended:?}");
            }
            Happens::Room(room) => disk.room.store(*room, SeqCst),
            Happens::Cuts(work) => disk.no_cuts.store(!work, SeqCst),
            Happens::Verify => drop(journal.verify_next()?),
            Happens::Killed => {
                disk.no_cuts.store(false, SeqCst);
                journal = open(&disk, dir.path())?.0;
            }
        }
        holds(&journal)?;
        ensure!(journal.take_dropped().is_empty(), "nothing is damaged");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn whatever_the_disk_does_commits_are_there_whole_or_not_at_all(happening in prop::collection::vec(happens(), 1..40)) {
        let went = through(&happening);
        prop_assert!(went.is_ok(), "{:?}", went);
    }
}
