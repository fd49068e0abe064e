//! Short messages at the lower edge; each leaves by itself after five seconds.

use crate::icons::{self, Icon};
use crate::live::{Toast, use_live};
use leptos::prelude::*;

/// The list of them.
#[component]
pub fn Toasts() -> impl IntoView {
    let live = use_live();
    view! {
        <div class="toasts" aria-live="polite">
            <For each=move || live.toasts.get() key=|toast| toast.id let:toast>
                <ToastRow toast=toast/>
            </For>
        </div>
    }
}

#[component]
fn ToastRow(toast: Toast) -> impl IntoView {
    let live = use_live();
    let Toast { id, text, failed } = toast;
    #[cfg(feature = "hydrate")]
    set_timeout(move || live.dismiss(id), std::time::Duration::from_secs(5));
    view! {
        <div class=if failed { "toast crit" } else { "toast" }>
            <Icon of=if failed { icons::CRIT } else { icons::OK }/>
            <span>{text}</span>
            <button type="button" class="ibtn" aria-label="Dismiss" title="Dismiss" on:click=move |_| live.dismiss(id)>
                <Icon of=icons::CLOSE/>
            </button>
        </div>
    }
}
