//! Where things are, and how cargo is called.

use crate::process;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// The target triple of the browser's half.
pub const WASM: &str = "wasm32-unknown-unknown";
/// The WebAssembly that test programs run in: it has a standard output and an exit code.
pub const WASI: &str = "wasm32-wasip1";

/// Where the server's build script finds the pages that it embeds.
pub const SITE_DIR: &str = "QUORATE_SITE_DIR";

/// The native half. Packages are always named: a build of the whole workspace would unify `ssr` with `hydrate`,
/// and such a server panics on its first request.
pub const NATIVE: &[&str] = &[
    "-p",
    "metadata",
    "-p",
    "damage",
    "-p",
    "tls",
    "-p",
    "oidc",
    "-p",
    "acceptor",
    "-p",
    "audit",
    "-p",
    "journal",
    "-p",
    "controller",
    "-p",
    "storage",
    "-p",
    "app",
    "-p",
    "server",
    "-p",
    "bench",
    "-p",
    "simulation",
    "-p",
    "xtask",
    "--features",
    "app/ssr,metadata/json",
];

/// The browser's half.
pub const BROWSER: &[&str] = &["-p", "frontend", "-p", "metadata", "--target", WASM];

/// How something is compiled.
#[derive(Clone, Copy, PartialEq)]
pub enum Profile {
    Dev,
    Release,
}

/// The folders of this checkout.
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows about moved target folders.
    pub fn find() -> Result<Workspace> {
        let text = process::output(Command::new(cargo()).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: serde_json::Value = serde_json::from_str(&text).context("`cargo metadata` did not write JSON")?;
        let folder = |key: &str| {
            let path = metadata.get(key).and_then(serde_json::Value::as_str);
            path.map(PathBuf::from).with_context(|| format!("`cargo metadata` has no `{key}`"))
        };
        Ok(Workspace { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// A cargo command in the root. A finished site always goes with it, so that the server is not compiled once
    /// with the pages and once without them.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(cargo());
        command.arg(subcommand).current_dir(&self.root);
        if self.site().join("pkg/manifest.json").is_file() {
            command.env(SITE_DIR, self.site());
        }
        command
    }

    /// The folder that the server embeds.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    pub fn style(&self) -> PathBuf {
        self.root.join("style")
    }

    /// The server's executable.
    pub fn binary(&self, profile: Profile) -> PathBuf {
        self.program("quorate", profile)
    }

    /// An executable of this workspace.
    pub fn program(&self, name: &str, profile: Profile) -> PathBuf {
        let folder = match profile {
            Profile::Dev => "debug",
            Profile::Release => "release",
        };
        self.target.join(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
