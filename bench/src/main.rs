//! `bench`, run by `cargo xtask bench`: how long things take, on this machine, beside what its disk and its loopback cost alone.
//!
//! Layout: `options` is the command line, `measure` the list of measurements and a file for each kind of them. `cluster` and `process` start and
//! kill the real programs, `beats` speaks for brokers that have none, `api` asks them single questions and waits. `http` is the cheapest client
//! that keeps a connection, `wire` what it is on, `load` many of it at once, `subscribers` the readers of feeds. `floor` is the machine's own cost, `spread` what many
//! durations come to, `report` what is printed.
//!
//! Nodes, storage services and this client share the machine: the client does as little per request as it can. No figure makes a run fail.

mod api;
mod beats;
mod cluster;
mod floor;
mod http;
mod load;
mod measure;
mod options;
mod process;
mod report;
mod spread;
mod subscribers;
mod wire;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use options::{Asked, Setup};
use report::Report;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False when a measurement could not be made.
fn run() -> Result<bool> {
    let offered: Vec<_> = measure::GROUPS.iter().map(|group| (group.name, group.about, group.names)).collect();
    let mut setup = match options::parse(std::env::args().skip(1), &offered)? {
        Asked::Help => {
            println!("{}", options::usage(&offered));
            return Ok(true);
        }
        Asked::Run(setup) => setup,
    };
    raise_open_files()?;
    let directory = setup.in_new_directory()?;
    let mut report = Report::default();
    let complete = measure_all(&setup, &mut report);
    println!("\n{}", report.table());
    directory.close().context("the run's data was left behind")?;
    Ok(complete)
}

fn measure_all(setup: &Setup, report: &mut Report) -> bool {
    let mut complete = true;
    for group in measure::GROUPS {
        for name in group.names.iter().filter(|name| setup.wants(group.name, name)) {
            eprintln!("{name} …");
            let measured = floor::measure(&setup.data_dir).and_then(|floor| {
                report.set_floor(floor);
                (group.run)(setup, name, report)
            });
            if let Err(error) = measured {
                eprintln!("{name} could not be measured: {error:#}");
                complete = false;
            }
        }
    }
    complete
}

/// A thousand connections need more files than a shell usually allows; the nodes inherit it.
fn raise_open_files() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("the limit of open files cannot be raised")
}
