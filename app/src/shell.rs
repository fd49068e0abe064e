//! The frame around every page: sidebar, top bar, tab bar, banner, messages, keyboard.

pub mod banner;
#[cfg(feature = "ssr")]
pub mod document;
pub mod help;
pub mod keyboard;
pub mod navigation;
pub mod palette;
mod steps;
pub mod tab;
pub mod theme;
pub mod toasts;
pub mod topbar;

use crate::components::late::late;
use crate::components::verdict::use_verdict;
use crate::live::use_live;
use crate::parts::Part;
use crate::place::Place;
use crate::signals::Memo;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The place of the current address.
pub fn use_place() -> Memo<Place> {
    use_context::<Memo<Place>>().unwrap_or_else(|| {
        let path = use_location().pathname;
        Memo::new(move |_| path.with(|path| Place::of(path)))
    })
}

/// The frame; its children are the routes.
#[component]
pub fn Shell(children: Children) -> impl IntoView {
    provide_context(use_place());
    provide_context(use_verdict());
    let overlays = keyboard::Overlays::new();
    provide_context(overlays);
    keyboard::listen(overlays);
    steps::listen();
    mirror_to_body();
    tab::mirror();
    begin_at_the_top();
    view! {
        <a class="skip btn" href="#main" rel="external">"Skip to content"</a>
        <div class="app">
            <navigation::Sidebar overlays=overlays/>
            <topbar::TopBar overlays=overlays/>
            <main class="main" id="main" tabindex="-1">
                <banner::PastBanner/>
                <banner::DoorBanner/>
                <banner::StaleBanner/>
                {children()}
            </main>
            <navigation::TabBar/>
        </div>
        {late(overlays.help, Part::Help(overlays.help))}
        {late(overlays.palette, Part::Palette(overlays.palette))}
        <toasts::Toasts/>
    }
}

/// `data-revision` and `data-connection` of the body: the server writes the first ones, this keeps them true.
fn mirror_to_body() {
    let live = use_live();
    Effect::new(move |_| {
        let Some(body) = document().body() else { return };
        let revision = live.state.with(|state| state.revision());
        let _always_valid = body.set_attribute("data-revision", &revision.to_string());
        let _always_valid = body.set_attribute("data-connection", live.connection.get().name());
    });
}

/// A page that is reached within the browser begins at its top, and has the focus, so that reading goes on there.
fn begin_at_the_top() {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let path = path.get();
        if before.is_some_and(|before| before != path) {
            #[cfg(feature = "hydrate")]
            focus_main();
        }
        path
    });
}

#[cfg(feature = "hydrate")]
fn focus_main() {
    use wasm_bindgen::JsCast;
    let Some(main) = document().get_element_by_id("main").and_then(|main| main.dyn_into::<web_sys::HtmlElement>().ok()) else { return };
    // A field that the page itself gave the focus keeps it.
    let held = document().active_element().is_some_and(|active| {
        active != main.clone().into() && main.contains(Some(&active)) || active.closest("dialog").ok().flatten().is_some()
    });
    main.set_scroll_top(0);
    if !held {
        let _gone = main.focus();
    }
}
