//! `cargo xtask build`: the pages, then the server that carries them.

use crate::args::Args;
use crate::frontend;
use crate::process;
use crate::site::{self, Site};
use crate::steps::Steps;
use crate::wasm_target;
use crate::workspace::{Profile, WASM, Workspace};
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
#[derive(Clone, Copy)]
pub struct Recipe {
    pub pages: Profile,
    pub server: Profile,
}

/// What a build made.
pub struct Built {
    pub binary: PathBuf,
    /// By how much the pages miss their budget. Unoptimised ones have none.
    pub over_budget: Option<String>,
}

const DEV: Recipe = Recipe { pages: Profile::Dev, server: Profile::Dev };
/// As it ships.
pub const RELEASE: Recipe = Recipe { pages: Profile::Release, server: Profile::Release };

fn main(given: Vec<String>) -> Result<()> {
    let args = Args::flags_only(given, &["--release"])?;
    let recipe = if args.has("--release") { RELEASE } else { DEV };
    let built = all(&Workspace::find()?, recipe)?;
    println!("Built {}", built.binary.display());
    match built.over_budget {
        Some(excess) => bail!("{excess}"),
        None => Ok(()),
    }
}

/// Builds everything, and says how large it became.
pub fn all(workspace: &Workspace, Recipe { pages, server }: Recipe) -> Result<Built> {
    let mut steps = Steps::new(6);
    steps.run("WebAssembly target", || wasm_target::ensure(workspace, WASM))?;
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
    steps.run("server", || {
        let mut command = workspace.cargo("build");
        command.args(["-p", "server"]);
        if server == Profile::Release {
            command.arg("--release");
        }
        process::run(&mut command)
    })?;
    let over_budget = site.over_budget().filter(|_| pages == Profile::Release);
    Ok(Built { binary: workspace.binary(server), over_budget })
}
