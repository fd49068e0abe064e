//! What changes the table. A change that is refused changes nothing.

use super::credential::Fingerprint;
use super::password::{Password, PasswordHash};
use super::role::Role;
use super::session::{LONGEST_ORIGIN, NewSession, Session};
use super::table::{Access, Account, Token};
use crate::ids::Index;
use crate::rejection::{Code, Rejection};
use crate::secret::SecretHash;
use serde::{Deserialize, Serialize};

const MOST_ACCOUNTS: usize = 1_000;
const MOST_TOKENS: usize = 5_000;
const MOST_REVOKED: usize = 5_000;
const MOST_SESSIONS: usize = 10_000;
/// Of one account: who signs in once more ends the one that was unused for longest.
const MOST_SESSIONS_EACH: usize = 20;
const LONGEST_NAME: usize = 64;
/// As OpenID Connect Core 1.0 has it, section 2.
const LONGEST_SUBJECT: usize = 255;
const DAY_MS: u64 = 86_400_000;
/// The longest that a token holds.
const LONGEST_TOKEN_MS: u64 = 365 * DAY_MS;

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
    /// The first account claims the cluster: it is an admin's, and comes with a token or a password.
    AddAccount {
        name: String,
        role: Role,
        token: Option<NewToken>,
    },
    ChangeRole {
        name: String,
        role: Role,
    },
    /// With its tokens and sessions.
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
    /// An account that signs in.
    AddPerson {
        name: String,
        role: Role,
        password: PasswordHash,
    },
    /// Ends the sessions of the account but this one.
    SetPassword {
        account: String,
        password: PasswordHash,
        keeps: Option<String>,
    },
    BeginSession {
        account: String,
        session: NewSession,
    },
    /// It is in use.
    SeeSession {
        account: String,
        id: String,
    },
    /// The password was given once more.
    ProveSession {
        account: String,
        id: String,
    },
    EndSession {
        account: String,
        id: String,
    },
    /// All of an account, but this one.
    EndSessions {
        account: String,
        keeps: Option<String>,
    },
    /// Somebody whom a provider of identities vouches for signs in, with the role that it gives them now; the account comes with that.
    Admit {
        name: String,
        role: Role,
        subject: String,
        session: NewSession,
    },
}

impl Access {
    /// Makes a change, by an entry of this time and index.
    ///
    /// # Errors
    /// INVALID_REQUEST, ACCOUNT_EXISTS, UNKNOWN_ACCOUNT, UNKNOWN_TOKEN, UNAUTHENTICATED for a session that is gone, POLICY_VIOLATION when
    /// nobody could change the table any more, or a bound is reached. Then nothing is changed.
    pub fn change(&mut self, change: &AccessChange, at_ms: u64, index: Index) -> Result<(), Rejection> {
        let mut next = self.clone();
        next.forget(at_ms);
        next.make(change, at_ms, index)?;
        if self.claimed() && !next.accounts().any(|account| account.role == Role::Admin) {
            let detail = "It is the last admin's: nobody could change who may do what any more";
            let no = Rejection::new(Code::PolicyViolation, detail);
            return Err(no.at("role", "none is left", "at least one account with the role admin"));
        }
        next.changed_index = index;
        *self = next;
        Ok(())
    }

    fn make(&mut self, change: &AccessChange, at_ms: u64, index: Index) -> Result<(), Rejection> {
        match change {
            AccessChange::AddAccount { name, role, token } => {
                self.add_account(name, role, token.is_some(), None, (at_ms, index))?;
                token.as_ref().map_or(Ok(()), |token| self.add_token(name, token, at_ms))
            }
            AccessChange::AddPerson { name, role, password } => self.add_account(name, role, true, Some(password), (at_ms, index)),
            AccessChange::ChangeRole { name, role } => {
                check_role(role)?;
                let account = self.known(name)?;
                let changed = Account { role: role.clone(), changed_index: index, ..account.clone() };
                check_person(&changed)?;
                self.put_account(changed);
                Ok(())
            }
            AccessChange::RemoveAccount { name } => {
                self.end_sessions(name, None)?;
                self.drop_tokens(|token| token.account == *name);
                self.drop_account(name);
                Ok(())
            }
            AccessChange::AddToken { account, token } => {
                if self.known(account)?.subject.is_some() {
                    let no =
                        Rejection::new(Code::PolicyViolation, "Its person signs in by the provider: a token would outlive what that says");
                    return Err(no.at("account", account, "an account without a provider"));
                }
                self.add_token(account, token, at_ms)
            }
            AccessChange::RemoveToken { id } => match self.drop_token(id) {
                true => Ok(()),
                false => {
                    let no = Rejection::new(Code::UnknownToken, format!("There is no token {id}"));
                    Err(no.at("id", id, "the id of a token: what stands between its first two underscores"))
                }
            },
            AccessChange::Revoke { fingerprint } => self.revoke(*fingerprint, at_ms),
            AccessChange::SetPassword { account, password, keeps } => {
                let changed = Account { changed_index: index, ..with_password(self.known(account)?, password, index) };
                check_person(&changed)?;
                self.put_account(changed);
                self.end_sessions(account, keeps.as_deref())
            }
            AccessChange::Admit { name, role, subject, session } => {
                self.admit(name, role, subject, (at_ms, index))?;
                self.begin_session(name, session, at_ms)
            }
            AccessChange::BeginSession { account, session } => self.begin_session(account, session, at_ms),
            AccessChange::SeeSession { account, id } => {
                let seen = Session { seen_at_ms: at_ms, ..self.own(account, id)?.clone() };
                self.put_session(seen);
                Ok(())
            }
            AccessChange::ProveSession { account, id } => {
                let proven = Session { seen_at_ms: at_ms, proven_at_ms: at_ms, ..self.own(account, id)?.clone() };
                self.put_session(proven);
                Ok(())
            }
            AccessChange::EndSession { account, id } => {
                self.own(account, id)?;
                self.drop_session(id);
                Ok(())
            }
            AccessChange::EndSessions { account, keeps } => self.end_sessions(account, keeps.as_deref()),
        }
    }

    fn known(&self, name: &str) -> Result<&Account, Rejection> {
        let no = || Rejection::new(Code::UnknownAccount, format!("There is no account {name}")).at("name", name, "the name of an account");
        self.account(name).ok_or_else(no)
    }

    fn own(&self, account: &str, id: &str) -> Result<&Session, Rejection> {
        let gone = || Rejection::new(Code::Unauthenticated, "This session has ended").at("id", id, "a session of the account");
        self.session(id).filter(|session| session.account == account).ok_or_else(gone)
    }

    /// `shows` tells whether it comes with what its owner is known by.
    fn add_account(
        &mut self,
        name: &str,
        role: &Role,
        shows: bool,
        password: Option<&PasswordHash>,
        (at_ms, index): (u64, Index),
    ) -> Result<(), Rejection> {
        check_name(name)?;
        check_role(role)?;
        if self.account(name).is_some() {
            let no = Rejection::new(Code::AccountExists, format!("There is an account {name} already"));
            return Err(no.at("name", name, "another name"));
        }
        if self.accounts().len() >= MOST_ACCOUNTS {
            return Err(full("accounts", MOST_ACCOUNTS));
        }
        if !self.claimed() && (*role != Role::Admin || !shows) {
            let detail = "The first account closes the cluster to everybody else: it is an admin's, and comes with a token or a password";
            return Err(Rejection::new(Code::PolicyViolation, detail).at("role", role, "admin, with a token or a password"));
        }
        let account = Account {
            name: name.to_owned(),
            role: role.clone(),
            created_at_ms: at_ms,
            changed_index: index,
            password: None,
            subject: None,
        };
        let account = password.map_or(account.clone(), |password| with_password(&account, password, index));
        check_person(&account)?;
        self.put_account(account);
        Ok(())
    }

    /// An account for whoever the provider knows by this; never one that is another's.
    fn admit(&mut self, name: &str, role: &Role, subject: &str, (at_ms, index): (u64, Index)) -> Result<(), Rejection> {
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT {
            let no = Rejection::new(Code::InvalidRequest, "The provider knows nobody by this");
            return Err(no.at("subject", subject, format!("1 to {LONGEST_SUBJECT} bytes")));
        }
        let taken = self.account(name).is_some_and(|account| account.subject.as_deref() != Some(subject));
        if taken {
            let no = Rejection::new(Code::AccountExists, format!("The account {name} is somebody else's"));
            return Err(no.at("name", name, "a name that is free here, or an admin who removes that account"));
        }
        if self.account(name).is_none() {
            self.add_account(name, role, true, None, (at_ms, index))?;
        }
        check_role(role)?;
        let account = Account { role: role.clone(), subject: Some(subject.to_owned()), ..self.known(name)?.clone() };
        check_person(&account)?;
        self.put_account(Account { changed_index: index, ..account });
        Ok(())
    }

    fn add_token(&mut self, account: &str, token: &NewToken, at_ms: u64) -> Result<(), Rejection> {
        if !(1..=LONGEST_TOKEN_MS).contains(&token.holds_ms) {
            let days = token.holds_ms / DAY_MS;
            return Err(Rejection::new(Code::InvalidRequest, "A token expires").at("expires_in_days", days, "1 to 365"));
        }
        if self.tokens().len() >= MOST_TOKENS {
            return Err(full("tokens", MOST_TOKENS));
        }
        if self.token(&token.id).is_some() {
            return Err(Rejection::new(Code::InvalidRequest, "There is such a token already").at("id", &token.id, "another id"));
        }
        let expires_at_ms = at_ms.saturating_add(token.holds_ms);
        let (id, account) = (token.id.clone(), account.to_owned());
        self.put_token(Token { id, account, hash: token.hash, created_at_ms: at_ms, expires_at_ms });
        Ok(())
    }

    fn begin_session(&mut self, account: &str, new: &NewSession, at_ms: u64) -> Result<(), Rejection> {
        self.known(account)?;
        if new.address.len() > LONGEST_ORIGIN {
            let no = Rejection::new(Code::InvalidRequest, "No address is so long");
            return Err(no.at("address", &new.address, format!("up to {LONGEST_ORIGIN} bytes")));
        }
        if self.session(&new.id).is_some() {
            return Err(Rejection::new(Code::InvalidRequest, "There is such a session already").at("id", &new.id, "another id"));
        }
        let oldest = |of: Option<&str>| {
            let among = self.sessions().filter(|session| of.is_none_or(|of| session.account == of));
            among.min_by_key(|session| (session.seen_at_ms, session.id.clone())).map(|session| session.id.clone())
        };
        let goes = if self.sessions().filter(|session| session.account == account).count() >= MOST_SESSIONS_EACH {
            oldest(Some(account))
        } else if self.sessions().len() >= MOST_SESSIONS {
            oldest(None)
        } else {
            None
        };
        if let Some(id) = goes {
            self.drop_session(&id);
        }
        let NewSession { id, hash, address } = new.clone();
        let account = account.to_owned();
        self.put_session(Session { id, account, hash, address, created_at_ms: at_ms, seen_at_ms: at_ms, proven_at_ms: at_ms });
        Ok(())
    }

    /// All of an account but one.
    fn end_sessions(&mut self, account: &str, keeps: Option<&str>) -> Result<(), Rejection> {
        self.known(account)?;
        self.drop_sessions(|session| session.account == account && Some(session.id.as_str()) != keeps);
        Ok(())
    }

    fn revoke(&mut self, fingerprint: Fingerprint, at_ms: u64) -> Result<(), Rejection> {
        if self.revocations().len() >= MOST_REVOKED {
            return Err(full("revoked certificates", MOST_REVOKED));
        }
        if !self.revoked(&fingerprint) {
            self.put_revocation(fingerprint, at_ms);
        }
        Ok(())
    }

    /// Drops what counts no more by itself.
    fn forget(&mut self, at_ms: u64) {
        self.drop_tokens(|token| token.expires_at_ms <= at_ms);
        self.drop_sessions(|session| session.ends_at_ms() <= at_ms);
    }
}

fn with_password(account: &Account, password: &PasswordHash, index: Index) -> Account {
    Account { password: Some(Password { hash: password.clone(), since: index }), ..account.clone() }
}

/// No broker signs in.
fn check_person(account: &Account) -> Result<(), Rejection> {
    match (&account.role, &account.password) {
        (_, Some(_)) if account.subject.is_some() => {
            let no = Rejection::new(Code::PolicyViolation, "Its person signs in by the provider, and has no password here");
            Err(no.at("password", "given", "none"))
        }
        (Role::Broker { .. }, password) if password.is_some() || account.subject.is_some() => {
            let no = Rejection::new(Code::InvalidRequest, "An account that signs in is a person's, and no broker's");
            Err(no.at("role", &account.role, "viewer, operator, admin"))
        }
        _ => Ok(()),
    }
}

fn full(what: &str, most: usize) -> Rejection {
    Rejection::new(Code::PolicyViolation, format!("There are {most} {what}, and no more may be"))
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
