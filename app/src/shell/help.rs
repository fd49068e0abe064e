//! The list of keys.

use super::keyboard::{set_single_keys, single_keys};
use crate::components::dialog::Dialog;
use leptos::prelude::*;

/// A dialog with every key, and the switch that turns the single ones off (WCAG 2.1.4).
#[component]
pub fn Help(open: RwSignal<bool>) -> impl IntoView {
    let on = RwSignal::new(true);
    Effect::new(move |_| {
        if open.get() {
            on.set(single_keys());
        }
    });
    let change = move |event| {
        let checked = event_target_checked(&event);
        on.set(checked);
        set_single_keys(checked);
    };
    view! {
        <Dialog open=open label="Keyboard">
            <h2>"Keyboard"</h2>
            <ul class="notes impact">
                <Key keys="G O">"Overview"</Key>
                <Key keys="G T">"Topics"</Key>
                <Key keys="G B">"Brokers"</Key>
                <Key keys="G Q">"Quorum"</Key>
                <Key keys="G H">"History"</Key>
                <Key keys="G P">"Operations"</Key>
                <Key keys="C">"Create a topic"</Key>
                <Key keys="/">"Filter this page"</Key>
                <Key keys="Ctrl+K">"Search and jump"</Key>
                <Key keys="[ ]">"Previous and next change, on a page as of an index"</Key>
                <Key keys="?">"This list"</Key>
                <Key keys="Esc">"Close"</Key>
            </ul>
            <label class="switch">
                <input type="checkbox" class="check" prop:checked=move || on.get() on:change=change/>
                " Single-letter keys"
            </label>
            <div class="actions">
                <button type="button" class="btn primary" on:click=move |_| open.set(false)>"Done"</button>
            </div>
        </Dialog>
    }
}

#[component]
fn Key(keys: &'static str, children: Children) -> impl IntoView {
    let keys = keys.split(' ').map(|key| view! { <kbd>{key}</kbd>" " }).collect_view();
    view! { <li class="row between"><span>{children()}</span><span class="nw">{keys}</span></li> }
}
