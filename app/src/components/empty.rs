//! What there is when there is nothing yet: what this is, what to do next, the command.

use super::code::CodeLine;
use crate::icons::{Glyph, Icon};
use leptos::prelude::*;

/// An empty state. `heading` is 1 where the page has no other h1, else 2. Children are its actions.
#[component]
pub fn Empty(
    glyph: Glyph,
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional, into)] command: Option<String>,
    #[prop(default = 2)] heading: u8,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let title = if heading == 1 { view! { <h1>{title}</h1> }.into_any() } else { view! { <h2>{title}</h2> }.into_any() };
    view! {
        <div class="empty">
            <div class="empty-i"><Icon of=glyph/></div>
            {title}
            <p>{text}</p>
            {command.map(|command| view! { <CodeLine code=command/> })}
            {children.map(|children| children())}
        </div>
    }
}
