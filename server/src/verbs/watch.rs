//! `quorate watch`: prints the feed, a frame a line, and resumes where it was when the connection is lost.

use super::{Common, Failed, Output};
use anyhow::Context;
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const RETRY: Duration = Duration::from_secs(1);

pub async fn run(common: &Common) -> anyhow::Result<()> {
    let base = common.server.trim_end_matches('/').replacen("http", "ws", 1);
    let mut from: Option<u64> = None;
    let mut ever = false;
    loop {
        let resume = from.map_or_else(String::new, |index| format!("?from={index}"));
        let mut request = format!("{base}/api/v1/feed{resume}").into_client_request().context("--server is no URL")?;
        request.headers_mut().insert("sec-websocket-protocol", http::HeaderValue::from_static("quorate.v1.json"));
        match tokio_tungstenite::connect_async(request).await {
            Ok((mut socket, _)) => {
                ever = true;
                while let Some(Ok(message)) = socket.next().await {
                    if let Message::Text(text) = message {
                        let frame: Value = serde_json::from_str(&text)?;
                        from = position(&frame, from);
                        print(common.output, &frame);
                    }
                }
            }
            Err(error) if !ever => return Err(Failed::Rejected(format!("{base} has no feed: {error}")).into()),
            Err(error) => eprintln!("{error}; trying again"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Where to resume after this frame.
fn position(frame: &Value, before: Option<u64>) -> Option<u64> {
    match frame["type"].as_str() {
        Some("hello") => before.or(frame["index"].as_u64()),
        Some("commit" | "progress") => frame["index"].as_u64(),
        Some("gone") => frame["oldest"].as_u64(),
        _ => before,
    }
}

fn print(output: Output, frame: &Value) {
    match (output, frame["type"].as_str()) {
        (Output::Json, _) => println!("{frame}"),
        (Output::Table, Some("commit")) => {
            for change in frame["changes"].as_array().into_iter().flatten() {
                let subject = ["name", "topic_id", "id"].iter().find_map(|key| change.get(*key)).cloned().unwrap_or_default();
                println!(
                    "#{}  {}  {}  {subject}",
                    frame["index"],
                    frame["principal"].as_str().unwrap_or_default(),
                    change["kind"].as_str().unwrap_or_default()
                );
            }
        }
        (Output::Table, Some("gone")) => println!("changes up to #{} were missed", frame["oldest"]),
        (Output::Table, _) => {}
    }
}
