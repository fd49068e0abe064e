//! People at this node: what they sign in with and how that is kept from being guessed.
//!
//! `passwords` checks and makes hashes, one at a time; `cookie` is a session in a browser; `guests` are those who signed in while there was
//! no majority; `provider` is another who
//! vouches for them; `set_up` is how the first of them comes in.

pub mod cookie;
mod guests;
mod passwords;
pub mod provider;
pub mod set_up;

pub use guests::Guests;
pub use passwords::{Passwords, rule};

use controller::{Asker, Controller, LONGEST_DEADLINE, Networks};
use metadata::Rejection;
use metadata::access::{AccessChange, PasswordHash};
use provider::Provider;
use set_up::Code;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The sessions of which it is being written down that they are in use: each once, and only so many at a time.
#[derive(Default)]
struct Seeing(Mutex<BTreeSet<String>>);

const MOST_SEEING: usize = 64;

impl Seeing {
    fn begin(&self, id: &str) -> bool {
        let mut seeing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seeing.len() < MOST_SEEING && seeing.insert(id.to_owned())
    }

    fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// What a node keeps of people beside the replicated table.
#[derive(Clone, Default)]
pub struct People {
    pub passwords: Arc<Passwords>,
    pub guests: Arc<Guests>,
    /// What the first account takes, where not everybody may make it.
    pub code: Option<Arc<Code>>,
    /// Who else vouches for people.
    pub provider: Option<Arc<Provider>>,
    seeing: Arc<Seeing>,
    /// Proxies whose word on who asks is taken.
    pub proxies: Arc<Networks>,
}

impl People {
    /// What the first account takes, who else vouches for people, and whose word on where they come from is taken.
    pub fn new(code: Option<Arc<Code>>, provider: Option<Arc<Provider>>, proxies: Networks) -> Self {
        People { code, provider, proxies: Arc::new(proxies), ..People::default() }
    }

    /// Writes down that a session is in use, now and then.
    pub fn note_use(&self, controller: &Controller, asker: &Asker) {
        let Some(id) = asker.credential.session() else { return };
        let view = controller.view();
        let now_ms = controller.judged_ms();
        let Some(session) = view.machine.access.session(id).filter(|session| session.to_be_seen(now_ms)) else { return };
        if !self.seeing.begin(id) {
            return;
        }
        let change = AccessChange::SeeSession { account: session.account.clone(), id: id.to_owned() };
        let (asker, controller) = (asker.clone(), controller.clone());
        let (seeing, id) = (self.seeing.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(refusal) = controller.change_access(&asker, change, Instant::now() + LONGEST_DEADLINE).await {
                tracing::debug!(%refusal, "that a session is in use was not written down");
            }
            seeing.end(&id);
        });
    }

    /// The hash of a new password of this account.
    ///
    /// # Errors
    /// As [`rule`] and [`Passwords::hash`].
    pub async fn hashed(&self, name: &str, password: String) -> Result<PasswordHash, Rejection> {
        rule(&password, name)?;
        self.passwords.hash(password).await
    }

    /// Whether nobody may do anything before somebody has an account.
    pub fn closed(&self) -> bool {
        self.code.is_some()
    }
}
