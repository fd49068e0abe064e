//! The way that frames come: a WebSocket, or an event stream where something between the browser and the node refuses
//! WebSockets. The second way is left as soon as the first one works.

use super::socket::Socket;
use super::stream::Stream;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

/// Sockets in a row that ended before the node said hello, though it answered otherwise, until the other way is taken.
const MOST_REFUSED: u32 = 2;
/// How long a socket may take to say hello when nothing waits for it.
const TRIAL_MS: u32 = 6_000;
/// How long it is until the first way is tried again, and how long at most: each time twice as long.
const FIRST_TRIAL_MS: u32 = 5_000;
const LAST_TRIAL_MS: u32 = 300_000;

/// A connection.
pub enum Line {
    Socket(Socket),
    Stream(Stream),
}

impl Line {
    /// The next message and all that came with it; none when the connection has ended.
    pub async fn next(&mut self) -> Option<Vec<Vec<u8>>> {
        match self {
            Line::Socket(socket) => socket.next().await,
            Line::Stream(stream) => stream.next().await,
        }
    }
}

/// Which way is taken.
#[derive(Clone, Default)]
pub struct Way {
    refused: Rc<Cell<u32>>,
    /// A socket got through while frames came the other way.
    open_again: Rc<Cell<bool>>,
    trying: Rc<Cell<bool>>,
}

impl Way {
    /// Opens the feed at this path; `None` when the browser has no means to.
    pub fn open(&self, path: &str) -> Option<Line> {
        if !self.second() || self.change_back() {
            match Socket::open(path) {
                Some(socket) => return Some(Line::Socket(socket)),
                None => self.refused.set(MOST_REFUSED),
            }
        }
        self.keep_trying(path.to_owned());
        Stream::open(path).map(Line::Stream)
    }

    /// Whether the second way is the one.
    pub fn second(&self) -> bool {
        self.refused.get() >= MOST_REFUSED
    }

    /// A node that answers otherwise did not say hello over this line.
    pub fn note_refused(&self, line: &Line) {
        if matches!(line, Line::Socket(_)) {
            self.refused.set(self.refused.get() + 1);
        }
    }

    /// The node itself does not answer: that says nothing about the way.
    pub fn note_unreachable(&self) {
        if !self.second() {
            self.refused.set(0);
        }
    }

    /// The node said hello.
    pub fn note_hello(&self) {
        if !self.second() {
            self.refused.set(0);
        }
    }

    /// Whether to change back to the first way now.
    pub fn change_back(&self) -> bool {
        let open = self.open_again.replace(false);
        if open {
            self.refused.set(0);
        }
        open
    }

    /// Tries a socket from time to time, beside the stream, until one gets through.
    fn keep_trying(&self, path: String) {
        if self.trying.replace(true) {
            return;
        }
        let way = self.clone();
        leptos::task::spawn_local(async move {
            let mut wait = FIRST_TRIAL_MS;
            loop {
                TimeoutFuture::new(wait).await;
                wait = (wait * 2).min(LAST_TRIAL_MS);
                if crate::alive::ended() || trial(&path).await {
                    break;
                }
            }
            way.trying.set(false);
            way.open_again.set(true);
        });
    }
}

/// Whether a socket says anything in time. From now on: what it would bring is not asked for.
async fn trial(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let Some(mut socket) = Socket::open(path) else { return false };
    matches!(select(pin!(socket.next()), pin!(TimeoutFuture::new(TRIAL_MS))).await, Either::Left((Some(_), _)))
}
