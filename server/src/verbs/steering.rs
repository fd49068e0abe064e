//! Verbs that steer: elections, settings, drains, the controllers' membership, and whether a configuration can be used.

use super::call::{Server, print_line};
use super::{Quorum, pairs, table};
use crate::cli::ServeFlags;
use crate::usage::Usage;
use clap::Args;
use metadata::contract::Operation;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Elections: of these partitions, of a topic's, of a broker's, or of all that need one.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Elect {
    /// Let a replica lead that may lack acknowledged records, where no other can: records may be lost.
    #[arg(long)]
    pub unclean: bool,
    #[arg(long = "partition", value_name = "TOPIC-N")]
    pub partitions: Vec<String>,
    #[arg(long, value_name = "NAME", conflicts_with = "partitions")]
    pub topic: Option<String>,
    /// Preferred: those that it is the first replica of.
    #[arg(long, value_name = "ID", conflicts_with_all = ["partitions", "topic"])]
    pub broker: Option<u32>,
}

/// The cluster's settings: shown, or changed.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Back to its default.
    #[arg(long, value_name = "KEY")]
    pub delete: Vec<String>,
}

/// A configuration file of `serve`.
#[derive(Args, Clone, Debug)]
pub struct CheckConfig {
    pub file: PathBuf,
}

pub async fn elect(server: &Server, wanted: Elect) -> anyhow::Result<()> {
    let partition = |text: &String| -> anyhow::Result<Value> {
        let named = text.rsplit_once('-').and_then(|(topic, number)| Some((topic, number.parse::<u32>().ok()?)));
        let (topic, partition) = named.ok_or_else(|| Usage(format!("--partition {text:?} is no TOPIC-N")))?;
        Ok(json!({ "topic": topic, "partition": partition }))
    };
    let mut body = json!({ "type": if wanted.unclean { "unclean" } else { "preferred" } });
    if !wanted.partitions.is_empty() {
        body["partitions"] = wanted.partitions.iter().map(partition).collect::<anyhow::Result<Vec<_>>>()?.into();
    }
    if let Some(topic) = wanted.topic {
        body["topic"] = topic.into();
    }
    if let Some(broker) = wanted.broker {
        body["broker"] = broker.into();
    }
    if server.dry_run() {
        return server.show(Operation::Elect, &[], Some(body), table::elections).await;
    }
    let answer = server.ask(Operation::Elect, &[], &[], Some(body)).await?;
    server.print(&answer, table::elections)?;
    let refused = |result: &&Value| !matches!(result["error"]["code"].as_str(), None | Some("ELECTION_NOT_NEEDED"));
    match answer["results"].as_array().into_iter().flatten().filter(refused).count() {
        0 => Ok(()),
        count => Err(super::Failed::Rejected(format!("{count} elections were refused, as the list says")).into()),
    }
}

pub async fn settings(server: &Server, wanted: Settings) -> anyhow::Result<()> {
    let mut ops: Vec<Value> =
        pairs(&wanted.set)?.into_iter().map(|(key, value)| json!({ "key": key, "op": "set", "value": value })).collect();
    ops.extend(wanted.delete.iter().map(|key| json!({ "key": key, "op": "delete" })));
    match ops.is_empty() {
        true => server.show(Operation::GetSettings, &[], None, table::settings).await,
        false => server.show(Operation::ChangeSettings, &[], Some(json!({ "ops": ops })), table::settings).await,
    }
}

pub async fn drain(server: &Server, id: u32, stop: bool, per_broker: Option<u32>) -> anyhow::Result<()> {
    let id = id.to_string();
    match stop {
        true => server.show(Operation::StopDrain, &[&id], None, table::reassignment).await,
        false => {
            server.show(Operation::DrainBroker, &[&id], Some(json!({ "limits": { "per_broker": per_broker } })), table::reassignment).await
        }
    }
}

/// The node that `ID=HOST:PORT` names. The leader knows how controllers speak to one another, and writes its address so.
fn newcomer(text: &str, flag: &str) -> anyhow::Result<(u64, String)> {
    let usage = || Usage(format!("{flag} {text:?} is no ID=HOST:PORT"));
    let mut all = crate::peers::peers(text, "http").map_err(|_| usage())?.into_iter();
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(usage().into()),
    }
}

pub async fn quorum(server: &Server, verb: Option<Quorum>) -> anyhow::Result<()> {
    let Some(verb) = verb else { return server.show(Operation::GetCluster, &[], None, table::quorum).await };
    let of = |id: u64| id.to_string();
    match verb {
        Quorum::Replace { id, with } => {
            let (new_id, url) = newcomer(&with, "--with")?;
            let body = json!({ "remove": id, "add": { "id": new_id, "url": url } });
            server.show(Operation::ReplaceController, &[], Some(body), table::members).await
        }
        Quorum::Add { node } => {
            let (id, url) = newcomer(&node, "the node")?;
            server.show(Operation::AddController, &[], Some(json!({ "id": id, "url": url })), table::members).await
        }
        Quorum::Promote { id } => server.show(Operation::PromoteController, &[&of(id)], None, table::members).await,
        Quorum::Demote { id } => server.show(Operation::DemoteController, &[&of(id)], None, table::members).await,
        Quorum::Remove { id } => server.show(Operation::RemoveController, &[&of(id)], None, table::members).await,
        Quorum::Transfer { id } => server.show(Operation::MoveLeadership, &[], Some(json!({ "node_id": id })), table::leader).await,
    }
}

/// Says whether `serve` could use a configuration file, as it would read it now.
pub fn check_config(wanted: CheckConfig) -> anyhow::Result<()> {
    let shown = wanted.file.display().to_string();
    let flags = ServeFlags { config: Some(wanted.file), ..ServeFlags::default() };
    crate::serve::check(&flags.with_file()?)?;
    Ok(print_line(&format!("{shown}: ok"))?)
}
