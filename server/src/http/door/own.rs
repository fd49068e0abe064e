//! What a person asks of the own account: to go, to give the password once more, another password, an end of the other sessions.

use super::{Porch, Sent, person, safe};
use crate::people::{cookie, rule};
use audit::Kind;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use controller::Asker;
use http::HeaderValue;
use metadata::access::AccessChange;
use metadata::{Code, Rejection};
use serde::Deserialize;

const PAGE: &str = "/account";

/// The account and the session of a person; a guest has none that is written down.
pub fn session_of(porch: &Porch, asker: &Asker) -> Result<(String, String), Rejection> {
    let view = porch.node.controller.view();
    let session = asker.credential.session().and_then(|id| view.machine.access.session(id));
    let no = || Rejection::new(Code::Forbidden, "Only who has signed in, and was written down by a majority, can do that");
    session.map(|session| (session.account.clone(), session.id.clone())).ok_or_else(no)
}

pub async fn sign_out(State(porch): State<Porch>, sent: Sent) -> Response {
    if let Some(asker) = sent.shown.known()
        && let Ok((account, id)) = session_of(&porch, asker)
        && let Err(no) = porch.change(asker, AccessChange::EndSession { account, id }).await
    {
        // The browser forgets it all the same; the session ends by itself.
        tracing::warn!(%no, "that somebody signed out was not written down");
    }
    if sent.shown.by_cookie() {
        porch.note(Kind::SignedOut, sent.shown.known(), sent.seen, "sign out", None);
    }
    if let Some(text) = cookie::shown(&sent.headers, sent.seen.secure) {
        porch.node.people.guests.end(text);
    }
    let mut response = porch.go_with("/sign-in", cookie::clear(sent.seen.secure));
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    response
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Proof {
    password: String,
    to: String,
}

pub async fn prove(State(porch): State<Porch>, sent: Sent, Form(proof): Form<Proof>) -> Response {
    let to = safe(&proof.to);
    match porch.prove(&sent, &proof.password).await {
        Ok(()) => porch.go(to),
        Err(no) => {
            porch.note(Kind::SignInRefused, sent.shown.known(), sent.seen, "give the password once more", Some(&no));
            porch.back(to, &no)
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Passwords {
    current: String,
    password: String,
}

pub async fn change_password(State(porch): State<Porch>, sent: Sent, Form(passwords): Form<Passwords>) -> Response {
    match porch.set_own_password(&sent, &passwords).await {
        Ok(()) => {
            porch.note(Kind::PasswordChanged, sent.shown.known(), sent.seen, "change the own password", None);
            porch.go(&format!("{PAGE}?done=password"))
        }
        Err(no) => {
            porch.note(Kind::SignInRefused, sent.shown.known(), sent.seen, "change the own password", Some(&no));
            porch.back(PAGE, &no)
        }
    }
}

pub async fn end_sessions(State(porch): State<Porch>, sent: Sent) -> Response {
    match porch.end_others(&sent).await {
        Ok(()) => porch.go(&format!("{PAGE}?done=sessions")),
        Err(no) => porch.back(PAGE, &no),
    }
}

impl Porch {
    async fn prove(&self, sent: &Sent, password: &str) -> Result<(), Rejection> {
        let asker = person(&sent.shown)?;
        let (account, id) = session_of(self, &asker)?;
        let since = self.checked(&account, password, sent.seen.address).await?;
        let by_password = self.by_password(&account, since, sent.seen.address)?;
        self.change(&by_password, AccessChange::ProveSession { account, id }).await.map(drop)
    }

    async fn set_own_password(&self, sent: &Sent, passwords: &Passwords) -> Result<(), Rejection> {
        let asker = person(&sent.shown)?;
        let (account, id) = session_of(self, &asker)?;
        rule(&passwords.password, &account)?;
        let current = self.checked(&account, &passwords.current, sent.seen.address).await;
        let since = current.map_err(|no| if no.code == Code::Unauthenticated { no.renamed("current") } else { no })?;
        let password = self.node.people.passwords.hash(passwords.password.clone()).await?;
        let by_password = self.by_password(&account, since, sent.seen.address)?;
        self.change(&by_password, AccessChange::SetPassword { account, password, keeps: Some(id) }).await.map(drop)
    }

    async fn end_others(&self, sent: &Sent) -> Result<(), Rejection> {
        let asker = person(&sent.shown)?;
        let (account, id) = session_of(self, &asker)?;
        self.change(&asker, AccessChange::EndSessions { account, keeps: Some(id) }).await.map(drop)
    }
}
