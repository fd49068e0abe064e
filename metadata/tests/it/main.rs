//! x
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(dead_code, unused_imports)]
mod fixture;
mod placement;
mod rows_a;
mod rows_b;
mod rows_e;
mod rows_d;
mod rows_c;
use proptest::prelude::ProptestConfig;
fn cases(few: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { few };
    ProptestConfig { cases, failure_persistence: None, ..asked }
}
