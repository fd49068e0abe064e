//! What an admin asks of all accounts, by the forms of the page of accounts.

use super::{Porch, Sent, person};
use crate::http::accounts::{RoleAsked, TokenAsked, words};
use app::ssr::door::Page;
use audit::Kind;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use metadata::access::{AccessChange, Demand};
use metadata::{Code, Rejection};
use serde::Deserialize;

const PAGE: &str = "/accounts";

/// Every field that one of these forms has.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    name: String,
    role: String,
    /// With commas between them.
    prefixes: String,
    broker: String,
    password: String,
    days: String,
    id: String,
}

impl Wanted {
    fn name(&self) -> String {
        self.name.trim().to_owned()
    }

    fn role(&self) -> Result<metadata::access::Role, Rejection> {
        let no = || Rejection::new(Code::InvalidRequest, "No broker has this id").at("broker", &self.broker, "0 to 2147483647");
        let broker = match self.broker.trim() {
            "" => None,
            id => Some(metadata::BrokerId(id.parse().map_err(|_| no())?)),
        };
        let prefixes = self.prefixes.split(',').map(str::trim).filter(|prefix| !prefix.is_empty()).map(str::to_owned).collect();
        RoleAsked::new(self.role.clone(), prefixes, broker).read()
    }
}

impl Porch {
    async fn change_noted(&self, sent: &Sent, change: Result<AccessChange, Rejection>) -> Result<(), Rejection> {
        let asker = person(&sent.shown)?;
        let (what, changed) = match change {
            Ok(change) => (words(&change), self.change(&asker, change).await.map(drop)),
            // What was entered wrongly is nobody's business; what is not theirs is.
            Err(no) if no.code != Code::Forbidden => return Err(no),
            Err(no) => (PAGE.to_owned(), Err(no)),
        };
        let kind = if changed.is_ok() { Kind::AccountsChanged } else { Kind::Refused };
        self.note(kind, Some(&asker), sent.seen, what, changed.as_ref().err());
        changed
    }

    async fn changed(&self, sent: &Sent, change: Result<AccessChange, Rejection>, done: &str) -> Response {
        match self.change_noted(sent, change).await {
            Ok(()) => self.go(&format!("{PAGE}?done={done}")),
            Err(no) => self.back(PAGE, &no),
        }
    }
}

/// An account with a password is a person's; without one it is a script's, and shows tokens.
pub async fn add(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    let name = wanted.name();
    let change = async {
        // Before anything is worked on for whoever it is.
        person(&sent.shown)?.who.may(&Demand::Access)?;
        let role = wanted.role()?;
        if wanted.password.is_empty() {
            return Ok(AccessChange::AddAccount { name, role, token: None });
        }
        let password = porch.node.people.hashed(&name, wanted.password.clone()).await?;
        Ok(AccessChange::AddPerson { name, role, password })
    };
    porch.changed(&sent, change.await, "added").await
}

pub async fn change_role(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    let change = wanted.role().map(|role| AccessChange::ChangeRole { name: wanted.name(), role });
    porch.changed(&sent, change, "role").await
}

pub async fn set_password(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    let account = wanted.name();
    let change = async {
        person(&sent.shown)?.who.may(&Demand::Password { account: account.clone() })?;
        let password = porch.node.people.hashed(&account, wanted.password.clone()).await?;
        Ok(AccessChange::SetPassword { account, password, keeps: own_session(&sent) })
    };
    porch.changed(&sent, change.await, "password").await
}

/// An admin who gives the own account another password here stays signed in.
fn own_session(sent: &Sent) -> Option<String> {
    sent.shown.known()?.credential.session().map(str::to_owned)
}

pub async fn remove(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    porch.changed(&sent, Ok(AccessChange::RemoveAccount { name: wanted.name() }), "removed").await
}

pub async fn end_sessions(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    let change = AccessChange::EndSessions { account: wanted.name(), keeps: own_session(&sent) };
    porch.changed(&sent, Ok(change), "sessions").await
}

pub async fn revoke_token(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    porch.changed(&sent, Ok(AccessChange::RemoveToken { id: wanted.id.trim().to_owned() }), "revoked").await
}

/// Answers with the token itself, this once.
pub async fn add_token(State(porch): State<Porch>, sent: Sent, Form(wanted): Form<Wanted>) -> Response {
    let account = wanted.name();
    let made = async {
        // What is no number of days is refused as none would be.
        let days = Some(wanted.days.trim()).filter(|days| !days.is_empty()).map(|days| days.parse().unwrap_or(0));
        let (token, text) = TokenAsked::new(days).make()?;
        porch.change_noted(&sent, Ok(AccessChange::AddToken { account: account.clone(), token })).await?;
        Ok(text)
    };
    match made.await {
        Ok(token) => porch.page(&sent.headers, StatusCode::OK, Page::Token { account: &account, token: &token }, None),
        Err(no) => porch.back(PAGE, &no),
    }
}
