//! How fast passwords may be tried: soft, in memory, by the leader for the whole cluster; by a node for itself while it knows no leader.
//!
//! Who tries is slowed and never locked out: five failures are free, then each doubles the wait for that account, up to a minute. What
//! comes from one address is limited beside it, whatever the accounts. Where somebody is signed in to the account, tries are counted apart.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures of an account that cost nothing.
const FREE: u32 = 5;
const FIRST_WAIT_MS: u64 = 1_000;
const LONGEST_WAIT_MS: u64 = 60_000;
/// Tries from one address in a minute.
const MOST_EACH_MINUTE: u32 = 20;
const MINUTE_MS: u64 = 60_000;
/// How long failures are remembered.
const REMEMBERED_MS: u64 = 15 * MINUTE_MS;
/// Accounts, and addresses, that are remembered at once.
const MOST_REMEMBERED: usize = 10_000;

/// Tries of one account in a row, or of one address in this minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tries {
    count: u32,
    /// The last one of an account, the first one of an address.
    at_ms: u64,
}

#[derive(Default)]
struct Table {
    accounts: BTreeMap<String, Tries>,
    addresses: BTreeMap<IpAddr, Tries>,
}

/// Who has tried lately.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Table>);

impl Attempts {
    /// Whether this may be tried now; it counts as a failure until its account has given the password, last at `proven_ms`. With an
    /// empty account only the address counts. `known` are where people are who are signed in to the account: nobody elsewhere makes
    /// them wait.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn permit(&self, account: &str, address: IpAddr, known: &[IpAddr], proven_ms: u64, now_ms: u64) -> Result<(), Duration> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(address);
        let from_here = table.addresses.get(&network).copied().filter(|tries| now_ms < tries.at_ms + MINUTE_MS);
        if let Some(tries) = from_here.filter(|tries| tries.count >= MOST_EACH_MINUTE) {
            return Err(waited(tries.at_ms + MINUTE_MS, now_ms));
        }
        // What is refused below has been tried from there as well.
        let tries = Tries { count: from_here.map_or(0, |tries| tries.count) + 1, at_ms: from_here.map_or(now_ms, |tries| tries.at_ms) };
        remember(&mut table.addresses, network, tries, now_ms);
        if account.is_empty() {
            return Ok(());
        }
        let at_home = known.iter().any(|known| self::network(*known) == network);
        let account = if at_home { format!("{account} {network}") } else { account.to_owned() };
        let failed = table.accounts.get(&account).copied();
        let failed = failed.filter(|tries| proven_ms < tries.at_ms && now_ms < tries.at_ms + REMEMBERED_MS);
        if let Some(tries) = failed {
            let until_ms = tries.at_ms + wait_ms(tries.count);
            if now_ms < until_ms {
                return Err(waited(until_ms, now_ms));
            }
        }
        let tries = Tries { count: failed.map_or(0, |tries| tries.count) + 1, at_ms: now_ms };
        remember(&mut table.accounts, account, tries, now_ms);
        Ok(())
    }
}

/// What is left until then; a clock that went back makes nobody wait for longer than the longest wait.
fn waited(until_ms: u64, now_ms: u64) -> Duration {
    Duration::from_millis(until_ms.saturating_sub(now_ms).min(LONGEST_WAIT_MS))
}

/// How long after so many failures the next try has to wait.
fn wait_ms(failures: u32) -> u64 {
    match failures.checked_sub(FREE) {
        None => 0,
        Some(more) => (FIRST_WAIT_MS << more.min(10)).min(LONGEST_WAIT_MS),
    }
}

fn remember<K: Ord + Clone>(table: &mut BTreeMap<K, Tries>, key: K, tries: Tries, now_ms: u64) {
    if table.len() >= MOST_REMEMBERED && !table.contains_key(&key) {
        table.retain(|_, tries| now_ms < tries.at_ms + REMEMBERED_MS);
    }
    if table.len() >= MOST_REMEMBERED && !table.contains_key(&key) {
        // Those with the fewest tries lose least by being forgotten.
        let least = table.iter().min_by_key(|(_, tries)| (tries.count, tries.at_ms)).map(|(key, _)| key.clone());
        least.and_then(|key| table.remove(&key));
    }
    table.insert(key, tries);
}

/// Whoever has one address of IPv6 has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_account_is_slowed_and_never_locked() {
        let attempts = Attempts::default();
        let mut now_ms = 1_000_000;
        let mut waits = Vec::new();
        for at in 0..14 {
            // Each from another address: these are limited apart.
            let from = address(&format!("10.0.0.{at}"));
            if let Err(wait) = attempts.permit("ana", from, &[], 0, now_ms) {
                waits.push(wait.as_secs());
                now_ms += wait.as_millis() as u64;
                assert_eq!(attempts.permit("ana", from, &[], 0, now_ms), Ok(()));
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(attempts.permit("ben", address("10.0.0.1"), &[], 0, now_ms), Ok(()), "another account is free");
        // Whoever has given the password begins anew.
        assert!(attempts.permit("ana", address("10.0.0.1"), &[], 0, now_ms).is_err());
        assert_eq!(attempts.permit("ana", address("10.0.0.1"), &[], now_ms, now_ms), Ok(()));
        assert_eq!(attempts.permit("ana", address("10.0.0.1"), &[], 0, now_ms), Ok(()));
    }

    #[test]
    fn strangers_make_nobody_wait_where_somebody_is_signed_in() {
        let (attempts, home, now_ms) = (Attempts::default(), address("10.0.0.7"), 1_000_000);
        for at in 0..9 {
            let _may_wait = attempts.permit("ana", address(&format!("10.1.0.{at}")), &[home], 0, now_ms);
        }
        assert!(attempts.permit("ana", address("10.2.0.1"), &[home], 0, now_ms).is_err());
        assert_eq!(attempts.permit("ana", home, &[home], 0, now_ms), Ok(()));
        // What has no account is limited by its address alone.
        assert!((0..20).all(|_| attempts.permit("", address("10.3.0.1"), &[], 0, now_ms).is_ok()));
        assert!(attempts.permit("", address("10.3.0.1"), &[], 0, now_ms).is_err());
    }

    #[test]
    fn an_address_has_twenty_tries_a_minute() {
        for (first, again) in [("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8::1", "2001:db8::ffff:1")] {
            let attempts = Attempts::default();
            for at in 0..20 {
                assert_eq!(attempts.permit(&format!("a-{at}"), address(first), &[], 0, 5_000 + at), Ok(()));
            }
            assert_eq!(attempts.permit("other", address(again), &[], 0, 35_000), Err(Duration::from_secs(30)), "{again}");
            assert_eq!(attempts.permit("other", address("10.9.9.9"), &[], 0, 35_000), Ok(()));
            assert_eq!(attempts.permit("other", address(again), &[], 0, 65_000), Ok(()));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_worst_stay() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(attempts.permit("ana", address("10.0.0.1"), &[], 0, 1), Ok(()));
        }
        for at in 0..MOST_REMEMBERED as u32 + 100 {
            let _may_wait = attempts.permit(&format!("a-{at}"), IpAddr::V4(at.into()), &[], 0, 2);
        }
        let table = attempts.0.lock().expect("nobody panicked");
        assert!(table.accounts.len() <= MOST_REMEMBERED && table.addresses.len() <= MOST_REMEMBERED);
        assert_eq!(table.accounts["ana"].count, 5);
    }
}
