//! The banner of a page that is not live: stale must never look live.

use crate::freshness::Silence;
use crate::icons::{self, Icon};
use crate::live::{Hindrance, use_live};
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;

/// Says since when nothing was heard, and offers to try again.
#[component]
pub fn StaleBanner() -> impl IntoView {
    let live = use_live();
    let stale = Memo::new(move |_| live.connection.get().stale());
    let why = move || match (live.attempt.get(), live.fault.get(), live.hindrance.get()) {
        (0, Some(fault), _) => [" The node takes no part: ", &fault, "."].concat(),
        (0, None, _) if matches!(live.silence.get(), Some(Silence::Node { .. })) => " Nothing comes from the node.".to_owned(),
        (0, None, _) => " The node has no contact with its quorum.".to_owned(),
        (attempt, _, Some(reason)) if reason != Hindrance::NoSocket => format!(" {} Attempt {attempt} to reconnect.", reason.words()),
        (attempt, ..) => format!(" Reconnecting, attempt {attempt}."),
    };
    view! {
        {changing(move || stale.get().then(|| view! {
            <div class="banner stale" role="alert">
                <Icon of=icons::NOT_CONNECTED/>
                <span>
                    <b>"Not live."</b>
                    " Last update "
                    <span class="num" aria-live="off">{changing(move || num(live.silence_ms.get() / 1_000))}" s"</span>
                    " ago at index "
                    <span class="num">{changing(move || num(live.reached.get()))}</span>
                    "."
                    <span aria-live="off">{changing(why)}</span>
                </span>
                <div class="actions js-only">
                    <button type="button" class="btn sm" on:click=move |_| live.reconnect()>
                        <Icon of=icons::RELOAD/>
                        <span>"Retry now"</span>
                    </button>
                </div>
            </div>
        }))}
    }
}
