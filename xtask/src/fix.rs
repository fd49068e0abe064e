//! `cargo xtask fix`: mends what the gate would complain about, as far as tools can.

use crate::args::Args;
use crate::lint::{self, Mode};
use crate::process;
use crate::workspace::{WASM, Workspace};
use crate::{steps::Steps, wasm_target};
use anyhow::Result;
use std::process::Command;

pub const COMMAND: crate::Command = crate::Command {
    name: "fix",
    about: "Mends what `verify` complains about, as far as tools can",
    usage: "Usage: cargo xtask fix

Changes files: clippy's suggestions, spelling (when `typos` is installed), formatting.",
    run: main,
};

fn main(given: Vec<String>) -> Result<()> {
    Args::flags_only(given, &[])?;
    let workspace = Workspace::find()?;
    let mut steps = Steps::new(4);
    steps.run("clippy, native", || lint::native(&workspace, Mode::Fix))?;
    steps.run("clippy, browser", || {
        wasm_target::ensure(&workspace, WASM)?;
        lint::browser(&workspace, Mode::Fix)
    })?;
    steps.run("spelling", || match process::on_path("typos") {
        Some(typos) => process::run(Command::new(typos).arg("--write-changes").current_dir(&workspace.root)),
        None => {
            eprintln!("skipped: `cargo install typos-cli --locked` adds it");
            Ok(())
        }
    })?;
    // Last, since the others leave lines as they fall.
    steps.run("formatting", || process::run(workspace.cargo("fmt").arg("--all")))
}
