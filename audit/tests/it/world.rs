//! A directory with a log in it, and what the tests ask of it.

use anyhow::Result;
use audit::{Event, Kind, Limits, Log, Record, Verified};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Small enough for several files of a few lines.
pub const SMALL: Limits = Limits { bytes: 2_000, files: 8, repeats: 1_024, refusals: 60_000 };

pub const KINDS: [Kind; 7] =
    [Kind::SignedIn, Kind::SignInRefused, Kind::SignedOut, Kind::Refused, Kind::SetUp, Kind::PasswordChanged, Kind::AccountsChanged];

/// Each number is another event.
pub fn event(number: usize) -> Event {
    Event {
        kind: KINDS[number % KINDS.len()],
        principal: Some(format!("user-{number}")),
        credential: number.is_multiple_of(2).then(|| "password".to_owned()),
        address: (!number.is_multiple_of(3)).then(|| [10, 0, 0, (number % 250) as u8].into()),
        what: "sign in".to_owned(),
        code: None,
        detail: number.is_multiple_of(5).then(|| "ünd \"so\"\n".to_owned()),
    }
}

pub struct World {
    dir: TempDir,
}

impl World {
    pub fn new() -> Result<Self> {
        Ok(World { dir: tempfile::tempdir()? })
    }

    /// One in which these events were noted, a millisecond after each other.
    pub fn with(events: usize, limits: Limits) -> Result<Self> {
        let world = World::new()?;
        world.note(0..events, limits)?;
        Ok(world)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn file(&self, number: u64) -> PathBuf {
        self.dir().join(format!("audit-{number:08}.jsonl"))
    }

    pub fn note(&self, events: std::ops::Range<usize>, limits: Limits) -> Result<()> {
        let mut log = Log::open(self.dir(), 1, limits, events.start as u64)?;
        for number in events {
            log.note(event(number), number as u64)?;
        }
        Ok(())
    }

    pub fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(self.dir())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    pub fn lines(&self) -> Result<Vec<Vec<u8>>> {
        Ok(audit::export(self.dir())?.collect::<Result<_, _>>()?)
    }

    /// Those lines that are records.
    pub fn records(&self) -> Result<Vec<Record>> {
        Ok(self.lines()?.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    pub fn of_kind(&self, kind: Kind) -> Result<Vec<Record>> {
        Ok(self.records()?.into_iter().filter(|record| record.kind == kind).collect())
    }

    pub fn verified(&self) -> Result<Verified> {
        Ok(audit::verify(self.lines()?))
    }
}
