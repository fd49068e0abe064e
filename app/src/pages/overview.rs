//! Overview.
use leptos::prelude::*;
/// The page.
#[component]
pub fn Overview() -> impl IntoView { view! { <div class="page"><h1>"Overview"</h1></div> } }
