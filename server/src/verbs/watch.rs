//! `quorate watch`: prints the feed, a frame a line, and resumes where it was when the connection is lost.

use super::call::{Failed, Server, print_line, refused};
use super::table::cell;
use super::{Common, Output};
use anyhow::{Context, bail};
use metadata::contract::Operation;
use reqwest::{Response, header};
use serde_json::Value;
use std::time::Duration;
use tls::causes;

const RETRY: Duration = Duration::from_secs(1);
/// A stream that is silent for so long is given up: it says something every second.
const SILENCE: Duration = Duration::from_secs(10);
/// Bytes of one event; a commit has at most some thousand partitions.
const LONGEST_EVENT: usize = 64 << 20;

/// Where the feed was, and of which history.
#[derive(Default)]
struct Position {
    index: Option<u64>,
    lineage: Option<String>,
}

/// By an event stream, which gets through where a proxy refuses WebSockets.
pub async fn run(common: &Common) -> anyhow::Result<()> {
    let server = Server::new(common)?;
    let client = server.client()?.read_timeout(SILENCE).connect_timeout(SILENCE).build().context("no HTTP client")?;
    let mut position = Position::default();
    let mut ever = false;
    loop {
        let mut url = server.url(Operation::OpenFeed, &[])?;
        if let Some(index) = position.index {
            url.query_pairs_mut().append_pair("from", &index.to_string());
            if let Some(lineage) = &position.lineage {
                url.query_pairs_mut().append_pair("lineage", lineage);
            }
        }
        match client.get(url).header(header::ACCEPT, "text/event-stream").send().await {
            Ok(answer) if answer.status().is_success() => {
                ever = true;
                follow(answer, &mut position, server.output()).await?;
            }
            Ok(answer) if !(ever && answer.status().is_server_error()) => {
                let status = answer.status().as_u16();
                return Err(refused(&answer.json().await.unwrap_or_default(), status));
            }
            Ok(answer) => eprintln!("it answers {}; trying again", answer.status()),
            Err(error) if !ever => {
                return Err(Failed::Unreachable { server: common.server.clone(), why: causes(&error.without_url()) }.into());
            }
            Err(error) => eprintln!("{}; trying again", causes(&error.without_url())),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Prints what comes until the stream ends.
async fn follow(mut answer: Response, position: &mut Position, output: Output) -> anyhow::Result<()> {
    let mut pending = Vec::new();
    while let Ok(Some(bytes)) = answer.chunk().await {
        let searched = pending.len().saturating_sub(1);
        pending.extend_from_slice(&bytes);
        let mut from = searched;
        while let Some(end) = pending[from..].windows(2).position(|two| two == b"\n\n").map(|at| from + at) {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            from = 0;
            let data = event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data: "));
            if let Some(data) = data {
                let frame: Value = serde_json::from_slice(data).context("an event is no frame: is this a Quorate node?")?;
                position.after(&frame);
                print(output, &frame)?;
            }
        }
        if pending.len() > LONGEST_EVENT {
            bail!("an event is longer than {LONGEST_EVENT} bytes: is this a Quorate node?");
        }
    }
    Ok(())
}

impl Position {
    fn after(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("hello") => {
                self.index = self.index.or(frame["index"].as_u64());
                self.lineage = frame["lineage"].as_str().map(str::to_owned);
            }
            Some("commit" | "progress") => self.index = frame["index"].as_u64(),
            Some("gone") => self.index = frame["oldest"].as_u64(),
            _ => {}
        }
    }
}

fn print(output: Output, frame: &Value) -> std::io::Result<()> {
    match (output, frame["type"].as_str()) {
        (Output::Json, _) => print_line(&frame.to_string()),
        (Output::Table, Some("commit")) => {
            for change in frame["changes"].as_array().into_iter().flatten() {
                let (index, who, kind) = (cell(&frame["index"]), cell(&frame["principal"]), cell(&change["kind"]));
                print_line(&format!("#{index}  {who}  {kind}  {}", subject(change)))?;
            }
            Ok(())
        }
        (Output::Table, Some("gone")) => print_line(&format!("changes up to #{} were missed", frame["oldest"])),
        (Output::Table, _) => Ok(()),
    }
}

/// What a change is about.
fn subject(change: &Value) -> String {
    let found = ["name", "topic_id", "id"].iter().find_map(|key| change.get(*key)).map(cell).unwrap_or_default();
    match change.get("partition") {
        Some(partition) => format!("{found}/{partition}"),
        None => found,
    }
}
