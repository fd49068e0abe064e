//! The one way to sign in: a permit, the slow hash, and a session that a majority has written down.

use super::own::session_of;
use super::{Porch, Sent};
use crate::http::seen::Seen;
use crate::people::cookie;
use controller::Asker;
use metadata::access::{AccessChange, Credential, NewSession, check_name};
use metadata::{Code, Index, Rejection, SecretHash};
use std::net::IpAddr;

/// No account has such a name.
const NOBODY: &str = "/nobody";

impl Porch {
    /// Whether the password of this account is right, unless it was tried too often; the entry that set it.
    ///
    /// # Errors
    /// TOO_MANY_ATTEMPTS, OVERLOADED, UNAUTHENTICATED.
    pub async fn checked(&self, name: &str, password: &str, address: IpAddr) -> Result<Index, Rejection> {
        // What can be no name is counted as one that nobody has: nobody decides how much is remembered of it.
        let name = if check_name(name).is_ok() { name } else { NOBODY };
        self.permitted(name, address).await?;
        let view = self.node.controller.view();
        let kept = view.machine.access.account(name).and_then(|account| account.password.clone());
        let right = self.node.people.passwords.check(kept.as_ref().map(|kept| &kept.hash), password.to_owned()).await?;
        match kept.filter(|_| right) {
            Some(kept) => Ok(kept.since),
            None => {
                let no = Rejection::new(Code::Unauthenticated, "No account has this name and this password");
                Err(no.at("password", "another one", "the password of the account"))
            }
        }
    }

    /// Refuses what is tried too often: for an account, or with an empty name from an address alone.
    ///
    /// # Errors
    /// TOO_MANY_ATTEMPTS.
    pub async fn permitted(&self, name: &str, address: IpAddr) -> Result<(), Rejection> {
        self.node.controller.may_try(name, address).await.map_err(|wait| {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            let no = Rejection::new(Code::TooManyAttempts, format!("Too many attempts: try again in {seconds} s"));
            no.at("retry_after_s", seconds, "to wait that many seconds")
        })
    }

    /// Who somebody said to be, as it is written down: what nobody is called may be a password in the wrong field.
    pub fn said(&self, name: &str) -> String {
        match self.node.controller.view().machine.access.account(name) {
            Some(_) => format!("sign in as {name}"),
            None => "sign in as nobody that there is".to_owned(),
        }
    }

    /// The session that the browser had before ends with another sign-in.
    pub async fn replace(&self, sent: &Sent) {
        let Some(asker) = sent.shown.known() else { return };
        if let Ok((account, id)) = session_of(self, asker)
            && let Err(no) = self.change(asker, AccessChange::EndSession { account, id }).await
        {
            tracing::debug!(%no, "the session before goes on until it ends by itself");
        }
    }

    /// Signs somebody in; the cookie for the browser.
    ///
    /// # Errors
    /// As [`Porch::checked`]; what keeps a session from being written down.
    pub async fn enter(&self, name: &str, password: &str, seen: Seen) -> Result<String, Rejection> {
        let since = self.checked(name, password, seen.address).await?;
        match self.begin(name, since, seen.address).await {
            Err(no) if matches!(no.code, Code::NoLeader | Code::NotController) => {
                let busy = || Rejection::new(Code::Overloaded, "There is no majority, and too many look at this node already");
                self.node.people.guests.begin(name, since).ok_or_else(busy)
            }
            entered => entered,
        }
    }

    /// A session, and its cookie, for whoever gave the password that the account has since that entry.
    ///
    /// # Errors
    /// As [`controller::Controller::submit`].
    pub async fn begin(&self, name: &str, since: Index, address: IpAddr) -> Result<String, Rejection> {
        let (id, text) = cookie::new();
        let session = NewSession { id, hash: SecretHash::of(&text), address: address.to_string() };
        let asker = self.by_password(name, since, address)?;
        self.change(&asker, AccessChange::BeginSession { account: name.to_owned(), session }).await?;
        Ok(text)
    }

    /// Who has just given the password.
    ///
    /// # Errors
    /// UNAUTHENTICATED when it was changed meanwhile.
    pub fn by_password(&self, name: &str, since: Index, address: IpAddr) -> Result<Asker, Rejection> {
        self.node.controller.asker(Credential::Password { account: name.to_owned(), since }, Some(address))
    }
}
