//! What a storage service is started with, and what of it cannot work.

use crate::client;
use crate::invalid_option::InvalidOption;
use metadata::{BrokerId, Endpoint};
use reqwest::header::HeaderValue;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tls::Speaking;

/// How to run a storage service.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker id, 0 to 2 147 483 647; no controller may have it.
    pub id: u32,
    /// Base URLs of controllers, `https://host:port` or `http://host:port`, in order of preference.
    pub controllers: Vec<String>,
    /// Where pushes and peers are answered. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Belongs to this service alone while it runs.
    pub data_dir: PathBuf,
    pub rack: Option<String>,
    /// The host under which controllers and peers reach this service; that of `listen` when absent.
    pub advertised_host: Option<String>,
    pub heartbeat_interval: Duration,
    /// How long a follower may be out of step before its leader takes it out of the ISR.
    pub replica_lag_timeout: Duration,
    /// How long a controlled shutdown may take before the service stops regardless.
    pub shutdown_timeout: Duration,
    /// What it speaks TLS with, and shows that it is this broker by.
    pub tls: Option<Speaking>,
    /// Shown to the controllers, where no certificate says which broker this is: the whole header.
    pub authorization: Option<HeaderValue>,
    /// Allows to listen plain elsewhere than on loopback, where whoever reads the traffic learns what pushes are proven by.
    pub insecure: bool,
}

impl Options {
    /// The defaults for everything that has one.
    pub fn new(id: u32, controllers: Vec<String>, listen: SocketAddr, data_dir: PathBuf) -> Self {
        Options {
            id,
            controllers,
            listen,
            data_dir,
            rack: None,
            advertised_host: None,
            heartbeat_interval: Duration::from_secs(2),
            replica_lag_timeout: Duration::from_secs(3),
            shutdown_timeout: Duration::from_secs(30),
            tls: None,
            authorization: None,
            insecure: false,
        }
    }

    /// Checks what can be checked without asking anybody.
    ///
    /// # Errors
    /// The first option that cannot work.
    pub fn check(&self) -> Result<(), InvalidOption> {
        let no = |name, value: String, reason: &str| Err(InvalidOption { name, value, reason: reason.to_owned() });
        if self.id > BrokerId::MAX {
            return no("id", self.id.to_string(), "the largest broker id is 2147483647");
        }
        client::parse_controllers(&self.controllers, self.tls.as_ref())?;
        if !self.listen.ip().is_loopback() && !self.insecure && !self.speaks_tls_alone() {
            return no("listen", self.listen.to_string(), "only loopback is safe without TLS; --insecure allows it nevertheless");
        }
        if self.listen.ip().is_unspecified() && self.advertised_host.is_none() {
            return no("listen", self.listen.to_string(), "others cannot reach this address: advertise a host");
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.heartbeat_interval) {
            return no("heartbeat_interval", format!("{:?}", self.heartbeat_interval), "it must be between 100 ms and 60 s");
        }
        // A follower is asked every half second, and a round of questions takes up to one.
        if !(Duration::from_secs(2)..=Duration::from_secs(3_600)).contains(&self.replica_lag_timeout) {
            return no("replica_lag_timeout", format!("{:?}", self.replica_lag_timeout), "it must be between 2 s and 1 h");
        }
        Ok(())
    }

    fn speaks_tls_alone(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.plain_too)
    }

    /// The host names that the service that listens at `bound` goes by.
    pub(crate) fn names(&self, bound: SocketAddr) -> Vec<String> {
        let literal = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        let advertised = self.advertised_host.iter().map(|host| host.parse().map_or_else(|_| host.clone(), literal));
        advertised.chain([literal(bound.ip())]).collect()
    }

    /// Where others reach the service that listens at `bound`.
    pub(crate) fn endpoint(&self, bound: SocketAddr) -> Endpoint {
        let host = self.advertised_host.clone().unwrap_or_else(|| bound.ip().to_string());
        // As Kafka calls the two.
        let name = if self.speaks_tls_alone() { "SSL" } else { "PLAINTEXT" };
        Endpoint { name: name.to_owned(), host, port: bound.port() }
    }

    /// Where the leader pushes to the service that listens at `bound`.
    pub(crate) fn push_url(&self, bound: SocketAddr) -> String {
        // Those that speak no TLS yet ask this address as well.
        let scheme = if self.speaks_tls_alone() { "https" } else { "http" };
        match &self.advertised_host {
            Some(host) if host.contains(':') => format!("{scheme}://[{host}]:{}/push", bound.port()),
            Some(host) => format!("{scheme}://{host}:{}/push", bound.port()),
            None => format!("{scheme}://{bound}/push"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str) -> anyhow::Result<Options> {
        Ok(Options::new(101, vec!["http://127.0.0.1:9091".to_owned()], listen.parse()?, PathBuf::from("data")))
    }

    #[test]
    fn what_cannot_work_is_named() -> anyhow::Result<()> {
        let good = options("127.0.0.1:9191")?;
        assert_eq!(good.check(), Ok(()));
        let open = Options { listen: "0.0.0.0:9191".parse()?, insecure: true, ..good.clone() };
        let cases = [
            (Options { id: u32::MAX, ..good.clone() }, "id"),
            (Options { controllers: Vec::new(), ..good.clone() }, "controllers"),
            (Options { controllers: vec!["127.0.0.1:9091".to_owned()], ..good.clone() }, "controllers"),
            (Options { controllers: vec!["https://127.0.0.1:9091".to_owned()], ..good.clone() }, "controllers"),
            (Options { controllers: vec!["http://me:secret@127.0.0.1".to_owned()], ..good.clone() }, "controllers"),
            (options("192.0.2.1:9191")?, "listen"),
            (open.clone(), "listen"),
            (Options { heartbeat_interval: Duration::ZERO, ..good.clone() }, "heartbeat_interval"),
            (Options { replica_lag_timeout: Duration::MAX, ..good }, "replica_lag_timeout"),
        ];
        for (bad, name) in cases {
            assert_eq!(bad.check().map_err(|error| error.name), Err(name));
        }
        assert_eq!(Options { advertised_host: Some("broker-1".to_owned()), ..open }.check(), Ok(()));
        Ok(())
    }

    #[test]
    fn the_push_url_is_a_url_in_every_family() -> anyhow::Result<()> {
        let four = options("127.0.0.1:9191")?;
        assert_eq!(four.push_url(four.listen), "http://127.0.0.1:9191/push");
        let six = options("[::1]:9191")?;
        assert_eq!(six.push_url(six.listen), "http://[::1]:9191/push");
        assert_eq!(six.endpoint(six.listen).host, "::1");
        let named = Options { advertised_host: Some("fd00::1".to_owned()), ..six };
        assert_eq!(named.push_url(named.listen), "http://[fd00::1]:9191/push");
        Ok(())
    }
}
