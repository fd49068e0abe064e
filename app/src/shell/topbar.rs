//! Top bar: where one is, search, how fresh the page is, the theme.

use super::keyboard::Overlays;
use super::theme::ThemeButton;
use super::use_place;
use crate::base;
use crate::boot::use_looker;
use crate::components::verdict::use_verdict;
use crate::icons::{self, Icon};
use crate::live::{Connection, Hindrance, use_live};
use crate::looker::Looker;
use crate::signals::{Memo, changing};
use crate::words::num;
use leptos::prelude::*;

/// The top bar.
#[component]
pub fn TopBar(overlays: Overlays) -> impl IntoView {
    view! {
        <header class="top">
            <Crumbs/>
            <button type="button" class="jump js-only" aria-label="Search or jump to" on:click=move |_| overlays.palette.set(true)>
                <Icon of=icons::SEARCH/>
                <span>"Search or jump to"</span>
                <kbd>"Ctrl K"</kbd>
            </button>
            <ConnectionChip/>
            <ThemeButton/>
            <Who/>
        </header>
    }
}

/// Who has signed in, and the way to the own account.
#[component]
fn Who() -> impl IntoView {
    let Looker::Known(person) = use_looker() else { return ().into_any() };
    let label = format!("Your account: {}, {}", person.name, person.role);
    view! {
        <a class="btn who" href=base::to("/account") rel="external" aria-label=label.clone() title=label>
            <Icon of=icons::USER/><span class="tr">{person.name}</span>
        </a>
    }
    .into_any()
}

#[component]
fn Crumbs() -> impl IntoView {
    let (live, place, verdict) = (use_live(), use_place(), use_verdict());
    let mark = move || {
        let (class, glyph, words) = verdict.with(|verdict| (verdict.status_class(), verdict.glyph(), verdict.short.clone()));
        view! { <span class=format!("only-s {class}")><Icon of=glyph/><span class="sr">{words}</span></span> }
    };
    let trail = move || {
        let ((name, path), leaf) = place.with(|place| (place.section(), place.leaf()));
        match leaf {
            Some(leaf) => {
                view! { <a href=live.to(path)>{name}</a><Icon of=icons::CHEVRON_RIGHT/><span class="tr">{leaf}</span> }.into_any()
            }
            None => view! { <span>{name}</span> }.into_any(),
        }
    };
    view! { <div class="crumbs">{changing(mark)}{changing(trail)}</div> }
}

/// How fresh the page is. Only the word is announced: the figures tick too often for that.
#[component]
fn ConnectionChip() -> impl IntoView {
    let live = use_live();
    if live.past() {
        let words = move || {
            let index = live.as_of.with(|as_of| as_of.as_ref().map(|as_of| num(as_of.index)).unwrap_or_default());
            let icon = icons::CLOCK.0;
            ["<svg class=\"i\" viewBox=\"0 0 16 16\" aria-hidden=\"true\">", icon, "</svg><b>As of</b> <span>#", &index, "</span>"].concat()
        };
        return view! { <span class="conn num" role="status" inner_html=words></span> }.into_any();
    }
    // One beat per commit: the two names alternate, which starts the animation anew.
    let beat = Memo::new(move |before: Option<&(u64, bool)>| {
        let revision = live.state.with(|state| state.revision());
        let (last, side) = before.copied().unwrap_or((revision, false));
        (revision, side ^ (revision != last))
    });
    let first = StoredValue::new(live.state.with_untracked(|state| state.revision()));
    let beat = move || match beat.get() {
        (revision, _) if revision == first.get_value() => None,
        (_, side) => Some(if side { "a" } else { "b" }),
    };
    let word = move || match live.connection.get() {
        Connection::Connecting | Connection::AsOf => {
            view! { <b class="js-only">"Connecting"</b><b class="nojs-only">"As loaded"</b> }.into_any()
        }
        Connection::Live => view! { <b>"Live"</b> }.into_any(),
        Connection::Stale { .. } => view! { <b>"Stale"</b> }.into_any(),
    };
    let age = move || match live.connection.get() {
        Connection::Stale { .. } => Some(format!("{} s old", num(live.silence_ms.get() / 1_000))),
        _ => live.delay_ms.get().map(|delay| format!("{} ms behind", num(delay))),
    };
    let by_stream = move || live.hindrance.get().filter(|hindrance| *hindrance == Hindrance::NoSocket);
    view! {
        <span class="conn num" role="status" title=move || by_stream().map(Hindrance::words)>
            <i class="dot" data-beat=beat></i>
            {changing(word)}
            {changing(move || by_stream().map(|hindrance| view! {
                <span class="sr">{hindrance.words()}</span>
                <span class="tag" aria-hidden="true">"no WebSocket"</span>
            }))}
            <span class="figures" aria-hidden="true">
                <span class="sep">"·"</span>
                <span class="more">"index"</span>
                <span>{changing(move || num(live.reached.get()))}</span>
                {changing(move || age().map(|age| view! { <span class="sep">"·"</span><span class="more">{age}</span> }))}
            </span>
        </span>
    }
    .into_any()
}
