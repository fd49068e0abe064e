//! Embeds the built site into the binary: a table of (path, bytes), made from the directory that `QUORATE_SITE_DIR` names.
//! Without it the binary has the API and no pages, and says so.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=QUORATE_SITE_DIR");
    let mut files = Vec::new();
    let root = env::var_os("QUORATE_SITE_DIR").map(PathBuf::from);
    if let Some(root) = &root {
        println!("cargo:rerun-if-changed={}", root.display());
        collect(root, &mut files)?;
    }
    files.sort();
    let mut table = String::from("/// Every file of the site by its path, sorted.\npub static FILES: &[(&str, &[u8])] = &[\n");
    for file in &files {
        let name = root.as_deref().and_then(|root| file.strip_prefix(root).ok()).unwrap_or(file);
        println!("cargo:rerun-if-changed={}", file.display());
        writeln!(table, "    ({:?}, include_bytes!({:?})),", format!("/{}", name.display()), file.display().to_string())
            .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    fs::write(out.join("site_files.rs"), table)
}
