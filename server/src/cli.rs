//! The command line, the environment and the config file: flag before variable before file before default.

use crate::cert;
use crate::certificates::Mode;
use crate::usage::Usage;
use crate::verbs::{self, Common};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The metadata controller of partitioned-log clusters.
#[derive(Parser)]
#[command(name = "quorate", version, about, arg_required_else_help = false)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run one controller. Without any flag: a single node on 127.0.0.1:9091 with its data in ./data/node-1.
    Serve(Box<ServeFlags>),
    /// Run the reference storage service: it keeps its assigned replicas on disk and stores no messages.
    Storage(StorageFlags),
    /// Run three controllers and three storage services on this machine.
    Demo(DemoFlags),
    /// List, show, create, configure, grow and delete topics.
    Topics {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: verbs::Topics,
    },
    /// Make the topics what files say: YAML or JSON, Strimzi's KafkaTopic or plain. Shows what differs, and commits against that.
    Apply {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        wanted: verbs::Apply,
    },
    /// Write the topics as files that apply reads: YAML, or with --output json a list.
    Export {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        wanted: verbs::Export,
    },
    /// List, show, fence, unfence, drain and remove brokers.
    Brokers {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: verbs::Brokers,
    },
    /// The controllers: who leads, how far each one is; or change who belongs to them, and who leads.
    Quorum {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: Option<verbs::Quorum>,
    },
    /// Elect leaders anew: the first replica of a partition, or with --unclean whoever is online.
    Elect {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        wanted: verbs::Elect,
    },
    /// Move partitions between brokers: from a file, to even out, or to another replication factor. Alone: what moves.
    Reassign {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        wanted: Box<verbs::Reassign>,
    },
    /// Show the cluster's settings, or change them.
    Settings {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        wanted: verbs::Settings,
    },
    /// List, create, change and remove accounts of people and programs, and revoke certificates.
    Accounts {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: verbs::Accounts,
    },
    /// List, create and revoke the tokens of accounts.
    Tokens {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: verbs::Tokens,
    },
    /// List and export who came in and who was refused, and check that nothing of it was changed.
    Audit {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: verbs::Audit,
    },
    /// List what was committed, show what a change replaced, what differs between two states, and take a change back.
    History {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        wanted: Box<verbs::History>,
    },
    /// Write what a node keeps into one file, put one into a database, list what a backup holds, and prove it.
    Backup {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: verbs::Backup,
    },
    /// Make a new cluster of one controller out of a backup: the same cluster id, topics and ids, in a new lineage.
    Restore(verbs::Restore),
    /// Make a certificate authority and certificates for a cluster, or show what one says.
    #[command(subcommand)]
    Cert(cert::Cert),
    /// Say whether serve could use a configuration file.
    CheckConfig(verbs::CheckConfig),
    /// Print every change as it is committed.
    Watch {
        #[command(flatten)]
        common: Common,
    },
}

impl Default for Command {
    fn default() -> Self {
        Command::Serve(Box::default())
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line or the configuration cannot be used
  3  the node is not reachable (verbs that ask one)
  4  rejected: nothing happened; of apply, what is not listed as refused was done
  5  unknown outcome: it may have happened or may yet happen
  6  a dry run of apply: something is to be done; reassign --verify: something is not done yet";

/// The command line, with the exit codes at the end of every help text.
pub fn command() -> clap::Command {
    fn with_exit_codes(command: clap::Command) -> clap::Command {
        // A negative number is a bad value of the flag before it, and not a flag that there is not.
        command.after_help(EXIT_CODES).allow_negative_numbers(true).mut_subcommands(with_exit_codes)
    }
    with_exit_codes(Cli::command())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Every flag is also `QUORATE_…` in the environment and a key of the same name in the config file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServeFlags {
    /// This node's number, 1 or more.
    #[arg(long, env = "QUORATE_NODE_ID")]
    pub node_id: Option<u64>,
    /// Where to listen: dashboard, API and the other controllers.
    #[arg(long, env = "QUORATE_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// All controllers of the first start, this one included: 1=HOST:PORT,2=HOST:PORT,3=HOST:PORT.
    #[arg(long, env = "QUORATE_PEERS", value_name = "ID=HOST:PORT,…")]
    pub peers: Option<String>,
    /// Start empty and wait to be put in the place of a lost controller: `quorate quorum replace`.
    #[arg(long, env = "QUORATE_JOIN", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub join: Option<bool>,
    /// Where the log, the snapshots and the backup are kept.
    #[arg(long, env = "QUORATE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A TOML file with any of these flags as keys.
    #[arg(long, env = "QUORATE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Holds ca.crt, node.crt and node.key, and for browsers web.crt and web.key; tls in the data directory by default, if it is there.
    #[arg(long, env = "QUORATE_TLS_DIR", value_name = "DIR")]
    pub tls_dir: Option<PathBuf>,
    /// Whether TLS is spoken: require where there are certificates, and off where there are none, by default.
    #[arg(long, env = "QUORATE_TLS", value_name = "MODE")]
    pub tls: Option<Mode>,
    /// Listen beyond loopback without TLS, or open until there is an account: everybody there can change everything until then, and speak Raft.
    #[arg(long, env = "QUORATE_INSECURE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub insecure: Option<bool>,
    /// The name of the first account, an admin's, which closes the cluster to everybody else; nothing when there is an account.
    #[arg(long, env = "QUORATE_INITIAL_ADMIN", value_name = "NAME")]
    pub initial_admin: Option<String>,
    /// A file that holds its password: its first line.
    #[arg(long, env = "QUORATE_INITIAL_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub initial_admin_password_file: Option<PathBuf>,
    /// A TOML file that says how people sign in by an OpenID Connect provider, and which of its groups has which role.
    #[arg(long, env = "QUORATE_OIDC", value_name = "FILE")]
    pub oidc: Option<PathBuf>,
    /// How browsers reach this node: what a provider sends them back to.
    #[arg(long, env = "QUORATE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
    #[arg(long, env = "QUORATE_TRUSTED_PROXIES", value_name = "CIDR,…")]
    pub trusted_proxies: Option<String>,
    /// A follower that hears nothing for this long, up to twice as long, stands for election.
    #[arg(long, env = "QUORATE_ELECTION_TIMEOUT_MS", value_name = "MS")]
    pub election_timeout_ms: Option<u64>,
    /// How often a leader tells its followers that it lives.
    #[arg(long, env = "QUORATE_HEARTBEAT_INTERVAL_MS", value_name = "MS")]
    pub heartbeat_interval_ms: Option<u64>,
    /// How long a broker's session outlives its last heartbeat.
    #[arg(long, env = "QUORATE_BROKER_SESSION_TIMEOUT_MS", value_name = "MS")]
    pub broker_session_timeout_ms: Option<u64>,
    /// Entries between two snapshots; as many are kept behind one for nodes that lag.
    #[arg(long, env = "QUORATE_SNAPSHOT_EVERY", value_name = "ENTRIES")]
    pub snapshot_every: Option<u64>,
    /// How often the whole state is compared with its own digest.
    #[arg(long, env = "QUORATE_SCRUB_INTERVAL_MS", value_name = "MS")]
    pub scrub_interval_ms: Option<u64>,
    /// Networks whose storage services may be pushed to; loopback by default.
    #[arg(long, env = "QUORATE_PUSH_NETWORKS", value_name = "CIDR,…")]
    pub push_networks: Option<String>,
    /// Further host names that this node is reached by.
    #[arg(long, env = "QUORATE_HOST_NAMES", value_name = "NAME,…")]
    pub host_names: Option<String>,
    /// The path that a proxy serves this node under, as /quorate: pages, API, feed and all else are there too.
    #[arg(long, env = "QUORATE_BASE_PATH", value_name = "PATH")]
    pub base_path: Option<String>,
    /// Serve the API alone.
    #[arg(long, env = "QUORATE_NO_UI", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub no_ui: Option<bool>,
    /// Keep no history on this node: nothing committed can be looked back at here.
    #[arg(long, env = "QUORATE_NO_HISTORY", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub no_history: Option<bool>,
    /// Keep no SQL backup.
    #[arg(long, env = "QUORATE_NO_BACKUP", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub no_backup: Option<bool>,
    /// Where the SQL backup goes: sqlite:// or postgres://; a SQLite file in the data directory by default.
    #[arg(long, env = "QUORATE_DATABASE_URL", value_name = "URL")]
    pub database_url: Option<String>,
    /// A file that holds that URL, for one with a password: its first line.
    #[arg(long, env = "QUORATE_DATABASE_URL_FILE", value_name = "FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
    /// One line each on stderr: text, or json for machines.
    #[arg(long, env = "QUORATE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Stop when stdin ends, as it does when a supervisor dies.
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub stop_with_stdin: bool,
}

#[derive(Args, Clone, Debug)]
pub struct StorageFlags {
    /// The broker's number; no controller may have it.
    #[arg(long, env = "QUORATE_STORAGE_ID")]
    pub id: u32,
    /// The controllers' URLs, any of them.
    #[arg(long, env = "QUORATE_CONTROLLERS", value_delimiter = ',', required = true, value_name = "URL,…")]
    pub controllers: Vec<String>,
    /// Where to listen for pushes and for other brokers.
    #[arg(long, env = "QUORATE_STORAGE_LISTEN", value_name = "HOST:PORT")]
    pub listen: SocketAddr,
    /// Where the assigned replicas are kept.
    #[arg(long, env = "QUORATE_STORAGE_DATA_DIR", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The rack that the broker stands in.
    #[arg(long, env = "QUORATE_RACK")]
    pub rack: Option<String>,
    /// The host under which controllers and other brokers reach it; that of --listen by default.
    #[arg(long, env = "QUORATE_ADVERTISED_HOST", value_name = "HOST")]
    pub advertised_host: Option<String>,
    /// Holds ca.crt, node.crt and node.key; tls in the data directory by default, if it is there.
    #[arg(long, env = "QUORATE_TLS_DIR", value_name = "DIR")]
    pub tls_dir: Option<PathBuf>,
    /// Whether TLS is spoken: require where there are certificates, and off where there are none, by default.
    #[arg(long, env = "QUORATE_TLS", value_name = "MODE")]
    pub tls: Option<Mode>,
    /// A file with the token that says which broker this is, where no certificate does; or the token itself in QUORATE_TOKEN.
    #[arg(long, env = "QUORATE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Listen beyond loopback although there is no TLS.
    #[arg(long, env = "QUORATE_INSECURE")]
    pub insecure: bool,
    /// One line each on stderr: text, or json for machines.
    #[arg(long, env = "QUORATE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Stop when stdin ends, as it does when a supervisor dies.
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,
}

#[derive(Args, Clone, Debug)]
pub struct DemoFlags {
    /// Where the cluster's data is kept between runs.
    #[arg(long, default_value = "./data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Begin with an empty cluster.
    #[arg(long)]
    pub fresh: bool,
    /// Make an authority and certificates, and speak nothing but TLS.
    #[arg(long)]
    pub secure: bool,
    /// The first of three ports of the controllers; the storage services take the three ports ten above.
    #[arg(long, default_value_t = 9_091, value_name = "PORT")]
    pub port: u16,
}

macro_rules! fill {
    ($flags:ident, $file:ident: $($field:ident),*) => { $($flags.$field = $flags.$field.or($file.$field);)* };
}

impl ServeFlags {
    /// Takes from the config file what neither flag nor variable said.
    ///
    /// # Errors
    /// [`Usage`] with the file, and the key at fault.
    pub fn with_file(mut self) -> Result<Self, Usage> {
        let Some(path) = self.config.clone() else { return Ok(self) };
        let mut file = read_file(&path)?;
        if self.database_url.is_some() || self.database_url_file.is_some() {
            (file.database_url, file.database_url_file) = (None, None);
        }
        fill!(self, file: node_id, listen, peers, join, data_dir, tls_dir, tls, insecure, initial_admin,
            initial_admin_password_file, trusted_proxies, oidc, public_url, election_timeout_ms, heartbeat_interval_ms, broker_session_timeout_ms,
            snapshot_every, scrub_interval_ms,
            push_networks, host_names, base_path, no_ui, no_history, no_backup, database_url, database_url_file, log_format);
        Ok(self)
    }
}

fn read_file(path: &Path) -> Result<ServeFlags, Usage> {
    let text = std::fs::read_to_string(path).map_err(|error| Usage(format!("--config {}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| Usage(format!("--config {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::peers;
    use proptest::prelude::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn peers_are_read_or_refused_with_the_part_at_fault() {
        let good = peers("1=127.0.0.1:1, 2=host:2", "http");
        assert_eq!(
            good.ok().map(|peers| peers.into_values().collect::<Vec<_>>()),
            Some(vec!["http://127.0.0.1:1".to_owned(), "http://host:2".to_owned()])
        );
        for bad in ["x", "0=h:1", "1=h", "1=:1", "1=h:0", "1=h:1,1=h:2", "a=h:1"] {
            let message = peers(bad, "http").err().map(|usage| usage.0).unwrap_or_default();
            assert!(message.contains("--peers"), "{bad}: {message}");
        }
    }

    const CONFIG: &str = "node-id = 1\nlisten = \"127.0.0.1:1\"\npeers = \"1=h:1,2=h:2\"\njoin = false\nelection-timeout-ms = 500\n\
        host-names = \"a,b\"\npush-networks = \"10.0.0.0/8\"\nlog-format = \"json\"\n";

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_peers_are_read_or_refused(text in "[ -~]{0,40}|([0-9]{1,20}=[a-z0-9.:\\[\\]]{0,12}:[0-9]{1,6},?){0,4}") {
            match peers(&text, "https") {
                Ok(peers) => prop_assert!(peers.values().all(|url| url.starts_with("https://")), "{:?}", peers),
                Err(Usage(message)) => prop_assert!(message.contains("--peers"), "{}", message),
            }
        }

        #[test]
        fn any_config_file_is_read_or_refused(stretch in damage::stretch(&["-1", "1e400", "99999999999999999999", "[[", "\"", "\"\"\"", "=", "\n", "{ a = ", "nan"])) {
            let mut bytes = CONFIG.as_bytes().to_vec();
            stretch.apply(&mut bytes);
            if let Err(error) = toml::from_str::<ServeFlags>(&String::from_utf8_lossy(&bytes)) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_whole_config_file_is_read() {
        let read = toml::from_str::<ServeFlags>(CONFIG).map(|flags| (flags.node_id, flags.host_names));
        assert_eq!(read.map_err(|error| error.to_string()), Ok((Some(1), Some("a,b".to_owned()))));
    }

    #[test]
    fn an_unknown_key_in_the_config_file_is_refused_by_name() {
        let error = toml::from_str::<ServeFlags>("lisen = \"x\"").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("lisen"), "{error}");
    }
}
