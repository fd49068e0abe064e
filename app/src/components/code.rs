//! A command with a button that copies it.

use crate::icons::{self, Icon};
use crate::signals::changing;
use leptos::prelude::*;

/// One command.
#[component]
pub fn CodeLine(#[prop(into)] code: Signal<String>) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    let live = crate::live::use_live();
    let copy = move |_| {
        #[cfg(feature = "hydrate")]
        {
            // Over plain HTTP from another machine there is no clipboard to write to.
            if !window().is_secure_context() {
                return live.toast_failure("This browser lets only secure pages copy. Select the text instead.");
            }
            let _promise = window().navigator().clipboard().write_text(&code.get_untracked());
            live.toast("Copied");
        }
    };
    view! {
        <pre class="code">
            <code>{changing(move || code.get())}</code>
            <button type="button" class="ibtn" aria-label="Copy command" title="Copy command" on:click=copy>
                <Icon of=icons::COPY/>
            </button>
        </pre>
    }
}
