//! `cargo xtask simulate`: whole clusters in simulated worlds full of faults, each again from its seed.

use crate::process;
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

pub const COMMAND: crate::Command = crate::Command {
    name: "simulate",
    about: "Runs whole clusters in simulated worlds full of faults, each again from its seed",
    usage: "Usage: cargo xtask simulate [--seeds N] [--from S] [--seconds T] [--jobs J]
       cargo xtask simulate --seed S [--seconds T] [--log]

Builds the controller with tokio's own choices seeded (`--cfg tokio_unstable`, in a target folder of its own) and runs 200 seeds, or as many as it is told.
A seed that fails is printed with the command that runs it again, exactly. `--seed` runs one twice and compares.",
    run: main,
};

fn main(mut given: Vec<String>) -> Result<()> {
    if given.first().is_some_and(|first| first == "--") {
        given.remove(0);
    }
    let workspace = Workspace::find()?;
    let program = build(&workspace)?;
    process::become_program(Command::new(program).args(given).current_dir(&workspace.root))
}

/// The program, built.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    // Other flags are another build of everything: kept apart, so that neither build undoes the other.
    let target = workspace.target.join("simulation");
    let mut command = workspace.cargo("build");
    command.args(["-p", "simulation", "--profile", "simulation", "--target-dir"]).arg(&target);
    process::run(command.env("RUSTFLAGS", "--cfg tokio_unstable"))?;
    Ok(target.join("simulation").join(format!("simulate{}", std::env::consts::EXE_SUFFIX)))
}
