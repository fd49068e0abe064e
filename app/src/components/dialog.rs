//! A question over the page: a native modal dialog, so that the rest is inert, Escape closes it and the focus returns.

use leptos::html;
use leptos::prelude::*;

/// A modal dialog that is open while `open` is true. Its first child should be an `h2`; `label` names it.
#[component]
pub fn Dialog(
    open: RwSignal<bool>,
    #[prop(into)] label: String,
    #[prop(default = "dialog")] class: &'static str,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        #[cfg(feature = "hydrate")]
        match open.get() {
            true if !dialog.open() => {
                let _already_open = dialog.show_modal();
            }
            false if dialog.open() => dialog.close(),
            _ => {}
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = dialog;
    });
    // A click on the dialog itself, not on what it holds, is a click on the backdrop.
    let backdrop = move |event: leptos::ev::MouseEvent| {
        if event.target() == event.current_target() {
            open.set(false);
        }
    };
    view! {
        <dialog node_ref=node class=class aria-label=label on:close=move |_| open.set(false) on:click=backdrop>
            {children()}
        </dialog>
    }
}
