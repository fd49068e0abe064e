//! The standard library for WebAssembly: there, or fetched by rustup.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// Installs the target when the toolchain in use lacks it.
pub fn ensure(workspace: &Workspace, target: &str) -> Result<()> {
    if installed(workspace, target)? {
        return Ok(());
    }
    if process::on_path("rustup").is_none() {
        bail!(
            "this Rust toolchain cannot compile for {target}, and there is no rustup to add it: install rustup, or that target's standard library from where Rust came from"
        );
    }
    process::run(Command::new("rustup").args(["target", "add", target]).current_dir(&workspace.root))
}

fn installed(workspace: &Workspace, target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = process::output(Command::new(rustc).args(["--print", "target-libdir", "--target", target]).current_dir(&workspace.root))?;
    Ok(Path::new(folder.trim()).is_dir())
}
