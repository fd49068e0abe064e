//! `cargo xtask simulate`: the real controllers, thousands of seconds of trouble in seconds, and each second of it again from one number.
//!
//! Flow: [`run`] builds a seed's cluster on `world` (time, chance, machines, disks, network), lets `actors` use it and `faults` strike it, and `judge`
//! holds everything against what must be true. Everything that could differ between two runs of a seed is drawn from the seed; [`seeds`] gives each
//! a process of its own, as tokio numbers its tasks by process, and what ends with a runtime ends in an order that follows from the numbers.
//! Rooms: `world`, `actors`, `judge`; [`faults`] and [`run`] stand above them.

mod actors;
mod faults;
mod judge;
mod run;
mod seeds;
mod world;

use anyhow::{Result, ensure};
use clap::Parser;
use std::process::ExitCode;

/// Runs controllers, brokers and people in a simulated world full of faults, and holds them to the rules.
#[derive(Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Runs this one alone, twice, and says whether both went the same way.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Simulated seconds of trouble in each run.
    #[arg(long, default_value_t = 40)]
    seconds: u64,
    /// Runs at once; as many as there are cores when absent.
    #[arg(long)]
    jobs: Option<usize>,
    /// With --seed: runs it once and prints what happens in it.
    #[arg(long, requires = "seed")]
    log: bool,
    /// One run in this process, for the program itself: the last line is what it came to.
    #[arg(long, hide = true, requires = "seed")]
    alone: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &Args) -> Result<()> {
    ensure!(
        cfg!(tokio_unstable),
        "this was built without --cfg tokio_unstable, and no seed would go the same way twice: use `cargo xtask simulate`"
    );
    match args.seed {
        Some(seed) if args.alone || args.log => {
            if args.log {
                tracing_subscriber::fmt().without_time().with_ansi(false).with_env_filter("warn,controller=info,simulate=debug").init();
            }
            seeds::here(seed, args.seconds)
        }
        Some(seed) => seeds::twice(seed, args.seconds),
        None => seeds::many(args.from, args.seeds, args.seconds, args.jobs),
    }
}
