//! Labels over values, in a row.

use leptos::prelude::*;

/// The list; its children are [`Fact`]s.
#[component]
pub fn Facts(children: Children) -> impl IntoView {
    view! { <dl class="facts">{children()}</dl> }
}

/// One label over its value.
#[component]
pub fn Fact(label: &'static str, children: Children) -> impl IntoView {
    view! { <div><dt>{label}</dt><dd class="num">{children()}</dd></div> }
}
