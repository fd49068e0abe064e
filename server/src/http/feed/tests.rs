//! A feed on a clock that stands still while anything can go on.

use crate::http::alone::Alone;
use anyhow::{Context, Result, ensure};
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

/// I4: the clock jumps to the next timer as soon as nothing else can go on. What came by a timer would be seen later than the answer.
#[tokio::test]
async fn what_is_committed_is_sent_on_without_waiting_for_a_poll() -> Result<()> {
    let alone = Alone::start().await?;
    let register =
        json!({ "id": 101, "incarnation_id": uuid::Uuid::from_u128(1), "endpoints": [{ "name": "main", "host": "h", "port": 1 }] });
    let registered = alone.ask(Method::POST, "/api/v1/brokers", Some(register)).await?.json();
    let epoch = registered["broker_epoch"].as_u64().with_context(|| registered.to_string())?;
    tokio::time::pause();
    let feed = Request::get("/api/v1/feed").header(header::HOST, "127.0.0.1:1").header(header::ACCEPT, "text/event-stream");
    let mut body = alone.router.clone().oneshot(feed.body(Body::empty())?).await?.into_body();
    let (seen, mut sights) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut text = String::new();
        while let Some(Ok(frame)) = body.frame().await {
            text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
            while let Some((event, rest)) = text.split_once("\n\n") {
                let index = event.lines().find_map(|line| line.strip_prefix("id: ")?.parse::<u64>().ok());
                if let Some(index) = index.filter(|_| event.contains("event: commit")) {
                    let _nobody_waits_any_more = seen.send((index, Instant::now()));
                }
                text = rest.to_owned();
            }
        }
    });
    let beat = json!({ "broker_epoch": epoch, "metadata_index": epoch, "want_fence": false, "want_shut_down": false });
    let answered: Value = alone.ask(Method::POST, "/api/v1/brokers/101/heartbeat", Some(beat)).await?.json();
    let at = Instant::now();
    let revision = answered["revision"].as_u64().with_context(|| answered.to_string())?;
    loop {
        let (index, seen) = sights.recv().await.context("the feed ended")?;
        ensure!(index <= revision, "{answered}, and the feed skips to {index}");
        if index == revision {
            ensure!(seen <= at, "{:?} after the answer", seen - at);
            return Ok(());
        }
    }
}
