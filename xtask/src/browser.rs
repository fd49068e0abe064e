//! The browser tests: Playwright from `end2end/`, with a Chromium of the system.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the suite against `binary`; `args` go to Playwright. The suite starts its clusters itself.
pub fn test(workspace: &Workspace, binary: &Path, args: &[String]) -> Result<()> {
    let folder = workspace.root.join("end2end");
    require_node()?;
    install_packages(&folder)?;
    let chromium = match find_chromium()? {
        Some(chromium) => chromium,
        None => install_chromium()?,
    };
    let mut command = Command::new("npx");
    command.args(["--no-install", "playwright", "test"]).args(args).current_dir(&folder);
    command.env("QUORATE_BIN", binary).env("CHROMIUM_PATH", chromium);
    process::run(&mut command)
}

pub fn require_node() -> Result<()> {
    ensure!(process::on_path("node").is_some(), "Node.js is not on PATH: install version 20 or newer");
    Ok(())
}

/// `npm ci` writes its own lock file last, so that one tells whether the packages are there and as new as ours.
fn install_packages(folder: &Path) -> Result<()> {
    let age = |file: &str| folder.join(file).metadata().and_then(|metadata| metadata.modified());
    let wanted = age("package-lock.json").with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    if age("node_modules/.package-lock.json").is_ok_and(|installed| installed >= wanted) {
        return Ok(());
    }
    // Chromium comes from the system; Playwright's own download is 150 MB and not needed.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    process::run(&mut npm)
}

fn find_chromium() -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        let named = PathBuf::from(named);
        ensure!(named.is_file(), "CHROMIUM names {}, which is no file", named.display());
        return Ok(Some(named));
    }
    let usual = ["/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];
    let usual = usual.iter().map(PathBuf::from).find(|file| file.is_file());
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    Ok(usual.or_else(|| names.iter().find_map(|name| process::on_path(name))))
}

fn install_chromium() -> Result<PathBuf> {
    let root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || process::on_path("apt-get").is_none() {
        bail!(
            "the browser tests need Chromium. On Debian: `sudo apt-get install -y --no-install-recommends chromium`. \
             Elsewhere: install Chromium or Chrome and run again with CHROMIUM=<path of its executable>"
        );
    }
    process::run(Command::new("apt-get").arg("update"))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut install)?;
    find_chromium()?.context("apt-get installed chromium, and yet there is none on PATH")
}
