//! `history`: what was committed, one commit, what differs between two states, and a change that is taken back.

use super::call::Server;
use super::table::{self, cell, plain};
use clap::{Args, Subcommand};
use metadata::contract::Operation;
use serde_json::{Value, json};

/// Values of one change that are shown in a line.
const MOST_SHOWN: usize = 4;

/// Without a verb: commits, the newest first.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[group(skip)]
pub struct History {
    #[command(subcommand)]
    verb: Option<One>,
    /// About this topic alone, by the name that it had then.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// About this broker alone.
    #[arg(long, value_name = "ID")]
    broker: Option<u32>,
    /// By this one alone, as user:mario or broker:101.
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Option<String>,
    /// One kind alone, as change_configs.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// From this index on.
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Up to and with this index.
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// From this time on, in ms since 1970.
    #[arg(long, value_name = "MS")]
    from_ms: Option<u64>,
    /// Up to this time, in ms since 1970.
    #[arg(long, value_name = "MS")]
    to_ms: Option<u64>,
    /// Below this index: the `next` of an earlier answer.
    #[arg(long, value_name = "INDEX")]
    after: Option<u64>,
    /// At most so many, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

#[derive(Subcommand, Clone, Debug)]
enum One {
    /// One commit with what each of its changes replaced.
    Get { index: u64 },
    /// Take a change back by a change of its own, where it has an inverse and nothing came after it.
    Undo { index: u64 },
    /// What differs between the states at two indexes.
    Diff {
        from: u64,
        /// The newest one when absent.
        to: Option<u64>,
    },
}

pub async fn run(server: &Server, wanted: History) -> anyhow::Result<()> {
    match wanted.verb {
        Some(One::Get { index }) => server.show(Operation::GetCommit, &[&index.to_string()], None, one).await,
        Some(One::Undo { index }) => server.show(Operation::UndoCommit, &[&index.to_string()], None, table::committed).await,
        Some(One::Diff { from, to }) => {
            let (from, to) = (from.to_string(), to.map(|to| to.to_string()));
            let query: Vec<_> = [("from", from.as_str())].into_iter().chain(to.as_deref().map(|to| ("to", to))).collect();
            let answer = server.ask(Operation::DiffStates, &[], &query, None).await?;
            server.print(&answer, diff)
        }
        None => list(server, &wanted).await,
    }
}

async fn list(server: &Server, wanted: &History) -> anyhow::Result<()> {
    let number = |number: &Option<u64>| number.map(|number| number.to_string());
    let given = [
        ("topic", wanted.topic.clone()),
        ("broker", wanted.broker.map(|id| id.to_string())),
        ("principal", wanted.principal.clone()),
        ("kind", wanted.kind.clone()),
        ("from_index", number(&wanted.from)),
        ("to_index", number(&wanted.to)),
        ("from_ms", number(&wanted.from_ms)),
        ("to_ms", number(&wanted.to_ms)),
        ("after", number(&wanted.after)),
        ("limit", Some(wanted.limit.to_string())),
        ("before", Some("true".to_owned())),
    ];
    let query: Vec<_> = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
    let answer = server.ask(Operation::ListHistory, &[], &query, None).await?;
    server.print(&answer, commits)
}

fn commits(answer: &Value) -> String {
    let mut rows = Vec::new();
    for commit in answer["commits"].as_array().into_iter().flatten() {
        rows.push(json!({
            "index": commit["index"], "at_ms": commit["at_ms"], "kind": kind(commit), "principal": commit["principal"],
            "what": about(commit), "changes": commit["changes"].as_array().map_or(0, Vec::len),
        }));
    }
    let columns =
        [("INDEX", "index"), ("AT MS", "at_ms"), ("KIND", "kind"), ("WHO", "principal"), ("CHANGES", "changes"), ("WHAT", "what")];
    let mut lines = vec![table::rows(&Value::Array(rows), &columns)];
    for gap in answer["gaps"].as_array().into_iter().flatten() {
        lines.push(format!("not kept: behind {} up to {}", cell(&gap["after"]), cell(&gap["upto"])));
    }
    if let Some(next) = answer["next"].as_u64() {
        lines.push(format!("older ones: --after {next}"));
    }
    lines.join("\n")
}

fn kind(commit: &Value) -> String {
    let intent = &commit["intent"];
    match intent["kind"].as_str() {
        Some("undo") => format!("undo of {}", cell(&intent["of"])),
        Some(kind) => plain(kind),
        None => "membership".to_owned(),
    }
}

/// The topics and brokers that a commit speaks of.
fn about(commit: &Value) -> String {
    let mut about: Vec<String> = commit["topics"].as_object().into_iter().flatten().map(|(_, name)| cell(name)).collect();
    for change in commit["changes"].as_array().into_iter().flatten() {
        if change["kind"].as_str().is_some_and(|kind| kind.starts_with("broker_")) {
            about.push(format!("broker {}", cell(&change["id"])));
        }
    }
    about.dedup();
    let more = about.len().saturating_sub(MOST_SHOWN);
    about.truncate(MOST_SHOWN);
    if more > 0 {
        about.push(format!("and {more} more"));
    }
    about.join(", ")
}

fn one(answer: &Value) -> String {
    let commit = &answer["commit"];
    let head = format!(
        "{}  {}  {}  at {} ms  {}",
        cell(&commit["index"]),
        kind(commit),
        cell(&commit["principal"]),
        cell(&commit["at_ms"]),
        if answer["undoable"] == true { "has an inverse" } else { "has no inverse" }
    );
    let changes = commit["changes"].as_array().into_iter().flatten();
    let lines = changes.map(|change| {
        let mut after = change.clone();
        let before = after.as_object_mut().and_then(|fields| fields.remove("before")).unwrap_or_default();
        format!("- {}\n+ {}", plain(&before.to_string()), plain(&after.to_string()))
    });
    [head].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn diff(answer: &Value) -> String {
    let diff = &answer["diff"];
    let mut lines = vec![format!("{} differ between {} and {}", cell(&diff["total"]), cell(&diff["from"]), cell(&diff["to"]))];
    for one in diff["differences"].as_array().into_iter().flatten() {
        lines.push(format!("- {}\n+ {}", plain(&one["before"].to_string()), plain(&one["after"].to_string())));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_a_line_and_says_what_it_is_about() {
        let answer = json!({
            "commits": [
                { "index": 9, "at_ms": 5, "principal": "user:mario", "intent": { "kind": "undo", "of": 7 },
                  "topics": { "1": "orders" }, "changes": [{ "kind": "configs_changed" }] },
                { "index": 8, "at_ms": 4, "principal": "controller:1", "intent": null, "topics": {},
                  "changes": [{ "kind": "broker_changed", "id": 101 }, { "kind": "controllers_changed" }] },
            ],
            "gaps": [{ "after": 2, "upto": 6 }],
            "next": 7,
        });
        assert_eq!(
            commits(&answer),
            "INDEX  AT MS  KIND        WHO           CHANGES  WHAT\n\
             9      5      undo of 7   user:mario    1        orders\n\
             8      4      membership  controller:1  2        broker 101\n\
             not kept: behind 2 up to 6\nolder ones: --after 7"
        );
    }

    #[test]
    fn a_change_is_shown_with_what_it_replaced() {
        let commit = json!({ "index": 9, "at_ms": 5, "principal": "user:mario", "intent": { "kind": "fence_broker" }, "topics": {},
            "changes": [{ "kind": "broker_changed", "id": 1, "held": true, "before": { "kind": "broker_changed", "id": 1, "held": false } }] });
        assert_eq!(
            one(&json!({ "commit": commit, "undoable": true })),
            "9  fence_broker  user:mario  at 5 ms  has an inverse\n\
             - {\"held\":false,\"id\":1,\"kind\":\"broker_changed\"}\n\
             + {\"held\":true,\"id\":1,\"kind\":\"broker_changed\"}"
        );
    }
}
