//! The page's way to life in the browser: hydrated, or rendered anew where something else has touched the markup; and the
//! end of it, when the program fails. `shell/start.js` is its other half, which is there when nothing else loads.

use crate::App;
use crate::shape;
use leptos::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use web_sys::{Element, HtmlElement};

#[wasm_bindgen]
extern "C" {
    /// What was typed, scrolled and focused within an element.
    #[wasm_bindgen(js_namespace = quorate)]
    pub fn keep(from: &Element) -> js_sys::Function;
    #[wasm_bindgen(js_namespace = quorate, js_name = failed)]
    fn end(what: &str);
    #[wasm_bindgen(js_namespace = quorate, js_name = alive)]
    fn begun();
}

/// How often the tasks of a page that is rendered anew may have their turn before it is shown.
const MOST_TURNS: u32 = 100;

static ENDED: AtomicBool = AtomicBool::new(false);

/// Brings the page to life.
pub async fn begin() {
    let Some(root) = document().get_element_by_id(shape::ROOT).and_then(|root| root.dyn_into::<HtmlElement>().ok()) else { return };
    if root.get_attribute(shape::ATTRIBUTE).is_some_and(|painted| painted == shape::of_element(&root)) {
        leptos::mount::hydrate_from(root, App).forget();
    } else {
        render_anew(&root).await;
    }
    begun();
}

/// Throws the markup away, as something else than this page has touched it, and keeps what a person did with it.
async fn render_anew(touched: &HtmlElement) {
    let Some(root) = touched.clone_node().ok().and_then(|root| root.dyn_into::<HtmlElement>().ok()) else { return };
    let _always_valid = root.set_attribute("data-rendered", "anew");
    let page = leptos::mount::mount_to(root.clone(), App);
    // The router chooses its page in a task of its own. Until that is there, fields read what was typed in the old ones.
    for _ in 0..MOST_TURNS {
        if root.query_selector("h1").ok().flatten().is_some() {
            break;
        }
        leptos::task::tick().await;
    }
    let put_back = keep(touched);
    if touched.replace_with_with_node_1(&root).is_ok() {
        let _best_effort = put_back.call1(&JsValue::NULL, &root);
    }
    page.forget();
}

/// The page is not alive any more, or never was: it becomes what it is without scripts, and says why.
pub fn failed(what: &str) {
    ENDED.store(true, Ordering::Relaxed);
    end(what);
}

/// Whether the page has failed: nobody sees what its tasks do.
pub fn ended() -> bool {
    ENDED.load(Ordering::Relaxed)
}
