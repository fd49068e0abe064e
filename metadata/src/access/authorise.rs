//! Who asks, and whether what they ask is theirs. Asked at the edge for a quick answer, by the leader's planner, and once more when
//! the entry is applied: a node that lags behind commits nothing for a credential that is revoked.

use super::credential::Credential;
use super::demand::Demand;
use super::role::Role;
use super::table::Access;
use crate::contract::Need;
use crate::principal::Principal;
use crate::rejection::{Code, Rejection};

/// When a person last gave the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// With this very call.
    Now,
    Lately,
    Before,
    /// Something else is shown.
    Never,
    /// To a node without a majority: to look, and nothing else.
    ToLook,
}

/// Somebody who is known, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub principal: Principal,
    /// None while the cluster is open: everything.
    pub role: Option<Role>,
    pub password: Given,
}

impl Who {
    /// Whether this is theirs.
    ///
    /// # Errors
    /// FORBIDDEN with the grant that is missing.
    pub fn may(&self, demand: &Demand) -> Result<(), Rejection> {
        let Some(role) = &self.role else { return Ok(()) };
        if self.password == Given::ToLook && *demand != Demand::View {
            return Err(self.refused(demand.need().name(), "a session that a majority has written down".to_owned()));
        }
        let own = |account: &String| self.principal == Principal::user(account);
        let now = self.password == Given::Now;
        match demand {
            Demand::SignIn { account } if now && own(account) => Ok(()),
            Demand::SignIn { account } => Err(self.refused("sign in", format!("the password of {account}, given with this call"))),
            Demand::Password { account } if now && own(account) => Ok(()),
            Demand::Password { .. } | Demand::Access if *role == Role::Admin && self.password == Given::Before => Err(given_before()),
            Demand::Password { .. } if *role != Role::Admin => Err(self.refused("admin", "admin".to_owned())),
            Demand::Sessions { account } if *role != Role::Admin && !own(account) => Err(self.refused("admin", "admin".to_owned())),
            demand if !role.may(demand) => Err(self.lacks(demand)),
            _ => Ok(()),
        }
    }

    /// Whether calls about this are for them at all.
    ///
    /// # Errors
    /// FORBIDDEN with the grant that is missing.
    pub fn has(&self, need: Need) -> Result<(), Rejection> {
        match &self.role {
            Some(role) if !role.has(need) => Err(self.refused(need.name(), need.name().to_owned())),
            _ => Ok(()),
        }
    }

    fn lacks(&self, demand: &Demand) -> Rejection {
        match demand {
            Demand::Topics { names } => {
                let role = self.role.as_ref();
                let outside =
                    names.iter().find(|name| !role.is_some_and(|role| role.may(&Demand::Topics { names: vec![(*name).clone()] })));
                match outside {
                    Some(name) => self.refused("topics", format!("topics, {name:?} among them")),
                    None => self.refused("topics", "topics of any name".to_owned()),
                }
            }
            Demand::OwnId { id } => self.refused("own id", format!("broker:{id}")),
            other => self.refused(other.need().name(), other.need().name().to_owned()),
        }
    }

    fn refused(&self, grant: &str, allowed: String) -> Rejection {
        let role = self.role.as_ref().map(Role::to_string).unwrap_or_default();
        let no = Rejection::new(Code::Forbidden, format!("{} is {role}, and lacks the grant {grant:?}", self.principal));
        no.at("grant", role, allowed)
    }
}

/// The page of who is signed in may have been left open.
fn given_before() -> Rejection {
    let no = Rejection::new(Code::Forbidden, "Give your password once more first: it was last given more than ten minutes ago");
    no.at("password", "given before", "given within the last ten minutes")
}

impl Access {
    /// Who shows this.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nothing is shown and the cluster is not open, or what is shown holds no more.
    pub fn who(&self, credential: &Credential, now_ms: u64) -> Result<Who, Rejection> {
        let no = |detail: String| Err(Rejection::new(Code::Unauthenticated, detail));
        let known = |principal: Principal, role: Role| Ok(Who { principal, role: Some(role), password: Given::Never });
        match credential {
            Credential::Nobody if !self.claimed() => Ok(Who { principal: Principal::anonymous(), role: None, password: Given::Never }),
            Credential::Nobody => no("This cluster asks who you are: sign in, or show a token or a certificate".to_owned()),
            Credential::Token { id } => match self.token(id).filter(|token| token.expires_at_ms > now_ms) {
                Some(token) => match self.account(&token.account) {
                    Some(account) => known(account.principal(), account.role.clone()),
                    None => no(format!("The account of token {id} is gone")),
                },
                None => no(format!("Token {id} is revoked, or has expired")),
            },
            Credential::BrokerCertificate { fingerprint, .. } | Credential::ControllerCertificate { fingerprint, .. }
                if self.revoked(fingerprint) =>
            {
                no("This certificate is revoked".to_owned())
            }
            Credential::BrokerCertificate { id, .. } => known(Principal::broker(*id), Role::Broker { id: *id }),
            // It speaks Raft, and looks.
            Credential::ControllerCertificate { id, .. } => known(Principal::controller(*id), Role::Viewer),
            Credential::Session { id } => match self.session(id).filter(|session| session.ends_at_ms() > now_ms) {
                Some(session) => self.person(&session.account, if session.proven(now_ms) { Given::Lately } else { Given::Before }),
                None => no("This session has ended: sign in".to_owned()),
            },
            Credential::Password { account, since } => match self.account(account).and_then(|account| account.password.as_ref()) {
                Some(password) if password.since == *since => self.person(account, Given::Now),
                _ => no("This password was changed meanwhile".to_owned()),
            },
            Credential::Glance { account, since } => match self.account(account).and_then(|account| account.password.as_ref()) {
                Some(password) if password.since == *since => {
                    Ok(Who { principal: Principal::user(account), role: Some(Role::Viewer), password: Given::ToLook })
                }
                _ => no("This password was changed meanwhile".to_owned()),
            },
            // It is worth a sign-in, and nothing else: the role that comes with it is in the change.
            Credential::Provider { account } if self.claimed() => {
                Ok(Who { principal: Principal::user(account), role: Some(Role::Viewer), password: Given::Now })
            }
            Credential::Provider { .. } => no("Nobody has an account yet: the first is no provider's".to_owned()),
            Credential::Local => known(Principal("user:local".to_owned()), Role::Admin),
        }
    }

    fn person(&self, account: &str, password: Given) -> Result<Who, Rejection> {
        let gone = || Rejection::new(Code::Unauthenticated, format!("The account {account} is gone"));
        let account = self.account(account).ok_or_else(gone)?;
        Ok(Who { principal: account.person(), role: Some(account.role.clone()), password })
    }

    /// Whether whoever shows this may do that.
    ///
    /// # Errors
    /// As [`Access::who`] and [`Who::may`].
    pub fn authorise(&self, credential: &Credential, demand: &Demand, now_ms: u64) -> Result<Who, Rejection> {
        let who = self.who(credential, now_ms)?;
        who.may(demand)?;
        Ok(who)
    }
}
