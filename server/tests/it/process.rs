//! One child process of a test: started, paused, killed without warning, started again. What it logs goes to a file.

use crate::small_disk::SmallDisk;
use crate::wait::until;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// How much of a log is shown when a test fails.
const SHOWN_LINES: usize = 40;

/// The binary under test.
pub fn program() -> Result<PathBuf> {
    let built = || option_env!("CARGO_BIN_EXE_quorate").map(Into::into);
    std::env::var_os("QUORATE_BIN").or_else(built).map(PathBuf::from).context("set QUORATE_BIN to the binary under test")
}

/// The program, without what the developer's own node is configured with.
pub fn command() -> Result<Command> {
    Ok(clean(Command::new(program()?)))
}

pub fn clean(mut command: Command) -> Command {
    std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUORATE_")).for_each(|(name, _)| {
        command.env_remove(name);
    });
    command
}

/// The same with no more open files than this, which it can't raise.
fn limited(open_files: u64) -> Result<Command> {
    let mut shell = clean(Command::new("sh"));
    shell.args(["-c", &format!("ulimit -n {open_files} && exec \"$0\" \"$@\"")]).arg(program()?);
    Ok(shell)
}

/// A free address. Not from the range of outgoing connections, which could take it between this look and its use.
pub fn address() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..2_000 {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        // Another run beside this one begins elsewhere.
        let offset = (std::process::id() as u16).wrapping_mul(197).wrapping_add(turn) % 18_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 13_000 + offset));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free between 13000 and 31000")
}

/// A program with its arguments, and the process that runs it while there is one.
pub struct Process {
    pub name: String,
    log: PathBuf,
    arguments: Vec<String>,
    small_disk: Option<SmallDisk>,
    open_files: Option<u64>,
    child: Option<Child>,
    pub paused: bool,
}

impl Process {
    pub fn new(name: String, log: PathBuf, arguments: Vec<String>) -> Self {
        Process { name, log, arguments, small_disk: None, open_files: None, child: None, paused: false }
    }

    /// From the next start on with this flag, once.
    pub fn set_flag(&mut self, flag: &str, value: &str) {
        match self.arguments.iter().position(|argument| argument == flag) {
            Some(at) if at + 1 < self.arguments.len() => value.clone_into(&mut self.arguments[at + 1]),
            _ => self.arguments.extend([flag.to_owned(), value.to_owned()]),
        }
    }

    /// The same on a disk of its own, which is empty at every start.
    pub fn on(mut self, small_disk: Option<SmallDisk>) -> Self {
        self.small_disk = small_disk;
        self
    }

    /// The same with no more open files than this.
    pub fn with_open_files(mut self, open_files: Option<u64>) -> Self {
        self.open_files = open_files;
        self
    }

    pub fn start(&mut self) -> Result<()> {
        if self.running() {
            bail!("{} runs already", self.name);
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = match (&self.small_disk, self.open_files) {
            (Some(disk), _) => disk.command()?,
            (None, Some(open_files)) => limited(open_files)?,
            (None, None) => command()?,
        };
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("{} does not start", self.name))?);
        Ok(())
    }

    /// A path as the process sees it: its small disk is mounted for nobody else.
    pub fn inside(&self, path: &Path) -> Result<PathBuf> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        Ok(PathBuf::from(format!("/proc/{}/root{}", child.id(), path.display())))
    }

    /// Whether it was started and not killed; it may have ended by itself.
    pub fn running(&self) -> bool {
        self.child.is_some()
    }

    /// Whether it runs and answers.
    pub fn live(&self) -> bool {
        self.running() && !self.paused
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        signal::kill(Pid::from_raw(child.id() as i32), signal).with_context(|| format!("{} takes no {signal}", self.name))
    }

    /// kill -9, and waits until the kernel has taken everything of it away.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.paused = false;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The process stands still; its connections stay open and nobody answers.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)?;
        self.paused = true;
        Ok(())
    }

    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)?;
        self.paused = false;
        Ok(())
    }

    /// Its status, if it has ended by itself.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = self.child.as_mut() else { return Ok(None) };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Waits until it ends by itself.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let what = format!("{} ends", self.name);
        until(&what, async || self.ended()?.context("it still runs")).await
    }

    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    pub fn show_log(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(SHOWN_LINES);
        eprintln!("---- {} {}: the last {} of {} lines", self.name, self.arguments.join(" "), lines.len() - from, lines.len());
        lines[from..].iter().for_each(|line| eprintln!("{line}"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{} was not killed: {error:#}", self.name);
        }
    }
}
