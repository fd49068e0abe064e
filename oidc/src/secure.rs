//! Which addresses a secret may go to: those over TLS, and this very machine.

use url::{Host, Url};

/// What is said of an address that is not one of them.
pub(crate) const ALLOWED: &str = "an https:// address, or http:// to a loopback host, without user, password and fragment";

/// Whether a secret may go there.
pub(crate) fn secure(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    scheme && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_or_this_machine() -> anyhow::Result<()> {
        for (url, expected) in [
            ("https://idp.example/realm", true),
            ("http://localhost:8080/", true),
            ("http://127.0.0.2:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://idp.example/", false),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
            ("https://user@idp.example/", false),
            ("https://:word@idp.example/", false),
            ("https://idp.example/#part", false),
            ("javascript:alert(1)", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(secure(&Url::parse(url)?), expected, "{url}");
        }
        Ok(())
    }
}
