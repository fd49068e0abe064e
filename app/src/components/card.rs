//! A card: head with title, sub line and a link; body.

use crate::signals::changing;
use leptos::prelude::*;

/// A section with a head. `sub` stands beside the title, `end` at the far end of the head.
#[component]
pub fn Card(
    #[prop(into)] title: Signal<String>,
    #[prop(optional, into)] sub: ViewFn,
    #[prop(optional, into)] end: ViewFn,
    #[prop(optional)] class: &'static str,
    children: Children,
) -> impl IntoView {
    let class = if class.is_empty() { "card".to_owned() } else { format!("card {class}") };
    view! {
        <section class=class>
            <header class="card-h">
                <h2>{changing(move || title.get())}</h2>
                <span class="mute tr num">{changing(move || sub.run())}</span>
                <div class="card-x">{changing(move || end.run())}</div>
            </header>
            {children()}
        </section>
    }
}
