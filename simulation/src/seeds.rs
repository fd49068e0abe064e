//! Runs seeds, each in a process of its own, and says what they came to.

use crate::faults::Kind;
use crate::judge::record::said;
use crate::run::{self, Outcome};
use anyhow::{Context, Result, bail, ensure};
use std::cell::RefCell;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may take before it counts as one that never ends, and so much more for each simulated second: some hundred times as long as
/// it does.
const LONGEST: Duration = Duration::from_secs(60);
const LONGER: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Of so many seeds one is run twice.
const TWICE_EVERY: u64 = 20;
/// So many runs have to have met everything.
const ENOUGH: u64 = 200;
/// What has to have been committed in these.
const COMMITTED: [&str; 20] = [
    "balance_leaders",
    "cancel_reassignment",
    "change_configs",
    "change_factor",
    "change_isr",
    "change_settings",
    "continue_reassignments",
    "create_topics",
    "delete_topic",
    "drain_broker",
    "elect",
    "elect_unclean",
    "fence_broker",
    "grow_topic",
    "membership",
    "reassign",
    "rebalance",
    "replace_broker",
    "session_expired",
    "unregister_broker",
];

thread_local! {
    /// What panicked in this run: tokio keeps a task's panic to itself.
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a seed in this process and prints what it came to.
pub fn here(seed: u64, seconds: u64) -> Result<()> {
    std::panic::set_hook(Box::new(|info| {
        PANICKED.with_borrow_mut(|first| {
            first.get_or_insert_with(|| info.to_string());
        });
    }));
    let ran = catch_unwind(AssertUnwindSafe(|| run::run(seed, seconds * 1_000)));
    let outcome = ran.map_err(|panic| anyhow::anyhow!("the run panicked: {}", PANICKED.take().unwrap_or_else(|| said(&*panic))))??;
    if let Some(panic) = PANICKED.take() {
        bail!("a task panicked: {panic}");
    }
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// Runs a seed in a process of its own.
fn one(seed: u64, seconds: u64) -> Result<Outcome> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--alone", "--seed", &seed.to_string(), "--seconds", &seconds.to_string()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let (began, longest) = (Instant::now(), LONGEST + LONGER * u32::try_from(seconds)?);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            bail!("after {longest:?} it had not ended");
        }
        thread::sleep(LOOK_AGAIN);
    };
    let text = |collected: thread::JoinHandle<String>| collected.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    ensure!(status.success(), "{}", stderr.trim().trim_start_matches("error: "));
    serde_json::from_str(&stdout).with_context(|| format!("it printed {stdout:?}"))
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        // What could not be read is missed where it is looked for.
        drop(pipe.map(|mut pipe| pipe.read_to_string(&mut text)));
        text
    })
}

/// Runs a seed twice, and says whether both went the same way.
pub fn twice(seed: u64, seconds: u64) -> Result<()> {
    let began = Instant::now();
    let first = one(seed, seconds)?;
    println!("seed {seed} in {:.1} s: {first}", began.elapsed().as_secs_f64());
    let second = one(seed, seconds)?;
    ensure!(first.trace == second.trace, "seed {seed} went two ways: {:016x} and {:016x}", first.trace, second.trace);
    println!("it went the same way twice: {:016x}", first.trace);
    Ok(())
}

/// Runs a seed; every so many of them twice, and both have to go the same way.
fn checked(seed: u64, seconds: u64) -> Result<Outcome> {
    let outcome = one(seed, seconds)?;
    if seed.is_multiple_of(TWICE_EVERY) {
        let again = one(seed, seconds)?.trace;
        ensure!(outcome.trace == again, "it went two ways: {:016x} and {again:016x}", outcome.trace);
    }
    Ok(outcome)
}

/// Runs many seeds, some at once.
pub fn many(from: u64, seeds: u64, seconds: u64, jobs: Option<usize>) -> Result<()> {
    let began = Instant::now();
    let jobs = jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), |jobs| jobs.max(1));
    let (next, end) = (AtomicU64::new(from), from.saturating_add(seeds));
    let (ended, results) = mpsc::channel();
    let mut sum = Sum::default();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (ended, next) = (ended.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || ended.send((seed, checked(seed, seconds))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(ended);
        for (seed, result) in results {
            sum.take(seed, result, seconds);
        }
    });
    let ran = sum.ran;
    println!("{ran} seeds in {:.0} s: {}", began.elapsed().as_secs_f64(), sum.whole);
    let missing = sum.missing();
    ensure!(seeds < ENOUGH || missing.is_empty(), "nothing of this happened in {ran} runs: {missing:?}");
    ensure!(sum.failed.is_empty(), "{} of {ran} seeds failed: {:?}", sum.failed.len(), sum.failed);
    Ok(())
}

/// What many runs came to.
#[derive(Default)]
struct Sum {
    ran: usize,
    whole: Outcome,
    failed: Vec<u64>,
}

impl Sum {
    /// What so many runs have to come to, or they were no test.
    fn missing(&self) -> Vec<&'static str> {
        let faults = Kind::ALL.map(Kind::name).into_iter().filter(|kind| !self.whole.faults.contains_key(*kind));
        let kinds = COMMITTED.into_iter().filter(|kind| !self.whole.kinds.contains_key(*kind));
        faults.chain(kinds).chain((self.whole.reads < self.ran).then_some("reads")).collect()
    }

    fn take(&mut self, seed: u64, result: Result<Outcome>, seconds: u64) {
        self.ran += 1;
        match result {
            Ok(outcome) => self.whole.add(outcome),
            Err(error) => {
                println!("seed {seed} failed: {error:#}\n  again: cargo xtask simulate --seed {seed} --seconds {seconds}");
                self.failed.push(seed);
            }
        }
    }
}
