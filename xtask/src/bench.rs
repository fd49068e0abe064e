//! `cargo xtask bench`: how long things take, with the server as it ships.

use crate::build;
use crate::process;
use crate::workspace::{Profile, Workspace};
use anyhow::Result;
use std::process::Command;

pub const COMMAND: crate::Command = crate::Command {
    name: "bench",
    about: "Builds for release, then measures how long things take on this machine",
    usage: "Usage: cargo xtask bench [arguments]

Arguments go to `bench` as they are: names of measurements or of groups of them, --runs N, --data-dir DIR …
`cargo xtask bench -- --help` lists them, after building. Without a name everything is measured, which takes about ten minutes.

Prints a JSON line per figure, and a table at the end. No figure makes it fail.",
    run: main,
};

fn main(mut given: Vec<String>) -> Result<()> {
    if given.first().is_some_and(|first| first == "--") {
        given.remove(0);
    }
    let workspace = Workspace::find()?;
    let built = build::all(&workspace, build::RELEASE)?;
    if let Some(excess) = built.over_budget {
        eprintln!("{excess}");
    }
    process::run(workspace.cargo("build").args(["--release", "-p", "bench"]))?;
    let bench = workspace.program("bench", Profile::Release);
    process::become_program(Command::new(bench).arg("--quorate").arg(built.binary).args(given).current_dir(&workspace.root))
}
