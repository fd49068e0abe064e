//! The door of the dashboard: how people come in and go. Every form here is a plain one; nothing of it needs a script.
//!
//! `entering` is the one way to sign in; `provider` the way round by a provider of identities;
//! `sign_in` and `set_up` are the two pages before the door, `own` and `others` what is asked of the
//! own account and of all. `before` puts the door before the pages.

mod entering;
mod others;
mod own;
mod provider;
mod set_up;
mod sign_in;

use super::Node;
use super::caller::{Shown, nothing_known};
use super::problem::Refused;
use super::seen::Seen;
use crate::trail;
use app::api::submit::Left;
use app::ssr::door::{Door, Page};
use audit::Kind;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use controller::{Asker, LONGEST_DEADLINE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use metadata::access::AccessChange;
use metadata::contract::Need;
use metadata::{Code, Index, Rejection};
use serde::Deserialize;
use tokio::time::Instant;

/// Bytes of a form: a password has 128 characters, and prefixes of a role have their room.
const LONGEST_FORM: usize = 64 << 10;
/// Bytes of a path that somebody is led back to.
const LONGEST_PATH: usize = 2_048;

/// A node with what its pages before the door are drawn with.
#[derive(Clone)]
struct Porch {
    node: Node,
    door: Door,
}

/// The pages, and the door before them.
pub fn before(pages: Router, node: Node, assets: app::Assets) -> Router {
    let porch = Porch { door: Door { assets, base: app::base::Base(node.base.as_str().into()) }, node };
    Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::enter))
        .route("/sign-in/provider", get(provider::begin))
        .route(crate::people::provider::CALLBACK, get(provider::back))
        .route("/set-up", get(set_up::page).post(set_up::claim))
        .route("/sign-out", post(own::sign_out))
        .route("/account/prove", post(own::prove))
        .route("/account/password", post(own::change_password))
        .route("/account/end-sessions", post(own::end_sessions))
        .route("/accounts/add", post(others::add))
        .route("/accounts/role", post(others::change_role))
        .route("/accounts/password", post(others::set_password))
        .route("/accounts/remove", post(others::remove))
        .route("/accounts/end-sessions", post(others::end_sessions))
        .route("/accounts/token", post(others::add_token))
        .route("/accounts/revoke-token", post(others::revoke_token))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .with_state(porch.clone())
        .merge(pages.layer(axum::middleware::from_fn_with_state(porch, through)))
}

/// Whoever is not known is led to where they can be; a call of a page that is alive is told.
async fn through(State(porch): State<Porch>, mut request: Request, next: Next) -> Response {
    match Shown::within(request.extensions()).and_then(|shown| shown.has(Need::View).cloned()) {
        Ok(asker) => {
            let seen = request.extensions().get::<Seen>().copied();
            let (left, method, uri) = (Left::default(), request.method().clone(), request.uri().clone());
            request.extensions_mut().insert(asker.clone());
            request.extensions_mut().insert(left.clone());
            let mut response = next.run(request).await;
            if let Some((no, seen)) = left.take().zip(seen).filter(|(no, _)| matches!(no.code, Code::Unauthenticated | Code::Forbidden)) {
                porch.note(Kind::Refused, Some(&asker), seen, format!("{method} {}", uri.path()), Some(&no));
            }
            // What was drawn for one person is not shown to the next who goes back.
            if porch.node.controller.view().machine.access.claimed() {
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
            response
        }
        Err(no) if calls(&request) => app::ssr::refused_call(&no),
        Err(no) if !wants_a_page(request.headers()) => Refused::from(no).into_response(),
        Err(no) if no.code == Code::Unauthenticated => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let from = if *request.method() == Method::GET { path.to_owned() } else { came_from(&porch, request.headers()) };
            porch.to_the_door(&from)
        }
        Err(no) => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let to = if *request.method() == Method::GET { safe(path) } else { "/" };
            porch.page(request.headers(), status(&no), Page::Behind { why: &no.detail, to }, None)
        }
    }
}

/// Whether a page that is alive asks.
fn calls(request: &Request) -> bool {
    let wanted = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    request.uri().path().starts_with("/_fn/") && wanted == Some(app::api::ANSWER_TYPE)
}

fn wants_a_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// The page that a form was sent from, as a path of ours.
fn came_from(porch: &Porch, headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok()?.parse::<http::Uri>().ok());
    let path = referer.and_then(|uri| uri.path_and_query().map(|path| path.as_str().to_owned())).unwrap_or_default();
    let within = path.strip_prefix(porch.node.base.as_str()).unwrap_or(&path);
    within.to_owned()
}

fn status(no: &Rejection) -> StatusCode {
    StatusCode::from_u16(no.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Where somebody wanted to go: a path of this node, and of nobody else.
fn safe(to: &str) -> &str {
    let ours = to.len() <= LONGEST_PATH
        && to.starts_with('/')
        && !app::base::leads_elsewhere(to)
        && to.bytes().all(|byte| byte.is_ascii_graphic());
    // The door itself leads nowhere.
    if ours && !["/sign-in", "/set-up", "/sign-out"].iter().any(|door| to.starts_with(door)) { to } else { "/" }
}

impl Porch {
    fn page(&self, headers: &HeaderMap, status: StatusCode, page: Page<'_>, refusal: Option<&Rejection>) -> Response {
        let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
        let mut response = self.door.draw(&page, refusal, cookies).into_response();
        *response.status_mut() = status;
        if let Some(seconds) = refusal.filter(|no| no.code == Code::TooManyAttempts).and_then(|no| no.value.as_deref()?.parse::<u64>().ok())
        {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// On to a path of ours, by another request.
    fn go(&self, path: &str) -> Response {
        let to = HeaderValue::from_str(&self.node.base.to(path)).unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
    }

    /// The same, with cookies for the browser.
    fn go_with(&self, path: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
        let mut response = self.go(path);
        response.headers_mut().extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
        response
    }

    fn to_the_door(&self, from: &str) -> Response {
        if !self.node.controller.view().machine.access.claimed() {
            return self.go("/set-up");
        }
        match safe(from) {
            "/" => self.go("/sign-in"),
            from => self.go(&format!("/sign-in?to={}", encoded(from))),
        }
    }

    /// Back to a page with what a form was refused for.
    fn back(&self, page: &str, no: &Rejection) -> Response {
        let field = no.field.as_deref().map(|field| format!("&field={}", encoded(field))).unwrap_or_default();
        let wait = match (no.code, &no.value) {
            (Code::TooManyAttempts, Some(seconds)) => format!("&wait={}", encoded(seconds)),
            _ => String::new(),
        };
        self.go(&format!("{page}?refused={}{field}{wait}", no.code.name()))
    }

    /// Writes down what came of it, for whoever tried.
    fn note(&self, kind: Kind, asker: Option<&Asker>, seen: Seen, what: impl Into<String>, no: Option<&Rejection>) {
        self.node.trail.note(trail::event(kind, asker, Some(seen.address), what, no));
    }

    /// Commits one change of who may do what.
    async fn change(&self, asker: &Asker, change: AccessChange) -> Result<Index, Rejection> {
        let changed = self.node.controller.change_access(asker, change, Instant::now() + LONGEST_DEADLINE).await;
        changed.map_err(|refusal| *refusal.rejection)
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Who sends a form of somebody who has signed in.
fn person(shown: &Shown) -> Result<Asker, Rejection> {
    shown.has(Need::View).cloned()
}

/// Where somebody wants to go afterwards.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    to: String,
}

/// A form with whoever sent it.
struct Sent {
    shown: Shown,
    seen: Seen,
    headers: HeaderMap,
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Sent {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Refused> {
        let shown = Shown::within(&parts.extensions)?.clone();
        let seen = *parts.extensions.get::<Seen>().ok_or_else(nothing_known)?;
        Ok(Sent { shown, seen, headers: parts.headers.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn nobody_is_led_away_from_this_node() {
        for (to, goes) in [
            ("/topics?search=a%20b", "/topics?search=a%20b"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/sign-in?to=/", "/"),
        ] {
            assert_eq!(safe(to), goes, "{to}");
        }
    }
}
