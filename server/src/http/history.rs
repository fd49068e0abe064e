//! What was committed, looked back at: commits by what somebody looks for, one of them, what differs between two states, and a change
//! that is taken back.

use super::Node;
use super::answers::CommittedAnswer;
use super::call::{self, Call};
use super::mutation::{self, Done};
use super::problem::Refused;
use super::query::Query;
use super::whole;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use controller::{Controller, HistoryPage, Refusal};
use http::header;
use http::request::Parts;
use metadata::history::{self, Filter, Record};
use metadata::{BrokerId, Code, Index, Rejection, json};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

const USUAL: usize = 100;
const MOST: usize = 1_000;
/// Differences that are listed at most.
const MOST_DIFFERENCES: usize = 10_000;
const FILTERS: [&str; 8] = ["topic", "broker", "principal", "kind", "from_index", "to_index", "from_ms", "to_ms"];
const INDEX: &str = "an index";
const TIME: &str = "milliseconds since 1970";

/// A stretch that is not kept on this node, nor was it had from another yet.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "HistoryGap")]
pub struct Gap {
    /// Behind this index,
    after: Index,
    /// up to and with this one.
    upto: Index,
}

#[derive(Serialize, JsonSchema)]
pub struct HistoryAnswer {
    revision: Index,
    /// The newest first. With `before=true` each change says what it replaced.
    #[schemars(with = "Vec<Record>")]
    commits: Vec<Value>,
    /// Goes on as `after` with what is older; null where nothing older is kept.
    next: Option<Index>,
    gaps: Vec<Gap>,
}

#[derive(Serialize, JsonSchema)]
pub struct CommitAnswer {
    revision: Index,
    #[schemars(with = "Record")]
    commit: Value,
    /// The index of the commit before it, where that is kept.
    previous: Option<Index>,
    /// The index of the commit after it.
    next: Option<Index>,
    /// Whether such a change has an inverse; whether it can still be taken back shows a dry run.
    undoable: bool,
}

#[derive(Serialize, JsonSchema)]
pub struct DiffAnswer {
    revision: Index,
    /// Each difference with the change that would bring it as it was and as it is, or null.
    #[schemars(with = "history::Diff")]
    diff: Value,
}

fn value(form: impl Serialize) -> Value {
    serde_json::to_value(form).unwrap_or_default()
}

/// What somebody looks for.
fn filter(query: &Query) -> Result<Filter, Refused> {
    let text = |name: &str| query.check(name, "1 to 300 characters", |text| (1..=300).contains(&text.len()).then(|| text.to_owned()));
    Ok(Filter {
        topic: text("topic")?,
        broker: query.parse::<u32>("broker", "the id of a broker")?.map(BrokerId),
        principal: text("principal")?,
        kind: text("kind")?,
        from_index: query.parse("from_index", INDEX)?,
        to_index: query.parse("to_index", INDEX)?,
        from_ms: query.parse("from_ms", TIME)?,
        to_ms: query.parse("to_ms", TIME)?,
    })
}

pub async fn list(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let known: Vec<&str> = FILTERS.into_iter().chain(["after", "limit", "before"]).collect();
    let (query, _) = call::read(&node, &parts, &known).await?;
    let filter = filter(&query)?;
    let limit = query.check("limit", "1 to 1000", |text| text.parse().ok().filter(|limit| (1..=MOST).contains(limit)))?;
    let after = query.parse("after", "the `next` of an earlier answer")?;
    let before = query.parse("before", "true, false")?.unwrap_or(false);
    let page = node.controller.history(filter, after, limit.unwrap_or(USUAL), call::deadline(&parts)?).await?;
    let commits = page.records.iter().map(|record| value(json::record(record, before))).collect();
    let gaps = page.gaps.iter().map(|(after, upto)| Gap { after: *after, upto: *upto }).collect();
    Ok(Json(HistoryAnswer { revision: node.controller.applied_index(), commits, next: page.next, gaps }).into_response())
}

fn read_index(text: &str) -> Result<Index, Refused> {
    text.parse().map_err(|_| Rejection::new(Code::InvalidRequest, format!("{text} is no index")).at("index", text, INDEX).into())
}

pub async fn get(State(node): State<Node>, Path(index): Path<String>, parts: Parts) -> Result<Response, Refused> {
    call::read(&node, &parts, &[]).await?;
    let (index, deadline) = (read_index(&index)?, call::deadline(&parts)?);
    let record = node.controller.kept_record(index, deadline).await?;
    let (previous, next) = node.controller.beside(index, deadline).await?;
    let commit = value(json::record(&record, true));
    let undoable = history::offered(&record);
    Ok(Json(CommitAnswer { revision: node.controller.applied_index(), commit, previous, next, undoable }).into_response())
}

pub async fn diff(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (query, view) = call::read(&node, &parts, &["from", "to", "limit"]).await?;
    let deadline = call::deadline(&parts)?;
    let Some(from) = query.parse::<Index>("from", INDEX)? else {
        return Err(Rejection::new(Code::InvalidRequest, "It has to be said from where").at("from", "", INDEX).into());
    };
    let to = query.parse::<Index>("to", INDEX)?.unwrap_or(view.applied);
    let limit = query.check("limit", "1 to 10000", |text| text.parse().ok().filter(|limit| (1..=MOST_DIFFERENCES).contains(limit)))?;
    let _turn = whole::turn(&node, deadline).await?;
    let (one, other) = (node.controller.state_at(from, deadline).await?, node.controller.state_at(to, deadline).await?);
    let most = limit.unwrap_or(MOST);
    let diff = tokio::task::spawn_blocking(move || history::diff(&one, &other, most)).await;
    let diff = diff.map_err(|error| Refused::new(Code::Overloaded, error.to_string()))?;
    let revision = node.controller.applied_index();
    Ok(Json(DiffAnswer { revision, diff: value(json::diff(&diff)) }).into_response())
}

pub async fn undo(State(node): State<Node>, Path(index): Path<String>, parts: Parts, body: Bytes) -> Result<Response, Refused> {
    let call = Call::read(&parts, &body)?.without_if_match()?;
    let index = read_index(&index)?;
    let record = node.controller.kept_record(index, call.deadline).await?;
    let intent = history::inverse(&record, &node.controller.state()).map_err(Rejection::from)?;
    match mutation::submit(&node, &call, call.submission(intent, None)).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, .. } => Ok(Json(CommittedAnswer { revision: index }).into_response()),
    }
}

#[derive(Clone, Copy)]
enum Format {
    Lines,
    Table,
}

/// The head of the table.
const COLUMNS: &str = "index,time,kind,principal,topics,brokers,partitions,changes\r\n";

pub async fn export(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let known: Vec<&str> = FILTERS.into_iter().chain(["format"]).collect();
    let (query, _) = call::read(&node, &parts, &known).await?;
    let filter = filter(&query)?;
    let format = query.check("format", "json, csv", |text| match text {
        "json" => Some(Format::Lines),
        "csv" => Some(Format::Table),
        _ => None,
    })?;
    let format = format.unwrap_or(Format::Lines);
    let turn = whole::turn(&node, call::deadline(&parts)?).await?;
    // The first page says whether there is anything to read from.
    let first = node.controller.history(filter.clone(), None, MOST, call::deadline(&parts)?).await?;
    let (pieces, body) = whole::pieces::<Refusal>();
    let controller = node.controller.clone();
    tokio::spawn(async move {
        let _turn = turn;
        let _none_when_the_reader_is_gone = pages(&controller, filter, first, format, &pieces).await;
    });
    let (kind, name) = match format {
        Format::Lines => ("application/jsonl", "attachment; filename=\"history.jsonl\""),
        Format::Table => ("text/csv; charset=utf-8", "attachment; filename=\"history.csv\""),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], body).into_response())
}

/// Sends page after page; none when the reader is gone.
async fn pages(
    controller: &Controller,
    filter: Filter,
    first: HistoryPage,
    format: Format,
    pieces: &mpsc::Sender<Result<Bytes, Refusal>>,
) -> Option<()> {
    let mut page = first;
    if let Format::Table = format {
        pieces.send(Ok(Bytes::from_static(COLUMNS.as_bytes()))).await.ok()?;
    }
    loop {
        let mut piece = Vec::new();
        for record in &page.records {
            match format {
                Format::Lines => {
                    // Written into memory.
                    drop(serde_json::to_writer(&mut piece, &json::record(record, true)));
                    piece.push(b'\n');
                }
                Format::Table => piece.extend(row(record).into_bytes()),
            }
        }
        if !piece.is_empty() {
            pieces.send(Ok(piece.into())).await.ok()?;
        }
        let next = page.next?;
        match controller.history(filter.clone(), Some(next), MOST, Instant::now() + controller::LONGEST_DEADLINE).await {
            Ok(more) => page = more,
            // A body that ends in an error is not taken for a whole one.
            Err(refusal) => return pieces.send(Err(refusal)).await.ok(),
        }
    }
}

fn row(record: &Record) -> String {
    let commit = &record.commit;
    let topics: Vec<&str> = record.beside.names.values().map(|name| &**name).collect();
    let brokers: Vec<String> = record.brokers().iter().map(ToString::to_string).collect();
    let partitions = commit.changes.iter().filter(|change| matches!(change, metadata::Change::PartitionChanged { .. })).count();
    let cells = [
        commit.index.to_string(),
        commit.at_ms.to_string(),
        commit.kind().to_owned(),
        commit.principal.0.clone(),
        topics.join(" "),
        brokers.join(" "),
        partitions.to_string(),
        commit.changes.len().to_string(),
    ];
    let mut line = cells.map(|cell| quoted(&cell)).join(",");
    line.push_str("\r\n");
    line
}

/// A cell as RFC 4180 has it; what a spreadsheet would take for a formula is text for it as well.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_is_text_whatever_it_holds() {
        for (cell, expected) in [
            ("user:mario", "user:mario"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("=1+1", "'=1+1"),
            ("@a,b", "\"'@a,b\""),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
