//! Quorum.
use leptos::prelude::*;
/// The page.
#[component]
pub fn QuorumPage() -> impl IntoView { view! { <div class="page"><h1>"Quorum"</h1></div> } }
