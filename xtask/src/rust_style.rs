//! Rules of this project that no linter knows: a file says first what it is, and it stays short; a page names no path of ours
//! without the base path that it may be served under; files of a crate take from each other one way (`circles`).

use crate::circles;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Lines before the unit tests.
const LONGEST: usize = 400;

/// Reads every Rust file below `root` and lists what breaks a rule.
pub fn check(root: &Path, target: &Path) -> Result<()> {
    let mut complaints = Vec::new();
    walk(root, target, &mut |file| {
        let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(file).display();
        if file.starts_with(root.join("app/src")) {
            complaints.extend(bare_paths(&text).into_iter().map(|fault| format!("{name}: {fault}")));
        }
        complaints.extend(faults(&text).into_iter().map(|fault| format!("{name}: {fault}")));
        Ok(())
    })?;
    for member in fs::read_dir(root)? {
        let member = member?;
        let (source, name) = (member.path().join("src"), member.file_name().to_string_lossy().into_owned());
        if member.path().join("Cargo.toml").is_file() && source.is_dir() {
            complaints.extend(circles::of(&source, &name)?.into_iter().map(|fault| format!("{name}: {fault}")));
        }
    }
    if !complaints.is_empty() {
        complaints.sort();
        bail!("{} of our own rules broken:\n  {}", complaints.len(), complaints.join("\n  "));
    }
    Ok(())
}

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push("does not begin with a `//!` sentence".to_string());
    }
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    if lines > LONGEST {
        faults.push(format!("{lines} lines before its tests, and {LONGEST} are enough"));
    }
    faults
}

/// Attributes of a view that lead somewhere else behind a proxy.
fn bare_paths(text: &str) -> Vec<String> {
    const BARE: [&str; 6] = ["href=\"/", "action=\"/", "src=\"/", "href=format!(", "action=format!(", "::url()>"];
    let views = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    let bare = views.filter(|(_, line)| BARE.iter().any(|bare| line.contains(bare)));
    bare.map(|(at, _)| format!("line {} names a path without `base::to`", at + 1)).collect()
}

fn walk(folder: &Path, target: &Path, visit: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() {
            if !hidden && path != target && !["target", "node_modules", "vendor"].iter().any(|other| name == *other) {
                walk(&path, target, visit)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_its_sentence_first() {
        assert!(faults("//! What it is.\n").is_empty());
        assert_eq!(faults("use std::fs;\n//! Too late.\n").len(), 1);
        assert_eq!(faults("").len(), 1);
    }

    #[test]
    fn tests_do_not_count() {
        let long = format!("//! Long.\n{}", "x\n".repeat(LONGEST));
        assert_eq!(faults(&long).len(), 1);
        let tested = format!("//! Short.\n{}#[cfg(test)]\n{long}", "x\n".repeat(LONGEST - 1));
        assert!(faults(&tested).is_empty());
    }

    #[test]
    fn a_path_needs_its_base() {
        let view =
            "<a href=base::to(\"/x\") title=\"/\"></a>\n<a href=\"/x\"></a>\n<form action=Create::url()></form>\n#[cfg(test)]\nhref=\"/x\"";
        assert_eq!(bare_paths(view), ["line 2 names a path without `base::to`", "line 3 names a path without `base::to`"]);
    }

    #[test]
    fn build_output_and_packages_are_not_read() -> Result<()> {
        let root = tempfile::tempdir()?;
        for folder in ["src", "out", "node_modules/x", ".git"] {
            fs::create_dir_all(root.path().join(folder))?;
        }
        for file in ["out/a.rs", "node_modules/x/a.rs", ".git/a.rs"] {
            fs::write(root.path().join(file), "bad")?;
        }
        fs::write(root.path().join("src/a.rs"), "//! Good.\n")?;
        assert!(check(root.path(), &root.path().join("out")).is_ok());
        fs::write(root.path().join("src/b.rs"), "bad")?;
        let error = check(root.path(), &root.path().join("out")).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("src/b.rs: does not begin")));
        Ok(())
    }
}
