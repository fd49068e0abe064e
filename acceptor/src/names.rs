//! The host names that a process goes by. A request under any other one was led here: a page of another site whose name suddenly
//! means this machine (DNS rebinding).

use http::uri::Authority;
use http::{HeaderMap, Uri, header};
use std::collections::BTreeSet;

/// Names in lower case.
#[derive(Clone, Debug)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Loopback under its usual names, and these.
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        let usual = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Names(usual.into_iter().chain(hosts).map(|host| canonical(&host)).collect())
    }

    /// Whom a request is for; none when that is not this process.
    pub fn asked(&self, headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        host.or_else(|| uri.authority().cloned()).filter(|asked: &Authority| self.0.contains(&canonical(asked.host())))
    }

    /// All of them, for a refusal.
    pub fn all(&self) -> String {
        self.0.iter().cloned().collect::<Vec<_>>().join(", ")
    }
}

/// A name in lower case, and without the dot at its end that says it is whole: it is the same name with it.
fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Host and port of an authority as they are compared.
pub fn whole(authority: &Authority) -> String {
    let port = authority.port().map(|port| format!(":{port}")).unwrap_or_default();
    canonical(authority.host()) + &port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_answered() {
        let names = Names::new(["Node-1.internal".to_owned()]);
        for (host, known) in [
            ("127.0.0.1:9091", true),
            ("LOCALHOST", true),
            ("[::1]:1", true),
            ("node-1.internal.:9091", true),
            ("node-1", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
            ("a b", false),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = host.parse() {
                headers.insert(header::HOST, value);
            }
            assert_eq!(names.asked(&headers, &Uri::from_static("/")).is_some(), known, "{host}");
        }
        let absolute = Uri::from_static("http://localhost/x");
        assert!(names.asked(&HeaderMap::new(), &absolute).is_some());
    }
}
