//! `/sign-in/provider`: to the provider of identities, and back.

use super::{Porch, Sent, Wish, safe, status};
use crate::people::cookie;
use crate::people::provider::Provider;
use app::ssr::door::Page;
use audit::Kind;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use metadata::access::{AccessChange, Credential, NewSession};
use metadata::{Code, Rejection, SecretHash};
use oidc::Callback;
use std::sync::Arc;

impl Porch {
    fn provider(&self) -> Result<Arc<Provider>, Rejection> {
        self.node.people.provider.clone().ok_or_else(|| Rejection::new(Code::NotFound, "No provider of identities is set up at this node"))
    }

    /// Signs in whoever the provider vouches for; the cookie, and where to.
    async fn admit(&self, sent: &Sent, callback: &Callback) -> Result<(String, String, String), Rejection> {
        let begun = cookie::begun(&sent.headers, sent.seen.secure).unwrap_or_default();
        let (person, to) = self.provider()?.finish(begun, callback, self.node.controller.judged_ms()).await?;
        let asker = self.node.controller.asker(Credential::Provider { account: person.name.clone() }, Some(sent.seen.address))?;
        let (id, text) = cookie::new();
        let session = NewSession { id, hash: SecretHash::of(&text), address: sent.seen.address.to_string() };
        let (name, role, subject) = (person.name.clone(), person.role, person.subject);
        self.change(&asker, AccessChange::Admit { name, role, subject, session }).await?;
        Ok((person.name, text, to))
    }

    fn not_admitted(&self, sent: &Sent, no: &Rejection) -> Response {
        self.page(&sent.headers, status(no), self.sign_in("/", ""), Some(no))
    }

    /// The page of the sign-in, with what this node offers.
    pub fn sign_in<'a>(&'a self, to: &'a str, name: &'a str) -> Page<'a> {
        Page::SignIn { to, name, provider: self.node.people.provider.as_ref().map(|provider| provider.host()) }
    }
}

pub(super) async fn begin(State(porch): State<Porch>, Query(wish): Query<Wish>, sent: Sent) -> Response {
    let begun = async {
        let provider = porch.provider()?;
        porch.permitted("", sent.seen.address).await?;
        provider.begin(safe(&wish.to), porch.node.controller.judged_ms()).await
    };
    match begun.await {
        Ok((url, state)) => {
            let to = HeaderValue::from_str(url.as_str()).unwrap_or(HeaderValue::from_static("/"));
            let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
            if let Some(cookie) = cookie::set_begun(&state, sent.seen.secure) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(no) => porch.not_admitted(&sent, &no),
    }
}

pub async fn back(State(porch): State<Porch>, Query(callback): Query<Callback>, sent: Sent) -> Response {
    match porch.admit(&sent, &callback).await {
        Ok((name, text, to)) => {
            porch.replace(&sent).await;
            porch.note(Kind::SignedIn, None, sent.seen, format!("sign in as {name} by the provider"), None);
            let cookies = [cookie::set(&text, sent.seen.secure), cookie::set_begun("", sent.seen.secure)];
            porch.go_with(&to, cookies.into_iter().flatten())
        }
        Err(no) => {
            porch.note(Kind::SignInRefused, None, sent.seen, "sign in by the provider", Some(&no));
            porch.not_admitted(&sent, &no)
        }
    }
}
