//! Appends to one follower: sent in order, answered in order, and a commit waits a moment for entries to travel with.
//!
//! After every commit openraft sends each follower an append without entries, which only says how far the log is committed.
//! Where one creation follows another these are half of all messages, on the cores that the next creation needs. Such an
//! append waits for the next one with entries, which says the same and more: for `COMMIT_WAITS` at most, and not at all
//! for a follower that has asked the leader for something, as that one waits until it has applied the answer.

use super::network::{Network, RpcError, unexpected};
use super::rpc::{Reply, Request};
use crate::raft::{LogId, TypeConfig};
use futures::Stream;
use futures::stream::{BoxStream, Fuse, StreamExt};
use openraft::network::RPCTypes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendResult};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Append requests under way to one follower.
const MOST_UNANSWERED: usize = 64;
/// How long a commit waits for entries to travel with: longer than a client needs from an answer to its next request. Timers
/// have a resolution of 1 ms and so make it up to 2 ms.
const COMMIT_WAITS: Duration = Duration::from_micros(500);

type Append = AppendEntriesRequest<TypeConfig>;
type Answered = Result<Result<Reply, oneshot::error::RecvError>, tokio::time::error::Elapsed>;
pub(super) type Appended = Result<StreamAppendResult<TypeConfig>, RpcError>;

/// An append that was sent and is not answered yet.
struct Sent {
    prev: Option<LogId>,
    last: Option<LogId>,
    reply: oneshot::Receiver<Reply>,
}

/// One session of appends: until its input ends, or an answer makes void what was sent behind it.
struct Pipeline<'s, S> {
    network: &'s Network,
    input: Fuse<S>,
    /// How long the oldest append may stay unanswered.
    idle: Duration,
    unanswered: VecDeque<Sent>,
    /// A commit that waits, and until when.
    held: Option<(Append, Instant)>,
    ended: bool,
}

enum Step {
    Answered(Answered),
    Input(Option<Append>),
    HeldLongEnough,
}

/// Sends what comes in and gives the answers, in order.
pub(super) fn stream<'s, S>(network: &'s Network, input: S, idle: Duration) -> BoxStream<'s, Appended>
where
    S: Stream<Item = Append> + Unpin + Send + 's,
{
    let pipeline = Pipeline { network, input: input.fuse(), idle, unanswered: VecDeque::new(), held: None, ended: false };
    let answers = futures::stream::unfold(pipeline, |mut pipeline| async move {
        let item = pipeline.next().await?;
        Some((item, pipeline))
    });
    answers.boxed()
}

impl<S: Stream<Item = Append> + Unpin + Send> Pipeline<'_, S> {
    async fn next(&mut self) -> Option<Appended> {
        while !self.ended {
            let sent = match self.step().await? {
                Step::Answered(answered) => {
                    let sent = self.unanswered.pop_front()?;
                    return Some(self.answer(sent.prev, sent.last, answered));
                }
                Step::Input(Some(append)) if append.entries.is_empty() => {
                    // The first commit that waits says until when: another one takes its place, not its time.
                    let until = self.held.take().map_or_else(|| Instant::now() + COMMIT_WAITS, |(_, until)| until);
                    self.held = Some((append, until));
                    continue;
                }
                Step::Input(Some(append)) => {
                    self.held = None;
                    self.send(append).await
                }
                Step::Input(None) | Step::HeldLongEnough => match self.held.take() {
                    Some((append, _)) => self.send(append).await,
                    None => continue,
                },
            };
            if let Err(error) = sent {
                return Some(Err(error));
            }
        }
        None
    }

    /// None when there is nothing left to wait for.
    async fn step(&mut self) -> Option<Step> {
        let room = self.unanswered.len() < MOST_UNANSWERED;
        let more = !self.input.is_done();
        let until = self.held.as_ref().map(|(_, until)| *until);
        if !more && until.is_some() {
            return Some(Step::HeldLongEnough);
        }
        let oldest = self.unanswered.front_mut();
        if oldest.is_none() && !more {
            return None;
        }
        let answered = async {
            match oldest {
                Some(sent) => tokio::time::timeout(self.idle, &mut sent.reply).await,
                None => std::future::pending().await,
            }
        };
        let held = async {
            match until {
                Some(until) => tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.network.awaits_commit.notified() => {}
                },
                None => std::future::pending().await,
            }
        };
        Some(tokio::select! {
            biased;
            answered = answered => Step::Answered(answered),
            append = self.input.next(), if room && more => Step::Input(append),
            () = held => Step::HeldLongEnough,
        })
    }

    async fn send(&mut self, append: Append) -> Result<(), RpcError> {
        let (prev, last) = (append.prev_log_id, append.entries.last().map(|entry| entry.log_id).or(append.prev_log_id));
        let request = Request::Append { rpc: append, quorum_age_ms: self.network.quorum_age_ms() };
        let started = tokio::time::timeout(self.idle, self.network.main.start(&request)).await;
        match started.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(reply) => {
                self.unanswered.push_back(Sent { prev, last, reply });
                Ok(())
            }
            Err(error) => {
                self.ended = true;
                Err(self.network.failed(&error, RPCTypes::AppendEntries, self.idle))
            }
        }
    }

    fn answer(&mut self, prev: Option<LogId>, last: Option<LogId>, answered: Answered) -> Appended {
        let error = match answered {
            Ok(Ok(Reply::Append(response))) => {
                let partial = matches!(&response, AppendEntriesResponse::PartialSuccess(upto) if *upto != last);
                let conflict_without_prev = response.is_conflict() && prev.is_none();
                if !conflict_without_prev {
                    let result = response.into_stream_result(prev, last);
                    // What was sent behind a refusal or a part is void.
                    self.ended = partial || result.is_err();
                    return Ok(result);
                }
                io::Error::new(io::ErrorKind::InvalidData, "a conflict at the very beginning of the log")
            }
            Ok(Ok(other)) => unexpected(&other),
            Ok(Err(_)) => io::Error::from(io::ErrorKind::ConnectionReset),
            Err(_) => io::Error::from(io::ErrorKind::TimedOut),
        };
        self.ended = true;
        Err(self.network.failed(&error, RPCTypes::AppendEntries, self.idle))
    }
}
