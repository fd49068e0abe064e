//! The tests of the pure core: the rules row by row, the encodings for ever, and properties over random histories.
//!
//! They run natively and, through `xtask/wasi.mjs`, in WebAssembly: no thread, no clock, no file but what is embedded.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod decoders;
mod fixture;
mod golden;
mod history;
mod invariants;
#[cfg(feature = "json")]
mod json;
mod placement;
mod rows_a;
mod rows_b;
mod rows_c;
mod rows_d;
mod rows_e;
mod rows_f;
mod rows_j;
mod samples;
mod sequences;

use proptest::prelude::ProptestConfig;

/// So many cases of a property, unless PROPTEST_CASES asks for another number.
fn cases(few: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { few };
    // A failure prints its smallest input; files of old seeds would not exist in WebAssembly.
    ProptestConfig { cases, failure_persistence: None, ..asked }
}
