//! One child process: started, killed without warning, started again. It dies with this program, whatever ends it.

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// A free address. Not from the range of outgoing connections, which could take it between this look and its use.
pub fn free_address() -> Result<SocketAddr> {
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
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    pub fn new(program: PathBuf, arguments: Vec<String>, log: PathBuf) -> Self {
        Process { program, arguments, log, child: None }
    }

    /// Starts it; nothing happens when it runs already.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        // What somebody's own node is configured with is not for these.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUORATE_")) {
            command.env_remove(name);
        }
        // Its stdin closes when this program ends in any way, and then it stops.
        command.args(&self.arguments).arg("--stop-with-stdin").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("{} does not start", self.program.display()))?);
        Ok(())
    }

    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().map(Child::id).with_context(|| format!("{} does not run", self.arguments.join(" ")))
    }

    /// SIGKILL, without waiting for the end of it.
    pub fn strike(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(self.pid()? as i32), Signal::SIGKILL)?)
    }

    /// SIGKILL, and waits until the kernel has taken everything of it away.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// An error when it has ended by itself, with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        let Some(child) = self.child.as_mut() else { return Ok(()) };
        match child.try_wait()? {
            Some(status) => {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                bail!("`{}` ended with {status}: {}", self.arguments.join(" "), log.lines().last().unwrap_or("it logged nothing"))
            }
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("`{}` was not killed: {error:#}", self.arguments.join(" "));
        }
    }
}
