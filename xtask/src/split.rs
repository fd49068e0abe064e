//! Cuts the compiled dashboard: what every page needs, and a pack of chunks for each page.

use crate::hollow;
use anyhow::{Context, Result, anyhow, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_split_cli_support::{Options, transform};

/// The module that fetches packs, as the wasm asks for it.
pub const LOADER: &str = "packs.js";
/// What the loader calls a pack, before the pack's own name.
pub const PACK: &str = "./pack.";

/// The parts of the dashboard, before they have their final names.
pub struct Parts {
    /// What wasm-bindgen goes on with.
    pub main: PathBuf,
    pub loader: String,
    /// By the names that `app` gives them in `wasm_split`.
    pub packs: BTreeMap<String, Vec<u8>>,
}

/// Cuts `input` at the functions that `app` marks with `wasm_split`. `main_js` is the module that wasm-bindgen will write.
///
/// What several pages share becomes a chunk for each such set of pages: dozens of chunks, and many are small. Hence the packs.
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
    fs::write(&main, hollow::out(&fs::read(&main)?)?)?;
    let mut packs = BTreeMap::new();
    for (name, chunks) in cut.prefetch_map {
        let read = |chunk: String| {
            let wasm = hollow::out(&fs::read(output.join(format!("{chunk}.wasm")))?)?;
            Ok((without_custom_sections(&wasm)?, chunk))
        };
        packs.insert(name, pack(&chunks.into_iter().map(read).collect::<Result<Vec<_>>>()?)?);
    }
    let loader = from_packs(&fs::read_to_string(output.join(LOADER))?)?;
    Ok(Parts { main, loader, packs })
}

/// The length of the index as four bytes, the index as JSON, the chunks.
fn pack(chunks: &[(Vec<u8>, String)]) -> Result<Vec<u8>> {
    let (mut index, mut at) = (serde_json::Map::new(), 0);
    for (wasm, name) in chunks {
        index.insert(name.clone(), serde_json::json!([at, wasm.len()]));
        at += wasm.len();
    }
    let index = serde_json::to_vec(&index)?;
    let mut pack = u32::try_from(index.len())?.to_le_bytes().to_vec();
    pack.extend(index);
    chunks.iter().for_each(|(wasm, _)| pack.extend(wasm));
    Ok(pack)
}

/// The splitter's loader, with every chunk taken from a pack instead of from a file of its own.
fn from_packs(loader: &str) -> Result<String> {
    const FETCH: (&str, &str) = ("fetch(new URL(\"./", ".wasm\", import.meta.url))");
    const EXPORT: &str = "export const __wasm_split_load_";
    const INSTANTIATE: &str = "WebAssembly.instantiateStreaming(src, imports)";
    let unknown = || anyhow!("the splitter's JavaScript has changed");
    let mut out = include_str!("packs.js").to_string();
    for line in loader.lines() {
        let mut line = line.replace(INSTANTIATE, "WebAssembly.instantiate(await src, imports)");
        if let Some((before, after)) = line.clone().split_once(FETCH.0) {
            let (chunk, rest) = after.split_once(FETCH.1).ok_or_else(unknown)?;
            line = format!("{before}part({chunk:?}){rest}");
        }
        if let Some(name) = line.strip_prefix(EXPORT).and_then(|rest| rest.split(' ').next()) {
            let with_name = format!("= from({name:?}, ");
            line = line.replace("= wrapAsyncCb(", &with_name);
            ensure!(line.contains(&with_name), unknown());
        }
        out += &line;
        out.push('\n');
    }
    ensure!(!out.contains("instantiateStreaming") && out.contains("= from(") && out.contains("= part("), unknown());
    Ok(out)
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
    use super::{from_packs, leb128, pack, without_custom_sections};

    #[test]
    fn a_pack_says_where_its_chunks_are() -> anyhow::Result<()> {
        let pack = pack(&[(b"one".to_vec(), "a".to_string()), (b"three".to_vec(), "b".to_string())])?;
        let index = r#"{"a":[0,3],"b":[3,5]}"#;
        assert_eq!(pack[..4], (index.len() as u32).to_le_bytes());
        assert_eq!(String::from_utf8(pack[4..].to_vec())?, format!("{index}onethree"));
        Ok(())
    }

    #[test]
    fn the_loader_takes_chunks_from_packs() -> anyhow::Result<()> {
        let loader = r#"import { initSync } from "./quorate.js";
const __chunk_1 = makeLoad(() => {
    const src = fetch(new URL("./chunk_1.wasm", import.meta.url));
    return async (imports) => (WebAssembly.instantiateStreaming(src, imports));
}, []);
export const __wasm_split_load_topic = wrapAsyncCb(makeLoad(() => {
    const src = fetch(new URL("./split_topic.wasm", import.meta.url));
    return async (imports) => (WebAssembly.instantiateStreaming(src, imports));
}, [__chunk_1]));"#;
        let packed = from_packs(loader)?;
        assert!(packed.contains(r#"const src = part("chunk_1");"#), "{packed}");
        assert!(packed.contains(r#"export const __wasm_split_load_topic = from("topic", makeLoad(() => {"#), "{packed}");
        assert!(from_packs("export const other = 1;").is_err());
        Ok(())
    }

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
