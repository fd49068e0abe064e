//! A subscriber of the feed, and the fold of what it hears into a state.

use crate::api::Api;
use crate::description;
use crate::wait::PATIENCE;
use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use metadata::digest::Digest;
use metadata::{State, json, snapshot};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

const SUBPROTOCOL: &str = "quorate.v1.json";

/// An open feed.
pub struct Feed {
    socket: WebSocketStream<TcpStream>,
    pub hello: Value,
}

impl Feed {
    /// Opens the feed with a query string such as `from=12`.
    pub async fn open(api: &Api, query: &str) -> Result<Self> {
        Self::over(TcpStream::connect(&api.host).await?, api, query).await
    }

    /// Opens one whose socket takes in next to nothing until it is read.
    pub async fn narrow(api: &Api, query: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4_096)?;
        Self::over(socket.connect(api.host.parse()?).await?, api, query).await
    }

    async fn over(stream: TcpStream, api: &Api, query: &str) -> Result<Self> {
        let mut request = format!("ws://{}/api/v1/feed?{query}", api.host).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (socket, response) = timeout(PATIENCE, client_async(request, stream)).await.context("the feed does not open")??;
        let chosen = response.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
        ensure!(chosen == Some(SUBPROTOCOL), "the subprotocol is {chosen:?}");
        ensure!(response.headers().contains_key("quorate-revision"), "the upgrade has no Quorate-Revision");
        let mut feed = Feed { socket, hello: Value::Null };
        feed.hello = feed.next().await?.context("the feed ended before it said hello")?;
        ensure!(feed.hello["type"] == "hello", "first of all came {}", feed.hello);
        ensure!(feed.hello["node_id"] == api.node, "another node says hello: {}", feed.hello);
        Ok(feed)
    }

    /// Says this again and again, and reads as little of the answers as keeps the connection going; ends when it is cut off.
    pub async fn talk_for_ever(self, bytes: Vec<u8>) -> std::io::Result<()> {
        let (mut reader, mut writer) = self.socket.into_inner().into_split();
        let talk = async {
            loop {
                writer.write_all(&bytes).await?;
            }
        };
        let read = async { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await.map(drop) };
        tokio::select! {
            ended = talk => ended,
            ended = read => ended,
        }
    }

    /// The next frame; none when the feed ended. Progress comes every second, so silence is a fault.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        let text = self.next_text().await?;
        let Some(text) = text else { return Ok(None) };
        let frame = serde_json::from_str(text.as_str())?;
        description::check_frame(&frame)?;
        Ok(Some(frame))
    }

    /// The same as it came.
    pub async fn next_text(&mut self) -> Result<Option<Utf8Bytes>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.context("the feed is silent")? {
                Some(Ok(Message::Text(text))) => return Ok(Some(text)),
                Some(Ok(Message::Binary(_))) => bail!("a binary frame in the JSON subprotocol"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame of this type; those before it are passed over.
    pub async fn next_of(&mut self, kind: &str) -> Result<Value> {
        loop {
            let frame = self.next().await?.with_context(|| format!("the feed ended before a frame of type {kind}"))?;
            if frame["type"] == kind {
                return Ok(frame);
            }
        }
    }
}

/// A replica that is made of nothing but what the feed says.
#[derive(Default)]
pub struct Fold {
    pub state: State,
    /// The last commit that it took.
    pub last: u64,
    /// Everything up to here has been sent.
    pub position: u64,
    pub commits: u64,
}

fn number(frame: &Value, name: &str) -> Result<u64> {
    frame[name].as_u64().with_context(|| format!("a frame without {name}: {frame}"))
}

impl Fold {
    /// Starts from the binary form of `GET /state`.
    pub async fn from_state(api: &Api) -> Result<Self> {
        let state = binary_state(api).await?;
        Ok(Fold { last: state.revision(), position: state.revision(), state, commits: 0 })
    }

    /// Takes a frame in; false when the feed says that it is gone.
    pub fn take(&mut self, frame: &Value) -> Result<bool> {
        match frame["type"].as_str() {
            Some("commit") => self.take_commit(frame)?,
            Some("progress") => {
                let index = number(frame, "index")?;
                ensure!(index >= self.position, "progress went back from {} to {index}", self.position);
                self.position = index;
            }
            Some("gone") => return Ok(false),
            Some("hello" | "pulse") => {}
            _ => bail!("a frame of no known type: {frame}"),
        }
        Ok(true)
    }

    fn take_commit(&mut self, frame: &Value) -> Result<()> {
        let (index, prev) = (number(frame, "index")?, number(frame, "prev_index")?);
        ensure!(prev == self.last, "commit {index} follows on {prev}, and {} was the last to come", self.last);
        ensure!(index > self.position, "commit {index} came though everything up to {} had come", self.position);
        let at_ms = number(frame, "at_ms")?;
        let changes = frame["changes"].as_array().context("a commit without changes")?;
        ensure!(!changes.is_empty(), "commit {index} changes nothing");
        for change in changes {
            let change = json::parse_change(change.clone()).with_context(|| format!("commit {index}: {change}"))?;
            self.state.absorb(index, at_ms, &change);
        }
        let digest: Digest = serde_json::from_value(frame["digest"].clone())?;
        ensure!(self.state.digest() == digest, "after commit {index} the fold is {}, the feed says {digest}", self.state.digest());
        (self.last, self.position) = (index, index);
        self.commits += 1;
        Ok(())
    }
}

/// The whole state as a node sends it to replicas.
pub async fn binary_state(api: &Api) -> Result<State> {
    let answer = api.get("/state").header("accept", "application/octet-stream").ok().await?;
    ensure!(answer.text("content-type") == "application/octet-stream", "the state came as {}", answer.text("content-type"));
    Ok(snapshot::decode_state(&answer.bytes)?)
}
