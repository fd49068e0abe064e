//! Nothing is at this address.

use crate::base;
use crate::components::empty::Empty;
use crate::icons;
use leptos::prelude::*;

/// The page for an address that leads nowhere, and for a topic or a broker that does not exist; answers 404.
#[component]
pub fn NotFound(
    #[prop(into, default = "There is no such page".into())] title: String,
    #[prop(into, default = "The address leads nowhere. Perhaps it was cut short, or what it named is gone.".into())] text: String,
) -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <div class="page">
            <section class="card">
                <Empty glyph=icons::SEARCH title=title heading=1 text=text>
                    <a class="btn" href=base::to("/")>"Go to overview"</a>
                </Empty>
            </section>
        </div>
    }
}
