//! The browser's half: compiled to WebAssembly, cut into parts, then bound to JavaScript.

use crate::process;
use crate::split::{self, Parts};
use crate::workspace::{Profile, WASM, Workspace};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// The name that wasm-bindgen gives its output.
pub const NAME: &str = "quorate";

/// What the browser loads, before it has its final names.
pub struct Bundle {
    pub js: String,
    pub wasm: Vec<u8>,
    /// JavaScript that fetches packs.
    pub loader: String,
    /// What each page needs beside the main part.
    pub packs: BTreeMap<String, Vec<u8>>,
    /// JavaScript that crates bring along: path below `snippets/`, and content.
    pub snippets: Vec<(String, Vec<u8>)>,
}

fn cargo_profile(profile: Profile) -> (&'static str, &'static str) {
    match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Release => ("wasm-release", "wasm-release"),
    }
}

pub fn compile(workspace: &Workspace, profile: Profile) -> Result<()> {
    let (name, _) = cargo_profile(profile);
    process::run(workspace.cargo("build").args(["-p", "frontend", "--target", WASM, "--profile", name]))
}

/// Runs wasm-bindgen as a library: its version is in the one Cargo.lock, so it cannot drift from the frontend's.
pub fn bind(workspace: &Workspace, profile: Profile) -> Result<Bundle> {
    let (_, folder) = cargo_profile(profile);
    let input = workspace.target.join(WASM).join(folder).join("frontend.wasm");
    let output = workspace.target.join("xtask/bindgen");
    if output.exists() {
        fs::remove_dir_all(&output).with_context(|| format!("could not clear {}", output.display()))?;
    }
    fs::create_dir_all(&output).with_context(|| format!("could not create {}", output.display()))?;
    let Parts { main, loader, packs } = split::cut(&input, &output, &format!("{NAME}.js"))?;
    Bindgen::new()
        .input_path(main)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        // Chunks ask the main part for these, by the names that they have here.
        .keep_lld_exports(true)
        .demangle(false)
        .remove_name_section(profile == Profile::Release)
        .out_name(NAME)
        .generate(&output)?;

    let read = |name: String| fs::read(output.join(&name)).with_context(|| format!("wasm-bindgen wrote no {name}"));
    let js = String::from_utf8(read(format!("{NAME}.js"))?).context("wasm-bindgen's JavaScript is not UTF-8")?;
    let mut snippets = Vec::new();
    collect(&output.join("snippets"), "", &mut snippets)?;
    Ok(Bundle { js, wasm: read(format!("{NAME}_bg.wasm"))?, loader, packs, snippets })
}

/// All files below `folder`, by path from it, in a fixed order.
pub fn collect(folder: &Path, prefix: &str, into: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), into)?;
        } else {
            into.push((name, fs::read(entry.path())?));
        }
    }
    Ok(())
}
