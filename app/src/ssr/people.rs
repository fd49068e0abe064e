//! Who looks, and what the pages of accounts show them, from the table of rights.

use crate::looker::{Looker, Person, Reach};
use crate::people::{AccountRow, Outcome, People, SessionRow, TokenRow, TrailRow};
use crate::place::Place;
use controller::{Asker, Controller};
use leptos_router::params::ParamsMap;
use metadata::access::{Access, Account, Credential, Given, Role};
use metadata::{Code, Rejection};
use std::sync::Arc;

/// Reads the newest things that were written down at this node, at most so many.
pub type Trail = Arc<dyn Fn(usize) -> Result<Vec<TrailRow>, String> + Send + Sync>;

/// How much of it a page shows.
const MOST_SHOWN: usize = 200;

/// Who looks at a page.
pub fn looker(asker: Option<&Asker>, reach: Reach) -> Looker {
    let Some((asker, role)) = asker.and_then(|asker| Some((asker, asker.who.role.clone()?))) else { return Looker::Anybody(reach) };
    let principal = &asker.who.principal.0;
    let name = principal.strip_prefix("user:").unwrap_or(principal).to_owned();
    Looker::Known(Person { name, role, kept: asker.credential.session().is_some(), to_look: asker.who.password == Given::ToLook })
}

/// What the page at this place shows of people; none where it shows nothing of them.
pub fn shown(controller: &Controller, trail: &Trail, place: &Place, asker: Option<&Asker>) -> Option<People> {
    let asker = asker?;
    let view = controller.view();
    let (access, now_ms) = (&view.machine.access, controller.judged_ms());
    match place {
        Place::Accounts if asker.who.role == Some(Role::Admin) => {
            let accounts = access.accounts().map(|account| row(access, account, now_ms)).collect();
            // A token or a certificate is not asked for again.
            let provided = signs_in_elsewhere(access, &asker.credential);
            Some(People { accounts, provided, proven: asker.who.password != Given::Before, ..People::default() })
        }
        Place::Audit if asker.who.role.as_ref().is_none_or(|role| *role == Role::Admin) => {
            let committed =
                controller.recent(MOST_SHOWN).into_iter().filter(|commit| !commit.principal.is_controller()).map(|commit| TrailRow {
                    at_ms: commit.at_ms,
                    who: commit.principal.0.clone(),
                    address: String::new(),
                    what: commit.kind().replace('_', " "),
                    outcome: Outcome::Committed(commit.index),
                    times: 1,
                });
            let noted = trail(MOST_SHOWN);
            let unread = noted.as_ref().err().cloned();
            let mut rows: Vec<TrailRow> = noted.unwrap_or_default().into_iter().chain(committed).collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row.at_ms));
            rows.truncate(MOST_SHOWN);
            Some(People { trail: rows, unread, ..People::default() })
        }
        Place::Account => {
            let Some(id) = asker.credential.session() else { return Some(People::default()) };
            let account = access.session(id)?.account.clone();
            let mut sessions: Vec<SessionRow> = access
                .sessions_of(&account, now_ms)
                .map(|session| SessionRow {
                    address: session.address.clone(),
                    created_at_ms: session.created_at_ms,
                    seen_at_ms: session.seen_at_ms,
                    ends_at_ms: session.ends_at_ms(),
                    this: session.id == id,
                })
                .collect();
            sessions.sort_by_key(|session| (!session.this, std::cmp::Reverse(session.seen_at_ms)));
            Some(People { sessions, provided: signs_in_elsewhere(access, &asker.credential), ..People::default() })
        }
        _ => None,
    }
}

/// Whether the account of a session is one of the provider's.
fn signs_in_elsewhere(access: &Access, credential: &Credential) -> bool {
    let session = credential.session().and_then(|id| access.session(id));
    session.and_then(|session| access.account(&session.account)).is_some_and(|account| account.subject.is_some())
}

fn row(access: &Access, account: &Account, now_ms: u64) -> AccountRow {
    let tokens = access.tokens().filter(|token| token.account == account.name && token.expires_at_ms > now_ms);
    AccountRow {
        name: account.name.clone(),
        role: account.role.clone(),
        person: account.password.is_some(),
        provided: account.subject.is_some(),
        created_at_ms: account.created_at_ms,
        sessions: access.sessions_of(&account.name, now_ms).count() as u32,
        tokens: tokens.map(|token| TokenRow { id: token.id.clone(), expires_at_ms: token.expires_at_ms }).collect(),
    }
}

/// Why a form of these pages was refused, worded anew: its address carries the code and the field alone.
pub fn reworded(query: &ParamsMap) -> Option<Rejection> {
    let code = Code::from_name(query.get_str("refused")?)?;
    let field = query.get_str("field").unwrap_or_default();
    let (detail, allowed) = match (code, field) {
        (Code::InvalidRequest, "name") => {
            ("No account can have this name", "1 to 64 of a-z, 0-9, '.', '_' and '-'; not anonymous, not local")
        }
        (Code::InvalidRequest, "password") => {
            ("No password is so short, so long, or so easily guessed", "15 to 128 characters, of any kind, that are not easily guessed")
        }
        (Code::InvalidRequest, "prefixes") => {
            ("No operator can be limited so", "up to 64 prefixes of 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-'")
        }
        (Code::InvalidRequest, "broker") => ("No account can be this broker", "0 to 2147483647, and only with the role broker"),
        (Code::InvalidRequest, "role") => ("The account cannot have this role", "viewer, operator, admin; or broker, without a password"),
        (Code::InvalidRequest, "expires_in_days") => ("A token expires", "1 to 365 days"),
        (Code::Forbidden, "password") => ("It was last given more than ten minutes ago", "to give your password once more first"),
        (Code::Unauthenticated, "password" | "current") => ("That is not your password", "the one that you sign in with"),
        (Code::PolicyViolation, "role") => {
            ("It is the last admin's: nobody could change anything here any more", "at least one account with the role admin")
        }
        (Code::PolicyViolation, "password" | "account") => ("Its person signs in by the provider", "neither a password nor a token"),
        (Code::PolicyViolation, _) => ("There are as many as may be", "1 000 accounts and 5 000 tokens"),
        (Code::TooManyAttempts, _) => {
            let seconds = query.get_str("wait").and_then(|wait| wait.parse::<u64>().ok()).unwrap_or(1);
            return Some(Rejection::new(code, format!("Try again in {seconds} s")).at(field, "too early", format!("from {seconds} s on")));
        }
        _ => (code.title(), ""),
    };
    let no = Rejection::new(code, detail);
    Some(if allowed.is_empty() { no } else { no.at(field, "", allowed) })
}
