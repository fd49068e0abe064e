//! Which files are read, and how much of them: directories in sorted order, within bounds that are said.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file, in bytes: a hundred thousand topics are a quarter of it.
const LONGEST_FILE: u64 = 64 << 20;
/// All of them together.
const LONGEST_IN_ALL: u64 = 512 << 20;
const MOST_FILES: usize = 100_000;
/// As often as they are looked into.
const MOST_DIRECTORIES: usize = 10_000;
/// Directories within each other.
const MOST_DEPTH: usize = 64;
/// The name that stands for what comes in at stdin.
const STDIN: &str = "-";

/// A text and what it is called.
pub struct Source {
    pub name: Arc<str>,
    pub text: String,
    /// By its name it is JSON and nothing else.
    pub json: bool,
}

/// What was read so far.
#[derive(Default)]
pub struct Files {
    read: u64,
    count: usize,
    directories: usize,
    stdin: bool,
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

impl Files {
    /// Reads a file, everything below a directory, or stdin.
    ///
    /// # Errors
    /// What cannot be read, and why.
    pub fn each(&mut self, path: &Path, take: &mut dyn FnMut(Source)) -> Result<(), String> {
        if path == Path::new(STDIN) {
            if std::mem::replace(&mut self.stdin, true) {
                return Err("-f - is given twice, and stdin can be read once".to_owned());
            }
            return self.take("stdin", io::stdin().lock(), false, take);
        }
        let kind = fs::metadata(path).map_err(|error| at(path, &error))?;
        if !kind.is_dir() {
            return self.file(path, take);
        }
        let before = self.count;
        self.below(path, &mut Vec::new(), take)?;
        if self.count == before {
            return Err(format!("{}: there is no .yaml, .yml or .json in it", path.display()));
        }
        Ok(())
    }

    /// A directory's files by name, then by the same rule those of each directory in it. `around` holds where it is.
    fn below(&mut self, path: &Path, around: &mut Vec<PathBuf>, take: &mut dyn FnMut(Source)) -> Result<(), String> {
        let real = fs::canonicalize(path).map_err(|error| at(path, &error))?;
        if around.contains(&real) {
            return Err(format!("{}: a link leads back into a directory that it is in", path.display()));
        }
        if around.len() >= MOST_DEPTH {
            return Err(format!("{}: directories are more than {MOST_DEPTH} deep in each other", path.display()));
        }
        // Links to siblings double the ways at every level without ever leading back.
        self.directories += 1;
        if self.directories > MOST_DIRECTORIES {
            return Err(format!("{}: links and all, there are more than {MOST_DIRECTORIES} directories", path.display()));
        }
        around.push(real);
        for entry in self.entries(path)? {
            let kind = fs::metadata(&entry).map_err(|error| at(&entry, &error))?;
            if kind.is_dir() {
                self.below(&entry, around, take)?;
            } else if kind.is_file() && matches!(extension(&entry).as_deref(), Some("yaml" | "yml" | "json")) {
                self.file(&entry, take)?;
            }
        }
        around.pop();
        Ok(())
    }

    /// What is in a directory, sorted, without hidden ones: editors and git keep theirs there.
    fn entries(&self, path: &Path) -> Result<BTreeSet<PathBuf>, String> {
        let mut entries = BTreeSet::new();
        for entry in fs::read_dir(path).map_err(|error| at(path, &error))? {
            let entry = entry.map_err(|error| at(path, &error))?;
            if !entry.file_name().to_string_lossy().starts_with('.') {
                entries.insert(entry.path());
            }
            if entries.len() > MOST_FILES {
                return Err(format!("{}: there are more than {MOST_FILES} files in it", path.display()));
            }
        }
        Ok(entries)
    }

    fn file(&mut self, path: &Path, take: &mut dyn FnMut(Source)) -> Result<(), String> {
        let file = File::open(path).map_err(|error| at(path, &error))?;
        self.take(&path.display().to_string(), file, extension(path).as_deref() == Some("json"), take)
    }

    fn take(&mut self, name: &str, from: impl Read, json: bool, take: &mut dyn FnMut(Source)) -> Result<(), String> {
        self.count += 1;
        if self.count > MOST_FILES {
            return Err(format!("{name}: there are more than {MOST_FILES} files"));
        }
        let mut bytes = Vec::new();
        from.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        let length = bytes.len() as u64;
        if length > LONGEST_FILE {
            return Err(format!("{name}: it is larger than {LONGEST_FILE} bytes: split it"));
        }
        self.read += length;
        if self.read > LONGEST_IN_ALL {
            return Err(format!("{name}: with it the files are larger than {LONGEST_IN_ALL} bytes together"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| format!("{name}: it is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to()))?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        take(Source { name: name.into(), text, json });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        let prefix = format!("{}/", path.display());
        Files::default().each(path, &mut |source| {
            names.push(format!("{}{}", source.name.trim_start_matches(&prefix), if source.json { " as JSON" } else { "" }));
        })?;
        Ok(names)
    }

    #[test]
    fn a_directory_is_read_in_sorted_order_without_what_is_hidden_or_something_else() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        for name in ["b.yaml", "a/z.yml", "a/A.JSON", "c.YAML", "notes.md", ".git/x.yaml", ".hidden.yaml", "a/.x/y.yaml", "noextension"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs::write(path, "x: 1\n")?;
        }
        assert_eq!(read(dir.path()), Ok(["a/A.JSON as JSON", "a/z.yml", "b.yaml", "c.YAML"].map(str::to_owned).to_vec()));
        // What is named is read, whatever it is called.
        let named = dir.path().join("noextension");
        assert_eq!(read(&named), Ok(vec![named.display().to_string()]));
        Ok(())
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_path() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("empty"))?;
        fs::create_dir(path("loop"))?;
        fs::write(path("loop/a.yaml"), "")?;
        std::os::unix::fs::symlink(path("loop"), path("loop/again"))?;
        fs::create_dir(path("dangling"))?;
        std::os::unix::fs::symlink(path("nowhere"), path("dangling/x.yaml"))?;
        fs::write(path("latin.yaml"), b"name: caf\xe9")?;
        File::create(path("huge.yaml"))?.set_len(LONGEST_FILE + 1)?;
        let mut deep = path("deep");
        (0..=MOST_DEPTH).for_each(|_| deep.push("d"));
        fs::create_dir_all(&deep)?;
        for level in 0..20 {
            fs::create_dir(path(&format!("wide{level}")))?;
            for link in ["one", "two"] {
                std::os::unix::fs::symlink(path(&format!("wide{}", level + 1)), path(&format!("wide{level}/{link}")))?;
            }
        }
        fs::create_dir(path("wide20"))?;
        for (name, part) in [
            ("wide0", "more than 10000 directories"),
            ("none.yaml", "No such file"),
            ("empty", "no .yaml, .yml or .json"),
            ("loop", "leads back"),
            ("dangling", "No such file"),
            ("latin.yaml", "byte 9 is not UTF-8"),
            ("huge.yaml", "larger than"),
            ("deep", "deep in each other"),
        ] {
            let said = read(&path(name)).err().unwrap_or_default();
            assert!(said.contains(part) && said.contains(name), "{name}: {said}");
        }
        Ok(())
    }

    #[test]
    fn a_link_to_a_file_and_to_a_directory_elsewhere_is_followed() -> io::Result<()> {
        let (dir, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
        fs::write(elsewhere.path().join("a.yaml"), "\u{feff}x: 1")?;
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("linked"))?;
        std::os::unix::fs::symlink(elsewhere.path().join("a.yaml"), dir.path().join("b.yaml"))?;
        assert_eq!(read(dir.path()), Ok(["b.yaml", "linked/a.yaml"].map(str::to_owned).to_vec()));
        Ok(())
    }
}
