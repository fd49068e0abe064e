//! What a controller is started with.

use metadata::NodeId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// The options of one node.
#[derive(Clone, Debug)]
pub struct Options {
    pub node_id: NodeId,
    /// Every node of the first membership with its URL, this one included. Used on the first start only.
    pub peers: BTreeMap<NodeId, String>,
    /// An empty node that waits until it is put in the place of another; it forms no cluster by itself.
    pub join: bool,
    /// A follower that hears nothing for this long (up to twice as long) stands for election.
    pub election_timeout: Duration,
    pub heartbeat_interval: Duration,
    /// How long a broker's session outlives its last heartbeat.
    pub broker_session_timeout: Duration,
    /// Entries between two snapshots, and as many are kept behind one for followers that lag.
    pub snapshot_every: u64,
    /// How often the whole state is compared with its own digest.
    pub scrub_interval: Duration,
    pub push_networks: PushNetworks,
    pub speaks: Speaks,
    /// The directory of the journal; none keeps no history.
    pub journal: Option<PathBuf>,
    /// Where the backup goes; none switches it off.
    pub database_url: Option<String>,
}

/// How this node speaks to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaks {
    #[default]
    Plain,
    /// Over TLS to those who do, and plain to the rest: while a cluster changes from the one to the other.
    Both,
    Tls,
}

impl Speaks {
    /// What the addresses of members begin with; none where that is about to change.
    pub fn scheme(self) -> Option<&'static str> {
        match self {
            Speaks::Plain => Some("http"),
            Speaks::Both => None,
            Speaks::Tls => Some("https"),
        }
    }

    /// A member's address as it is spoken to; none where it says that already, or may say either.
    pub(crate) fn spoken(self, url: &str) -> Option<String> {
        let (was, address) = url.split_once("://")?;
        let scheme = self.scheme().filter(|scheme| *scheme != was)?;
        Some(format!("{scheme}://{address}"))
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            Speaks::Plain => &["http"],
            Speaks::Both => &["http", "https"],
            Speaks::Tls => &["https"],
        }
    }
}

/// Networks as `10.0.0.0/8,fd00::/8`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Reads them; an empty text is none.
    ///
    /// # Errors
    /// The part that is no network.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (address, bits) = part.split_once('/').unwrap_or((part, ""));
                let address: IpAddr = address.parse().map_err(|_| part.to_owned())?;
                let most = if address.is_ipv4() { 32 } else { 128 };
                let bits = if bits.is_empty() { most } else { bits.parse().map_err(|_| part.to_owned())? };
                if bits > most { Err(part.to_owned()) } else { Ok((address, bits)) }
            })
            .collect::<Result<_, _>>()
            .map(Networks)
    }

    /// Whether an address is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same_prefix(u32::from(*network).into(), u32::from(address).into(), 32, *bits),
            (IpAddr::V6(network), IpAddr::V6(address)) => same_prefix((*network).into(), address.into(), 128, *bits),
            _ => false,
        })
    }

    fn words(&self) -> String {
        self.0.iter().map(|(address, bits)| format!("{address}/{bits}")).collect::<Vec<_>>().join(", ")
    }
}

/// Which hosts a storage service may ask to be pushed to: a registration cannot make a controller call any address it likes. None are
/// loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushNetworks(Networks);

impl PushNetworks {
    /// Networks as `10.0.0.0/8,fd00::/8`; an empty text is loopback only.
    ///
    /// # Errors
    /// The part that is no network.
    pub fn parse(text: &str) -> Result<Self, String> {
        Networks::parse(text).map(PushNetworks)
    }

    /// Checks a push URL: in a way that this node speaks, no credentials, its host a literal address (or localhost) inside the networks.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub fn check(&self, url: &str, speaks: Speaks) -> Result<Url, (String, String)> {
        let no = |what: &str| Err((what.to_owned(), self.allowed(speaks)));
        let Ok(parsed) = Url::parse(url) else { return no("It is not a URL") };
        if !speaks.schemes().contains(&parsed.scheme()) {
            return no("These controllers do not push so");
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return no("It carries credentials");
        }
        let address = match parsed.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain("localhost")) => IpAddr::from([127, 0, 0, 1]),
            _ => return no("Its host is not an address"),
        };
        if self.contains(address) { Ok(parsed) } else { no("Its host is outside the push networks") }
    }

    fn contains(&self, address: IpAddr) -> bool {
        if *self == PushNetworks::default() { address.is_loopback() } else { self.0.contains(address) }
    }

    fn allowed(&self, speaks: Speaks) -> String {
        let networks = if *self == PushNetworks::default() { "loopback".to_owned() } else { self.0.words() };
        format!("{}:// without credentials, to an address in: {networks}", speaks.schemes().join(":// or "))
    }
}

fn same_prefix(a: u128, b: u128, width: u32, bits: u8) -> bool {
    let shift = width - u32::from(bits);
    shift >= 128 || a >> shift == b >> shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_networks_and_any_url_are_taken_or_refused(networks in "[ -~]{0,30}|([0-9a-f.:]{2,12}/[0-9]{0,3},?){0,3}", url in "[ -~]{0,40}|https?://[0-9a-z.:@\\[\\]]{0,20}/?") {
            let networks = PushNetworks::parse(&networks).unwrap_or_default();
            if let Err((what, allowed)) = networks.check(&url, Speaks::Both) {
                prop_assert!(!what.is_empty() && allowed.starts_with("http://"), "{} {}", what, allowed);
            }
        }
    }

    #[test]
    fn push_urls() {
        let cases = [
            ("", "http://127.0.0.1:1/push", true),
            ("", "http://localhost:1/push", true),
            ("", "http://10.0.0.1:1/push", false),
            ("10.0.0.0/8", "http://10.9.0.1:1/push", true),
            ("10.0.0.0/8", "http://127.0.0.1:1/push", false),
            ("0.0.0.0/0", "http://93.1.1.1/", true),
            ("", "http://user:secret@127.0.0.1/", false),
            ("", "file:///etc/passwd", false),
            ("", "https://127.0.0.1:1/push", false),
            ("", "http://metadata.internal/", false),
            ("", "nonsense", false),
            ("::1/128", "http://[::1]:9/", true),
        ];
        for (networks, url, allowed) in cases {
            assert_eq!(PushNetworks::parse(networks).map(|n| n.check(url, Speaks::Plain).is_ok()), Ok(allowed), "{networks} {url}");
        }
        assert!(PushNetworks::parse("10.0.0.0/33").is_err());
    }
}
