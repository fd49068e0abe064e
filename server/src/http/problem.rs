//! Refusals on their way out: RFC 9457 documents. A handler answers [`Refused`]; the guard writes the document, because it
//! knows the node's revision.

use axum::response::{IntoResponse, Response};
use controller::Refusal;
use http::{StatusCode, header};
use metadata::{Code, Index, Rejection};
use serde_json::{Value, json};

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
pub fn document(refusal: &Refusal, applied: Index) -> Value {
    let no = &refusal.rejection;
    let mut out = json!({
        "type": format!("urn:quorate:problem:{}", no.code.name()),
        "title": no.code.title(),
        "status": no.code.status(),
        "detail": no.detail,
        "code": no.code.name(),
        "retryable": no.code.retryable(),
        "revision": refusal.revision.unwrap_or(applied),
    });
    let optional = [("field", &no.field), ("value", &no.value), ("allowed", &no.allowed), ("leader", &refusal.leader)];
    for (name, value) in optional {
        if let Some(value) = value {
            out[name] = json!(value);
        }
    }
    out
}

/// The whole response of a refusal.
pub fn respond(refusal: &Refusal, applied: Index) -> Response {
    let code = refusal.rejection.code;
    let mut response = (status(code), document(refusal, applied).to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/problem+json"));
    if code == Code::Overloaded {
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    if code == Code::UpgradeRequired {
        headers.insert(header::UPGRADE, http::HeaderValue::from_static("websocket"));
    }
    response
}
