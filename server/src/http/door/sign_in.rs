//! `/sign-in`.

use super::{Porch, Sent, safe, status};
use crate::people::cookie;
use audit::Kind;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use http::{StatusCode, header};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    to: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    name: String,
    password: String,
    to: String,
}

pub async fn page(State(porch): State<Porch>, Query(wish): Query<Wish>, sent: Sent) -> Response {
    if !porch.node.controller.view().machine.access.claimed() {
        return porch.go(if porch.node.people.closed() { "/set-up" } else { "/" });
    }
    if sent.shown.by_cookie() {
        return porch.go(safe(&wish.to));
    }
    porch.page(&sent.headers, StatusCode::OK, porch.sign_in(safe(&wish.to), ""), None)
}

pub async fn enter(State(porch): State<Porch>, sent: Sent, Form(entry): Form<Entry>) -> Response {
    let (name, to) = (entry.name.trim(), safe(&entry.to));
    match porch.enter(name, &entry.password, sent.seen).await {
        Ok(entered) => {
            porch.note(Kind::SignedIn, None, sent.seen, format!("sign in as {name}"), None);
            let mut response = porch.go(to);
            if let Some(cookie) = cookie::set(&entered.cookie, sent.seen.secure) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(no) => {
            porch.note(Kind::SignInRefused, None, sent.seen, format!("sign in as {name}"), Some(&no));
            porch.page(&sent.headers, status(&no), porch.sign_in(to, name), Some(&no))
        }
    }
}
