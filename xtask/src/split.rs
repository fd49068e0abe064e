//! Cuts the compiled dashboard: what every page needs, and a chunk for each set of pages that share something more.

use anyhow::{Context, Result, anyhow, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_split_cli_support::{Options, transform};

/// The module that fetches chunks, as the wasm asks for it.
pub const LOADER: &str = "chunks.js";

/// The parts of the dashboard, before they have their final names.
pub struct Parts {
    /// What wasm-bindgen goes on with.
    pub main: PathBuf,
    pub loader: String,
    /// By file name, in a fixed order.
    pub chunks: BTreeMap<String, Vec<u8>>,
    /// The names of the chunks that each page needs.
    pub pages: BTreeMap<String, Vec<String>>,
}

/// Cuts `input` at the functions that `app/src/pages/chunks.rs` marks. `main_js` is the module that wasm-bindgen will write.
pub fn cut(input: &Path, output: &Path, main_js: &str) -> Result<Parts> {
    let wasm = fs::read(input).with_context(|| format!("could not read {}", input.display()))?;
    let (main, main_js, loader) = (output.join("main.wasm"), format!("./{main_js}"), format!("./{LOADER}"));
    let mut options = Options::new(&wasm);
    options.output_dir = output;
    options.main_out_path = &main;
    options.main_module = &main_js;
    options.link_name = &loader;
    let cut = transform(options).map_err(|error| anyhow!("{error:#}")).context("could not cut the dashboard into chunks")?;
    ensure!(!cut.split_modules.is_empty(), "the dashboard has no chunks: has the linker kept its relocations?");
    let mut chunks = BTreeMap::new();
    for path in cut.split_modules {
        let name = path.file_name().context("a chunk has no name")?.to_string_lossy().into_owned();
        chunks.insert(name, without_custom_sections(&fs::read(&path)?)?);
    }
    let pages = cut.prefetch_map.into_iter().map(|(page, files)| (page, files.into_iter().map(|file| file + ".wasm").collect()));
    Ok(Parts { main, loader: fs::read_to_string(output.join(LOADER))?, chunks, pages: pages.collect() })
}

/// Names and notes for tools, which wasm-bindgen removes from the main part by itself.
fn without_custom_sections(wasm: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    let damaged = || anyhow!("a chunk is no WebAssembly");
    let mut kept = wasm.get(..HEADER).ok_or_else(damaged)?.to_vec();
    let mut rest = wasm.get(HEADER..).unwrap_or_default();
    while let Some((&id, after)) = rest.split_first() {
        let (size, digits) = leb128(after).ok_or_else(damaged)?;
        let (section, next) = rest.split_at_checked(1 + digits + size).ok_or_else(damaged)?;
        if id != 0 {
            kept.extend_from_slice(section);
        }
        rest = next;
    }
    Ok(kept)
}

/// A number in WebAssembly's form, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{leb128, without_custom_sections};

    #[test]
    fn custom_sections_go_and_others_stay() -> anyhow::Result<()> {
        let wasm = b"\0asm\x01\0\0\0\x00\x02\x01n\x0a\x01\x00\x00\x01\x00";
        assert_eq!(without_custom_sections(wasm)?, b"\0asm\x01\0\0\0\x0a\x01\x00");
        assert!(without_custom_sections(b"\0asm\x01\0\0\0\x0a\x05\x00").is_err());
        Ok(())
    }

    #[test]
    fn numbers_of_several_bytes_are_read() {
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26]), Some((624_485, 3)));
        assert_eq!(leb128(&[0x80]), None);
    }
}
