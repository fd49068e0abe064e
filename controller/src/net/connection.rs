//! The client's side of one connection: many requests under way, replies in any order, reconnection on the next call.

use super::greeting::Greeter;
use super::rpc::{Reply, Request};
use super::{Certified, Dialled, Duplex, Transport, wire};
use crate::writing::inbox::MOST_WAITING;
use metadata::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Requests under way on one connection: as many as the leader's planner takes.
const MOST_PENDING: usize = MOST_WAITING;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of the answer to a greeting, the words of a refusal included: whoever listens there is not known before it.
const LONGEST_ANSWER: u32 = 16 << 10;

type Waiting = Arc<Mutex<Option<BTreeMap<u64, oneshot::Sender<Reply>>>>>;

struct Live {
    proven: Option<Certified>,
    frames: mpsc::Sender<Vec<u8>>,
    waiting: Waiting,
}

/// A connection to one peer on one lane. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    url: Arc<str>,
    /// Who has to be there; none where that is what is asked.
    expected: Option<NodeId>,
    transport: Arc<dyn Transport>,
    greeter: Arc<Greeter>,
    live: Arc<tokio::sync::Mutex<Option<Live>>>,
    next_id: Arc<AtomicU64>,
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was lost")
}

impl Connection {
    pub(crate) fn new(url: &str, expected: Option<NodeId>, transport: Arc<dyn Transport>, greeter: Arc<Greeter>) -> Self {
        Connection { url: url.into(), expected, transport, greeter, live: Arc::default(), next_id: Arc::default() }
    }

    /// Connects and greets.
    async fn open(&self) -> io::Result<Live> {
        let opening = async {
            let Dialled { mut stream, proven } = self.transport.connect(&self.url).await?;
            wire::write_all(&mut stream, &mut vec![wire::frame(0, &Request::Hello(self.greeter.hello()))?]).await?;
            let refusal = match wire::read_up_to::<Reply>(&mut stream, &mut Vec::new(), LONGEST_ANSWER).await? {
                Some((_, Reply::Hello(peer))) => match self.greeter.is_proven(&peer, proven).and_then(|()| self.greeter.visit(&peer)) {
                    Ok(()) if self.expected.is_none_or(|expected| expected == peer.node_id) => return Ok(run(stream, proven)),
                    Ok(()) => return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("node {} answers there", peer.node_id))),
                    Err(refusal) => refusal,
                },
                Some((_, Reply::Refused(refusal))) => {
                    self.greeter.was_refused(&refusal);
                    refusal
                }
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "a greeting was answered by something else")),
                None => return Err(lost()),
            };
            Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal.rejection.detail.clone()))
        };
        tokio::time::timeout(CONNECT_TIMEOUT, opening).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Sends a request and waits for its reply.
    pub(crate) async fn call(&self, request: &Request, timeout: Duration) -> io::Result<Reply> {
        let answer = async { self.start(request).await?.await.map_err(|_| lost()) };
        tokio::time::timeout(timeout, answer).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Sends a request; its reply comes later. Requests of one caller arrive in the order of its calls.
    pub(crate) async fn start(&self, request: &Request) -> io::Result<oneshot::Receiver<Reply>> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = wire::frame(id, request)?;
        let mut live = self.live.lock().await;
        let over = |live: &Live| live.frames.is_closed() || self.greeter.revoked(live.proven);
        if live.as_ref().is_none_or(over) {
            // First: what is revoked is not kept when nothing takes its place.
            live.take();
            *live = Some(self.open().await?);
        }
        let Some(current) = live.as_ref() else { return Err(lost()) };
        let (reply, receiver) = oneshot::channel();
        {
            let mut waiting = current.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match waiting.as_mut() {
                Some(waiting) if waiting.len() < MOST_PENDING => waiting.insert(id, reply),
                Some(_) => return Err(io::Error::new(io::ErrorKind::WouldBlock, "too many requests are under way to this peer")),
                None => return Err(lost()),
            };
        }
        let sent = current.frames.send(frame).await;
        sent.map(|()| receiver).map_err(|_| lost())
    }
}

/// Starts the reader and the writer of a fresh connection; both end with it, and so does everyone who waits.
fn run(stream: Box<dyn Duplex>, proven: Option<Certified>) -> Live {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = wire::buffered(reader);
    let (frames, mut queued) = mpsc::channel::<Vec<u8>>(MOST_PENDING);
    let waiting: Waiting = Arc::new(Mutex::new(Some(BTreeMap::new())));
    let answers = waiting.clone();
    tokio::spawn(async move {
        let read = async {
            let mut buffer = Vec::new();
            while let Some((id, reply)) = wire::read::<Reply>(&mut reader, &mut buffer).await? {
                let waiter = answers.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|waiting| waiting.remove(&id));
                // Who asked may have given up meanwhile.
                if let Some(waiter) = waiter {
                    drop(waiter.send(reply));
                }
            }
            io::Result::Ok(())
        };
        let write = async {
            let mut batch = Vec::new();
            while queued.recv_many(&mut batch, 64).await > 0 {
                wire::write_all(&mut writer, &mut batch).await?;
            }
            io::Result::Ok(())
        };
        tokio::select! {
            ended = read => tracing::debug!(?ended, "a peer's connection ended"),
            ended = write => tracing::debug!(?ended, "a peer's connection ended"),
        }
        queued.close();
        answers.lock().unwrap_or_else(PoisonError::into_inner).take();
    });
    Live { proven, frames, waiting }
}
