//! The feed as an event stream: the same frames as over a WebSocket, resumed by `Last-Event-ID`, within the same bounds.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::{Feed, Fold};
use crate::load;
use crate::wait::{PATIENCE, until};
use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// One event.
pub struct Event {
    pub kind: String,
    id: Option<u64>,
    data: String,
}

impl Event {
    fn read(text: &str) -> Result<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned);
        let (kind, data) = (field("event").context("no event")?, field("data").context("no data")?);
        ensure!(text.lines().count() == 2 + usize::from(field("id").is_some()), "{text:?}");
        Ok(Event { kind, data, id: field("id").map(|id| id.parse()).transpose()? })
    }

    /// The frame of JSON data; what its event says is what it says.
    pub fn frame(&self) -> Result<Value> {
        let frame: Value = serde_json::from_str(&self.data)?;
        ensure!(frame["type"] == self.kind, "{} is {frame}", self.kind);
        let position = matches!(self.kind.as_str(), "commit" | "progress").then(|| frame["index"].as_u64()).flatten();
        ensure!(self.id == position, "the id of {frame} is {:?}", self.id);
        Ok(frame)
    }
}

/// An open stream.
pub struct Events {
    response: Response,
    /// Whether a proxy may hold events back; it takes the header for itself.
    buffered: bool,
    pending: String,
}

impl Events {
    async fn open(api: &Api, query: &str, last_event: Option<u64>) -> Result<Self> {
        Self::open_at(api, "", query, last_event).await
    }

    /// Opens one below a base path.
    pub async fn open_at(api: &Api, base: &str, query: &str, last_event: Option<u64>) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        let mut request = client.get(format!("http://{}{base}/api/v1/feed?{query}", api.host)).header("accept", "text/event-stream");
        // As browsers do: what cannot be streamed compressed must not be.
        request = request.header("accept-encoding", "gzip");
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        let response = timeout(PATIENCE, request.send()).await.context("the stream does not open")??;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        ensure!(response.status() == 200 && header("content-type") == "text/event-stream", "{response:?}");
        ensure!(header("content-encoding").is_empty() && header("cache-control") == "no-store, no-transform", "{response:?}");
        ensure!(!header("quorate-revision").is_empty(), "{response:?}");
        let buffered = header("x-accel-buffering") != "no";
        let mut events = Events { response, buffered, pending: String::new() };
        ensure!(events.block().await?.as_deref() == Some("retry: 1000"), "the stream says no pause");
        Ok(events)
    }

    async fn block(&mut self) -> Result<Option<String>> {
        loop {
            if let Some((block, rest)) = self.pending.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.pending = rest;
                return Ok(Some(block));
            }
            let Some(bytes) = timeout(PATIENCE, self.response.chunk()).await.context("the stream is silent")?? else { return Ok(None) };
            self.pending.push_str(std::str::from_utf8(&bytes).context("an event in two pieces within a character")?);
        }
    }

    pub async fn next(&mut self) -> Result<Option<Event>> {
        self.block().await?.map(|block| Event::read(&block)).transpose()
    }

    pub async fn next_of(&mut self, kind: &str) -> Result<Event> {
        loop {
            let event = self.next().await?.with_context(|| format!("the stream ended before {kind}"))?;
            if event.kind == kind {
                return Ok(event);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_has_the_frames_of_the_websocket() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(cluster.followers().await?[0])?;
    for turn in 0..5 {
        load::made(&api, &format!("before-{turn}")).await?;
    }
    let newest = cluster.agree().await?;
    let (mut socket, mut events) = (Feed::open(&api, "from=0").await?, Events::open(&api, "from=0", None).await?);
    ensure!(!events.buffered, "proxies may hold its events back");
    let hello = events.next().await?.context("nothing came")?.frame()?;
    ensure!(hello == socket.hello || hello["type"] == "hello", "{hello}");
    let (mut fold, mut middle) = (Fold::default(), 0);
    while fold.position < newest {
        let event = events.next().await?.context("the stream ended")?;
        let frame = event.frame()?;
        ensure!(fold.take(&frame)?, "{frame}");
        if event.kind == "commit" {
            let same = socket.next_of("commit").await?;
            ensure!(frame == same, "{frame} over the stream, {same} over the socket");
            middle = if fold.commits == 3 { fold.position } else { middle };
        }
    }
    // What a browser resumes with counts, and not the address that it opened.
    let mut resumed = Events::open(&api, "from=0", Some(middle)).await?;
    let first = resumed.next_of("commit").await?.frame()?;
    ensure!(first["prev_index"] == middle, "resumed after {middle} with {first}");
    // The binary form is the same commit.
    let mut binary = Events::open(&api, &format!("from={middle}&subprotocol=quorate.v1.postcard"), None).await?;
    let id = binary.next_of("commit").await?.id;
    ensure!(id == first["index"].as_u64(), "{id:?} instead of {first}");
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_be_is_refused_before_it_begins() -> Result<()> {
    let cluster = Cluster::start(1, &[]).await?;
    let api = cluster.api(1)?;
    let ahead = cluster.agree().await? + 1_000_000;
    let cases = [
        (format!("from={ahead}"), None, 422, "INVALID_FEED_POSITION"),
        ("lineage=00000000-0000-0000-0000-000000000001".to_owned(), None, 422, "INVALID_FEED_POSITION"),
        (String::new(), Some(ahead.to_string()), 422, "INVALID_FEED_POSITION"),
        (String::new(), Some("x".to_owned()), 400, "INVALID_REQUEST"),
        ("subprotocol=mqtt".to_owned(), None, 400, "INVALID_REQUEST"),
        ("form=x".to_owned(), None, 400, "INVALID_REQUEST"),
    ];
    for (query, last_event, status, code) in cases {
        let mut call = api.call(Method::GET, &format!("/feed?{query}")).header("accept", "text/event-stream");
        if let Some(id) = &last_event {
            call = call.header("last-event-id", id);
        }
        let answer = call.send().await?;
        ensure!(answer.status == status && answer.body["code"] == code, "{query} {last_event:?}: {answer:?}");
    }
    // Without either way there is nothing to follow.
    let answer = api.get("/feed").send().await?;
    ensure!(answer.status == 426, "{answer:?}");
    cluster.passed().await
}

/// Opens a stream and reads nothing of it.
async fn deaf(api: &Api) -> Result<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let mut stream = socket.connect(api.host.parse::<SocketAddr>()?).await?;
    let request = format!("GET /api/v1/feed?from=0 HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n", api.host);
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

async fn metric(api: &Api, name: &str) -> Result<u64> {
    let text = String::from_utf8(api.at(Method::GET, "/metrics").ok().await?.bytes)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).with_context(|| format!("no {name}"))?;
    Ok(value.parse::<f64>()? as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_is_let_go_and_gives_its_place_back() -> Result<()> {
    let cluster = fake::cluster().await?;
    let api = cluster.api(cluster.leader().await?)?;
    let mut deaf = deaf(&api).await?;
    let mut reader = Events::open(&api, "", None).await?;
    until("both are counted", async || {
        let open = metric(&api, "quorate_feed_subscribers").await?;
        if open == 2 { Ok(()) } else { bail!("{open} are") }
    })
    .await?;
    let taken = metric(&api, "quorate_connections").await?;
    let mut turn = 0;
    // Until more has been committed than all buffers on the way hold, others hear everything.
    until("the deaf reader is let go", async || {
        turn += 1;
        let topics: Vec<_> = (0..50).map(|at| json!({ "name": format!("deaf-{turn}-{at}"), "partitions": 20 })).collect();
        api.post("/batch/topics", json!({ "topics": topics })).ok().await?;
        reader.next_of("commit").await?;
        let open = metric(&api, "quorate_feed_subscribers").await?;
        ensure!(open == 1, "{open} are open");
        Ok(())
    })
    .await?;
    until("its connection is gone", async || {
        let now = metric(&api, "quorate_connections").await?;
        ensure!(now < taken, "{now} connections, {taken} before");
        Ok(())
    })
    .await?;
    let mut rest = Vec::new();
    drop(timeout(PATIENCE, deaf.read_to_end(&mut rest)).await.context("it is not told that it ended")?);
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_node() -> Result<()> {
    let mut cluster = Cluster::start(1, &[]).await?;
    let mut events = Events::open(&cluster.api(1)?, "", None).await?;
    events.next_of("hello").await?;
    cluster.stop(1).await?;
    while events.next().await?.is_some() {}
    Ok(())
}
