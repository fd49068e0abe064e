//! The verbs for operators: `topics`, `apply`, `export`, `brokers`, `elect`, `reassign`, `settings`, `quorum`, `watch`, against any node,
//! over the same API that scripts use.
//!
//! `call` asks the node and turns refusals into exit codes; `table` prints; `apply` holds what works on files, `steering` and `reassign` what steers, `rights` who may do what, `audit` who came in, `history` what was committed; `backup` and `restore` what is kept outside the cluster; `watch` follows the feed.

mod apply;
mod audit;
mod backup;
mod call;
mod history;
mod moment;
mod reassign;
mod restore;
mod rights;
mod steering;
mod table;
mod watch;

pub use apply::{Apply, Export};
pub use audit::Audit;
pub use backup::Backup;
pub use call::Failed;
pub use history::History;
pub use reassign::Reassign;
pub use restore::{Restore, run as restore};
pub use rights::{Accounts, Tokens};
pub use steering::{CheckConfig, Elect, Settings, check_config};

use anyhow::{Context, bail};
use call::Server;
use clap::{Args, Subcommand, ValueEnum};
use metadata::contract::Operation;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Json,
}

/// What every verb takes.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Any node of the cluster.
    #[arg(long, env = "QUORATE_SERVER", default_value = "http://127.0.0.1:9091", value_name = "URL", global = true)]
    pub server: String,
    /// Who vouches for the node, where it is asked over TLS: a file of certificates; those that this machine trusts by default.
    #[arg(long, env = "QUORATE_CA", value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// A file with the token to show, for a cluster that asks who you are; or the token itself in QUORATE_TOKEN.
    #[arg(long, env = "QUORATE_TOKEN_FILE", value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Output,
    /// Say what would be committed, and commit nothing.
    #[arg(long, global = true)]
    pub dry_run: bool,
}

#[derive(Subcommand, Clone, Debug)]
pub enum Topics {
    /// Every topic by name.
    List,
    /// One topic with its partitions.
    Get { name: String },
    /// Create a topic.
    Create {
        name: String,
        #[arg(long, value_name = "N")]
        partitions: Option<i64>,
        #[arg(long, value_name = "N")]
        replication_factor: Option<i64>,
        #[arg(long = "config", value_name = "KEY=VALUE")]
        configs: Vec<String>,
    },
    /// Delete a topic: asks for its name on a terminal.
    Delete {
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Change a topic's configuration.
    Config {
        name: String,
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        #[arg(long, value_name = "KEY")]
        delete: Vec<String>,
    },
    /// Add partitions to a topic; none is ever taken away.
    Grow {
        name: String,
        /// How many there are to be in all.
        #[arg(long, value_name = "N")]
        partitions: i64,
    },
}

#[derive(Subcommand, Clone, Debug)]
pub enum Brokers {
    /// Every broker by id.
    List,
    /// One broker.
    Get { id: u32 },
    /// Fence a broker until it is unfenced: no heartbeat undoes it.
    Fence { id: u32 },
    /// Take an operator's fence off.
    Unfence { id: u32 },
    /// Move everything off a broker, its leaders first; then it may be removed.
    Drain {
        id: u32,
        /// Stop draining it, and take back what has begun.
        #[arg(long)]
        stop: bool,
        /// Moves in flight into a broker and out of one.
        #[arg(long, value_name = "N", conflicts_with = "stop")]
        per_broker: Option<u32>,
    },
    /// Unregister a broker: it leaves every ISR.
    Remove { id: u32 },
}

#[derive(Subcommand, Clone, Debug)]
pub enum Quorum {
    /// Put an empty controller, started with --join under an id that was never used, in the place of a lost one.
    Replace {
        /// The node id whose data is lost.
        id: u64,
        /// The new node.
        #[arg(long, value_name = "ID=HOST:PORT")]
        with: String,
    },
    /// A controller, started with --join, joins as a learner: it serves pages, reads and feeds, and has no vote.
    Add {
        #[arg(value_name = "ID=HOST:PORT")]
        node: String,
    },
    /// A learner votes from now on.
    Promote { id: u64 },
    /// A voter becomes a learner.
    Demote { id: u64 },
    /// A controller leaves for good: its id is never used again.
    Remove { id: u64 },
    /// Let another controller lead.
    Transfer { id: u64 },
}

/// A verb with what it needs.
#[derive(Clone, Debug)]
pub enum Verb {
    Topics(Topics),
    Apply(Apply),
    Export(Export),
    Brokers(Brokers),
    Quorum(Option<Quorum>),
    Elect(Elect),
    Reassign(Box<Reassign>),
    Settings(Settings),
    Accounts(Accounts),
    Tokens(Tokens),
    Audit(Audit),
    History(Box<History>),
    Backup(Backup),
    Watch,
}

/// Runs a verb.
///
/// # Errors
/// [`Failed`] with the exit code where the node was asked; anything else is a failure of this program.
pub fn run(common: &Common, verb: Verb) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let ran = runtime.block_on(async {
        match verb {
            Verb::Topics(verb) => topics(&Server::new(common)?, verb).await,
            Verb::Apply(wanted) => apply::apply(&Server::new(common)?, wanted).await,
            Verb::Export(wanted) => apply::export(&Server::new(common)?, &wanted).await,
            Verb::Brokers(verb) => brokers(&Server::new(common)?, verb).await,
            Verb::Quorum(verb) => steering::quorum(&Server::new(common)?, verb).await,
            Verb::Elect(wanted) => steering::elect(&Server::new(common)?, wanted).await,
            Verb::Reassign(wanted) => reassign::run(&Server::new(common)?, *wanted).await,
            Verb::Settings(wanted) => steering::settings(&Server::new(common)?, wanted).await,
            Verb::Accounts(verb) => rights::accounts(&Server::new(common)?, verb).await,
            Verb::Tokens(verb) => rights::tokens(&Server::new(common)?, verb).await,
            Verb::Audit(verb) => audit::run(common, verb).await,
            Verb::History(wanted) => history::run(&Server::new(common)?, *wanted).await,
            Verb::Backup(verb) => backup::run(common, verb).await,
            Verb::Watch => watch::run(common).await,
        }
    });
    match ran {
        Err(error) if call::unread(&error) => Ok(()),
        ran => ran,
    }
}

async fn topics(server: &Server, verb: Topics) -> anyhow::Result<()> {
    match verb {
        Topics::List => server.print(&server.all_topics().await?, table::topics),
        Topics::Get { name } => server.show(Operation::GetTopic, &[&name], None, table::topic).await,
        Topics::Create { name, partitions, replication_factor, configs } => {
            let mut body = json!({ "name": name, "configs": pairs(&configs)? });
            for (key, value) in [("partitions", partitions), ("replication_factor", replication_factor)] {
                if let Some(value) = value {
                    body[key] = json!(value);
                }
            }
            server.show(Operation::CreateTopic, &[], Some(body), table::topic).await
        }
        Topics::Delete { name, yes } => {
            if !yes && !server.dry_run() {
                confirm(&name)?;
            }
            server.show(Operation::DeleteTopic, &[&name], None, table::committed).await
        }
        Topics::Config { name, set, delete } => {
            let mut ops: Vec<Value> =
                pairs(&set)?.into_iter().map(|(key, value)| json!({ "key": key, "op": "set", "value": value })).collect();
            ops.extend(delete.iter().map(|key| json!({ "key": key, "op": "delete" })));
            if ops.is_empty() {
                return server.show(Operation::GetTopic, &[&name], None, table::configs).await;
            }
            server.show(Operation::ChangeConfigs, &[&name], Some(json!({ "ops": ops })), table::configs).await
        }
        Topics::Grow { name, partitions } => {
            server.show(Operation::GrowTopic, &[&name], Some(json!({ "count": partitions })), table::topic).await
        }
    }
}

async fn brokers(server: &Server, verb: Brokers) -> anyhow::Result<()> {
    match verb {
        Brokers::List => server.show(Operation::ListBrokers, &[], None, table::brokers).await,
        Brokers::Get { id } => server.show(Operation::GetBroker, &[&id.to_string()], None, table::broker).await,
        Brokers::Fence { id } => server.show(Operation::FenceBroker, &[&id.to_string()], None, table::broker).await,
        Brokers::Unfence { id } => server.show(Operation::UnfenceBroker, &[&id.to_string()], None, table::broker).await,
        Brokers::Drain { id, stop, per_broker } => steering::drain(server, id, stop, per_broker).await,
        Brokers::Remove { id } => server.show(Operation::UnregisterBroker, &[&id.to_string()], None, table::committed).await,
    }
}

fn pairs(texts: &[String]) -> anyhow::Result<Map<String, Value>> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), Value::String(value.to_owned()))),
            None => Err(crate::usage::Usage(format!("{text:?} is no KEY=VALUE")).into()),
        })
        .collect()
}

fn confirm(name: &str) -> anyhow::Result<()> {
    let typed = answer(&format!("This deletes {} and cannot be undone. Type its name: ", table::plain(name)))?;
    if typed == name { Ok(()) } else { bail!("that is not its name; nothing was deleted") }
}

fn confirm_deletions(topics: &str) -> anyhow::Result<()> {
    let typed = answer(&format!("This deletes {topics} and cannot be undone. Type yes to go on: "))?;
    if typed == "yes" { Ok(()) } else { bail!("that is not yes; nothing was done") }
}

/// What a person types on the terminal.
fn answer(question: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(crate::usage::Usage("deleting needs --yes where there is no terminal to ask on".to_owned()).into());
    }
    // Not on stdout, which may go to a program.
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    Ok(typed.trim().to_owned())
}
