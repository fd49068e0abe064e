//! The feed in the browser.

use futures::channel::oneshot;
use leptos::prelude::*;
use metadata::Index;

/// Waits until `reached` is at or above `index`, at most ten seconds.
pub async fn caught_up(reached: Signal<Index>, index: Index) {
    if reached.get_untracked() >= index {
        return;
    }
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let watch = Effect::new(move |_| {
        if reached.get() >= index
            && let Some(tell) = tell.take()
        {
            let _gave_up = tell.send(());
        }
    });
    let limit = gloo_timers::future::TimeoutFuture::new(10_000);
    futures::future::select(told, limit).await;
    watch.stop();
}
