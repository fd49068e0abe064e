//! The opening of a WebSocket (RFC 6455, section 4.2).

use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const JSON: &str = "quorate.v1.json";
const POSTCARD: &str = "quorate.v1.postcard";

/// A connection that is about to become a WebSocket.
pub struct Opening {
    upgrading: OnUpgrade,
    /// None when none is offered that this side speaks: frames are JSON then.
    subprotocol: Option<&'static str>,
    accept: String,
}

/// The first that is offered; JSON before the binary one.
fn chosen(headers: &HeaderMap) -> Option<&'static str> {
    [JSON, POSTCARD].into_iter().find(|name| words(headers, header::SEC_WEBSOCKET_PROTOCOL).any(|word| word == *name))
}

/// The comma-separated words of a header, wherever it stands.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

impl Opening {
    /// None when the request asks for no WebSocket that this side speaks.
    pub fn asked(parts: &mut Parts) -> Option<Self> {
        let headers = &parts.headers;
        let has = |name: HeaderName, wanted: &str| words(headers, name).any(|word| word.eq_ignore_ascii_case(wanted));
        let asked = parts.method == Method::GET
            && has(header::CONNECTION, "upgrade")
            && has(header::UPGRADE, "websocket")
            && has(header::SEC_WEBSOCKET_VERSION, "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked)?;
        let (accept, subprotocol) = (derive_accept_key(key.as_bytes()), chosen(headers));
        let upgrading = parts.extensions.remove::<OnUpgrade>()?;
        Some(Opening { upgrading, subprotocol, accept })
    }

    /// Whether frames are binary, and JSON otherwise.
    pub fn binary(&self) -> bool {
        self.subprotocol == Some(POSTCARD)
    }

    /// The answer, after which the connection is a WebSocket.
    pub fn accepted(self) -> (OnUpgrade, Response) {
        let connection = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket")];
        let accept = [(header::SEC_WEBSOCKET_ACCEPT, self.accept)];
        let mut response = (StatusCode::SWITCHING_PROTOCOLS, connection, accept).into_response();
        if let Some(name) = self.subprotocol {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        }
        (self.upgrading, response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn asked(method: Method, headers: &[(&str, &str)]) -> Option<Opening> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, _) = request.body(()).ok()?.into_parts();
        parts.extensions.insert(hyper::upgrade::on(Request::new(())));
        Opening::asked(&mut parts)
    }

    const ASKING: [(&str, &str); 4] =
        [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket"), ("sec-websocket-version", "13"), ("sec-websocket-key", KEY)];

    #[test]
    fn the_answer_is_that_of_the_standard() {
        let (_, response) = asked(Method::GET, &ASKING).expect("it asks for a WebSocket").accepted();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        // The example of RFC 6455, section 1.3.
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!response.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn what_asks_for_no_websocket_is_refused() {
        for left_out in ASKING {
            let headers: Vec<_> = ASKING.into_iter().filter(|header| *header != left_out).collect();
            assert!(asked(Method::GET, &headers).is_none(), "without {}", left_out.0);
        }
        assert!(asked(Method::POST, &ASKING).is_none());
        let old = ASKING.map(|(name, value)| (name, if value == "13" { "8" } else { value }));
        assert!(asked(Method::GET, &old).is_none());
    }

    #[test]
    fn a_subprotocol_is_chosen_among_those_offered() {
        let cases: [(&[&str], Option<&str>, bool); 6] = [
            (&[], None, false),
            (&["mqtt"], None, false),
            (&["quorate.v1.json"], Some("quorate.v1.json"), false),
            (&["mqtt, quorate.v1.postcard"], Some("quorate.v1.postcard"), true),
            (&["mqtt", "quorate.v1.postcard"], Some("quorate.v1.postcard"), true),
            (&["quorate.v1.postcard,quorate.v1.json"], Some("quorate.v1.json"), false),
        ];
        for (offered, named, binary) in cases {
            let offers = offered.iter().map(|words| ("sec-websocket-protocol", *words));
            let opening = asked(Method::GET, &ASKING.into_iter().chain(offers).collect::<Vec<_>>()).expect("it asks for a WebSocket");
            assert_eq!(opening.binary(), binary, "{offered:?}");
            let (_, response) = opening.accepted();
            let answered = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
            assert_eq!(answered, named, "{offered:?}");
        }
    }
}
