//! The operator's fence: sticky, so no heartbeat undoes it. The button; what it asks is in `fence_dialogs`.

use crate::api::{FenceBroker, UnfenceBroker};
use crate::base;
use crate::boot::use_looker;
use crate::components::late::late;
use crate::icons::{self, Icon};
use crate::pages::first_paint::{Off, actions_off};
use crate::parts::Part;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use metadata::BrokerId;
use metadata::contract::Need;

/// The button for what can be done now, and the question that it opens. Both stand through the change that they bring about.
#[component]
pub fn FenceAction(id: BrokerId, held: Memo<bool>) -> impl IntoView {
    let (fencing, unfencing) = (RwSignal::new(false), RwSignal::new(false));
    let off = actions_off(use_looker().lacks(Need::Brokers));
    let words = move || format!("{} broker {id}", if held.get() { "Unfence" } else { "Fence" });
    let glyph = move || {
        if held.get() {
            view! { <Icon of=icons::UNLOCK/> }
        } else {
            view! { <Icon of=icons::FENCE/> }
        }
    };
    let ask = move |_| if held.get_untracked() { unfencing.set(true) } else { fencing.set(true) };
    let plain = if held.get_untracked() {
        plain_form(&base::to(UnfenceBroker::url()), "Unfence", id, off)
    } else {
        plain_form(&base::to(FenceBroker::url()), "Fence", id, off)
    };
    view! {
        <button type="button" class="btn needs-live js-only" aria-haspopup="dialog" disabled=move || off.get() title=off.why() on:click=ask>{changing(glyph)}<span>{changing(words)}</span></button>
        <noscript inner_html=plain></noscript>
        {off.why().map(|why| view! { <span class="sr">{why}</span> })}
        {late(fencing, Part::Fence(id, fencing))}
        {late(unfencing, Part::Unfence(id, unfencing))}
    }
    .into_any()
}

/// The same without JavaScript.
fn plain_form(url: &str, verb: &str, id: BrokerId, off: Off) -> String {
    let disabled = if off.why().is_some() { " disabled" } else { "" };
    format!(
        r#"<form method="post" action="{url}"><input type="hidden" name="id" value="{id}"><button class="btn"{disabled}>{verb} broker {id}</button></form>"#
    )
}
