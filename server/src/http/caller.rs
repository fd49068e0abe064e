//! Who asks: by a token, by the cookie of a session, or by the certificate of the connection. The guard finds it out once for every request; each operation of the
//! table says what it needs, and is not reached by whom that is not given.

use super::Node;
use super::problem::Refused;
use super::seen::Seen;
use crate::people::{Guests, cookie};
use crate::token;
use acceptor::Caller;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use controller::Asker;
use futures::future::Either;
use http::request::Parts;
use http::{Extensions, HeaderMap, header};
use metadata::access::{Credential, Demand, Fingerprint};
use metadata::contract::Need;
use metadata::{BrokerId, Code, Rejection, SecretHash};
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use tls::Identity;
use tower::{Layer, Service};

/// What the guard found out; a pointer, as it goes along with the request.
#[derive(Clone)]
pub struct Shown(Arc<Result<Asker, Rejection>>);

impl Shown {
    /// Somebody who is known, for tests of what handlers read.
    #[cfg(test)]
    pub fn as_known(asker: Asker) -> Self {
        Shown(Arc::new(Ok(asker)))
    }

    pub fn of(node: &Node, headers: &HeaderMap, extensions: &Extensions, seen: Seen) -> Self {
        let shown = credential(node, headers, extensions, seen.secure).and_then(|credential| {
            let asker = node.controller.asker(credential, Some(seen.address))?;
            if asker.who.role.is_none() && node.people.closed() {
                return Err(Rejection::new(Code::Unauthenticated, "Nobody has an account yet: set this cluster up at /set-up"));
            }
            Ok(asker)
        });
        Shown(Arc::new(shown.map_err(|no| match no.code {
            // A node that is behind may not have heard of a token yet, and it is no refusal that others do not know it.
            Code::Unauthenticated if !node.controller.ready() => {
                Rejection::new(Code::NoLeader, "This node is not caught up with a leader of a majority, and does not know who asks")
            }
            _ => no,
        })))
    }

    /// What the guard found out of this request.
    ///
    /// # Errors
    /// UNAUTHENTICATED where it did not see it.
    pub fn within(extensions: &Extensions) -> Result<&Self, Rejection> {
        extensions.get::<Shown>().ok_or_else(nothing_known)
    }

    /// Who asks, if anybody knows.
    pub fn known(&self) -> Option<&Asker> {
        self.0.as_ref().as_ref().ok()
    }

    /// Whether a browser sent along what it was given when somebody signed in.
    pub fn by_cookie(&self) -> bool {
        self.known().is_some_and(|asker| matches!(asker.credential, Credential::Session { .. } | Credential::Glance { .. }))
    }

    /// Who asks, if they may make calls about this.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN.
    pub fn has(&self, need: Need) -> Result<&Asker, Rejection> {
        let asker = self.0.as_ref().as_ref().map_err(Clone::clone)?;
        asker.who.has(need)?;
        Ok(asker)
    }
}

/// Of what came by no guard.
pub fn nothing_known() -> Rejection {
    Rejection::new(Code::Unauthenticated, "Nothing is known of this connection")
}

/// What a request shows. A token stands before a session, and both before the certificate of the connection, which may be that of a proxy.
fn credential(node: &Node, headers: &HeaderMap, extensions: &Extensions, secure: bool) -> Result<Credential, Rejection> {
    // Any other is for a proxy before this node.
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
    if let Some(text) = given.filter(|text| token::looks_like_one(text)) {
        let no = |what: &str| Rejection::new(Code::Unauthenticated, what).at("Authorization", "something else", "Bearer qrt_…");
        let id = token::id_of(text).ok_or_else(|| no("That is no token: it is not whole, or a character is wrong"))?;
        let view = node.controller.view();
        return match view.machine.access.token(id).filter(|token| token.hash == SecretHash::of(text)) {
            Some(_) => Ok(Credential::Token { id: id.to_owned() }),
            None => Err(no("No such token is known: it is revoked, or has expired")),
        };
    }
    if let Some(session) = session(node, headers, secure) {
        return session;
    }
    let caller = extensions.get::<Caller>();
    Ok(match caller.and_then(|caller| caller.identity.zip(caller.fingerprint)) {
        Some((Identity::Broker(id), fingerprint)) => Credential::BrokerCertificate { id, fingerprint: Fingerprint(fingerprint) },
        Some((Identity::Controller(id), fingerprint)) => Credential::ControllerCertificate { id, fingerprint: Fingerprint(fingerprint) },
        None => Credential::Nobody,
    })
}

/// The session whose cookie a browser sends along. While the cluster is open none matters.
fn session(node: &Node, headers: &HeaderMap, secure: bool) -> Option<Result<Credential, Rejection>> {
    let text = cookie::shown(headers, secure)?;
    let view = node.controller.view();
    let access = &view.machine.access;
    if !access.claimed() {
        return None;
    }
    let kept = cookie::id_of(text).and_then(|id| access.session(id)).filter(|session| session.hash == SecretHash::of(text));
    let credential = match kept {
        Some(session) => Some(Credential::Session { id: session.id.clone() }),
        None => node.people.guests.find(text),
    };
    Some(credential.ok_or_else(|| Rejection::new(Code::Unauthenticated, "This session has ended: sign in")))
}

/// The guests of this node with the cookie of one, where it is one who asks.
pub fn guest(node: &Node, parts: &Parts) -> Option<(Arc<Guests>, String)> {
    let text = cookie::shown(&parts.headers, parts.extensions.get::<Seen>()?.secure)?;
    node.people.guests.find(text)?;
    Some((node.people.guests.clone(), text.to_owned()))
}

/// Before an operation: whoever lacks its grant does not reach it, and its handler knows who asks. A layer of its own type, as every
/// request comes through it and one made of a function costs each of them three allocations.
#[derive(Clone, Copy)]
pub struct Needs(pub Need);

/// What is behind [`Needs`].
#[derive(Clone)]
pub struct Needed<S> {
    need: Need,
    inner: S,
}

impl<S> Layer<S> for Needs {
    type Service = Needed<S>;

    fn layer(&self, inner: S) -> Needed<S> {
        Needed { need: self.0, inner }
    }
}

impl<S: Service<Request, Response = Response>> Service<Request> for Needed<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let refused = match self.need {
            Need::Nothing => None,
            need => Shown::within(request.extensions()).and_then(|shown| shown.has(need).map(drop)).err(),
        };
        match refused {
            Some(no) => Either::Right(ready(Ok(Refused::from(no).into_response()))),
            None => Either::Left(self.inner.call(request)),
        }
    }
}

/// Who asks, in an operation that needs something.
///
/// # Errors
/// UNAUTHENTICATED where nobody found it out.
pub fn asker(parts: &Parts) -> Result<&Asker, Refused> {
    parts.extensions.get::<Shown>().and_then(Shown::known).ok_or_else(|| nothing_known().into())
}

/// Whether whoever sent this request may speak for a broker. Without a certificate or a token, what the broker's session is bound to is
/// all that there is, and only while the cluster is open and plain.
///
/// # Errors
/// UNAUTHENTICATED without a certificate, FORBIDDEN with another's.
pub fn speaks_for(parts: &Parts, id: BrokerId) -> Result<Asker, Refused> {
    let asker = asker(parts)?;
    let secure = parts.extensions.get::<Caller>().is_some_and(|caller| caller.secure);
    if secure && asker.credential == Credential::Nobody {
        return Err(Refused::new(Code::Unauthenticated, format!("Broker {id} shows its certificate here, or a token")));
    }
    asker.who.may(&Demand::OwnId { id })?;
    Ok(asker.clone())
}
