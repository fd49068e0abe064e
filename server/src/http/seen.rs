//! From where a request comes: as its connection says, or as a proxy says whose word is taken.

use super::Node;
use acceptor::Caller;
use http::{Extensions, HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The far end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub address: IpAddr,
    /// Over TLS all the way.
    pub secure: bool,
}

/// With a port, as some proxies write it, or without.
fn address(word: &str) -> Option<IpAddr> {
    let alone = word.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    alone.or_else(|| Some(word.parse::<SocketAddr>().ok()?.ip())).map(|address| address.to_canonical())
}

impl Seen {
    pub fn of(node: &Node, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let caller = extensions.get::<Caller>();
        let near = Seen {
            // What has no connection is this process itself.
            address: caller.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |caller| caller.address.ip().to_canonical()),
            secure: caller.is_some_and(|caller| caller.secure),
        };
        let trusted = |address: IpAddr| node.people.proxies.contains(address);
        if !trusted(near.address) {
            return near;
        }
        let words = |name: HeaderName| -> Vec<String> {
            let all = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            all.flat_map(|value| value.split(',')).map(|word| word.trim().to_owned()).collect()
        };
        // The last one that none of them has: what stands before it anybody may have written.
        let far = words(FORWARDED_FOR).iter().rev().map_while(|word| address(word)).find(|address| !trusted(*address));
        let secure = words(FORWARDED_PROTO).last().map(|scheme| scheme.eq_ignore_ascii_case("https"));
        Seen { address: far.unwrap_or(near.address), secure: secure.unwrap_or(near.secure) }
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (word, read) in [
            ("198.51.100.7", Some("198.51.100.7")),
            ("198.51.100.7:5678", Some("198.51.100.7")),
            ("::ffff:10.0.0.1", Some("10.0.0.1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(address(word).map(|address| address.to_string()).as_deref(), read, "{word}");
        }
    }
}
