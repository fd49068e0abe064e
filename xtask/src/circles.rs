//! Arrows between the files of a crate run one way: a circle of them is named, with each arrow that ties it.
//!
//! What a file takes from another one is read as text: `crate::…` and `super::…`, in `use` and in place. A file and what is below
//! it (`plan/mod.rs` and `plan/topics.rs`) are one room, and arrows between them do not count; nor do unit tests.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Steps = Vec<String>;
/// From which file to which, and by which name.
type Arrows = BTreeMap<usize, BTreeMap<usize, String>>;

/// The circles of a crate, whose sources are below `source`, each as a sentence.
pub fn of(source: &Path, name: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    collect(source, &mut Vec::new(), &mut files)?;
    let modules: BTreeMap<&[String], usize> = files.iter().enumerate().map(|(at, (path, _))| (path.as_slice(), at)).collect();
    let mut arrows = Arrows::new();
    for (from, (path, text)) in files.iter().enumerate() {
        for taken in taken(text, path) {
            let room = (1..=taken.len()).rev().find_map(|length| modules.get(&taken[..length]).map(|at| (*at, length)));
            let Some((to, _)) = room else { continue };
            let within = |one: &[String], other: &[String]| other.starts_with(one);
            let (here, there) = (path.as_slice(), files[to].0.as_slice());
            if !within(here, there) && !within(there, here) {
                arrows.entry(from).or_default().entry(to).or_insert_with(|| taken.join("::"));
            }
        }
    }
    let shown = |at: usize| [&[name.to_owned()], files[at].0.as_slice()].concat().join("::");
    Ok(circles(files.len(), &arrows)
        .into_iter()
        .map(|circle| {
            let ties = circle.iter().flat_map(|from| arrows.get(from).into_iter().flatten().map(move |(to, what)| (from, to, what)));
            let ties = ties.filter(|(_, to, _)| circle.contains(to)).map(|(from, _, what)| format!("{} takes {what}", shown(*from)));
            format!("a circle of files: {}", ties.collect::<Vec<_>>().join("; "))
        })
        .collect())
}

fn collect(folder: &Path, path: &mut Steps, into: &mut Vec<(Steps, String)>) -> Result<()> {
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file = entry.path();
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if file.is_dir() {
            path.push(stem);
            collect(&file, path, into)?;
            path.pop();
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            // The root knows everybody, and re-exports what it likes.
            let root = path.is_empty() && matches!(stem.as_str(), "lib" | "main");
            let mut module = path.clone();
            if stem != "mod" {
                module.push(stem);
            }
            if !root {
                into.push((module, fs::read_to_string(&file)?));
            }
        }
    }
    Ok(())
}

/// The paths, from the crate's root, that a file names outside its tests and comments.
fn taken(text: &str, module: &[String]) -> BTreeSet<Steps> {
    let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"));
    let code: String = code.map(|line| line.split("//").next().unwrap_or_default().trim_end()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            expand(&code[at..], module, &mut found);
        }
    }
    found
}

/// Reads one path with its braces: `crate::a::{b, c::{d, e}}`.
fn expand(text: &str, module: &[String], found: &mut BTreeSet<Steps>) {
    let mut stack: Vec<Steps> = vec![Vec::new()];
    let (mut path, mut word): (Steps, String) = (Vec::new(), String::new());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            ':' => {
                if !word.is_empty() {
                    path.push(std::mem::take(&mut word));
                }
            }
            '{' if word.is_empty() && !path.is_empty() => stack.push(path.clone()),
            ',' | '}' if stack.len() > 1 => {
                if !word.is_empty() {
                    path.push(std::mem::take(&mut word));
                }
                if stack.last() != Some(&path) {
                    found.extend(resolved(&path, module));
                }
                if c == '}' {
                    stack.pop();
                }
                path = stack.last().cloned().unwrap_or_default();
                if stack.len() == 1 {
                    return;
                }
            }
            ' ' | '\n' if stack.len() > 1 => {}
            _ => break,
        }
    }
    if !word.is_empty() {
        path.push(word);
    }
    found.extend(resolved(&path, module));
}

fn resolved(path: &[String], module: &[String]) -> Option<Steps> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path.first().map(String::as_str) {
        Some("crate") => Some(path[1..].to_vec()),
        Some("super") => Some([module.get(..module.len().checked_sub(ups)?)?, &path[ups..]].concat()),
        _ => None,
    }
}

/// Files of which each can be reached from each other one, two or more together (Tarjan's algorithm would be faster; a crate has
/// a hundred files).
fn circles(count: usize, arrows: &Arrows) -> Vec<BTreeSet<usize>> {
    let reached = |from: usize| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            next.extend(arrows.get(&at).into_iter().flatten().map(|(to, _)| *to).filter(|to| seen.insert(*to)));
        }
        seen
    };
    let all: Vec<BTreeSet<usize>> = (0..count).map(reached).collect();
    let circle = |at: usize| -> BTreeSet<usize> { all[at].iter().copied().filter(|other| all[*other].contains(&at)).collect() };
    (0..count).map(circle).filter(|circle| circle.len() > 1).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{of, taken};
    use anyhow::Result;
    use std::fs;

    #[test]
    fn what_a_file_takes_is_read_with_braces_and_in_place() {
        let text = "//! crate::doc\nuse crate::a::{B, c::{D, e}};\nuse super::x;\nfn f() { crate::g::h(); other::crate_::i } // crate::j\n#[cfg(test)]\nuse crate::k;";
        let module = ["m".to_owned(), "n".to_owned()];
        let found: Vec<String> = taken(text, &module).into_iter().map(|path| path.join("::")).collect();
        assert_eq!(found, ["a::B", "a::c::D", "a::c::e", "g::h", "m::x"]);
    }

    #[test]
    fn a_circle_is_named_with_its_arrows_and_a_room_is_none() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let write = |name: &str, text: &str| -> Result<()> {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap_or(dir.path()))?;
            Ok(fs::write(file, text)?)
        };
        write("lib.rs", "use crate::a::A;")?;
        write("a.rs", "use crate::b::c::C;")?;
        write("b/mod.rs", "use crate::b::c::C; pub struct B;")?;
        write("b/c.rs", "use super::B;")?;
        assert_eq!(of(dir.path(), "x")?, Vec::<String>::new());
        write("b/c.rs", "use super::B;\nuse crate::a::A;")?;
        assert_eq!(of(dir.path(), "x")?, ["a circle of files: x::a takes b::c::C; x::b::c takes a::A"]);
        write("b/c.rs", "use super::B;\n#[cfg(test)]\nmod tests { use crate::a::A; }")?;
        assert_eq!(of(dir.path(), "x")?, Vec::<String>::new());
        Ok(())
    }
}
