//! Step 7, the feed: every commit after a position, in order, once, whole; then as they come.
//!
//! It is a WebSocket (`handshake` opens it, `socket` writes to it, `incoming` reads what a reader says), or for those whose
//! proxy refuses these an event stream with the same frames (`stream`). `reader` is what the two have in common.

mod handshake;
mod incoming;
mod reader;
mod socket;
mod stream;
#[cfg(test)]
mod tests;

use super::call;
use super::caller;
use super::problem::Refused;
use super::query::Query;
use super::{Node, ids, upgraded};
use crate::people::Guests;
use acceptor::Place;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use controller::Controller;
use controller::hub::{Encoded, Next};
use handshake::Opening;
use http::request::Parts;
use metadata::access::Credential;
use metadata::frame::{Frame, SCHEMA};
use metadata::{Code, Index, Rejection};
use reader::Reader;
use socket::Socket;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use uuid::Uuid;

/// Commits that are read from the ring at once.
const AT_ONCE: usize = 128;
/// The reader has to show again who it is.
const SIGNED_OUT: CloseCode = CloseCode::Library(4_401);
const PROGRESS_EVERY: Duration = Duration::from_millis(900);

pub async fn open(State(node): State<Node>, Extension(place): Extension<Place>, mut parts: Parts) -> Result<Response, Refused> {
    let opening = Opening::asked(&mut parts);
    let streaming = opening.is_none().then(|| stream::Asked::of(&parts)).transpose()?.flatten();
    let query = Query::read(parts.uri.query(), &["from", "lineage", stream::SUBPROTOCOL])?;
    let binary = stream::subprotocol(&query, opening.is_some())?;
    let lineage = query.check("lineage", "the UUID of a lineage", ids::read)?;
    // What a browser resumes with is newer than the address that it opened.
    let resumed = streaming.as_ref().and_then(|asked| asked.last_event);
    let from = query.parse::<Index>("from", "an index")?;
    let deadline = call::deadline(&parts)?;
    if opening.is_none() && streaming.is_none() {
        let how =
            "The feed is a WebSocket, subprotocols quorate.v1.json and quorate.v1.postcard; or an event stream, Accept: text/event-stream";
        return Err(Refused::new(Code::UpgradeRequired, how));
    }
    let controller = node.controller.clone();
    check_lineage(&controller, lineage)?;
    let position = match resumed.or(from) {
        Some(from) => reach(&controller, from, deadline).await?,
        None => controller.applied_index(),
    };
    let subscribers = &node.counters.subscribers;
    let Some(counted) = subscribers.enter() else {
        return Err(Refused::new(Code::Overloaded, format!("{} feeds are open on this node, and no more may be", subscribers.most())));
    };
    let generation = controller.generation();
    let credential = caller::asker(&parts)?.credential.clone();
    let guest = caller::guest(&node, &parts);
    let follow = move |reader| Feed { generation, controller, reader, position, credential, guest, judged: (0, Instant::now()) }.run();
    if let Some(opening) = opening {
        let binary = opening.binary();
        let (upgrading, response) = opening.accepted();
        tokio::spawn(async move {
            let _held = (counted, place);
            let feed = async {
                let (stream, already_read) = upgraded::stream(upgrading).await?;
                follow(Reader::Socket(Socket::new(stream, &already_read, binary))).await
            };
            note(feed.await);
        });
        return Ok(response);
    }
    let (stream, response) = stream::opened(binary, place);
    tokio::spawn(async move {
        let _held = counted;
        note(follow(Reader::Stream(stream)).await);
    });
    Ok(response)
}

fn note(ended: Sent) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a feed ended");
    }
}

fn check_lineage(controller: &Controller, asked: Option<Uuid>) -> Result<(), Refused> {
    let own = controller.state().identity().map(|identity| identity.lineage);
    match (asked, own) {
        (Some(asked), Some(own)) if asked != own => Err(Rejection::new(Code::InvalidFeedPosition, "That position is of another history")
            .at("lineage", asked, own.to_string())
            .into()),
        _ => Ok(()),
    }
}

/// A position above what this node applied waits, unless it is above all there is.
async fn reach(controller: &Controller, from: Index, deadline: tokio::time::Instant) -> Result<Index, Refused> {
    if from > controller.applied_index() {
        let newest = controller.linearizable(deadline).await?;
        if from > newest {
            let no = Rejection::new(Code::InvalidFeedPosition, format!("Nothing was committed at {from} yet")).at(
                "from",
                from,
                format!("0 to {newest}"),
            );
            return Err(Refused(controller::Refusal { revision: Some(newest), ..no.into() }));
        }
        controller.wait_applied(from, deadline).await?;
    }
    Ok(from)
}

/// How far a reader was brought.
enum Caught {
    Up,
    /// Its position is no longer kept.
    Gone,
    /// What it had shown holds no more.
    SignedOut,
}

struct Feed {
    /// Whom it is for.
    credential: Credential,
    /// Of a guest of this node: with them, and the cookie.
    guest: Option<(Arc<Guests>, String)>,
    /// At which change of the rights that was looked at, and when.
    judged: (Index, Instant),
    controller: Controller,
    reader: Reader,
    position: Index,
    generation: u64,
}

type Sent = io::Result<()>;

impl Feed {
    async fn run(mut self) -> Sent {
        let identity = self.controller.state().identity().cloned();
        let hello = Frame::Hello {
            schema: SCHEMA,
            cluster_id: identity.as_ref().map(|identity| identity.cluster_id),
            lineage: identity.as_ref().map(|identity| identity.lineage),
            node_id: self.controller.node_id(),
            term: self.controller.term(),
            index: self.controller.applied_index(),
        };
        self.send_frame(hello).await?;
        let mut applied = self.controller.watch_applied();
        let mut pulses = self.controller.watch_pulse();
        let mut faults = self.controller.watch_fault();
        if faults.borrow_and_update().is_some() {
            self.fault().await?;
        }
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.send_frame(Frame::Pulse(self.controller.pulse())).await?;
        loop {
            applied.mark_unchanged();
            match self.catch_up().await? {
                Caught::Up => {}
                Caught::Gone => return self.reader.close(CloseCode::Normal, "gone").await,
                Caught::SignedOut => return self.reader.close(SIGNED_OUT, "UNAUTHENTICATED").await,
            }
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return Ok(()) },
                _ = ticks.tick() => self.progress().await?,
                changed = pulses.changed() => if changed.is_ok() {
                    let pulse = self.controller.shared_pulse();
                    self.send(&pulse).await?;
                },
                changed = faults.changed() => if changed.is_ok() { self.fault().await? },
                heard = self.reader.listen() => if self.reader.answer(heard?).await? { return Ok(()) },
            }
        }
    }

    /// Whether the reader is still who it was: looked at when the rights changed, and as what is shown may expire, about once a second.
    fn still_known(&mut self) -> bool {
        let changed_index = self.controller.view().machine.access.changed_index();
        if self.judged.0 == changed_index && self.judged.1.elapsed() < PROGRESS_EVERY {
            return true;
        }
        self.judged = (changed_index, Instant::now());
        self.guest.as_ref().is_none_or(|(guests, text)| guests.find(text).is_some()) && self.controller.who(&self.credential).is_ok()
    }

    /// Sends everything after the position.
    async fn catch_up(&mut self) -> io::Result<Caught> {
        loop {
            if !self.still_known() {
                return Ok(Caught::SignedOut);
            }
            if self.controller.generation() != self.generation {
                let oldest = self.controller.state().revision();
                self.send_frame(Frame::Gone { oldest }).await?;
                return Ok(Caught::Gone);
            }
            match self.controller.commits_after(self.position, AT_ONCE) {
                Next::Gone { oldest } => {
                    // What is no longer in memory is on this node's disk.
                    let Some(kept) = self.controller.kept_after(self.position).await else {
                        self.send_frame(Frame::Gone { oldest }).await?;
                        return Ok(Caught::Gone);
                    };
                    let frames: Vec<_> = kept.iter().map(|(_, frame)| self.reader.encoding(frame)).collect();
                    self.reader.send(frames).await?;
                    self.position = kept.last().map_or(self.position, |(index, _)| *index);
                    tokio::task::consume_budget().await;
                }
                Next::Commits { commits, upto } if commits.is_empty() => {
                    if upto > self.position {
                        // Entries that changed nothing: the reader hears at once that it is up to date.
                        self.position = upto;
                        self.progress().await?;
                    }
                    return Ok(Caught::Up);
                }
                Next::Commits { commits, .. } => {
                    let frames: Vec<_> = commits.iter().map(|published| self.reader.encoding(&published.frame)).collect();
                    self.reader.send(frames).await?;
                    self.position = commits.last().map_or(self.position, |published| published.commit.index);
                    // A reader that has much to catch up on does not keep the thread from the others.
                    tokio::task::consume_budget().await;
                }
            }
        }
    }

    async fn fault(&mut self) -> Sent {
        let detail = self.controller.fault().map(|fault| fault.to_string());
        self.send_frame(Frame::Fault { detail }).await
    }

    async fn progress(&mut self) -> Sent {
        let frame = Frame::Progress { index: self.position, quorum_age_ms: self.controller.quorum_age_ms() };
        self.send_frame(frame).await
    }

    async fn send_frame(&mut self, frame: Frame) -> Sent {
        self.send(&Encoded::new(frame)).await
    }

    async fn send(&mut self, frame: &Encoded) -> Sent {
        self.reader.send(vec![self.reader.encoding(frame)]).await
    }
}
