//! Around every request: is it for this node, does it come from one of its own pages; and around every answer: at which revision.

use super::Node;
use super::caller::Shown;
use super::problem::{Refused, respond};
use super::seen::Seen;
use crate::trail;
use acceptor::names::whole;
use audit::Kind;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header, uri::Authority};
use metadata::{Code, Index, Rejection};
use std::task::{Context, Poll};
use std::time::Instant;
use tower::{Layer, Service};

/// For browsers that were shown a certificate of theirs: nothing plain any more.
const A_YEAR_OF_TLS: &str = "max-age=31536000";
const SITE: &str = "sec-fetch-site";
const REVISION: HeaderName = HeaderName::from_static("quorate-revision");
const NODE: HeaderName = HeaderName::from_static("quorate-node");
const SECURITY: HeaderName = HeaderName::from_static("quorate-security");
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

fn check<B>(node: &Node, request: &Request<B>, shown: &Shown, secure: bool) -> Result<(), Refused> {
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

/// A request on its way, as far as it is known before it is answered.
struct Asked {
    began: Instant,
    method: Method,
    uri: Uri,
    matched: Option<MatchedPath>,
    seen: Seen,
    shown: Shown,
}

impl Asked {
    /// Finds out who asks, and tells whom it may concern.
    fn of<B>(node: &Node, request: &mut Request<B>) -> Self {
        let began = Instant::now();
        let seen = Seen::of(node, request.headers(), request.extensions());
        let shown = Shown::of(node, request.headers(), request.extensions(), seen);
        if let Some(asker) = shown.known() {
            node.people.note_use(&node.controller, asker);
        }
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let extensions = request.extensions_mut();
        extensions.insert(seen);
        extensions.insert(shown.clone());
        Asked { began, method: request.method().clone(), uri: request.uri().clone(), matched, seen, shown }
    }

    fn route(&self) -> Option<&str> {
        self.matched.as_ref().map(MatchedPath::as_str)
    }

    /// Writes down that somebody was refused for who they are, or for where they come from.
    fn note(&self, node: &Node, no: &Rejection) {
        let about_them = [Code::Unauthenticated, Code::Forbidden, Code::TooManyAttempts, Code::ForbiddenOrigin, Code::WrongHost];
        if about_them.contains(&no.code) {
            // By the route, as an operation has it, or the path of what is none.
            let what = format!("{} {}", self.method, self.route().unwrap_or(self.uri.path()));
            node.trail.note(trail::event(Kind::Refused, self.shown.known(), Some(self.seen.address), what, Some(no)));
        }
    }

    /// Finishes the answer, and counts it.
    fn answered(self, node: &Node, mut response: Response) -> Response {
        let applied = node.controller.applied_index();
        if let Some(Refused(refusal)) = response.extensions_mut().remove::<Refused>() {
            self.note(node, &refusal.rejection);
            let allow = response.headers_mut().remove(header::ALLOW);
            response = respond(&refusal, applied);
            if let Some(allow) = allow {
                response.headers_mut().insert(header::ALLOW, allow);
            }
        } else if response.status() == StatusCode::INTERNAL_SERVER_ERROR && self.uri.path().starts_with("/api/") {
            tracing::error!("a handler failed");
        }
        self.head(node, applied, response.headers_mut());
        let (status, took) = (response.status(), self.began.elapsed());
        node.counters.requests.note(&self.method, self.route(), status, took);
        tracing::debug!(method = %self.method, path = self.uri.path(), status = status.as_u16(), ms = took.as_millis() as u64, "answered");
        response
    }

    fn head(&self, node: &Node, applied: Index, headers: &mut HeaderMap) {
        // At once: it would grow twice while these come.
        headers.reserve(USUAL.len() + 4);
        headers.insert(REVISION, HeaderValue::from(applied));
        headers.insert(NODE, HeaderValue::from(node.controller.node_id()));
        if !node.people.closed() && !node.controller.view().machine.access.claimed() {
            headers.insert(SECURITY, HeaderValue::from_static("open"));
        }
        for (name, value) in USUAL {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if self.seen.secure && node.certificates.as_ref().is_some_and(tls::Certificates::has_web) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(A_YEAR_OF_TLS));
        }
    }
}

/// The layer around a node's router. It has a type of its own, as every request comes through it and one made of a function costs each of
/// them three allocations.
#[derive(Clone)]
pub struct Guard(pub Node);

/// What is behind [`Guard`].
#[derive(Clone)]
pub struct Guarded<S> {
    node: Node,
    inner: S,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { node: self.0.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response: IntoResponse, Error: Send + 'static, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let node = self.node.clone();
        let asked = Asked::of(&node, &mut request);
        let checked = check(&node, &request, &asked.shown, asked.seen.secure).and_then(|()| check_state(&node, asked.uri.path()));
        let answer = checked.map(|()| self.inner.call(request));
        Box::pin(async move {
            let response = match answer {
                Ok(answer) => answer.await?.into_response(),
                Err(refused) => refused.into_response(),
            };
            Ok(asked.answered(&node, response))
        })
    }
}
