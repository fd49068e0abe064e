//! The table: accounts, the hashes of their passwords, tokens and sessions, and certificates that count no more.

use super::credential::Fingerprint;
use super::password::Password;
use super::role::Role;
use super::session::Session;
use crate::ids::Index;
use crate::principal::Principal;
use crate::proof::digest::{Digest, Kind};
use crate::secret::SecretHash;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Somebody who may do something: a person, a script, a broker without a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub role: Role,
    pub created_at_ms: u64,
    pub changed_index: Index,
    /// A person's; none where only tokens are shown.
    pub password: Option<Password>,
    /// By what the provider of identities knows its person, who signs in there.
    pub subject: Option<String>,
}

impl Account {
    /// Whom it makes of who shows one of its tokens.
    pub fn principal(&self) -> Principal {
        match self.role {
            Role::Broker { id } => Principal::broker(id),
            _ => Principal::service(&self.name),
        }
    }

    /// Whom it makes of who has signed in.
    pub fn person(&self) -> Principal {
        Principal::user(&self.name)
    }
}

/// A token, without what it is proven by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: String,
    pub account: String,
    pub hash: SecretHash,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
}

/// Who there is. Cloning shares all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    accounts: OrdMap<String, Arc<Account>>,
    tokens: OrdMap<String, Arc<Token>>,
    sessions: OrdMap<String, Arc<Session>>,
    /// Since when. None is forgotten: who knows how long a certificate holds.
    revoked: OrdMap<Fingerprint, u64>,
    /// The index of its last change.
    pub(super) changed_index: Index,
    /// Of all of it; zero while it is empty.
    digest: Digest,
}

/// How a snapshot holds it.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessImage {
    accounts: Vec<Account>,
    tokens: Vec<Token>,
    revoked: Vec<(Fingerprint, u64)>,
    changed_index: Index,
    sessions: Vec<Session>,
}

impl AccessImage {
    pub(crate) fn of(access: &Access) -> Self {
        AccessImage {
            accounts: access.accounts().cloned().collect(),
            tokens: access.tokens().cloned().collect(),
            revoked: access.revocations().collect(),
            changed_index: access.changed_index,
            sessions: access.sessions().cloned().collect(),
        }
    }

    pub(crate) fn restore(self) -> Access {
        let mut access = Access { changed_index: self.changed_index, ..Access::default() };
        self.accounts.into_iter().for_each(|account| access.put_account(account));
        self.tokens.into_iter().for_each(|token| access.put_token(token));
        self.sessions.into_iter().for_each(|session| access.put_session(session));
        self.revoked.into_iter().for_each(|(fingerprint, since)| access.put_revocation(fingerprint, since));
        access
    }
}

impl Access {
    /// Whether somebody has an account: from then on nobody is anonymous.
    pub fn claimed(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// The index of its last change; 0 while it is empty.
    pub fn changed_index(&self) -> Index {
        self.changed_index
    }

    /// Equal on two nodes that applied the same.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name).map(Arc::as_ref)
    }

    pub fn accounts(&self) -> impl ExactSizeIterator<Item = &Account> {
        self.accounts.values().map(Arc::as_ref)
    }

    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id).map(Arc::as_ref)
    }

    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &Token> {
        self.tokens.values().map(Arc::as_ref)
    }

    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id).map(Arc::as_ref)
    }

    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.sessions.values().map(Arc::as_ref)
    }

    /// The sessions of one account that hold at this time.
    pub fn sessions_of<'a>(&'a self, account: &'a str, now_ms: u64) -> impl Iterator<Item = &'a Session> {
        self.sessions().filter(move |session| session.account == account && session.ends_at_ms() > now_ms)
    }

    /// Whether a certificate counts no more.
    pub fn revoked(&self, fingerprint: &Fingerprint) -> bool {
        self.revoked.contains_key(fingerprint)
    }

    /// Every certificate that counts no more, and since when.
    pub fn revocations(&self) -> impl ExactSizeIterator<Item = (Fingerprint, u64)> {
        self.revoked.iter().map(|(fingerprint, since)| (*fingerprint, *since))
    }

    pub(super) fn put_account(&mut self, account: Account) {
        self.drop_account(&account.name);
        self.digest.add(Kind::Account, &account);
        self.accounts.insert(account.name.clone(), Arc::new(account));
    }

    pub(super) fn drop_account(&mut self, name: &str) {
        if let Some(account) = self.accounts.remove(name) {
            self.digest.sub(Kind::Account, &account);
        }
    }

    pub(super) fn put_token(&mut self, token: Token) {
        self.drop_token(&token.id);
        self.digest.add(Kind::Token, &token);
        self.tokens.insert(token.id.clone(), Arc::new(token));
    }

    /// Whether it was there.
    pub(super) fn drop_token(&mut self, id: &str) -> bool {
        let gone = self.tokens.remove(id);
        if let Some(token) = &gone {
            self.digest.sub(Kind::Token, token);
        }
        gone.is_some()
    }

    pub(super) fn drop_tokens(&mut self, goes: impl Fn(&Token) -> bool) {
        let gone: Vec<String> = self.tokens().filter(|token| goes(token)).map(|token| token.id.clone()).collect();
        for id in &gone {
            self.drop_token(id);
        }
    }

    pub(super) fn put_session(&mut self, session: Session) {
        self.drop_session(&session.id);
        self.digest.add(Kind::Session, &session);
        self.sessions.insert(session.id.clone(), Arc::new(session));
    }

    pub(super) fn drop_session(&mut self, id: &str) {
        if let Some(session) = self.sessions.remove(id) {
            self.digest.sub(Kind::Session, &session);
        }
    }

    pub(super) fn drop_sessions(&mut self, goes: impl Fn(&Session) -> bool) {
        let gone: Vec<String> = self.sessions().filter(|session| goes(session)).map(|session| session.id.clone()).collect();
        for id in &gone {
            self.drop_session(id);
        }
    }

    pub(super) fn put_revocation(&mut self, fingerprint: Fingerprint, since: u64) {
        self.digest.add(Kind::Revocation, &(fingerprint, since));
        self.revoked.insert(fingerprint, since);
    }
}
