//! What is entered in a form right now, read from the document itself: a page that comes alive keeps what was typed
//! before, instead of overwriting it with what the server rendered. On the server there is nothing to read.

#[cfg(feature = "hydrate")]
use {leptos::prelude::document, wasm_bindgen::JsCast, web_sys::HtmlInputElement};

/// The text of the input or the value of the select with this id.
#[cfg(feature = "hydrate")]
pub fn text(id: &str) -> Option<String> {
    let select = || document().get_element_by_id(id)?.dyn_into::<web_sys::HtmlSelectElement>().ok();
    input(id).map(|input| input.value()).or_else(|| select().map(|select| select.value()))
}

/// The value of the radio button that is chosen under this name.
#[cfg(feature = "hydrate")]
pub fn chosen(name: &str) -> Option<String> {
    let found = document().query_selector(&format!("input[name='{name}']:checked")).ok()??;
    found.dyn_into::<HtmlInputElement>().ok().map(|input| input.value())
}

/// Puts a text into an input, unless a person is typing in it.
#[cfg(feature = "hydrate")]
pub fn put(id: &str, text: &str) {
    let Some(input) = input(id) else { return };
    let typing = document().active_element().is_some_and(|active| active.id() == id);
    if !typing && input.value() != text {
        input.set_value(text);
    }
}

/// Puts a text into an input, whoever is typing in it.
#[cfg(feature = "hydrate")]
pub fn set(id: &str, text: &str) {
    if let Some(input) = input(id) {
        input.set_value(text);
    }
}

/// Chooses a radio button by its value.
#[cfg(feature = "hydrate")]
pub fn choose(name: &str, value: &str) {
    let found = document().query_selector(&format!("input[name='{name}'][value='{value}']")).ok().flatten();
    if let Some(input) = found.and_then(|found| found.dyn_into::<HtmlInputElement>().ok()) {
        input.set_checked(true);
    }
}

/// Moves the focus to the input with this id and selects its text, unless a person is busy elsewhere in the page.
#[cfg(feature = "hydrate")]
pub fn focus(id: &str) {
    let busy = document().active_element().is_some_and(|active| !matches!(active.tag_name().as_str(), "BODY" | "MAIN"));
    if let Some(input) = input(id).filter(|_| !busy) {
        let _no_focus_is_no_harm = input.focus();
        input.select();
    }
}

#[cfg(feature = "hydrate")]
fn input(id: &str) -> Option<HtmlInputElement> {
    document().get_element_by_id(id)?.dyn_into::<HtmlInputElement>().ok()
}

/// The text of the input or the value of the select with this id.
#[cfg(not(feature = "hydrate"))]
pub fn text(_id: &str) -> Option<String> {
    None
}

/// The value of the radio button that is chosen under this name.
#[cfg(not(feature = "hydrate"))]
pub fn chosen(_name: &str) -> Option<String> {
    None
}

/// Puts a text into an input, unless a person is typing in it.
#[cfg(not(feature = "hydrate"))]
pub fn put(_id: &str, _text: &str) {}

/// Puts a text into an input, whoever is typing in it.
#[cfg(not(feature = "hydrate"))]
pub fn set(_id: &str, _text: &str) {}

/// Chooses a radio button by its value.
#[cfg(not(feature = "hydrate"))]
pub fn choose(_name: &str, _value: &str) {}

/// Moves the focus to the input with this id and selects its text, unless a person is busy elsewhere in the page.
#[cfg(not(feature = "hydrate"))]
pub fn focus(_id: &str) {}
