//! `cargo xtask build`: the pages, then the server that carries them.

use crate::args::Args;
use crate::frontend;
use crate::process;
use crate::site::{self, Site};
use crate::steps::Steps;
use crate::wasm_target;
use crate::workspace::{Profile, Workspace};
use anyhow::{Result, bail};
use std::path::PathBuf;

pub const COMMAND: crate::Command = crate::Command {
    name: "build",
    about: "Builds the dashboard and the server that carries it",
    usage: "Usage: cargo xtask build [--release]

  --release   Optimised: makes target/release/quorate, and fails when the first paint is over its budget.
              Without it: unoptimised, for quick turns; makes target/debug/quorate.",
    run: main,
};

/// Which profiles a build takes.
pub struct Recipe {
    pub pages: Profile,
    pub server: Profile,
    /// Whether pages over their budget fail the build, or are only mentioned.
    pub budget_binds: bool,
}

pub const DEV: Recipe = Recipe { pages: Profile::Dev, server: Profile::Dev, budget_binds: false };
pub const RELEASE: Recipe = Recipe { pages: Profile::Release, server: Profile::Release, budget_binds: true };

fn main(given: Vec<String>) -> Result<()> {
    let args = Args::flags_only(given, &["--release"])?;
    let binary = all(&Workspace::find()?, if args.has("--release") { RELEASE } else { DEV })?;
    println!("Built {}", binary.display());
    Ok(())
}

/// Builds everything and returns the path of the server's executable.
pub fn all(workspace: &Workspace, recipe: Recipe) -> Result<PathBuf> {
    let mut steps = Steps::new(6);
    let pages = recipe.pages;
    steps.run("WebAssembly target", || wasm_target::ensure(workspace))?;
    steps.run("dashboard, compiled", || frontend::compile(workspace, pages))?;
    let bundle = steps.run("dashboard, bound to JavaScript", || frontend::bind(workspace, pages))?;
    let (assets, css) = steps.run("style sheet", || {
        let assets = site::assets(workspace)?;
        let css = site::style_sheet(workspace, &assets)?;
        Ok((assets, css))
    })?;
    let site = steps.run("site, named and compressed", || {
        let folder = workspace.site().join("pkg");
        let site = Site::assemble(bundle, css, assets, pages, &folder)?;
        site.publish(&folder)?;
        Ok(site)
    })?;
    println!("\n{}\n", site.sizes());
    // The budget is for what people load; an unoptimised dashboard is no news.
    if let Some(excess) = site.over_budget().filter(|_| pages == Profile::Release) {
        if recipe.budget_binds {
            bail!("{excess}");
        }
        eprintln!("warning: {excess}");
    }
    steps.run("server", || {
        let mut command = workspace.cargo("build");
        command.args(["-p", "server"]);
        if recipe.server == Profile::Release {
            command.arg("--release");
        }
        process::run(&mut command)
    })?;
    Ok(workspace.binary(recipe.server))
}
