//! How long it takes to judge whether a call is somebody's, in a table of rights that is full.

use super::group::Group;
use crate::options::Setup;
use crate::report::{Figure, Report};
use crate::spread::{ms, rounded};
use anyhow::{Result, ensure};
use metadata::SecretHash;
use metadata::access::{Access, AccessChange, Credential, Demand, NewToken, Role};
use std::hint::black_box;
use std::time::Instant;

pub const GROUP: Group =
    Group { name: "rights", about: "whether a call is theirs, by one of 5 000 tokens of 1 000 accounts", names: &["authorise"], run };

const ACCOUNTS: u64 = 1_000;
const TOKENS: u64 = 5_000;
const ROUNDS: usize = 200;
/// Judged between two looks at the clock.
const AT_ONCE: u64 = 1_000;

fn run(_: &Setup, name: &str, report: &mut Report) -> Result<()> {
    let access = full()?;
    let demand = Demand::Topics { names: vec!["ci.orders".to_owned()] };
    let mut times = Vec::new();
    for round in 0..ROUNDS as u64 {
        let shown: Vec<Credential> = (0..AT_ONCE).map(|at| Credential::Token { id: id((round * 7_919 + at * 104_729) % TOKENS) }).collect();
        let begun = Instant::now();
        let theirs = shown.iter().filter(|credential| access.authorise(black_box(credential), &demand, 1).is_ok()).count();
        times.push(ms(begun.elapsed()));
        ensure!(theirs as u64 == AT_ONCE, "{theirs} of {AT_ONCE}");
    }
    times.sort_by(f64::total_cmp);
    let ns = |at: usize| rounded(times[at] * 1_000_000.0 / AT_ONCE as f64);
    let (p50, p99) = (ns(ROUNDS / 2), ns(ROUNDS * 99 / 100));
    report.add(Figure::new(name).fact("p50_ns", p50).fact("p99_ns", p99));
    Ok(())
}

fn id(number: u64) -> String {
    format!("{number:012x}")
}

fn full() -> Result<Access> {
    let mut access = Access::default();
    let token = |number: u64| NewToken { id: id(number), hash: SecretHash([1; 32]), holds_ms: 1_000_000 };
    for number in 0..ACCOUNTS {
        let role = if number == 0 { Role::Admin } else { Role::Operator { prefixes: vec!["ci.".to_owned()] } };
        access.change(&AccessChange::AddAccount { name: format!("a-{number}"), role, token: Some(token(number)) }, 1, number + 1)?;
    }
    for number in ACCOUNTS..TOKENS {
        let account = format!("a-{}", number % ACCOUNTS);
        access.change(&AccessChange::AddToken { account, token: token(number) }, 1, number + 1)?;
    }
    Ok(access)
}
