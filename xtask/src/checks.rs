//! A list of checks that all run, whatever one of them says, with a table of the results at the end.

use crate::steps::strong;
use anyhow::{Result, bail};
use std::time::Instant;

/// How a check ended when nothing went wrong.
pub enum Outcome {
    Passed,
    /// It could not run here, and what would change that.
    Skipped(String),
}

struct Row {
    name: &'static str,
    verdict: Verdict,
    seconds: f64,
}

#[derive(PartialEq)]
enum Verdict {
    Passed,
    Skipped(String),
    Failed(String),
}

pub struct Checks {
    total: usize,
    rows: Vec<Row>,
}

impl Checks {
    pub fn new(total: usize) -> Checks {
        Checks { total, rows: Vec::new() }
    }

    /// Runs one check and remembers how it went.
    pub fn run(&mut self, name: &'static str, check: impl FnOnce() -> Result<Outcome>) {
        eprintln!("{}", strong(&format!("\n[{}/{}] {name}", self.rows.len() + 1, self.total)));
        let started = Instant::now();
        let verdict = match check() {
            Ok(Outcome::Passed) => Verdict::Passed,
            Ok(Outcome::Skipped(why)) => Verdict::Skipped(why),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        if let Verdict::Failed(why) = &verdict {
            eprintln!("{name}: {why}");
        }
        self.rows.push(Row { name, verdict, seconds: started.elapsed().as_secs_f64() });
    }

    pub fn failed(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name && matches!(row.verdict, Verdict::Failed(_)))
    }

    /// Prints the table; an error when anything failed.
    pub fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        let failed = self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Failed(_))).map(|row| row.name).collect::<Vec<_>>();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut text = format!("{:<20} {:<8} {:>8}", "step", "result", "seconds");
        for Row { name, verdict, seconds } in &self.rows {
            let (word, note) = match verdict {
                Verdict::Passed => ("ok", ""),
                Verdict::Skipped(why) => ("skipped", why.as_str()),
                Verdict::Failed(why) => ("FAILED", why.lines().next().unwrap_or_default()),
            };
            text += format!("\n{name:<20} {word:<8} {seconds:>8.1}  {note}").trim_end();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_neither_hides_the_rest_nor_passes() {
        let mut checks = Checks::new(3);
        checks.run("first", || bail!("broken"));
        checks.run("second", || Ok(Outcome::Passed));
        checks.run("third", || Ok(Outcome::Skipped("no browser".to_string())));
        let table = checks.table();
        assert_eq!(table.lines().count(), 4);
        assert!(table.contains("FAILED") && table.contains("broken") && table.contains("no browser"));
        assert!(checks.failed("first") && !checks.failed("second"));
        assert_eq!(checks.finish().map_err(|error| error.to_string()), Err("failed: first".to_string()));
    }

    #[test]
    fn a_skipped_check_does_not_fail_the_whole() {
        let mut checks = Checks::new(1);
        checks.run("tool", || Ok(Outcome::Skipped("not installed".to_string())));
        assert!(checks.finish().is_ok());
    }
}
