//! The rules of the controller, `docs/semantics.md`: every row is there, and has a test that exists.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const DOCUMENT: &str = "docs/semantics.md";
/// Rows that are not implemented yet.
const WAITING: [&str; 5] = ["A6", "A7", "B16", "B17", "F12"];
/// How many rows each letter has.
const LETTERS: [(&str, u32); 12] =
    [("A", 9), ("B", 17), ("C", 6), ("D", 11), ("E", 12), ("F", 12), ("H", 11), ("I", 5), ("J", 10), ("K", 7), ("L", 4), ("U", 7)];

/// Reads the document below `root`, and lists what is wrong with it.
pub fn check(root: &Path) -> Result<()> {
    let faults = faults(root)?;
    ensure!(faults.is_empty(), "{} faults:\n  {}", faults.len(), faults.join("\n  "));
    Ok(())
}

fn faults(root: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(root.join(DOCUMENT)).with_context(|| format!("could not read {DOCUMENT}"))?;
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let Some((row, tests)) = row(line) else { continue };
        seen.insert(row);
        let mut proven = false;
        for (file, name) in references(tests) {
            let source = sources.entry(file.to_owned()).or_insert_with(|| fs::read_to_string(root.join(file)).unwrap_or_default());
            if source.contains(&format!("fn {name}(")) {
                proven = true;
            } else {
                faults.push(format!("{DOCUMENT}: {row} names {name} of {file}, which is not there"));
            }
        }
        if !proven && !WAITING.contains(&row) {
            faults.push(format!("{DOCUMENT}: {row} has no test"));
        }
        if proven && WAITING.contains(&row) {
            faults.push(format!("{DOCUMENT}: {row} has a test now, and is listed in xtask/src/rows.rs as without one"));
        }
    }
    let every = LETTERS.iter().flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number}")));
    let missing = every.chain(["B4a".to_owned(), "G".to_owned()]).filter(|row| !seen.contains(row.as_str()));
    faults.extend(missing.map(|row| format!("{DOCUMENT}: there is no row {row}")));
    Ok(faults)
}

/// The row that a line of a table is about, and its last column.
fn row(line: &str) -> Option<(&str, &str)> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let (row, tests) = (cells.split_once(" | ")?.0.trim(), cells.rsplit_once(" | ")?.1);
    let known = row == "G" || (row.starts_with(|c: char| c.is_ascii_uppercase()) && row[1..].starts_with(|c: char| c.is_ascii_digit()));
    known.then_some((row, tests))
}

/// `file: test` in backticks.
fn references(tests: &str) -> impl Iterator<Item = (&str, &str)> {
    tests.split('`').skip(1).step_by(2).filter_map(|reference| reference.split_once(": "))
}

#[cfg(test)]
mod tests {
    use super::{references, row};

    #[test]
    fn a_row_names_its_tests() {
        let line = "| B4a | It stays | until | then. | `a.rs: b4a_x`, `c.rs: d`, none for e |";
        let (name, tests) = row(line).unwrap_or_default();
        assert_eq!((name, references(tests).collect::<Vec<_>>()), ("B4a", vec![("a.rs", "b4a_x"), ("c.rs", "d")]));
        assert_eq!(row("| row | what happens | test |"), None);
        assert_eq!(row("|---|---|---|"), None);
    }
}
