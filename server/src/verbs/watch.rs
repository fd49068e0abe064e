//! `quorate watch`: prints the feed, a frame a line, and resumes where it was when the connection is lost.

use super::call::{Failed, Server, print_line, refused};
use super::table::cell;
use super::{Common, Output};
use anyhow::Context;
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};

const RETRY: Duration = Duration::from_secs(1);

/// Where the feed was, and of which history.
#[derive(Default)]
struct Position {
    index: Option<u64>,
    lineage: Option<String>,
}

pub async fn run(common: &Common) -> anyhow::Result<()> {
    let server = Server::new(common)?;
    let mut position = Position::default();
    let mut ever = false;
    loop {
        let mut url = server.url(&["feed"])?;
        // Not by the URL itself: it lets no web scheme become one that it knows less of.
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        if let Some(index) = position.index {
            url.query_pairs_mut().append_pair("from", &index.to_string());
            if let Some(lineage) = &position.lineage {
                url.query_pairs_mut().append_pair("lineage", lineage);
            }
        }
        let (_, rest) = url.as_str().split_once(':').context("--server has no scheme")?;
        let mut request = format!("{scheme}:{rest}").into_client_request().context("--server is no URL")?;
        request.headers_mut().insert("sec-websocket-protocol", http::HeaderValue::from_static("quorate.v1.json"));
        match tokio_tungstenite::connect_async(request).await {
            Ok((mut socket, _)) => {
                ever = true;
                while let Some(Ok(message)) = socket.next().await {
                    if let Message::Text(text) = message {
                        let frame: Value = serde_json::from_str(&text)?;
                        position.after(&frame);
                        print(server.output(), &frame)?;
                    }
                }
            }
            Err(Error::Http(answer)) if !(ever && answer.status().is_server_error()) => {
                let document = answer.body().as_ref().and_then(|body| serde_json::from_slice(body).ok());
                return Err(refused(&document.unwrap_or_default(), answer.status().as_u16()));
            }
            Err(error) if !ever => return Err(Failed::Unreachable { server: common.server.clone(), why: error.to_string() }.into()),
            Err(error) => eprintln!("{error}; trying again"),
        }
        tokio::time::sleep(RETRY).await;
    }
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
