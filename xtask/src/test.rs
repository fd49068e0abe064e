//! `cargo xtask test`: every test there is, cheapest first, with a table at the end.

use crate::args::Args;
use crate::build::{self, Recipe};
use crate::checks::{Checks, Outcome};
use crate::workspace::{Profile, WASI, Workspace};
use crate::{browser, process, simulate, wasm_target};
use anyhow::{Context, Result, bail, ensure};
use std::cell::OnceCell;
use std::process::Command;

pub const COMMAND: crate::Command = crate::Command {
    name: "test",
    about: "Runs every test there is, from the state machine to the browser",
    usage: "Usage: cargo xtask test [--quick] [step…] [-- arguments]

  --quick     Leaves out what needs the built server: site, budget, cluster, packaging, browser.
  step…       Only these: xtask, metadata, wasm, controller, storage, bench, simulation, app, site, server, budget, cluster, packaging, browser.
              Part of a name is enough. `site` is added where a step needs it.
  arguments   Go to the test programs of the steps: `cargo xtask test controller -- snapshot`.",
    run: main,
};

/// The pages as they ship, in a server that compiles quickly.
const RECIPE: Recipe = Recipe { pages: Profile::Release, server: Profile::Dev };

/// The step that builds what others need.
const SITE: &str = "site";

struct Step {
    name: &'static str,
    /// Whether it needs the server's executable, or makes it.
    slow: bool,
    run: fn(&Tests) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "xtask", slow: false, run: |tests| tests.cargo(&["-p", "xtask"]) },
    Step { name: "metadata", slow: false, run: |tests| tests.cargo(&["-p", "metadata", "--features", "json"]) },
    Step { name: "wasm", slow: false, run: Tests::wasm },
    Step { name: "controller", slow: false, run: |tests| tests.cargo(&["-p", "controller"]) },
    Step {
        name: "storage",
        slow: false,
        run: |tests| tests.cargo(&["-p", "tls", "-p", "oidc", "-p", "acceptor", "-p", "audit", "-p", "journal", "-p", "storage"]),
    },
    Step { name: "bench", slow: false, run: |tests| tests.cargo(&["-p", "bench"]) },
    Step { name: "simulation", slow: false, run: Tests::simulation },
    Step { name: "app", slow: false, run: |tests| tests.cargo(&["-p", "app", "--features", "ssr"]) },
    Step { name: SITE, slow: true, run: Tests::site },
    // After the site, so that the server is compiled once and not first without its pages.
    Step { name: "server", slow: false, run: |tests| tests.cargo(&["-p", "server", "--bins"]) },
    Step { name: "budget", slow: true, run: Tests::budget },
    Step { name: "cluster", slow: true, run: |tests| tests.cargo(&["-p", "server", "--test", "it"]) },
    Step { name: "packaging", slow: true, run: Tests::packaging },
    Step {
        name: "browser",
        slow: true,
        run: |tests| browser::test(&tests.workspace, &tests.workspace.binary(RECIPE.server), &tests.arguments),
    },
];

fn main(given: Vec<String>) -> Result<()> {
    let args = Args::parse(given, &["--quick"])?;
    let steps = select(args.has("--quick"), &args.words)?;
    let tests = Tests { workspace: Workspace::find()?, arguments: args.rest, over_budget: OnceCell::new() };
    let mut checks = Checks::new(steps.len());
    for step in steps {
        let orphaned = step.slow && checks.failed(SITE);
        checks.run(step.name, || {
            if orphaned {
                return Ok(Outcome::Skipped("there is no server to test".to_string()));
            }
            (step.run)(&tests).map(|()| Outcome::Passed)
        });
    }
    checks.finish()
}

/// The steps to run, in their order. A word that names none is an error: a typing mistake must not pass for a green run.
fn select(quick: bool, words: &[String]) -> Result<Vec<&'static Step>> {
    for word in words {
        let names = STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
        ensure!(STEPS.iter().any(|step| step.name.contains(word.as_str())), "`{word}` is no step; there are: {names}");
    }
    let named = |step: &Step| words.is_empty() || words.iter().any(|word| step.name.contains(word.as_str()));
    let wanted = |step: &Step| named(step) && !(quick && step.slow);
    let needs_site = STEPS.iter().any(|step| step.slow && wanted(step));
    let chosen = STEPS.iter().filter(|step| wanted(step) || (needs_site && step.name == SITE)).collect::<Vec<_>>();
    if chosen.is_empty() {
        bail!("--quick leaves out {}", words.join(", "));
    }
    Ok(chosen)
}

struct Tests {
    workspace: Workspace,
    arguments: Vec<String>,
    /// Known once the site is built.
    over_budget: OnceCell<Option<String>>,
}

impl Tests {
    fn cargo(&self, packages: &[&str]) -> Result<()> {
        let mut command = self.workspace.cargo("test");
        command.args(packages).args(["--no-fail-fast", "--"]).args(&self.arguments);
        command.env("QUORATE_BIN", self.workspace.binary(RECIPE.server));
        process::run(&mut command)
    }

    /// The simulation's own tests, in the build that it runs in, and then 200 seeds.
    fn simulation(&self) -> Result<()> {
        process::run(simulate::cargo(&self.workspace, "test").arg("--").args(&self.arguments))?;
        process::run(&mut Command::new(simulate::build(&self.workspace)?))
    }

    fn site(&self) -> Result<()> {
        let over_budget = build::all(&self.workspace, RECIPE)?.over_budget;
        self.over_budget.get_or_init(|| over_budget);
        Ok(())
    }

    /// A step of its own, so that pages that grew too large still have their tests.
    fn budget(&self) -> Result<()> {
        match self.over_budget.get().context("the site was not built")? {
            Some(excess) => bail!("{excess}"),
            None => Ok(()),
        }
    }

    /// The server under the restrictions of the systemd unit and the container.
    fn packaging(&self) -> Result<()> {
        process::run(Command::new(self.workspace.root.join("packaging/try.sh")).arg(self.workspace.binary(RECIPE.server)))
    }

    /// The state machine's own tests, compiled to WebAssembly and run by Node.
    fn wasm(&self) -> Result<()> {
        wasm_target::ensure(&self.workspace, WASI)?;
        browser::require_node()?;
        let runner = format!("target.{WASI}.runner=[\"node\", {:?}]", self.workspace.root.join("xtask/wasi.mjs"));
        let mut command = self.workspace.cargo("test");
        command.args(["-p", "metadata", "--features", "json", "--target", WASI, "--test", "it", "--config"]).arg(runner);
        process::run(command.arg("--").args(&self.arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(quick: bool, words: &[&str]) -> Result<Vec<&'static str>> {
        let words = words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        Ok(select(quick, &words)?.into_iter().map(|step| step.name).collect())
    }

    #[test]
    fn everything_runs_unless_told_otherwise() -> Result<()> {
        assert_eq!(names(false, &[])?.len(), STEPS.len());
        assert_eq!(names(true, &[])?, ["xtask", "metadata", "wasm", "controller", "storage", "bench", "simulation", "app", "server"]);
        Ok(())
    }

    #[test]
    fn a_step_brings_along_the_build_that_it_needs() -> Result<()> {
        assert_eq!(names(false, &["browser"])?, ["site", "browser"]);
        assert_eq!(names(false, &["server", "cont"])?, ["controller", "server"]);
        Ok(())
    }

    #[test]
    fn a_selection_of_nothing_is_an_error() {
        assert!(names(false, &["no-such-step"]).is_err());
        assert!(names(true, &["browser"]).is_err());
    }

    #[test]
    fn the_usage_names_every_step() {
        let list = STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
        assert!(COMMAND.usage.contains(&list));
    }
}
