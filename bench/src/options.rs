//! The command line, by hand: names of measurements and a few options.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Who stands behind the registered brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brokers {
    /// `quorate storage`, one process each: they are pushed to and make a directory per replica, on the same disk.
    Services,
    /// Nobody: this program registers them and sends their heartbeats.
    Heartbeats,
}

impl Brokers {
    pub fn name(self) -> &'static str {
        match self {
            Brokers::Services => "services",
            Brokers::Heartbeats => "heartbeats",
        }
    }
}

/// What every measurement is given.
#[derive(Clone, Debug)]
pub struct Setup {
    names: Vec<String>,
    pub quorate: PathBuf,
    pub data_dir: PathBuf,
    pub runs: Option<usize>,
    pub duration: Duration,
    pub election_load: Duration,
    pub brokers: Option<Brokers>,
    pub partitions: usize,
    /// Commits that are looked back at.
    pub commits: usize,
    /// Everything over TLS.
    pub tls: bool,
    /// Further words for `quorate serve`.
    pub serve_flags: Vec<String>,
}

impl Setup {
    /// Whether this measurement of this group, or all of the group, was asked for; all are, when none was named.
    pub fn wants(&self, group: &str, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|asked| asked == name || asked == group)
    }

    /// How often a measurement is repeated.
    pub fn runs(&self, usually: usize) -> usize {
        self.runs.unwrap_or(usually)
    }

    /// Puts everything below a new directory, which goes when what is returned is closed.
    pub fn in_new_directory(&mut self) -> Result<TempDir> {
        std::fs::create_dir_all(&self.data_dir).with_context(|| format!("{} cannot be made", self.data_dir.display()))?;
        let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&self.data_dir)?;
        self.data_dir = directory.path().to_owned();
        Ok(directory)
    }
}

/// A new directory for one cluster. It stays until the whole run ends: a file system without a journal searches long for a
/// free inode for minutes after many were freed, and the next measurement would pay for that.
pub fn new_directory(below: &Path) -> Result<PathBuf> {
    Ok(tempfile::Builder::new().prefix("cluster-").tempdir_in(below)?.keep())
}

/// What the command line asks for.
pub enum Asked {
    Help,
    Run(Box<Setup>),
}

/// A group of measurements, what it is about, and its measurements.
pub type Offered = (&'static str, &'static str, &'static [&'static str]);

pub fn usage(offered: &[Offered]) -> String {
    let groups = offered.iter().map(|(name, about, names)| format!("  {name:<10} {about}\n  {:<10} {}", "", names.join(", ")));
    format!(
        "Usage: bench [options] [measurement or group…]\n\nWithout a name, all of these:\n{}\n
  --runs N            repeats of each measurement (1; failover: 20 kills; start: 5)
  --seconds N         how long each load lasts (10)
  --minutes N         how long the load of `elections` lasts (1)
  --partitions N      for rss, restart_all, fence_large and state_as_of, in topics of 1 000 or so (100000)
  --commits N         for what looks back: how many there are (100000)
  --brokers KIND      services: three processes of `quorate storage`; heartbeats: registered, and kept alive by this program.
                      By default services, and heartbeats for rss, restart_all, list, first_page and fence_large
  --tls MODE          on: everything over TLS; the brokers are services then
  --data-dir DIR      on the disk that counts (bench-data in the target folder)
  --quorate PATH      the server's executable (beside this one)
  --serve-flag WORD   goes to `quorate serve`, as in `--serve-flag --no-backup`; may be repeated

Standard output has a JSON line per figure, and a table at the end. Times are in milliseconds.",
        groups.collect::<Vec<_>>().join("\n")
    )
}

/// Reads the arguments.
///
/// # Errors
/// A name that is no measurement, an option that is none, a value that cannot be read.
pub fn parse(given: impl Iterator<Item = String>, offered: &[Offered]) -> Result<Asked> {
    let folder = std::env::current_exe()?.parent().context("this program lies in no folder")?.to_path_buf();
    let mut setup = Setup {
        names: Vec::new(),
        data_dir: folder.parent().unwrap_or(&folder).join("bench-data"),
        quorate: folder.join("quorate"),
        runs: None,
        duration: Duration::from_secs(10),
        election_load: Duration::from_secs(60),
        brokers: None,
        partitions: 100_000,
        commits: 100_000,
        tls: false,
        serve_flags: Vec::new(),
    };
    let mut given = given;
    while let Some(word) = given.next() {
        if word == "--help" || word == "-h" {
            return Ok(Asked::Help);
        }
        if !word.starts_with('-') {
            let known = offered.iter().any(|(group, _, names)| *group == word || names.contains(&word.as_str()));
            ensure!(known, "`{word}` is no measurement\n\n{}", usage(offered));
            setup.names.push(word);
            continue;
        }
        let value = given.next().with_context(|| format!("{word} needs a value"))?;
        option(&mut setup, &word, value, offered)?;
    }
    ensure!(setup.quorate.is_file(), "{} is not there: give --quorate PATH", setup.quorate.display());
    Ok(Asked::Run(Box::new(setup)))
}

fn option(setup: &mut Setup, word: &str, value: String, offered: &[Offered]) -> Result<()> {
    let number = || value.parse::<usize>().ok().filter(|number| *number > 0).with_context(|| format!("{word} {value}: expected 1 or more"));
    match word {
        "--runs" => setup.runs = Some(number()?),
        "--seconds" => setup.duration = Duration::from_secs(number()? as u64),
        "--minutes" => setup.election_load = Duration::from_secs(number()? as u64 * 60),
        "--partitions" => setup.partitions = number()?,
        "--commits" => setup.commits = number()?,
        "--tls" => {
            ensure!(value == "on" || value == "off", "--tls {value}: expected on or off");
            setup.tls = value == "on";
        }
        "--data-dir" => setup.data_dir = value.into(),
        "--quorate" => setup.quorate = value.into(),
        "--serve-flag" => setup.serve_flags.push(value),
        "--brokers" => {
            let kinds = [Brokers::Services, Brokers::Heartbeats];
            let kind = kinds.into_iter().find(|kind| kind.name() == value);
            setup.brokers = Some(kind.with_context(|| format!("--brokers {value}: expected services or heartbeats"))?);
        }
        _ => bail!("unknown option `{word}`\n\n{}", usage(offered)),
    }
    Ok(())
}
