//! Keys: G then a letter goes to a page, C creates, / filters, ? lists them, Ctrl K searches, `[` and `]` step through what is past.

use leptos::prelude::*;

/// What lies over the page when it is open.
#[derive(Clone, Copy)]
pub struct Overlays {
    pub help: RwSignal<bool>,
    pub palette: RwSignal<bool>,
}

impl Overlays {
    /// Both closed.
    pub fn new() -> Self {
        Overlays { help: RwSignal::new(false), palette: RwSignal::new(false) }
    }
}

impl Default for Overlays {
    fn default() -> Self {
        Overlays::new()
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    /// The next key says where to go.
    Prefix,
    Go(&'static str),
    Filter,
    Help,
    /// To follow the link of this kind.
    Step(&'static str),
}

/// What this key asks for after `prefix`.
pub fn asked(key: &str, prefix: bool) -> Asked {
    match (prefix, key) {
        (true, "o") => Asked::Go("/"),
        (true, "t") => Asked::Go("/topics"),
        (true, "b") => Asked::Go("/brokers"),
        (true, "q") => Asked::Go("/quorum"),
        (true, "h") => Asked::Go("/history"),
        (true, "p") => Asked::Go("/operations"),
        (false, "g") => Asked::Prefix,
        (false, "c") => Asked::Go("/create-topic"),
        (false, "/") => Asked::Filter,
        (false, "?") => Asked::Help,
        (false, "[") => Asked::Step(".asof [rel~=prev]"),
        (false, "]") => Asked::Step(".asof [rel~=next]"),
        _ => Asked::Nothing,
    }
}

/// Listens to the whole page.
#[cfg(not(feature = "hydrate"))]
pub fn listen(_overlays: Overlays) {}

/// Whether single letters are keys.
#[cfg(not(feature = "hydrate"))]
pub fn single_keys() -> bool {
    true
}

/// Turns single letters on or off in this browser.
#[cfg(not(feature = "hydrate"))]
pub fn set_single_keys(_on: bool) {}

#[cfg(feature = "hydrate")]
pub use browser::{listen, set_single_keys, single_keys};

#[cfg(feature = "hydrate")]
mod browser {
    use super::{Asked, Overlays, asked};
    use crate::base;
    use crate::feed::Navigate;
    use leptos::prelude::*;
    use leptos_router::hooks::use_navigate;
    use std::cell::Cell;
    use std::rc::Rc;
    use wasm_bindgen::JsCast;
    use wasm_split_helpers::{SplitLoaderError, wasm_split};
    use web_sys::{Element, HtmlElement, KeyboardEvent};

    const SWITCH: &str = "single-keys";

    /// Whether single letters are keys.
    pub fn single_keys() -> bool {
        window().local_storage().ok().flatten().and_then(|store| store.get_item(SWITCH).ok().flatten()).as_deref() != Some("off")
    }

    /// Turns single letters on or off in this browser.
    pub fn set_single_keys(on: bool) {
        if let Ok(Some(store)) = window().local_storage() {
            let _full_or_blocked = store.set_item(SWITCH, if on { "on" } else { "off" });
        }
    }

    /// Listens to the whole page, once what listens is there: no key is asked for before.
    pub fn listen(overlays: Overlays) {
        let navigate = use_navigate();
        Effect::new(move |_| {
            let navigate: Navigate = Box::new(navigate.clone());
            // Whether the pack can be had is seen where the feed is asked for (`later`).
            leptos::task::spawn_local(async move { drop(attach(overlays, navigate).await) });
        });
    }

    #[wasm_split(later, fallible)]
    fn attach(overlays: Overlays, navigate: Navigate) -> Result<(), SplitLoaderError> {
        // G waits for its letter, however slow the hand or the machine; a click or another window ends the wait.
        let after_g = Rc::new(Cell::new(false));
        let (clicked, left) = (after_g.clone(), after_g.clone());
        // The frame of every page stays, and they with it.
        window_event_listener(leptos::ev::pointerdown, move |_| clicked.set(false));
        window_event_listener(leptos::ev::blur, move |_| left.set(false));
        window_event_listener(leptos::ev::keydown, move |event: KeyboardEvent| {
            if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("k") {
                event.prevent_default();
                overlays.palette.update(|open| *open = !*open);
                return;
            }
            if !for_the_page(&event) || !single_keys() {
                return;
            }
            let prefix = after_g.replace(false);
            match asked(&event.key().to_ascii_lowercase(), prefix) {
                Asked::Nothing => return,
                Asked::Prefix => after_g.set(true),
                Asked::Go(path) => navigate(&base::carried(path), Default::default()),
                Asked::Filter => {
                    let field = document().query_selector(".main .search input").ok().flatten();
                    match field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
                        Some(field) => {
                            let _gone = field.focus();
                        }
                        None => overlays.palette.set(true),
                    }
                }
                Asked::Help => overlays.help.set(true),
                Asked::Step(link) => {
                    let link = document().query_selector(link).ok().flatten();
                    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
                        link.click();
                    }
                }
            }
            event.prevent_default();
        });
        Ok(())
    }

    /// Whether a key is meant for the page: not for a field, not a chord, and no dialog is open.
    fn for_the_page(event: &KeyboardEvent) -> bool {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.is_composing() || event.default_prevented() {
            return false;
        }
        let in_a_field = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok())
            .is_some_and(|element| element.closest("input, select, textarea, [contenteditable]").ok().flatten().is_some());
        !in_a_field && document().query_selector("dialog[open]").ok().flatten().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked};

    #[test]
    fn g_is_a_prefix() {
        assert_eq!(asked("g", false), Asked::Prefix);
        assert_eq!(asked("t", true), Asked::Go("/topics"));
        assert_eq!(asked("t", false), Asked::Nothing);
        assert_eq!(asked("c", true), Asked::Nothing);
    }
}
