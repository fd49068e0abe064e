//! Step 7, the WebSocket feed: every commit after a position, in order, once, whole; then as they come.

use super::Node;
use super::call;
use super::problem::Refused;
use super::query::Query;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use controller::Controller;
use controller::hub::Next;
use http::request::Parts;
use metadata::frame::{Frame, SCHEMA};
use metadata::{Code, Index, Rejection, json};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

const JSON: &str = "quorate.v1.json";
const POSTCARD: &str = "quorate.v1.postcard";
/// Commits that are read from the ring at once.
const AT_ONCE: usize = 128;
/// A reader that takes nothing for this long is let go.
const STUCK: Duration = Duration::from_secs(10);
const PROGRESS_EVERY: Duration = Duration::from_millis(900);
/// Nothing that a reader says is longer.
const LONGEST_MESSAGE: usize = 4_096;

pub async fn open(State(node): State<Node>, mut parts: Parts) -> Result<Response, Refused> {
    let query = Query::read(parts.uri.query(), &["from", "lineage"])?;
    let from = query.parse::<Index>("from", "an index")?;
    let lineage = query.parse::<Uuid>("lineage", "the UUID of a lineage")?;
    let deadline = call::deadline(&parts)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &node).await.map_err(|_| {
        Refused::new(Code::UpgradeRequired, "The feed is a WebSocket: subprotocols quorate.v1.json and quorate.v1.postcard")
    })?;
    let controller = node.controller.clone();
    check_lineage(&controller, lineage)?;
    let position = match from {
        Some(from) => reach(&controller, from, deadline).await?,
        None => controller.applied_index(),
    };
    let upgrade = upgrade.protocols([JSON, POSTCARD]).max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    let binary = upgrade.selected_protocol().is_some_and(|chosen| chosen == POSTCARD);
    let subscribers = node.counters.subscribers.clone();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _counted = subscribers.enter();
        let feed = Feed { generation: controller.generation(), controller, socket, binary, position };
        if let Err(error) = feed.run().await {
            tracing::debug!(%error, "a feed ended");
        }
    }))
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

struct Feed {
    controller: Controller,
    socket: WebSocket,
    binary: bool,
    position: Index,
    generation: u64,
}

type Sent = Result<(), axum::Error>;

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
        self.send_frame(&hello).await?;
        let mut applied = self.controller.watch_applied();
        let mut pulses = self.controller.watch_pulse();
        let mut faults = self.controller.watch_fault();
        if faults.borrow_and_update().is_some() {
            self.fault().await?;
        }
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.send_frame(&Frame::Pulse(self.controller.pulse())).await?;
        loop {
            applied.mark_unchanged();
            if !self.catch_up().await? {
                return self.socket.send(Message::Close(Some(CloseFrame { code: 1000, reason: "gone".into() }))).await;
            }
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return Ok(()) },
                _ = ticks.tick() => self.progress().await?,
                changed = pulses.changed() => {
                    if changed.is_ok() {
                        self.send_frame(&Frame::Pulse(self.controller.pulse())).await?;
                    }
                }
                changed = faults.changed() => if changed.is_ok() { self.fault().await? },
                message = self.socket.recv() => match message {
                    None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return Ok(()),
                    // Readers have nothing to say; pings are answered below this.
                    Some(Ok(_)) => {}
                },
            }
        }
    }

    /// Sends everything after the position; false when it is no longer kept.
    async fn catch_up(&mut self) -> Result<bool, axum::Error> {
        loop {
            if self.controller.generation() != self.generation {
                let oldest = self.controller.state().revision();
                self.send_frame(&Frame::Gone { oldest }).await?;
                return Ok(false);
            }
            match self.controller.commits_after(self.position, AT_ONCE) {
                Next::Gone { oldest } => {
                    self.send_frame(&Frame::Gone { oldest }).await?;
                    return Ok(false);
                }
                Next::Commits { commits, upto } if commits.is_empty() => {
                    if upto > self.position {
                        // Entries that changed nothing: the reader hears at once that it is up to date.
                        self.position = upto;
                        self.progress().await?;
                    }
                    return Ok(true);
                }
                Next::Commits { commits, .. } => {
                    for published in commits {
                        let bytes = if self.binary { published.binary() } else { published.json() };
                        self.send(bytes).await?;
                        self.position = published.commit.index;
                    }
                }
            }
        }
    }

    async fn fault(&mut self) -> Sent {
        let detail = self.controller.fault().map(|fault| fault.to_string());
        self.send_frame(&Frame::Fault { detail }).await
    }

    async fn progress(&mut self) -> Sent {
        let frame = Frame::Progress { index: self.position, quorum_age_ms: self.controller.quorum_age_ms() };
        self.send_frame(&frame).await
    }

    async fn send_frame(&mut self, frame: &Frame) -> Sent {
        let bytes: Result<Bytes, axum::Error> = if self.binary {
            frame.encode().map(Bytes::from).map_err(axum::Error::new)
        } else {
            json::frame(frame).and_then(|value| json::text(&value)).map(Bytes::from).map_err(axum::Error::new)
        };
        self.send(bytes?).await
    }

    async fn send(&mut self, bytes: Bytes) -> Sent {
        let message =
            if self.binary { Message::Binary(bytes) } else { Message::Text(Utf8Bytes::try_from(bytes).map_err(axum::Error::new)?) };
        match timeout(STUCK, self.socket.send(message)).await {
            Ok(sent) => sent,
            Err(elapsed) => Err(axum::Error::new(elapsed)),
        }
    }
}
