//! Who signed in at this node while there was no majority to write a session down: to look, for a quarter of an hour, and here alone.

use super::cookie;
use metadata::access::Credential;
use metadata::{Index, SecretHash};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const HOLDS: Duration = Duration::from_secs(15 * 60);
const MOST: usize = 1_000;

struct Guest {
    hash: SecretHash,
    account: String,
    since: Index,
    until: Instant,
}

/// Those who may look.
#[derive(Default)]
pub struct Guests(Mutex<BTreeMap<String, Guest>>);

impl Guests {
    /// A cookie for whoever gave the password that this account has since that entry. None when there are too many.
    pub fn begin(&self, account: &str, since: Index) -> Option<String> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        guests.retain(|_, guest| guest.until > now);
        if guests.len() >= MOST {
            return None;
        }
        let (id, text) = cookie::new();
        guests.insert(id, Guest { hash: SecretHash::of(&text), account: account.to_owned(), since, until: now + HOLDS });
        Some(text)
    }

    /// What a cookie of one of them proves, while it does.
    pub fn find(&self, text: &str) -> Option<Credential> {
        let guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let guest = guests.get(cookie::id_of(text)?).filter(|guest| guest.until > Instant::now() && guest.hash == SecretHash::of(text))?;
        Some(Credential::Glance { account: guest.account.clone(), since: guest.since })
    }

    /// The cookie counts no more.
    pub fn end(&self, text: &str) {
        let found = self.find(text).is_some();
        if let Some(id) = cookie::id_of(text).filter(|_| found) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_guest_looks_for_a_quarter_of_an_hour() {
        let guests = Guests::default();
        let text = guests.begin("ana", 7).expect("there is room");
        let look = Credential::Glance { account: "ana".to_owned(), since: 7 };
        assert_eq!(guests.find(&text), Some(look));
        assert!(guests.find(&text.replace('_', "_0")).is_none());
        let other = guests.begin("ben", 8).expect("there is room");
        guests.end(&other);
        assert!(guests.find(&other).is_none());
        tokio::time::advance(HOLDS).await;
        assert!(guests.find(&text).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_bounded() {
        let guests = Guests::default();
        assert!((0..MOST).all(|_| guests.begin("ana", 1).is_some()) && guests.begin("ana", 1).is_none());
        tokio::time::advance(HOLDS).await;
        assert!(guests.begin("ana", 1).is_some());
    }
}
