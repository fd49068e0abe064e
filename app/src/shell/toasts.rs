//! Short messages at the lower edge; each leaves by itself after five seconds, or ten where what it reports can be undone.

use crate::base;
use crate::components::late::late;
use crate::icons::{self, Icon};
use crate::live::{Toast, use_live};
use crate::parts::Part;
use leptos::prelude::*;

/// Their place, which is there before any of them: so what comes into it is read out.
#[component]
pub fn Toasts() -> impl IntoView {
    let live = use_live();
    let wanted = RwSignal::new(false);
    Effect::new(move |asked: Option<bool>| {
        let asked = asked.unwrap_or_default();
        let some = live.toasts.with(|toasts| !toasts.is_empty());
        // Once: where the pack cannot be had, that is the next message.
        if some && !asked {
            wanted.set(true);
        }
        asked || some
    });
    view! { <div class="toasts" aria-live="polite">{late(wanted, Part::Toasts)}</div> }.into_any()
}

/// The list of them.
#[component]
pub fn ToastList() -> impl IntoView {
    let live = use_live();
    view! {
        <For each=move || live.toasts.get() key=|toast| toast.id let:toast>
            <ToastRow toast=toast/>
        </For>
    }
}

#[component]
fn ToastRow(toast: Toast) -> impl IntoView {
    let live = use_live();
    let Toast { id, text, failed, undo } = toast;
    #[cfg(feature = "hydrate")]
    set_timeout(move || live.dismiss(id), std::time::Duration::from_secs(if undo.is_some() { 10 } else { 5 }));
    let undo = undo.map(
        |index| view! { <a class="btn sm" href=base::to(&format!("/history?undo={index}")) on:click=move |_| live.dismiss(id)>"Undo"</a> },
    );
    view! {
        <div class=if failed { "toast crit" } else { "toast" }>
            <Icon of=if failed { icons::CRIT } else { icons::OK }/>
            <span>{text}</span>
            {undo}
            <button type="button" class="ibtn" aria-label="Dismiss" title="Dismiss" on:click=move |_| live.dismiss(id)>
                <Icon of=icons::CLOSE/>
            </button>
        </div>
    }
}
