//! `cargo xtask verify`: the gate. It changes no source file.

use crate::args::Args;
use crate::checks::{Checks, Outcome};
use crate::lint::{self, Mode};
use crate::workspace::{NATIVE, WASM, Workspace};
use crate::{process, rows, rust_style, wasm_target};
use anyhow::Result;
use std::process::Command;

pub const COMMAND: crate::Command = crate::Command {
    name: "verify",
    about: "Checks formatting, lints, documentation, dependencies, spelling and our own rules",
    usage: "Usage: cargo xtask verify

Changes no source file. `cargo xtask fix` mends what tools can mend.",
    run: main,
};

fn main(given: Vec<String>) -> Result<()> {
    Args::flags_only(given, &[])?;
    let workspace = Workspace::find()?;
    let mut checks = Checks::new(8);
    let passed = |result: Result<()>| result.map(|()| Outcome::Passed);
    checks.run("formatting", || passed(process::run(workspace.cargo("fmt").args(["--all", "--check"]))));
    checks.run("our own rules", || passed(rust_style::check(&workspace.root, &workspace.target)));
    checks.run("rules of the controller", || passed(rows::check(&workspace.root)));
    checks.run("clippy, native", || passed(lint::native(&workspace, Mode::Check)));
    checks.run("clippy, browser", || {
        wasm_target::ensure(&workspace, WASM)?;
        passed(lint::browser(&workspace, Mode::Check))
    });
    checks.run("documentation", || {
        let mut command = workspace.cargo("doc");
        command.arg("--no-deps").args(NATIVE).env("RUSTDOCFLAGS", "-D warnings");
        passed(process::run(&mut command))
    });
    checks.run("dependencies", || tool(&workspace, "cargo-deny", &["check"]));
    checks.run("spelling", || tool(&workspace, "typos", &[]));
    checks.finish()
}

/// Runs a program that a newcomer need not have.
fn tool(workspace: &Workspace, program: &str, args: &[&str]) -> Result<Outcome> {
    let package = if program == "typos" { "typos-cli" } else { program };
    let Some(file) = process::on_path(program) else {
        return Ok(Outcome::Skipped(format!("`cargo install {package} --locked` adds it")));
    };
    process::run(Command::new(file).args(args).current_dir(&workspace.root))?;
    Ok(Outcome::Passed)
}
