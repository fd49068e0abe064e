//! Empties what Leptos compiles into every view and nothing here calls: coming alive piece by piece, while parts still load. Our
//! pages come alive at once, when their pack is there (`app/src/alive.rs`).
//!
//! Called all the same, an emptied function stops the program, and the page says so. Where the compiler names functions in
//! another way nothing is emptied, and the build fails for the budget.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use wasmparser::{BinaryReader, CodeSectionReader, KnownCustom, Name, Parser, Payload, TypeRef};

/// How the names of such functions go on after the type: the function, which makes a future, and what polls it.
const NEVER_CALLED: [&str; 2] = ["13hydrate_async17h", "13hydrate_async28_$u7b$$u7b$closure$u7d$$u7d$17h"];
/// A body without locals: `unreachable`, `end`.
const EMPTY: [u8; 3] = [0x00, 0x00, 0x0b];
const HEADER: usize = 8;
const CODE: u8 = 10;

/// The module with these functions emptied.
///
/// # Errors
/// When it is no WebAssembly.
pub fn out(wasm: &[u8]) -> Result<Vec<u8>> {
    let empty = never_called(wasm)?;
    let mut out = wasm.get(..HEADER).context("no WebAssembly")?.to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let place = usize::try_from(range.start)?..usize::try_from(range.end)?;
        let content = wasm.get(place).context("a section goes on after the end")?;
        out.push(id);
        if id == CODE {
            let code = emptied(content, range.start, &empty)?;
            out.extend(leb128(code.len()));
            out.extend(code);
        } else {
            out.extend(leb128(content.len()));
            out.extend_from_slice(content);
        }
    }
    Ok(out)
}

/// The indices of the functions that the module defines, without the imported ones before them.
fn never_called(wasm: &[u8]) -> Result<BTreeSet<u32>> {
    let (mut imported, mut found) = (0, BTreeSet::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CustomSection(custom) => {
                let KnownCustom::Name(names) = custom.as_known() else { continue };
                for name in names {
                    let Name::Function(functions) = name? else { continue };
                    for function in functions {
                        let function = function?;
                        if NEVER_CALLED.iter().any(|end| function.name.contains(end)) {
                            found.insert(function.index);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found.into_iter().filter_map(|index| index.checked_sub(imported)).collect())
}

fn emptied(content: &[u8], offset: u64, empty: &BTreeSet<u32>) -> Result<Vec<u8>> {
    let bodies = CodeSectionReader::new(BinaryReader::new(content, offset))?;
    let mut out = leb128(bodies.count() as usize);
    for (index, body) in (0..).zip(bodies) {
        let body = body?;
        let bytes = if empty.contains(&index) { &EMPTY[..] } else { body.as_bytes() };
        out.extend(leb128(bytes.len()));
        out.extend_from_slice(bytes);
    }
    Ok(out)
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{leb128, out};
    use anyhow::Result;

    /// Two functions of type `() -> i32`, the answers 1 and 2, and their names.
    fn module(names: [&str; 2]) -> Vec<u8> {
        let mut wasm =
            b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x03\x02\0\0\x0a\x0b\x02\x04\0\x41\x01\x0b\x04\0\x41\x02\x0b".to_vec();
        let mut functions = vec![2];
        for (index, name) in (0..).zip(names) {
            functions.push(index);
            functions.extend(leb128(name.len()));
            functions.extend(name.bytes());
        }
        let mut section = b"\x04name\x01".to_vec();
        section.extend(leb128(functions.len()));
        section.extend(functions);
        wasm.push(0);
        wasm.extend(leb128(section.len()));
        wasm.extend(section);
        wasm
    }

    #[test]
    fn what_nothing_calls_is_emptied_and_all_else_stays() -> Result<()> {
        let (kept, gone) = ("_ZN4view7hydrate17h0E", "_ZN4view13hydrate_async28_$u7b$$u7b$closure$u7d$$u7d$17h0E");
        let before = module([kept, gone]);
        let after = out(&before)?;
        assert!(after.windows(11).any(|part| part == b"\x0a\x0a\x02\x04\0\x41\x01\x0b\x03\0\0"), "{after:?}");
        assert_eq!(after.len(), before.len() - 1);
        assert_eq!(out(&module([kept, kept]))?, module([kept, kept]));
        assert!(out(b"\0asm\x01\0\0\0\x0a\x05\x01").is_err());
        Ok(())
    }

    #[test]
    fn numbers_are_written_in_webassemblys_form() {
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
        assert_eq!(leb128(0), [0]);
    }
}
