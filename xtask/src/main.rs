//! `cargo xtask …`: builds, runs, tests and checks Quorate. This file only finds the command; each command is a file of its own.

mod args;
mod bench;
mod browser;
mod build;
mod checks;
mod circles;
mod compress;
mod css;
mod demo;
mod fix;
mod frontend;
mod hollow;
mod lint;
mod process;
mod rows;
mod rust_style;
mod simulate;
mod site;
mod split;
mod steps;
mod test;
mod verify;
mod wasm_target;
mod workspace;

use anyhow::{Context, Result, bail};
use std::process::ExitCode;

/// One word after `cargo xtask`.
struct Command {
    name: &'static str,
    about: &'static str,
    usage: &'static str,
    run: fn(Vec<String>) -> Result<()>,
}

/// A new command is a new file and a line here.
const COMMANDS: &[Command] =
    &[build::COMMAND, demo::COMMAND, test::COMMAND, bench::COMMAND, simulate::COMMAND, verify::COMMAND, fix::COMMAND];

fn main() -> ExitCode {
    match dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<()> {
    let mut given = std::env::args_os().skip(1).map(|arg| arg.into_string().ok().context("an argument is not UTF-8"));
    let Some(name) = given.next().transpose()? else {
        bail!("no command given\n\n{}", overview());
    };
    if args::is_help(&name) || name == "help" {
        println!("{}", overview());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("there is no command `{name}`\n\n{}", overview());
    };
    let rest = given.collect::<Result<Vec<_>>>()?;
    if rest.iter().take_while(|arg| *arg != "--").any(|arg| args::is_help(arg)) {
        println!("{}\n\n{}", command.about, command.usage);
        return Ok(());
    }
    (command.run)(rest)
}

fn overview() -> String {
    let mut text = String::from("Usage: cargo xtask <command> [arguments]\n");
    for command in COMMANDS {
        text += &format!("\n  {:<8}{}", command.name, command.about);
    }
    text + "\n\n`cargo xtask <command> --help` says more about one of them."
}
