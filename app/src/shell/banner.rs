//! The banner of a page that is not live: neither what is stale nor what is past may ever look live.

use crate::base;
use crate::boot::use_looker;
use crate::freshness::Silence;
use crate::icons::{self, Icon};
use crate::live::{Hindrance, use_live};
use crate::looker::{Looker, Reach};
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// What everybody should know who looks: that anybody may do everything, or that who looks is signed out.
#[component]
pub fn DoorBanner() -> impl IntoView {
    let live = use_live();
    let out = Memo::new(move |_| live.hindrance.get() == Some(Hindrance::SignedOut));
    let location = use_location();
    let back = move || {
        let (path, search) = (location.pathname.get(), location.search.get());
        let search = if search.is_empty() { search } else { ["?", &search].concat() };
        let here = [base::within(&path), &search].concat();
        base::to(&["/sign-in?to=", &js_encoded(&here)].concat())
    };
    let open = match use_looker() {
        Looker::Anybody(Reach::Machine) => Some("Anyone on this machine can change everything."),
        Looker::Anybody(Reach::Network) => Some("Anyone who reaches this node can change everything."),
        Looker::Known(_) => None,
    };
    view! {
        {open.map(|words| view! {
            <div class="banner open">
                <Icon of=icons::UNLOCK/>
                <span>{words}" "<a class="link" href=base::to("/set-up") rel="external">"Make the first account"</a></span>
            </div>
        })}
        {changing(move || out.get().then(|| view! {
            <div class="banner stale" role="alert">
                <Icon of=icons::LOCK/>
                <span><b>"Signed out."</b>" This session has ended. Sign in, here or in another tab, and this page goes on where it is."</span>
                <div class="actions"><a class="btn sm" href=back() rel="external">"Sign in"</a></div>
            </div>
        }))}
    }
}

/// A path as a parameter.
fn js_encoded(path: &str) -> String {
    leptos_router::location::Url::escape(path)
}

/// Says since when nothing was heard, and offers to try again.
#[component]
pub fn StaleBanner() -> impl IntoView {
    let live = use_live();
    let stale = Memo::new(move |_| live.connection.get().stale() && live.hindrance.get() != Some(Hindrance::SignedOut));
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

/// Says what the page is as of, and leads to what was before and after. The server made all of it; where its links lead from a page that
/// was reached since, `start.js` says.
#[component]
pub fn PastBanner() -> impl IntoView {
    let live = use_live();
    let markup = move || live.as_of.with(|as_of| as_of.as_ref().map(|as_of| as_of.banner.to_string()).unwrap_or_default());
    live.past().then(|| view! { <div class="banner asof" role="region" aria-label="Past" inner_html=markup></div> }).into_any()
}
