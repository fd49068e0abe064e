//! The path that a proxy serves this node under. A request may come with it or without it: some proxies pass the path on as it
//! is, others take their own part off. Controllers, storage services and probes, which need no proxy, go without.

use axum::Router;
use axum::extract::Request;
use http::Uri;
use http::uri::PathAndQuery;
use std::sync::Arc;
use tower::util::MapRequest;

/// Bytes of the longest one.
const LONGEST: usize = 200;
/// How paths of ours begin: below one of these it would be unclear what is meant.
const OWN: [&str; 21] = [
    "_fn",
    "account",
    "accounts",
    "api",
    "audit",
    "brokers",
    "create-topic",
    "favicon.ico",
    "healthz",
    "history",
    "map",
    "metrics",
    "openapi.json",
    "pkg",
    "quorum",
    "raft",
    "readyz",
    "set-up",
    "sign-in",
    "sign-out",
    "topics",
];

/// The base path: empty, or with a slash before and none after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(Arc<str>);

impl BasePath {
    /// Reads `/quorate` or `/tools/quorate`; a slash at the end does not matter, and one alone is no base path.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(BasePath::default());
        }
        let segments: Vec<&str> = path.strip_prefix('/').ok_or("does not begin with a slash")?.split('/').collect();
        if path.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        let plain = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
        if let Some(bad) = segments.iter().find(|segment| segment.is_empty() || matches!(**segment, "." | "..") || !plain(segment)) {
            return Err(format!("has the part {bad:?}; allowed are letters, digits and ._~-"));
        }
        if OWN.contains(&segments[0]) {
            return Err(format!("begins as paths of Quorate's own do; taken are {}", OWN.join(", ")));
        }
        Ok(BasePath(path.into()))
    }

    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a path of ours is for whoever comes through the proxy.
    pub fn to(&self, path: &str) -> String {
        [self.as_str(), path].concat()
    }

    /// The router, which knows nothing of it, for requests with it and without it.
    pub fn around(&self, router: Router) -> Router {
        if self.0.is_empty() {
            return router;
        }
        let base = self.clone();
        Router::new().fallback_service(MapRequest::new(router, move |mut request: Request| {
            if let Some(uri) = base.without(request.uri()) {
                *request.uri_mut() = uri;
            }
            request
        }))
    }

    /// The same address without it; none when it is not there.
    fn without(&self, uri: &Uri) -> Option<Uri> {
        let rest = uri.path_and_query()?.as_str().strip_prefix(self.as_str())?;
        let rest = match rest.bytes().next() {
            None => "/".to_owned(),
            Some(b'/') => rest.to_owned(),
            Some(b'?') => format!("/{rest}"),
            Some(_) => return None,
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_read_or_refused_with_the_part_at_fault() {
        for (text, path) in [("", ""), ("/", ""), ("/quorate", "/quorate"), ("/quorate/", "/quorate"), ("/a/b-c.d~e_f", "/a/b-c.d~e_f")] {
            assert_eq!(BasePath::parse(text).as_ref().map(BasePath::as_str), Ok(path), "{text}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for text in
            ["quorate", "//", "/a//b", "/a/../b", "/.", "/a b", "/ü", "/a?b", "/a%20b", "http://a/b", "/api", "/topics/x", "/a//", &long]
        {
            assert!(BasePath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_taken_off_where_it_is_there() {
        let base = BasePath::parse("/quorate").unwrap_or_default();
        let cases = [
            ("/quorate", Some("/")),
            ("/quorate/", Some("/")),
            ("/quorate?a=b", Some("/?a=b")),
            ("/quorate/topics?a=b", Some("/topics?a=b")),
            ("http://host:1/quorate/topics", Some("http://host:1/topics")),
            ("/quorate/quorate", Some("/quorate")),
            ("/topics", None),
            ("/quorate2/topics", None),
            ("/", None),
        ];
        for (given, expected) in cases {
            let uri: Uri = given.parse().unwrap_or_default();
            assert_eq!(base.without(&uri).map(|uri| uri.to_string()).as_deref(), expected, "{given}");
        }
    }
}
