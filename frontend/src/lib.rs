//! The hydrate entry: brings the page that the server rendered to life.

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once the bundle is loaded.
#[wasm_bindgen(start)]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
