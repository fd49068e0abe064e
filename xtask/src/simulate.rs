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
    process::run(&mut cargo(workspace, "build"))?;
    Ok(target(workspace).join("simulation").join(format!("simulate{}", std::env::consts::EXE_SUFFIX)))
}

/// Other flags are another build of everything: kept apart, so that neither build undoes the other.
fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("simulation")
}

/// Cargo for the simulation, as it has to be built.
pub fn cargo(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = workspace.cargo(subcommand);
    command.args(["-p", "simulation", "--profile", "simulation", "--target-dir"]).arg(target(workspace));
    command.env("RUSTFLAGS", "--cfg tokio_unstable");
    command
}
