//! Clippy over both halves, for the gate and for the repairs.

use crate::process;
use crate::workspace::{BROWSER, NATIVE, Workspace};
use anyhow::Result;

/// Whether to report, or to mend what can be mended.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Check,
    Fix,
}

pub fn native(workspace: &Workspace, mode: Mode) -> Result<()> {
    clippy(workspace, mode, NATIVE, &["--all-targets"])
}

pub fn browser(workspace: &Workspace, mode: Mode) -> Result<()> {
    clippy(workspace, mode, BROWSER, &[])
}

fn clippy(workspace: &Workspace, mode: Mode, packages: &[&str], targets: &[&str]) -> Result<()> {
    let mut command = workspace.cargo("clippy");
    command.args(packages).args(targets);
    match mode {
        Mode::Check => command.args(["--", "-D", "warnings"]),
        Mode::Fix => command.args(["--fix", "--allow-dirty", "--allow-staged"]),
    };
    process::run(&mut command)
}
