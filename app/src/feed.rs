//! The feed in the browser: takes the whole state, follows every commit after it, and says how fresh the page is.
//!
//! Nothing is polled: frames come by themselves, at least one a second. The one clock here watches for their absence.

mod backoff;
mod clock;
mod fetch;
mod follower;
mod messages;
mod past;
mod socket;
mod stream;
mod walk;
mod way;

pub use walk::{Navigate, walk};

use crate::base;
use crate::live::Live;
use follower::Follower;
use leptos::prelude::*;

/// Follows the feed as long as the page lives; on a page of what is past there is nothing to follow.
pub fn start(live: Live) {
    if let Some(index) = base::as_of() {
        leptos::task::spawn_local(past::show(live, index));
        return;
    }
    let follower = Follower::new(live.wire);
    follower.watch_freshness();
    // A network that comes back is worth an attempt at once.
    let _as_long_as_the_page = window_event_listener(leptos::ev::online, move |_| live.reconnect());
    leptos::task::spawn_local(follower.run());
}
