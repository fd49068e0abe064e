//! The binary `quorate`: one controller (`serve`), the reference storage service (`storage`), or a whole cluster to look at (`demo`).
//!
//! `cli` reads the command line, the environment and the config file; `serve` runs a node; `demo` runs six processes;
//! `http` is the outside contract; `verbs` are its command line for operators; `telemetry` the log.

mod allocator;
mod cert;
mod certificates;
mod cli;
mod demo;
mod http;
mod local;
mod method;
mod open_files;
mod peers;
mod people;
mod private;
mod serve;
mod stop;
mod storage;
mod telemetry;
mod token;
mod trail;
mod transport;
mod usage;
mod verbs;

use clap::FromArgMatches;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A commit is many small values that are made on one thread and dropped on another: docs/performance.md has what this saves.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    private::begin();
    allocator::without_huge_pages();
    let cli = match cli::command().try_get_matches().and_then(|given| cli::Cli::from_arg_matches(&given)) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            // Printing the usage can only fail with the terminal gone.
            drop(error.print());
            return code;
        }
    };
    let command = cli.command.unwrap_or_default();
    if matches!(command, cli::Command::Serve(_) | cli::Command::Storage(_)) {
        allocator::give_memory_back();
    }
    let ran = match command {
        cli::Command::Serve(flags) => serve::run(*flags),
        cli::Command::Storage(flags) => storage::run(flags),
        cli::Command::Demo(flags) => demo::run(flags),
        cli::Command::Topics { common, verb } => verbs::run(&common, verbs::Verb::Topics(verb)),
        cli::Command::Apply { common, wanted } => verbs::run(&common, verbs::Verb::Apply(wanted)),
        cli::Command::Export { common, wanted } => verbs::run(&common, verbs::Verb::Export(wanted)),
        cli::Command::Brokers { common, verb } => verbs::run(&common, verbs::Verb::Brokers(verb)),
        cli::Command::Quorum { common, verb } => verbs::run(&common, verbs::Verb::Quorum(verb)),
        cli::Command::Elect { common, wanted } => verbs::run(&common, verbs::Verb::Elect(wanted)),
        cli::Command::Reassign { common, wanted } => verbs::run(&common, verbs::Verb::Reassign(wanted)),
        cli::Command::Settings { common, wanted } => verbs::run(&common, verbs::Verb::Settings(wanted)),
        cli::Command::Accounts { common, verb } => verbs::run(&common, verbs::Verb::Accounts(verb)),
        cli::Command::Tokens { common, verb } => verbs::run(&common, verbs::Verb::Tokens(verb)),
        cli::Command::Audit { common, verb } => verbs::run(&common, verbs::Verb::Audit(verb)),
        cli::Command::History { common, wanted } => verbs::run(&common, verbs::Verb::History(wanted)),
        cli::Command::Backup { common, verb } => verbs::run(&common, verbs::Verb::Backup(verb)),
        cli::Command::Restore(wanted) => verbs::restore(&wanted),
        cli::Command::Cert(wanted) => cert::run(wanted),
        cli::Command::CheckConfig(wanted) => verbs::check_config(wanted),
        cli::Command::Watch { common } => verbs::run(&common, verbs::Verb::Watch),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quorate: {error:#}");
            let refused = error.downcast_ref().map(verbs::Failed::code);
            ExitCode::from(refused.unwrap_or(if error.is::<usage::Usage>() { 2 } else { 1 }))
        }
    }
}
