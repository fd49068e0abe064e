//! Around every request: is it for this node, does it come from one of its own pages; and around every answer: at which revision.

use super::Node;
use super::caller::Shown;
use super::problem::{Refused, respond};
use super::seen::Seen;
use crate::trail;
use acceptor::names::whole;
use audit::Kind;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::Authority};
use metadata::{Code, Rejection};
use std::time::Instant;

/// For browsers that were shown a certificate of theirs: nothing plain any more.
const A_YEAR_OF_TLS: &str = "max-age=31536000";
const SITE: &str = "sec-fetch-site";
/// On every answer that does not say otherwise: nothing of this node is embedded, framed, cached, or read by other sites.
const USUAL: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// What a page of this node may have come by. Before a plain port a proxy may stand that speaks TLS.
fn schemes(secure: bool) -> &'static [&'static str] {
    if secure { &["https"] } else { &["http", "https"] }
}

fn check(node: &Node, request: &Request, shown: &Shown, secure: bool) -> Result<(), Refused> {
    let headers = request.headers();
    let given = || headers.get(header::HOST).map_or_else(String::new, |host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let Some(host) = node.names.asked(headers, request.uri()) else {
        return Err(Rejection::new(Code::WrongHost, "This node does not go by that name").at("Host", given(), node.names.all()).into());
    };
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let upgrades = headers.contains_key(header::UPGRADE);
    if let Some(origin) = headers.get(header::ORIGIN).filter(|_| changes || upgrades) {
        let asked = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .filter(|(scheme, _)| schemes(secure).iter().any(|known| scheme.eq_ignore_ascii_case(known)));
        let same = asked.and_then(|(_, asked)| asked.parse().ok()).is_some_and(|asked: Authority| whole(&asked) == whole(&host));
        if !same {
            let given = String::from_utf8_lossy(origin.as_bytes()).into_owned();
            return Err(Rejection::new(Code::ForbiddenOrigin, "Only this node's own pages may do that")
                .at("Origin", given, format!("{}://{host}", if secure { "https" } else { "http" }))
                .into());
        }
    }
    // A browser also says whose page asks (Fetch Metadata). What is no browser says neither.
    if let Some(site) = headers.get(SITE).filter(|_| changes || upgrades)
        && site != "same-origin"
        && site != "none"
    {
        let given = String::from_utf8_lossy(site.as_bytes()).into_owned();
        let no = Rejection::new(Code::ForbiddenOrigin, "Only this node's own pages may do that");
        return Err(no.at("Sec-Fetch-Site", given, "same-origin, none").into());
    }
    // A browser sends a session's cookie along with whatever a page of anybody asks.
    if (changes || upgrades) && shown.by_cookie() && !headers.contains_key(header::ORIGIN) && !headers.contains_key(SITE) {
        let no = Rejection::new(Code::ForbiddenOrigin, "With a session's cookie it has to be said whose page asks");
        return Err(no.at("Origin", "none", format!("{}://{host}", if secure { "https" } else { "http" })).into());
    }
    Ok(())
}

/// A state that is not to be trusted is not shown to anybody.
fn check_state(node: &Node, path: &str) -> Result<(), Refused> {
    // What is said of the process itself, what controllers say to each other, and files do not rest on the state.
    let apart = ["/healthz", "/readyz", "/metrics", "/openapi.json", controller::net::PATH].contains(&path) || path.starts_with("/pkg/");
    match node.controller.fault().filter(|fault| !apart && !fault.readable()) {
        Some(fault) => Err(Refused::new(Code::NotController, format!("This node serves nothing for now: {fault}"))),
        None => Ok(()),
    }
}

/// What was asked, for what is said of it when it is answered.
struct Asked {
    method: Method,
    uri: Uri,
    matched: Option<MatchedPath>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>().cloned();
        Asked { method: request.method().clone(), uri: request.uri().clone(), matched }
    }

    fn route(&self) -> Option<&str> {
        self.matched.as_ref().map(MatchedPath::as_str)
    }
}

/// Writes down that somebody was refused for who they are, or for where they come from.
fn note(node: &Node, shown: &Shown, seen: Seen, asked: &Asked, no: &Rejection) {
    let about_them = [Code::Unauthenticated, Code::Forbidden, Code::TooManyAttempts, Code::ForbiddenOrigin, Code::WrongHost];
    if about_them.contains(&no.code) {
        // By the route, as an operation has it, or the path of what is none.
        let what = format!("{} {}", asked.method, asked.route().unwrap_or(asked.uri.path()));
        node.trail.note(trail::event(Kind::Refused, shown.known(), Some(seen.address), what, Some(no)));
    }
}

/// The middleware.
pub async fn guard(State(node): State<Node>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let seen = Seen::of(&node, request.headers(), request.extensions());
    let shown = Shown::of(&node, request.headers(), request.extensions(), seen);
    if let Some(asker) = shown.known() {
        node.people.note_use(&node.controller, asker);
    }
    request.extensions_mut().insert(seen);
    request.extensions_mut().insert(shown.clone());
    let asked = Asked::of(&request);
    let mut response = answered(&node, request, &shown, seen, &asked, next).await;
    if seen.secure && node.certificates.as_ref().is_some_and(tls::Certificates::has_web) {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(A_YEAR_OF_TLS));
    }
    let (status, took) = (response.status(), began.elapsed());
    node.counters.requests.note(&asked.method, asked.route(), status, took);
    tracing::debug!(method = %asked.method, path = asked.uri.path(), status = status.as_u16(), ms = took.as_millis() as u64, "answered");
    response
}

async fn answered(node: &Node, request: Request, shown: &Shown, seen: Seen, asked: &Asked, next: Next) -> Response {
    let api = asked.uri.path().starts_with("/api/");
    let checked = check(node, &request, shown, seen.secure).and_then(|()| check_state(node, asked.uri.path()));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    let applied = node.controller.applied_index();
    if let Some(Refused(refusal)) = response.extensions_mut().remove::<Refused>() {
        note(node, shown, seen, asked, &refusal.rejection);
        let allow = response.headers_mut().remove(header::ALLOW);
        response = respond(&refusal, applied);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    } else if api && response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!("a handler failed");
    }
    let headers = response.headers_mut();
    headers.insert("quorate-revision", HeaderValue::from(applied));
    headers.insert("quorate-node", HeaderValue::from(node.controller.node_id()));
    if !node.people.closed() && !node.controller.view().machine.access.claimed() {
        headers.insert("quorate-security", HeaderValue::from_static("open"));
    }
    for (name, value) in USUAL {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
