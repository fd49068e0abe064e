//! Empties what Leptos compiles into every view and nothing here calls: coming alive piece by piece, while parts still load. Our
//! pages come alive at once, when their pack is there (`app/src/alive.rs`).
//!
//! Called all the same, an emptied function stops the program, and the page says so; a build in which anything else calls one
//! fails. Where the compiler names functions in another way nothing is emptied, and the build fails for the budget.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// How the names of such functions go on after the type: of the one that makes a future, and of what polls it.
const NEVER_CALLED: [&str; 2] = ["13hydrate_async17h", "13hydrate_async28_$u7b$$u7b$closure$u7d$$u7d$17h"];
/// What may call them: what is within them, and what calls whatever it is given, of which there is a copy for each. Both stay, as
/// the linker may have made one of them and of others that came to the same code.
const MAY_CALL: [&str; 2] = ["13hydrate_async28_$u7b$$u7b$closure$u7d$$u7d$28_", "13with_observer17h"];
/// A body without locals: `unreachable`, `end`.
const EMPTY: [u8; 3] = [0x00, 0x00, 0x0b];
const HEADER: usize = 8;
const CODE: u8 = 10;

/// The module with these functions emptied.
///
/// # Errors
/// When it is no WebAssembly, or when what stays calls one of them: two functions that came to the same code may have become one.
pub fn out(wasm: &[u8]) -> Result<Vec<u8>> {
    let functions = Functions::of(wasm)?;
    let mut out = wasm.get(..HEADER).context("no WebAssembly")?.to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let place = usize::try_from(range.start)?..usize::try_from(range.end)?;
        let content = wasm.get(place).context("a section goes on after the end")?;
        out.push(id);
        if id == CODE {
            let code = functions.emptied(content, range.start)?;
            out.extend(leb128(code.len()));
            out.extend(code);
        } else {
            out.extend(leb128(content.len()));
            out.extend_from_slice(content);
        }
    }
    Ok(out)
}

/// The functions of a module, by index.
#[derive(Default)]
struct Functions {
    /// How many are imported; those come first.
    imported: u32,
    empty: BTreeSet<u32>,
    may_call: BTreeSet<u32>,
}

impl Functions {
    fn of(wasm: &[u8]) -> Result<Self> {
        let mut found = Functions::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        found.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CustomSection(custom) => {
                    let KnownCustom::Name(names) = custom.as_known() else { continue };
                    for name in names {
                        if let Name::Function(functions) = name? {
                            functions
                                .into_iter()
                                .try_for_each(|function| function.map(|function| found.note(function.index, function.name)))?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn note(&mut self, index: u32, name: &str) {
        if NEVER_CALLED.iter().any(|part| name.contains(part)) {
            self.empty.insert(index);
        } else if MAY_CALL.iter().any(|part| name.contains(part)) {
            self.may_call.insert(index);
        }
    }

    fn emptied(&self, content: &[u8], offset: u64) -> Result<Vec<u8>> {
        let bodies = CodeSectionReader::new(BinaryReader::new(content, offset))?;
        let mut out = leb128(bodies.count() as usize);
        for (index, body) in (self.imported..).zip(bodies) {
            let body = body?;
            let empty = self.empty.contains(&index);
            let bytes = if empty { &EMPTY[..] } else { body.as_bytes() };
            ensure!(
                empty || self.may_call.contains(&index) || !calls(&body, &self.empty)?,
                "function {index} of the dashboard calls what is taken for never called"
            );
            out.extend(leb128(bytes.len()));
            out.extend_from_slice(bytes);
        }
        Ok(out)
    }
}

fn calls(body: &FunctionBody, functions: &BTreeSet<u32>) -> Result<bool> {
    for operator in body.get_operators_reader()? {
        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = operator?
            && functions.contains(&function_index)
        {
            return Ok(true);
        }
    }
    Ok(false)
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

    /// Three functions of type `() -> i32` and their names: one is imported, one answers 1, and of the last one this is the code.
    fn module(names: [&str; 2], last: &[u8]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x02\x07\x01\x01a\x01b\0\0\x03\x03\x02\0\0\x0a".to_vec();
        wasm.extend(leb128(last.len() + 8));
        wasm.extend(b"\x02\x04\0\x41\x01\x0b");
        wasm.extend(leb128(last.len() + 1));
        wasm.push(0);
        wasm.extend(last);
        let mut functions = vec![2];
        for (index, name) in (1..).zip(names) {
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
        let two = b"\x41\x02\x0b";
        let before = module([kept, gone], two);
        let after = out(&before)?;
        assert!(after.windows(12).any(|part| part == b"\x0a\x0a\x02\x04\0\x41\x01\x0b\x03\0\0\x0b"), "{after:?}");
        assert_eq!(after.len(), before.len() - 1);
        assert_eq!(out(&module([kept, kept], two))?, module([kept, kept], two));
        // The last one calls the one before.
        assert!(out(&module([gone, kept], b"\x10\x01\x0b")).is_err());
        assert!(out(&module([gone, gone], b"\x10\x01\x0b")).is_ok());
        assert!(out(b"\0asm\x01\0\0\0\x0a\x05\x01").is_err());
        Ok(())
    }

    #[test]
    fn numbers_are_written_in_webassemblys_form() {
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
        assert_eq!(leb128(0), [0]);
    }
}
