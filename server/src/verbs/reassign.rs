//! `quorate reassign`: partitions that move, in Kafka's own file format too.

use super::call::{Server, print_line};
use super::table;
use crate::usage::Usage;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use metadata::contract::Operation;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of a file of moves: ten thousand take a tenth of it.
const LONGEST_FILE: u64 = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Goal {
    Replicas,
    Leaders,
    Both,
}

/// Without any flag: the reassignments that there are.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Reassign {
    /// Moves in the format of Kafka's tools: `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}`.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Say how far the moves of the file, or of a reassignment, are; exit code 6 while any is not done.
    #[arg(long)]
    pub verify: bool,
    /// Call a reassignment off, or take the moves of the file back.
    #[arg(long, conflicts_with = "verify")]
    pub cancel: bool,
    /// Print, in Kafka's format, what a rebalance would come to, and do nothing.
    #[arg(long, conflicts_with_all = ["verify", "cancel", "file"])]
    pub generate: bool,
    /// The reassignment that --verify, --cancel and --per-broker are about.
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    pub id: Option<u64>,
    /// Even out what brokers carry, with the least movement.
    #[arg(long, conflicts_with_all = ["file", "id", "factor"])]
    pub rebalance: bool,
    /// Of a rebalance: only these topics.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub topics: Vec<String>,
    /// Of a rebalance: only between these brokers.
    #[arg(long, value_delimiter = ',', value_name = "ID,…", conflicts_with = "topics")]
    pub brokers: Vec<u32>,
    /// Of a rebalance: what to even out.
    #[arg(long, value_enum, default_value = "both")]
    pub goal: Goal,
    /// Of a rebalance: at most so many partitions.
    #[arg(long, value_name = "N")]
    pub max_moves: Option<u32>,
    /// Another replication factor for a topic.
    #[arg(long, value_name = "TOPIC=N", conflicts_with_all = ["file", "id"])]
    pub factor: Option<String>,
    /// Moves in flight into a broker and out of one; of a running reassignment with --id.
    #[arg(long, value_name = "N")]
    pub per_broker: Option<u32>,
}

impl Reassign {
    /// Whether anything was given that only says how a plan is to be made.
    fn about_a_plan(&self) -> bool {
        !self.topics.is_empty() || !self.brokers.is_empty() || self.max_moves.is_some() || self.per_broker.is_some()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    partitions: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    topic: String,
    partition: u32,
    replicas: Vec<u32>,
}

fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let usage = |what: String| Usage(format!("--file {}: {what}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| usage(error.to_string()))?.len();
    if size > LONGEST_FILE {
        bail!(usage(format!("{size} bytes are more than {LONGEST_FILE}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
    let file: File = serde_json::from_str(&text).map_err(|error| usage(error.to_string()))?;
    if file.version != 1 {
        bail!(usage(format!("version {} is not 1", file.version)));
    }
    Ok(file.partitions)
}

/// Runs the verb.
pub async fn run(server: &Server, wanted: Reassign) -> anyhow::Result<()> {
    let limits = json!({ "per_broker": wanted.per_broker });
    match (&wanted.file, wanted.id) {
        (Some(path), _) if wanted.verify => verify_file(server, &read(path)?).await,
        (Some(path), _) if wanted.cancel => take_back(server, &read(path)?).await,
        (Some(path), _) => {
            let entries = read(path)?;
            let moves: Vec<Value> =
                entries.iter().map(|one| json!({ "topic": one.topic, "partition": one.partition, "replicas": one.replicas })).collect();
            start(server, json!({ "moves": moves, "limits": limits })).await
        }
        (None, Some(id)) if wanted.verify => verify_id(server, id).await,
        (None, Some(id)) if wanted.cancel => {
            server.show(Operation::CancelReassignment, &[&id.to_string()], None, table::reassignment).await
        }
        (None, Some(id)) if wanted.per_broker.is_some() => {
            server.show(Operation::LimitReassignment, &[&id.to_string()], Some(json!({ "limits": limits })), table::reassignment).await
        }
        (None, Some(id)) => server.show(Operation::GetReassignment, &[&id.to_string()], None, table::reassignment).await,
        (None, None) if wanted.verify || wanted.cancel => Err(Usage("say which with --file FILE or --id ID".to_owned()).into()),
        (None, None) if wanted.generate => generate(server, &wanted).await,
        (None, None) if wanted.rebalance => start(server, json!({ "rebalance": rebalance(&wanted), "limits": limits })).await,
        (None, None) => match &wanted.factor {
            Some(text) => {
                let (topic, factor) = text
                    .rsplit_once('=')
                    .and_then(|(topic, factor)| Some((topic, factor.parse::<i64>().ok()?)))
                    .ok_or_else(|| Usage(format!("--factor {text:?} is no TOPIC=N")))?;
                start(server, json!({ "factor": { "topic": topic, "replication_factor": factor }, "limits": limits })).await
            }
            None if wanted.about_a_plan() => Err(Usage("say what is to move: --file, --rebalance or --factor".to_owned()).into()),
            None => server.show(Operation::ListReassignments, &[], None, table::reassignments).await,
        },
    }
}

async fn start(server: &Server, body: Value) -> anyhow::Result<()> {
    server.show(Operation::StartReassignment, &[], Some(body), table::reassignment).await
}

fn rebalance(wanted: &Reassign) -> Value {
    let goal = match wanted.goal {
        Goal::Replicas => "replicas",
        Goal::Leaders => "leaders",
        Goal::Both => "both",
    };
    let scope = match (wanted.topics.is_empty(), wanted.brokers.is_empty()) {
        (false, _) => "topics",
        (true, false) => "brokers",
        (true, true) => "cluster",
    };
    json!({ "scope": scope, "topics": wanted.topics, "brokers": wanted.brokers, "goal": goal, "max_moves": wanted.max_moves })
}

/// What a dry run of a rebalance would move, as two files in Kafka's format: as it is, and as it would be.
async fn generate(server: &Server, wanted: &Reassign) -> anyhow::Result<()> {
    let body = json!({ "rebalance": rebalance(wanted) });
    let planned = server.ask(Operation::StartReassignment, &[], &[("dry_run", "true")], Some(body)).await?;
    let moves = planned["groups"].as_array().into_iter().flatten().flat_map(|group| group["commands"].as_array().into_iter().flatten());
    let moves: Vec<&Value> = moves.flat_map(|command| command["moves"].as_array().into_iter().flatten()).collect();
    let names: BTreeMap<String, String> = match moves.is_empty() {
        true => BTreeMap::new(),
        false => {
            let topics = server.all_topics().await?;
            let pair = |row: &Value| Some((row["id"].as_str()?.to_owned(), row["name"].as_str()?.to_owned()));
            topics["topics"].as_array().into_iter().flatten().filter_map(pair).collect()
        }
    };
    let file = |key: &str| {
        let one = |each: &&Value| {
            let topic = each["topic_id"].as_str().and_then(|id| names.get(id));
            json!({ "topic": topic, "partition": each["partition"], "replicas": each[key] })
        };
        json!({ "version": 1, "partitions": moves.iter().map(one).collect::<Vec<_>>() })
    };
    for (title, key) in [("Current partition replica assignment", "from"), ("Proposed partition reassignment configuration", "to")] {
        print_line(&format!("{title}\n{}", file(key)))?;
    }
    Ok(())
}

/// The partition of an entry as it is.
async fn partition(server: &Server, one: &Entry) -> anyhow::Result<Value> {
    let number = one.partition.to_string();
    Ok(server.ask(Operation::GetPartition, &[&one.topic, &number], &[], None).await?["partition"].take())
}

fn ids(value: &Value) -> Vec<u64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

async fn verify_file(server: &Server, entries: &[Entry]) -> anyhow::Result<()> {
    let mut open = false;
    for one in entries {
        let found = partition(server, one).await.with_context(|| format!("{}-{}", one.topic, one.partition))?;
        let moving = !ids(&found["adding_replicas"]).is_empty() || !ids(&found["removing_replicas"]).is_empty();
        let there = ids(&found["replicas"]).iter().copied().eq(one.replicas.iter().map(|id| u64::from(*id)));
        let what = match (there && !moving, moving) {
            (true, _) => "is complete",
            (false, true) => "is still in progress",
            (false, false) => "is not as the file says",
        };
        open |= !there || moving;
        print_line(&format!("Reassignment of partition {}-{} {what}", table::plain(&one.topic), one.partition))?;
    }
    if open { Err(super::Failed::Outstanding.into()) } else { Ok(()) }
}

async fn verify_id(server: &Server, id: u64) -> anyhow::Result<()> {
    let answer = server.ask(Operation::GetReassignment, &[&id.to_string()], &[], None).await?;
    let of = &answer["reassignment"];
    let done = of["state"] == "done" && of["done"] == of["total"];
    server.print(&answer, table::reassignment)?;
    if done { Ok(()) } else { Err(super::Failed::Outstanding.into()) }
}

/// Moves the partitions of a file that are under way back to where they were.
async fn take_back(server: &Server, entries: &[Entry]) -> anyhow::Result<()> {
    let all = server.ask(Operation::ListReassignments, &[], &[("limit", "10000")], None).await?;
    let mut from: BTreeMap<(String, u64), Value> = BTreeMap::new();
    for each in all["reassignments"].as_array().into_iter().flatten().flat_map(|of| of["moves"].as_array().into_iter().flatten()) {
        let open = each["state"] == "waiting" || each["state"] == "moving";
        if let (true, Some(topic), Some(number)) = (open, each["topic"].as_str(), each["partition"].as_u64()) {
            from.insert((topic.to_owned(), number), each["from"].clone());
        }
    }
    let back = |one: &Entry| {
        let before = from.get(&(one.topic.clone(), u64::from(one.partition)))?;
        Some(json!({ "topic": one.topic, "partition": one.partition, "replicas": before }))
    };
    let moves: Vec<Value> = entries.iter().filter_map(back).collect();
    if moves.is_empty() {
        return Err(super::Failed::Rejected("NO_REASSIGNMENT_IN_PROGRESS: no partition of the file is under way".to_owned()).into());
    }
    start(server, json!({ "moves": moves })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_kafkas_tools_is_read_and_anything_else_is_refused_by_name() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("moves.json");
        let cases = [
            (r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]}"#, None),
            (r#"{"version":2,"partitions":[]}"#, Some("version 2")),
            (r#"{"version":1,"partitions":[{"topic":"t","replicas":[1]}]}"#, Some("partition")),
            (r#"{"version":1,"partition":[]}"#, Some("partition")),
            ("no json", Some("line 1")),
        ];
        for (text, wrong) in cases {
            std::fs::write(&path, text)?;
            let refused = read(&path).err().map(|error| error.to_string());
            match (wrong, refused) {
                (None, None) => {}
                (Some(part), Some(message)) => assert!(message.contains(part) && message.contains("--file"), "{text}: {message}"),
                (wrong, refused) => panic!("{text}: {wrong:?} {refused:?}"),
            }
        }
        assert!(read(&folder.path().join("gone.json")).is_err());
        Ok(())
    }
}
