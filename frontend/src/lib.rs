//! The hydrate entry: brings the page that the server rendered to life.

use app::packs::Page;
use leptos::prelude::window;
use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once the bundle is loaded.
#[wasm_bindgen(start)]
pub async fn start() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        app::alive::failed("The program of this page stopped with an error.");
    }));
    let base = app::base::base();
    if !base.is_empty() {
        leptos::server_fn::client::set_server_url(String::leak(base.to_string()));
    }
    app::base::enter();
    // The page's own pack first: hydration does not wait, and without it the page stays what the server painted.
    let page = window().location().pathname().ok().and_then(|path| Page::at(&path));
    if let Some(page) = page
        && page.load().await.is_err()
    {
        return app::alive::failed("A part of this page did not load.");
    }
    app::alive::begin().await;
}
