//! `cargo xtask demo`: a whole cluster on this machine, one command from a fresh clone.

use crate::build::{self, Recipe};
use crate::process;
use crate::workspace::{Profile, Workspace};
use anyhow::Result;
use std::process::Command;

pub const COMMAND: crate::Command = crate::Command {
    name: "demo",
    about: "Builds, then runs a cluster of three controllers and three storage services",
    usage: "Usage: cargo xtask demo [arguments]

Arguments go to `quorate demo` as they are: --fresh, --data-dir …
`cargo xtask demo -- --help` lists them, after building.",
    run: main,
};

/// Optimised pages, since a person looks at them, and a server that compiles in half the time.
const RECIPE: Recipe = Recipe { pages: Profile::Release, server: Profile::Dev };

fn main(mut given: Vec<String>) -> Result<()> {
    if given.first().is_some_and(|first| first == "--") {
        given.remove(0);
    }
    let workspace = Workspace::find()?;
    let binary = build::all(&workspace, RECIPE)?.binary;
    // The demo takes this process' place, so that Ctrl-C is its own to handle.
    process::become_program(Command::new(binary).arg("demo").args(given).current_dir(&workspace.root))
}
