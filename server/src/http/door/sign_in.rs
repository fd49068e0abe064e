//! `/sign-in`.

use super::{Porch, Sent, Wish, safe, status};
use crate::people::cookie;
use audit::Kind;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    name: String,
    password: String,
    to: String,
}

pub(super) async fn page(State(porch): State<Porch>, Query(wish): Query<Wish>, sent: Sent) -> Response {
    if !porch.node.controller.view().machine.access.claimed() {
        return porch.go(if porch.node.people.closed() { "/set-up" } else { "/" });
    }
    // Who was let in to look signs in again.
    if sent.shown.known().is_some_and(|asker| asker.credential.session().is_some()) {
        return porch.go(safe(&wish.to));
    }
    porch.page(&sent.headers, StatusCode::OK, porch.sign_in(safe(&wish.to), ""), None)
}

pub async fn enter(State(porch): State<Porch>, sent: Sent, Form(entry): Form<Entry>) -> Response {
    let (name, to) = (entry.name.trim(), safe(&entry.to));
    match porch.enter(name, &entry.password, sent.seen).await {
        Ok(text) => {
            porch.replace(&sent).await;
            porch.note(Kind::SignedIn, None, sent.seen, porch.said(name), None);
            porch.go_with(to, cookie::set(&text, sent.seen.secure))
        }
        Err(no) => {
            porch.note(Kind::SignInRefused, None, sent.seen, porch.said(name), Some(&no));
            porch.page(&sent.headers, status(&no), porch.sign_in(to, name), Some(&no))
        }
    }
}
