//! What every page reads: the replica of the cluster's state in this browser, and what is known about its freshness.
//! On the server the same signals hold the slice of the first paint, and never change.

use crate::base;
use crate::boot::Boot;
use crate::freshness::Silence;
use crate::heard::Heard;
use crate::recent::{MOST_RECENT, Recent};
use crate::signals::Reading;
use leptos::prelude::*;
use metadata::digest::Digest;
use metadata::frame::Pulse;
use metadata::{Index, NodeId, State};
use std::sync::Arc;

/// How fresh the page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The first paint, until the feed says where it is.
    Connecting,
    Live,
    /// No frame for three seconds, or a node without its quorum. `since_ms` is the server's clock when it was last live.
    Stale {
        since_ms: u64,
    },
    /// Not of now at all: the cluster as of an index.
    AsOf,
}

impl Connection {
    /// The value of `data-connection`.
    pub fn name(self) -> &'static str {
        match self {
            Connection::Connecting => "connecting",
            Connection::Live => "live",
            Connection::Stale { .. } => "stale",
            Connection::AsOf => "as-of",
        }
    }

    /// Whether it is stale.
    pub fn stale(self) -> bool {
        matches!(self, Connection::Stale { .. })
    }
}

/// What stands between this page and being live in the usual way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// The node does not answer at all.
    NoAnswer,
    /// WebSockets do not get through: frames come as an event stream.
    NoSocket,
    /// Neither gets through, though the node answers.
    NoFeed,
    /// The node asks who looks.
    SignedOut,
}

impl Hindrance {
    /// The reason, as a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Hindrance::NoAnswer => "The node does not answer.",
            Hindrance::NoSocket => "Something between this browser and the node refuses WebSockets: this page follows by an event stream.",
            Hindrance::NoFeed => {
                "The node answers, but neither a WebSocket nor an event stream opens: something in between refuses them, or the node has no room for another feed."
            }
            Hindrance::SignedOut => "You are signed out.",
        }
    }
}

/// A short message that leaves by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub id: u64,
    pub text: String,
    /// Whether it reports a failure.
    pub failed: bool,
    /// Where what it reports can be undone.
    pub undo: Option<Index>,
}

/// The point of the past that a page shows instead of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    pub index: Index,
    /// The banner's markup.
    pub banner: Arc<str>,
    /// Steps from one point to another so far.
    pub steps: u32,
}

/// The digests of this browser's replica after its last commits, oldest first.
pub type Digests = Arc<Vec<(Index, Digest)>>;

/// The live view of the cluster. `Copy`: take it with [`use_live`] and read its signals.
#[derive(Clone, Copy)]
pub struct Live {
    /// The state that every page renders from. While `whole` is false it holds what the first page shows, with the whole's counts.
    pub state: Reading<Arc<State>>,
    /// Whether `state` is the whole state and no longer the slice of the first paint.
    pub whole: Reading<bool>,
    /// Soft state: heartbeats, roles, backup, since when the verdict stands.
    pub pulse: Reading<Option<Arc<Pulse>>>,
    pub connection: Reading<Connection>,
    /// Who is not heard, while it is stale.
    pub silence: Reading<Option<Silence>>,
    /// The last commits, newest first, at most 50.
    pub recent: Reading<Arc<Vec<Recent>>>,
    /// The server's clock; ticks each second in the browser, stands still on the server and while stale.
    pub now_ms: Reading<u64>,
    /// The node that serves this page.
    pub node_id: Reading<NodeId>,
    /// From the leader's stamp of the last commit to its arrival here.
    pub delay_ms: Reading<Option<u64>>,
    /// Milliseconds since the last frame; counts up while stale.
    pub silence_ms: Reading<u64>,
    /// Recent heartbeat ages per broker and the commit rate, for strips and sparklines.
    pub heard: Reading<Arc<Heard>>,
    /// The last 64 digests of this browser's replica.
    pub digests: Reading<Digests>,
    /// The index up to which this browser has everything; at or above `state.revision()`.
    pub reached: Reading<Index>,
    /// The number of the present attempt to reconnect; 0 while connected.
    pub attempt: Reading<u32>,
    /// Why the page is not live, or not in the usual way.
    pub hindrance: Reading<Option<Hindrance>>,
    /// Why the node takes no part any more, in its own words.
    pub fault: Reading<Option<String>>,
    pub toasts: Reading<Vec<Toast>>,
    /// The point of the past that this page shows; none on one that is of now, as long as it lives.
    pub as_of: Reading<Option<AsOf>>,
    pub(crate) wire: Wire,
}

/// The writing side of [`Live`], for the feed.
#[derive(Clone, Copy)]
pub(crate) struct Wire {
    pub state: RwSignal<Arc<State>>,
    pub whole: RwSignal<bool>,
    pub pulse: RwSignal<Option<Arc<Pulse>>>,
    pub connection: RwSignal<Connection>,
    pub silence: RwSignal<Option<Silence>>,
    pub recent: RwSignal<Arc<Vec<Recent>>>,
    /// The commits of the first paint are in `recent`.
    pub seeded: StoredValue<bool>,
    pub now_ms: RwSignal<u64>,
    pub node_id: RwSignal<NodeId>,
    pub delay_ms: RwSignal<Option<u64>>,
    pub silence_ms: RwSignal<u64>,
    pub heard: RwSignal<Arc<Heard>>,
    pub digests: RwSignal<Digests>,
    pub reached: RwSignal<Index>,
    pub attempt: RwSignal<u32>,
    pub hindrance: RwSignal<Option<Hindrance>>,
    pub fault: RwSignal<Option<String>>,
    pub toasts: RwSignal<Vec<Toast>>,
    pub as_of: RwSignal<Option<AsOf>>,
    /// Rises when a person asks to reconnect now.
    pub retry: RwSignal<u32>,
    pub toast_id: StoredValue<u64>,
}

/// The live view of this page.
pub fn use_live() -> Live {
    expect_context::<Live>()
}

impl Live {
    /// The signals of a first paint.
    pub(crate) fn from_boot(boot: &Boot, state: State) -> Live {
        let (connection, silence) = match boot.quorum_age_ms {
            _ if base::as_of().is_some() => (Connection::AsOf, None),
            age if age > STALE_MS => (Connection::Stale { since_ms: boot.now_ms.saturating_sub(age) }, Some(Silence::Quorum)),
            _ => (Connection::Connecting, None),
        };
        let banner = |index| AsOf { index, banner: boot.as_of.as_deref().unwrap_or_default().into(), steps: 0 };
        let as_of = base::as_of().map(banner);
        let wire = Wire {
            digests: RwSignal::new(Arc::new(vec![(state.revision(), state.digest())])),
            reached: RwSignal::new(state.revision()),
            state: RwSignal::new(Arc::new(state)),
            whole: RwSignal::new(false),
            pulse: RwSignal::new(boot.pulse.clone()),
            connection: RwSignal::new(connection),
            silence: RwSignal::new(silence),
            recent: RwSignal::new(Arc::default()),
            seeded: StoredValue::new(false),
            now_ms: RwSignal::new(boot.now_ms),
            node_id: RwSignal::new(boot.node_id),
            delay_ms: RwSignal::new(None),
            silence_ms: RwSignal::new(boot.quorum_age_ms),
            heard: RwSignal::new(Arc::new(boot.heard.clone())),
            attempt: RwSignal::new(0),
            hindrance: RwSignal::new(None),
            fault: RwSignal::new(boot.fault.clone()),
            toasts: RwSignal::new(Vec::new()),
            as_of: RwSignal::new(as_of),
            retry: RwSignal::new(0),
            toast_id: StoredValue::new(0),
        };
        Live {
            state: wire.state.into(),
            whole: wire.whole.into(),
            pulse: wire.pulse.into(),
            connection: wire.connection.into(),
            silence: wire.silence.into(),
            recent: wire.recent.into(),
            now_ms: wire.now_ms.into(),
            node_id: wire.node_id.into(),
            delay_ms: wire.delay_ms.into(),
            silence_ms: wire.silence_ms.into(),
            heard: wire.heard.into(),
            digests: wire.digests.into(),
            reached: wire.reached.into(),
            attempt: wire.attempt.into(),
            hindrance: wire.hindrance.into(),
            fault: wire.fault.into(),
            toasts: wire.toasts.into(),
            as_of: wire.as_of.into(),
            wire,
        }
    }

    /// Puts the commits of the first paint below those that came since. For pages that show commits, before they do.
    pub fn with_first_commits(&self) {
        if self.wire.seeded.get_value() {
            return;
        }
        self.wire.seeded.set_value(true);
        let Some(boot) = use_context::<Arc<Boot>>() else { return };
        self.wire.recent.update(|recent| {
            let oldest = recent.last().map_or(Index::MAX, |recent| recent.commit.index);
            let list = Arc::make_mut(recent);
            list.extend(boot.recent().into_iter().filter(|first| first.commit.index < oldest));
            list.truncate(MOST_RECENT);
        });
    }

    /// Whether this is a page of what is past, as long as it lives.
    pub fn past(&self) -> bool {
        base::as_of().is_some()
    }

    /// Where a path of ours is, followed through time: for what stays while the page goes from one point to another.
    pub fn to(&self, path: &str) -> String {
        self.as_of.with(|_| base::to(path))
    }

    /// Whether actions are off: nothing is asked of a cluster whose state is not known.
    pub fn stale(&self) -> bool {
        self.connection.get().stale()
    }

    /// Step 9: waits until this browser has everything up to `index`, so that a page never shows less than its own caller
    /// was just told. Gives up after ten seconds: the page is stale then, and says so.
    pub async fn caught_up(&self, index: Index) {
        #[cfg(feature = "hydrate")]
        crate::waiting::caught_up(self.reached, index).await;
        #[cfg(not(feature = "hydrate"))]
        let _ = index;
    }

    /// Shows a message for five seconds.
    pub fn toast(&self, text: impl Into<String>) {
        self.wire.show(text.into(), false, None);
    }

    /// Shows what was committed at this index for ten seconds, with the way to undo it.
    pub fn toast_with_undo(&self, text: impl Into<String>, index: Index) {
        self.wire.show(text.into(), false, Some(index));
    }

    /// Shows the message of a failure.
    pub fn toast_failure(&self, text: impl Into<String>) {
        self.wire.show(text.into(), true, None);
    }

    /// Takes a message away.
    pub fn dismiss(&self, id: u64) {
        self.wire.toasts.update(|toasts| toasts.retain(|toast| toast.id != id));
    }

    /// Tries to connect now instead of at the end of the back-off.
    pub fn reconnect(&self) {
        self.wire.retry.update(|count| *count += 1);
    }
}

impl Wire {
    pub(crate) fn show(self, text: String, failed: bool, undo: Option<Index>) {
        let id = self.toast_id.get_value() + 1;
        self.toast_id.set_value(id);
        self.toasts.update(|toasts| toasts.push(Toast { id, text, failed, undo }));
    }
}

/// How long a page may hear nothing of the quorum before it calls itself stale.
pub use metadata::views::STALE_MS;
