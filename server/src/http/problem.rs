//! Refusals on their way out: RFC 9457 documents. A handler answers [`Refused`]; the guard writes the document, because it
//! knows the node's revision.

use axum::Json;
use axum::response::{IntoResponse, Response};
use controller::Refusal;
use http::{StatusCode, header};
use metadata::{Code, Index, Rejection};
use schemars::JsonSchema;
use serde::Serialize;

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// A URN that ends with the code.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every occurrence of the code.
    title: &'static str,
    /// The HTTP status that goes with the code.
    status: u16,
    /// One sentence about this occurrence.
    detail: String,
    code: Code,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// The index that the refusal rests on.
    revision: Index,
    /// The field, parameter or header at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What it held.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// What it may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
    /// The URL of the leader, where that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
}

/// An answer that is a refusal.
#[derive(Clone, Debug)]
pub struct Refused(pub Refusal);

impl Refused {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Refused(Refusal::new(code, detail))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused(refusal)
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Refused(rejection.into())
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = status(self.0.rejection.code).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The document of a refusal; `applied` stands in where it rests on no index of its own.
pub fn document(refusal: &Refusal, applied: Index) -> Problem {
    let no = &refusal.rejection;
    Problem {
        kind: format!("urn:quorate:problem:{}", no.code.name()),
        title: no.code.title(),
        status: no.code.status(),
        detail: no.detail.clone(),
        code: no.code,
        retryable: no.code.retryable(),
        revision: refusal.revision.unwrap_or(applied),
        field: no.field.clone(),
        value: no.value.clone(),
        allowed: no.allowed.clone(),
        leader: refusal.leader.clone(),
    }
}

/// The whole response of a refusal.
pub fn respond(refusal: &Refusal, applied: Index) -> Response {
    let code = refusal.rejection.code;
    let mut response = (status(code), Json(document(refusal, applied))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/problem+json"));
    if code == Code::Overloaded {
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    if let (Code::TooManyAttempts, Some(seconds)) = (code, &refusal.rejection.value)
        && let Ok(seconds) = seconds.parse::<u64>()
    {
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from(seconds));
    }
    if code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer realm=\"quorate\""));
    }
    if code == Code::UpgradeRequired {
        headers.insert(header::UPGRADE, http::HeaderValue::from_static("websocket"));
    }
    response
}
