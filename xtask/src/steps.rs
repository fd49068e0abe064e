//! Progress of a build: numbered steps, each with the time it took. The first one that fails ends the build.

use anyhow::{Context, Result};
use std::io::IsTerminal;
use std::time::Instant;

pub struct Steps {
    total: usize,
    done: usize,
}

impl Steps {
    pub fn new(total: usize) -> Steps {
        Steps { total, done: 0 }
    }

    pub fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.done += 1;
        let label = format!("[{}/{}] {name}", self.done, self.total);
        eprintln!("{}", strong(&label));
        let started = Instant::now();
        let result = work().with_context(|| name.to_string())?;
        eprintln!("{label}: {:.1} s", started.elapsed().as_secs_f64());
        Ok(result)
    }
}

/// Bold on a terminal, so that a heading stands out from the output of what it announces.
pub fn strong(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stderr().is_terminal();
    if plain { text.to_string() } else { format!("\x1b[1m{text}\x1b[0m") }
}
