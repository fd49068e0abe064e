//! The table: accounts, the hashes of their tokens, and certificates that count no more. All of it is bounded.

use super::credential::Fingerprint;
use super::role::Role;
use crate::ids::Index;
use crate::intent::Principal;
use crate::proof::digest::{Digest, Kind};
use crate::rejection::{Code, Rejection};
use crate::secret::SecretHash;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const MOST_ACCOUNTS: usize = 1_000;
const MOST_TOKENS: usize = 5_000;
const MOST_REVOKED: usize = 5_000;
const LONGEST_NAME: usize = 64;
const DAY_MS: u64 = 86_400_000;
/// The longest that a token holds.
const LONGEST_TOKEN_MS: u64 = 365 * DAY_MS;

/// Somebody who may do something: a script, a broker without a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub role: Role,
    pub created_at_ms: u64,
    pub changed_index: Index,
}

impl Account {
    /// Whom it makes of who shows one of its tokens.
    pub fn principal(&self) -> Principal {
        match self.role {
            Role::Broker { id } => Principal::broker(id),
            _ => Principal::service(&self.name),
        }
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

/// A token that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewToken {
    pub id: String,
    pub hash: SecretHash,
    /// From its entry's time on.
    pub holds_ms: u64,
}

/// One change of the table. Append only: the log encodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum AccessChange {
    /// The first account claims the cluster: it is an admin's, and comes with a token.
    AddAccount {
        name: String,
        role: Role,
        token: Option<NewToken>,
    },
    ChangeRole {
        name: String,
        role: Role,
    },
    /// With its tokens.
    RemoveAccount {
        name: String,
    },
    AddToken {
        account: String,
        token: NewToken,
    },
    RemoveToken {
        id: String,
    },
    /// This certificate counts no more.
    Revoke {
        fingerprint: Fingerprint,
    },
}

/// Who there is. Cloning shares all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    accounts: OrdMap<String, Arc<Account>>,
    tokens: OrdMap<String, Arc<Token>>,
    /// Since when. None is forgotten: who knows how long a certificate holds.
    revoked: OrdMap<Fingerprint, u64>,
    /// The index of its last change.
    changed_index: Index,
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
}

impl AccessImage {
    pub(crate) fn of(access: &Access) -> Self {
        AccessImage {
            accounts: access.accounts().cloned().collect(),
            tokens: access.tokens().cloned().collect(),
            revoked: access.revocations().collect(),
            changed_index: access.changed_index,
        }
    }

    pub(crate) fn restore(self) -> Access {
        let mut access = Access { changed_index: self.changed_index, ..Access::default() };
        self.accounts.into_iter().for_each(|account| access.put_account(account));
        self.tokens.into_iter().for_each(|token| access.put_token(token));
        for (fingerprint, since) in self.revoked {
            access.digest.add(Kind::Revocation, &(fingerprint, since));
            access.revoked.insert(fingerprint, since);
        }
        access
    }
}

fn full(what: &str, most: usize) -> Rejection {
    Rejection::new(Code::PolicyViolation, format!("There are {most} {what}, and no more may be"))
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

    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().map(Arc::as_ref)
    }

    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id).map(Arc::as_ref)
    }

    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values().map(Arc::as_ref)
    }

    /// Whether a certificate counts no more.
    pub fn revoked(&self, fingerprint: &Fingerprint) -> bool {
        self.revoked.contains_key(fingerprint)
    }

    /// Every certificate that counts no more, and since when.
    pub fn revocations(&self) -> impl Iterator<Item = (Fingerprint, u64)> {
        self.revoked.iter().map(|(fingerprint, since)| (*fingerprint, *since))
    }

    /// Makes a change, by an entry of this time and index.
    ///
    /// # Errors
    /// INVALID_REQUEST, ACCOUNT_EXISTS, UNKNOWN_ACCOUNT, UNKNOWN_TOKEN, POLICY_VIOLATION when nobody could change the table any more, or a bound is reached.
    /// Then nothing is changed.
    pub fn change(&mut self, change: &AccessChange, at_ms: u64, index: Index) -> Result<(), Rejection> {
        let mut next = self.clone();
        next.forget(at_ms);
        match change {
            AccessChange::AddAccount { name, role, token } => {
                check_name(name)?;
                check_role(role)?;
                if next.account(name).is_some() {
                    return Err(Rejection::new(Code::AccountExists, format!("There is an account {name} already")).at(
                        "name",
                        name,
                        "another name",
                    ));
                }
                if next.accounts.len() >= MOST_ACCOUNTS {
                    return Err(full("accounts", MOST_ACCOUNTS));
                }
                if !next.claimed() && (*role != Role::Admin || token.is_none()) {
                    let detail = "The first account closes the cluster to everybody else: it is an admin's, and comes with a token";
                    return Err(Rejection::new(Code::PolicyViolation, detail).at("role", role, "admin, with a token"));
                }
                let account = Account { name: name.clone(), role: role.clone(), created_at_ms: at_ms, changed_index: index };
                next.put_account(account);
                if let Some(token) = token {
                    next.add_token(name, token, at_ms)?;
                }
            }
            AccessChange::ChangeRole { name, role } => {
                check_role(role)?;
                let account = next.known(name)?;
                let changed = Account { role: role.clone(), changed_index: index, ..account.clone() };
                next.put_account(changed);
            }
            AccessChange::RemoveAccount { name } => {
                next.known(name)?;
                next.drop_account(name);
                next.drop_tokens(|token| token.account == *name);
            }
            AccessChange::AddToken { account, token } => {
                next.known(account)?;
                next.add_token(account, token, at_ms)?;
            }
            AccessChange::RemoveToken { id } => {
                if !next.drop_token(id) {
                    let no = Rejection::new(Code::UnknownToken, format!("There is no token {id}"));
                    return Err(no.at("id", id, "the id of a token: what stands between its first two underscores"));
                }
            }
            AccessChange::Revoke { fingerprint } => {
                if next.revoked.len() >= MOST_REVOKED {
                    return Err(full("revoked certificates", MOST_REVOKED));
                }
                if !next.revoked(fingerprint) {
                    next.revoked.insert(*fingerprint, at_ms);
                    next.digest.add(Kind::Revocation, &(*fingerprint, at_ms));
                }
            }
        }
        if self.claimed() && !next.accounts().any(|account| account.role == Role::Admin) {
            let detail = "It is the last admin's: nobody could change who may do what any more";
            return Err(Rejection::new(Code::PolicyViolation, detail).at(
                "role",
                "none is left",
                "at least one account with the role admin",
            ));
        }
        next.changed_index = index;
        *self = next;
        Ok(())
    }

    fn known(&self, name: &str) -> Result<&Account, Rejection> {
        let no = || Rejection::new(Code::UnknownAccount, format!("There is no account {name}")).at("name", name, "the name of an account");
        self.account(name).ok_or_else(no)
    }

    fn add_token(&mut self, account: &str, token: &NewToken, at_ms: u64) -> Result<(), Rejection> {
        if !(1..=LONGEST_TOKEN_MS).contains(&token.holds_ms) {
            let days = token.holds_ms / DAY_MS;
            return Err(Rejection::new(Code::InvalidRequest, "A token expires").at("expires_in_days", days, "1 to 365"));
        }
        if self.tokens.len() >= MOST_TOKENS {
            return Err(full("tokens", MOST_TOKENS));
        }
        if self.tokens.contains_key(&token.id) {
            return Err(Rejection::new(Code::InvalidRequest, "There is such a token already").at("id", &token.id, "another id"));
        }
        let expires_at_ms = at_ms.saturating_add(token.holds_ms);
        let (id, account) = (token.id.clone(), account.to_owned());
        self.put_token(Token { id, account, hash: token.hash, created_at_ms: at_ms, expires_at_ms });
        Ok(())
    }

    /// Drops what counts no more by itself.
    fn forget(&mut self, at_ms: u64) {
        self.drop_tokens(|token| token.expires_at_ms <= at_ms);
    }

    fn put_account(&mut self, account: Account) {
        self.drop_account(&account.name);
        self.digest.add(Kind::Account, &account);
        self.accounts.insert(account.name.clone(), Arc::new(account));
    }

    fn drop_account(&mut self, name: &str) {
        if let Some(account) = self.accounts.remove(name) {
            self.digest.sub(Kind::Account, &account);
        }
    }

    fn put_token(&mut self, token: Token) {
        self.drop_token(&token.id);
        self.digest.add(Kind::Token, &token);
        self.tokens.insert(token.id.clone(), Arc::new(token));
    }

    /// Whether it was there.
    fn drop_token(&mut self, id: &str) -> bool {
        let gone = self.tokens.remove(id);
        if let Some(token) = &gone {
            self.digest.sub(Kind::Token, token);
        }
        gone.is_some()
    }

    fn drop_tokens(&mut self, goes: impl Fn(&Token) -> bool) {
        let gone: Vec<String> = self.tokens().filter(|token| goes(token)).map(|token| token.id.clone()).collect();
        for id in &gone {
            self.drop_token(id);
        }
    }
}

/// Whether an account can have this name.
///
/// # Errors
/// The rejection, with what is allowed.
pub fn check_name(name: &str) -> Result<(), Rejection> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'));
    if fits && !matches!(name, "anonymous" | "local") {
        return Ok(());
    }
    let no = Rejection::new(Code::InvalidRequest, "No account can have this name");
    Err(no.at("name", name, format!("1 to {LONGEST_NAME} of a-z, 0-9, '.', '_' and '-'; not anonymous, not local")))
}

/// Whether an account can have this role.
///
/// # Errors
/// The rejection, with what is wrong and what is allowed.
pub fn check_role(role: &Role) -> Result<(), Rejection> {
    match role.fault() {
        Some((value, allowed)) => Err(Rejection::new(Code::InvalidRequest, "No operator can be limited so").at("prefixes", value, allowed)),
        None => Ok(()),
    }
}
