//! Steps 7 and 8: follows the feed, absorbs every commit, publishes to the page's signals.

use super::backoff::Backoff;
use super::clock::Clock;
use super::fetch::{self, NoState};
use super::way::{Line, Way};
use crate::base;
use crate::freshness::Freshness;
use crate::live::{Connection, Hindrance, Wire};
use crate::recent::{MOST_RECENT, Recent};
use crate::replica::{Absorbed, Replica};
use crate::waiting::until;
use crate::words::{count, num};
use futures::future::{Either, select};
use gloo_timers::callback::Interval;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use metadata::frame::{Frame, Pulse, SCHEMA};
use metadata::{Commit, Index};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

/// A socket that is silent for so long is given up: the network may have swallowed its end.
const GIVE_UP_MS: u32 = 6_000;
/// How often the absence of frames is noticed.
const WATCH_MS: u32 = 250;

/// Why a session ended.
enum End {
    /// No connection, or a broken one: try again later from where the replica is.
    Lost,
    /// The better way works again: take it at once.
    ChangeBack,
    /// The replica is of no use: take the state anew.
    Anew(String),
    /// The node speaks another schema: this page is of another build.
    Reload,
}

/// What one connection has seen.
struct Session {
    opened_at: f64,
    /// The node's index when it said hello.
    target: Option<Index>,
    changes: u64,
    /// Whether the state was fetched for this session.
    fetched: bool,
}

/// Follows the feed.
pub struct Follower {
    wire: Wire,
    replica: Option<Replica>,
    /// Fetch the state before the next socket: the last one was refused before it said hello.
    doubtful: bool,
    /// Whether this page was ever live: only then is there something to catch up.
    was_live: bool,
    way: Way,
    backoff: Backoff,
    clock: Rc<RefCell<Clock>>,
    freshness: Rc<Cell<Freshness>>,
}

/// The browser's monotonic clock.
fn now() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

impl Follower {
    /// A follower that has nothing yet.
    pub fn new(wire: Wire) -> Self {
        // Of the first paint, until a frame says otherwise.
        let freshness = Freshness { frame_at: now(), quorum_age_ms: wire.silence_ms.get_untracked(), caught_up: false };
        Follower {
            wire,
            replica: None,
            doubtful: false,
            was_live: false,
            way: Way::default(),
            backoff: Backoff::default(),
            clock: Rc::new(RefCell::new(Clock::new(wire.now_ms.get_untracked(), now()))),
            freshness: Rc::new(Cell::new(freshness)),
        }
    }

    /// Ticks the page's clock, and stops it when too little is heard.
    pub fn watch_freshness(&self) {
        let (wire, clock, freshness) = (self.wire, self.clock.clone(), self.freshness.clone());
        Interval::new(WATCH_MS, move || {
            let (at, fresh) = (now(), freshness.get());
            let (silence, stale) = (fresh.silence_ms(at), fresh.stale(at));
            let server = clock.borrow().at(at);
            if stale {
                let who = fresh.silence(at);
                if wire.silence.get_untracked() != who {
                    wire.silence.set(who);
                }
                if !wire.connection.get_untracked().stale() {
                    wire.connection.set(Connection::Stale { since_ms: server.saturating_sub(silence) });
                }
                if wire.silence_ms.get_untracked() / 1_000 != silence / 1_000 {
                    wire.silence_ms.set(silence);
                }
            } else if wire.now_ms.get_untracked() / 1_000 != server / 1_000 {
                wire.now_ms.set(server);
            }
        })
        .forget();
    }

    /// Connects again and again, as long as the page lives.
    pub async fn run(mut self) {
        loop {
            match self.session().await {
                _ if crate::alive::ended() => return,
                End::Lost => {}
                End::ChangeBack => continue,
                End::Anew(why) => {
                    leptos::logging::warn!("The state is taken anew: {why}");
                    self.replica = None;
                }
                End::Reload if reload_once() => return,
                End::Reload => {}
            }
            self.freshness.update(|fresh| Freshness { caught_up: false, ..fresh });
            let wait = self.backoff.next_ms(js_sys::Math::random());
            self.wire.attempt.set(self.backoff.attempts());
            let (retry, asked) = (self.wire.retry, self.wire.retry.get_untracked());
            if until(move || retry.get() != asked, wait).await {
                self.backoff.reset();
            }
        }
    }

    async fn session(&mut self) -> End {
        let mut session = Session { opened_at: now(), target: None, changes: 0, fetched: false };
        let asked = self.replica.is_none() || self.doubtful;
        if asked {
            match fetch::state(None).await {
                Ok(state) => {
                    session.fetched = self.replica.is_none();
                    self.adopt(state);
                }
                Err(NoState::TooNew) => return End::Reload,
                Err(NoState::Damaged(error)) => return End::Anew(error.to_string()),
                Err(NoState::SignedOut) => {
                    self.hindered(Some(Hindrance::SignedOut));
                    return End::Lost;
                }
                Err(NoState::Unreachable) => {
                    self.way.note_unreachable();
                    self.hindered(Some(Hindrance::NoAnswer));
                    return End::Lost;
                }
            }
        }
        let path = self.replica.as_ref().map(feed_path).unwrap_or_default();
        let Some(mut line) = self.way.open(&path) else {
            self.hindered(Some(Hindrance::NoFeed));
            return End::Lost;
        };
        self.doubtful = true;
        let end = self.follow(&mut line, session).await;
        // Where the node had just answered it is the way that is closed.
        if self.doubtful && asked {
            self.way.note_refused(&line);
            self.hindered(matches!(line, Line::Stream(_)).then_some(Hindrance::NoFeed));
        }
        end
    }

    /// Takes frames until the connection ends.
    async fn follow(&mut self, line: &mut Line, mut session: Session) -> End {
        loop {
            let batch = match select(pin!(line.next()), pin!(TimeoutFuture::new(GIVE_UP_MS))).await {
                Either::Left((Some(batch), _)) => batch,
                _ => return End::Lost,
            };
            if crate::alive::ended() {
                return End::Lost;
            }
            for bytes in batch {
                if let Err(end) = self.frame(&bytes, &mut session) {
                    return end;
                }
            }
            if let Some(Err(mismatch)) = self.replica.as_mut().map(|replica| replica.scrub(now())) {
                return End::Anew(mismatch.to_string());
            }
            self.publish();
            if matches!(line, Line::Stream(_)) && self.way.change_back() {
                return End::ChangeBack;
            }
        }
    }

    fn hindered(&self, by: Option<Hindrance>) {
        if self.wire.hindrance.get_untracked() != by {
            self.wire.hindrance.set(by);
        }
    }

    /// Takes a fetched state, unless this browser holds more of the same history already.
    fn adopt(&mut self, state: metadata::State) {
        let held = self.replica.as_ref().map(Replica::state);
        let newer = held.is_some_and(|held| held.identity() == state.identity() && held.revision() > state.revision());
        if !newer {
            self.replica = Some(Replica::new(state));
        }
        self.publish();
    }

    fn frame(&mut self, bytes: &[u8], session: &mut Session) -> Result<(), End> {
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(metadata::envelope::EnvelopeError::TooNew { .. }) => return Err(End::Reload),
            Err(error) => return Err(End::Anew(error.to_string())),
        };
        self.freshness.update(|fresh| Freshness { frame_at: now(), ..fresh });
        match frame {
            Frame::Hello { schema, .. } if schema != SCHEMA => return Err(End::Reload),
            Frame::Hello { lineage, node_id, index, .. } => {
                let ours = self.replica.as_ref().and_then(|replica| replica.state().identity()).map(|identity| identity.lineage);
                if ours.is_some() && ours != lineage {
                    return Err(End::Anew("the cluster has another history now".to_owned()));
                }
                self.doubtful = false;
                self.way.note_hello();
                self.hindered(self.way.second().then_some(Hindrance::NoSocket));
                self.wire.fault.set(None);
                self.wire.node_id.set(node_id);
                session.target = Some(index);
            }
            Frame::Commit(commit) => self.commit(commit, session)?,
            Frame::Progress { index, quorum_age_ms } => self.progress(index, quorum_age_ms, session),
            Frame::Gone { oldest } => return Err(End::Anew(format!("the feed begins at {oldest} now"))),
            Frame::Pulse(pulse) => self.pulse(pulse),
            Frame::Fault { detail } => self.fault(detail),
        }
        Ok(())
    }

    fn commit(&mut self, commit: Arc<Commit>, session: &mut Session) -> Result<(), End> {
        let Some(replica) = &mut self.replica else { return Ok(()) };
        match replica.absorb(&commit) {
            Err(mismatch) => return Err(End::Anew(mismatch.to_string())),
            Ok(Absorbed::Known) => return Ok(()),
            Ok(Absorbed::Taken) => session.changes += 1,
        }
        if self.freshness.get().caught_up {
            let server = self.clock.borrow().at(now());
            self.wire.delay_ms.set(Some(server.saturating_sub(commit.at_ms)));
        }
        self.wire.recent.update(|recent| {
            let list = Arc::make_mut(recent);
            list.insert(0, Recent::of(commit));
            list.truncate(MOST_RECENT);
        });
        Ok(())
    }

    fn progress(&mut self, index: Index, quorum_age_ms: u64, session: &mut Session) {
        if let Some(replica) = &mut self.replica {
            replica.progress(index);
        }
        let caught_up = session.target.is_some_and(|target| index >= target);
        self.freshness.update(|fresh| Freshness { quorum_age_ms, caught_up: fresh.caught_up || caught_up, ..fresh });
        let fresh = self.freshness.get();
        if !fresh.caught_up || fresh.stale(now()) {
            return;
        }
        self.backoff.reset();
        let before = self.wire.connection.get_untracked();
        if before != Connection::Live {
            self.wire.attempt.set(0);
            self.wire.silence_ms.set(0);
            self.wire.now_ms.set(self.clock.borrow().at(now()));
            self.wire.connection.set(Connection::Live);
            self.wire.silence.set(None);
            if before.stale() && self.was_live {
                self.wire.show(back_again(session, self.replica.as_ref()), false, None);
            }
            self.was_live = true;
        }
    }

    fn pulse(&mut self, pulse: Arc<Pulse>) {
        self.clock.borrow_mut().stamp(pulse.at_ms.saturating_add(pulse.age_ms), now());
        self.wire.heard.update(|heard| Arc::make_mut(heard).take(&pulse));
        self.wire.pulse.set(Some(pulse));
    }

    fn fault(&mut self, detail: Option<String>) {
        self.wire.fault.set(detail);
    }

    /// Shows what the replica holds, once for a whole batch of frames.
    fn publish(&self) {
        let Some(replica) = &self.replica else { return };
        let (wire, state) = (self.wire, replica.state());
        let shown = wire.state.with_untracked(|shown| (shown.revision(), shown.digest()));
        if shown != (state.revision(), state.digest()) || !wire.whole.get_untracked() {
            wire.digests.set(Arc::new(replica.digests().collect()));
            wire.state.set(Arc::new(state.clone()));
            wire.whole.set(true);
        }
        if wire.reached.get_untracked() != replica.reached() {
            wire.reached.set(replica.reached());
        }
    }
}

fn feed_path(replica: &Replica) -> String {
    let lineage = replica.state().identity().map(|identity| format!("&lineage={}", identity.lineage)).unwrap_or_default();
    base::to(&format!("/api/v1/feed?from={}{lineage}", replica.reached()))
}

fn back_again(session: &Session, replica: Option<&Replica>) -> String {
    let took = num((now() - session.opened_at).max(0.0) as u64);
    match replica {
        Some(replica) if session.fetched => format!("Live again. Took the state at index {} anew in {took} ms", num(replica.reached())),
        _ => format!("Caught up {} in {took} ms", count(session.changes, "change", "changes")),
    }
}

/// Reloads the page, unless that was tried a moment ago: a node that keeps serving an old page must not make it spin.
pub(super) fn reload_once() -> bool {
    const KEY: &str = "reloaded-at";
    let at = js_sys::Date::now();
    let store = window().session_storage().ok().flatten();
    let before = store.as_ref().and_then(|store| store.get_item(KEY).ok().flatten()).and_then(|text| text.parse::<f64>().ok());
    if before.is_some_and(|before| at - before < 30_000.0) {
        return false;
    }
    // Without a memory nothing would end it.
    store.is_some_and(|store| store.set_item(KEY, &at.to_string()).is_ok()) && window().location().reload().is_ok()
}
