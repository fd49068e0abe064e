//! Labels over values, in columns of one width.

use leptos::prelude::*;

/// The list; its children are [`Fact`]s.
#[component]
pub fn Facts(children: Children) -> impl IntoView {
    view! { <dl class="facts">{children()}</dl> }
}

/// One label over its value; `wide` takes two columns.
#[component]
pub fn Fact(label: &'static str, #[prop(optional)] wide: bool, children: Children) -> impl IntoView {
    view! { <div class=wide.then_some("wide")><dt>{label}</dt><dd class="num">{children()}</dd></div> }
}
