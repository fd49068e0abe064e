//! Readers of feeds. Of a frame nothing is decoded but what it is and the commit's index.

use crate::wire::{self, Wire};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

const SUBPROTOCOL: &str = "quorate.v1.postcard";
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// The usual buffer of 128 KiB, a thousand times, would be felt.
const BUFFER: usize = 4_096;

/// Of each commit, how many subscribers have it, and when the last one got it.
#[derive(Default)]
struct Arrivals(Mutex<HashMap<u64, (usize, Instant)>>);

impl Arrivals {
    fn note(&self, index: u64) {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(index).or_insert((0, now));
        *entry = (entry.0 + 1, now);
    }
}

/// Subscribers that read until this is dropped.
pub struct Subscribers {
    arrivals: Arc<Arrivals>,
    readers: JoinSet<()>,
}

impl Subscribers {
    /// Opens so many feeds, spread over these nodes.
    pub async fn open(addresses: &[String], count: usize) -> Result<Self> {
        let mut subscribers = Subscribers { arrivals: Arc::default(), readers: JoinSet::new() };
        for address in addresses.iter().cycle().take(count) {
            let socket = timeout(OPEN_WITHIN, open(address, "")).await.with_context(|| format!("{address} opens no feed"))??;
            subscribers.readers.spawn(read(socket, subscribers.arrivals.clone()));
        }
        Ok(subscribers)
    }

    /// Opens one feed that resumes after an index.
    pub async fn resume(address: &str, from: u64) -> Result<Self> {
        let mut subscribers = Subscribers { arrivals: Arc::default(), readers: JoinSet::new() };
        let resumed = format!("?from={from}");
        let socket = timeout(OPEN_WITHIN, open(address, &resumed)).await.with_context(|| format!("{address} resumes no feed"))??;
        subscribers.readers.spawn(read(socket, subscribers.arrivals.clone()));
        Ok(subscribers)
    }

    /// The last commit up to this index that any of them has.
    pub fn last_upto(&self, index: u64) -> Option<u64> {
        let seen = self.arrivals.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.keys().copied().filter(|seen| *seen <= index).max()
    }

    /// Waits until all of them have this commit; when the last one got it. None when that takes too long.
    pub async fn all_have(&self, index: u64, until: Instant) -> Option<Instant> {
        loop {
            let seen = self.arrivals.0.lock().unwrap_or_else(PoisonError::into_inner).get(&index).copied();
            if let Some((_, last)) = seen.filter(|(count, _)| *count >= self.readers.len()) {
                return Some(last);
            }
            if Instant::now() >= until {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn open(address: &str, query: &str) -> Result<WebSocketStream<Wire>> {
    let mut request = format!("ws://{address}/api/v1/feed{query}").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let stream = wire::open(address).await?;
    let config = WebSocketConfig::default().read_buffer_size(BUFFER);
    let (mut socket, response) = client_async_with_config(request, stream, Some(config)).await?;
    let chosen = response.headers().get("sec-websocket-protocol");
    ensure!(chosen.is_some_and(|chosen| chosen == SUBPROTOCOL), "the subprotocol is {chosen:?}");
    // The hello: after it, no commit can be missed.
    socket.next().await.context("the feed ended at once")??;
    Ok(socket)
}

async fn read(mut socket: WebSocketStream<Wire>, arrivals: Arc<Arrivals>) {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(frame) = message
            && let Some(index) = commit_index(&frame)
        {
            arrivals.note(index);
        }
    }
    eprintln!("a feed ended");
}

/// The index of a commit frame: behind the envelope of four bytes come the variant and, as the first field, the index as a varint.
fn commit_index(frame: &[u8]) -> Option<u64> {
    const COMMIT: u8 = 1;
    let [_, _, _, _, COMMIT, rest @ ..] = frame else { return None };
    let mut index = 0;
    for (at, byte) in rest.iter().take(10).enumerate() {
        index |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(index);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::frame::Frame;
    use metadata::{Commit, Principal};

    #[test]
    fn a_commits_index_is_read_without_decoding_it() -> Result<()> {
        for index in [1, 127, 128, 70_000, u64::from(u32::MAX)] {
            let commit = Commit {
                index,
                prev_index: index - 1,
                term: 3,
                at_ms: 5,
                principal: Principal::anonymous(),
                intent: None,
                digest: Default::default(),
                changes: Vec::new(),
            };
            assert_eq!(commit_index(&Frame::Commit(Arc::new(commit)).encode()?), Some(index));
        }
        assert_eq!(commit_index(&Frame::Progress { index: 9, quorum_age_ms: 0 }.encode()?), None);
        Ok(())
    }
}
