//! Waiting in the browser for what signals say.

use futures::channel::oneshot;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use metadata::Index;
use std::pin::pin;

/// Waits until `reached` is at or above `index`, at most ten seconds.
pub async fn caught_up(reached: crate::signals::Reading<Index>, index: Index) {
    until(move || reached.get() >= index, 10_000).await;
}

/// Waits until `holds` says yes, at most `limit_ms`; says whether it did. `holds` is asked again when a signal that it reads changes.
pub async fn until(holds: impl Fn() -> bool + 'static, limit_ms: u32) -> bool {
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
