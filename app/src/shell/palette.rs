//! The command palette: pages, actions, topics and brokers by name.

use crate::components::dialog::Dialog;
use leptos::prelude::*;

/// The palette.
#[component]
pub fn Palette(open: RwSignal<bool>) -> impl IntoView {
    view! { <Dialog open=open label="Command palette" class="palette">"…"</Dialog> }
}
