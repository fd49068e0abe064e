//! A part of the page in the pack `later`: it is mounted when it is first wanted, and then stays.

use crate::live::use_live;
use crate::parts::{Coming, Late, Part};
use crate::signals::changing;
use leptos::prelude::*;
use std::task::{Context, Poll, Waker};

/// Shows `part` from when `wanted` is first true. The server paints nothing in its place.
pub fn late(wanted: RwSignal<bool>, part: Part) -> AnyView {
    let Some(late) = use_context::<Late>() else { return ().into_any() };
    let there = RwSignal::new(false);
    fetch_when(late, wanted, there);
    changing(move || there.get().then(|| at_once((late.view)(part.clone()))))
}

fn fetch_when(late: Late, wanted: RwSignal<bool>, there: RwSignal<bool>) {
    let live = use_live();
    Effect::new(move |_| {
        if !wanted.get() || there.get_untracked() {
            return;
        }
        leptos::task::spawn_local(async move {
            if (late.fetch)().await.is_ok() {
                let _left_meanwhile = there.try_set(true);
            } else {
                let _left_meanwhile = wanted.try_set(false);
                live.toast_failure("This node does not have the rest of this page. Reload the page.");
            }
        });
    });
}

/// What does not have to be waited for any more.
fn at_once(mut part: Coming<AnyView>) -> Option<AnyView> {
    match part.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(view) => view.ok(),
        Poll::Pending => None,
    }
}
