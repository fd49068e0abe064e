//! The feed in the browser: takes the whole state, follows every commit after it, and says how fresh the page is.
//!
//! Nothing is polled: frames come by themselves, at least one a second. The one clock here watches for their absence.

mod backoff;
mod clock;
mod fetch;
mod follower;
mod messages;
mod socket;
mod stream;
mod way;

use crate::live::Live;
use follower::Follower;
use futures::channel::oneshot;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use metadata::Index;
use std::pin::pin;

/// Follows the feed as long as the page lives.
pub fn start(live: Live) {
    let follower = Follower::new(live.wire);
    follower.watch_freshness();
    // A network that comes back is worth an attempt at once.
    let _as_long_as_the_page = window_event_listener(leptos::ev::online, move |_| live.reconnect());
    leptos::task::spawn_local(follower.run());
}

/// Waits until `reached` is at or above `index`, at most ten seconds.
pub async fn caught_up(reached: crate::signals::Reading<Index>, index: Index) {
    until(move || reached.get() >= index, 10_000).await;
}

/// Waits until `holds` says yes, at most `limit_ms`; says whether it did. `holds` is asked again when a signal that it reads changes.
async fn until(holds: impl Fn() -> bool + 'static, limit_ms: u32) -> bool {
    let (tell, told) = oneshot::channel::<()>();
    let mut tell = Some(tell);
    let watch = Effect::new(move |_| {
        if holds()
            && let Some(tell) = tell.take()
        {
            let _gave_up_meanwhile = tell.send(());
        }
    });
    let came = matches!(select(pin!(told), pin!(TimeoutFuture::new(limit_ms))).await, Either::Left((Ok(()), _)));
    watch.stop();
    came
}
