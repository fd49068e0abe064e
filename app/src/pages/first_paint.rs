//! What the state of a first paint can and cannot say, and when actions are off.

use crate::base;
use crate::boot::{Boot, use_looker};
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::place::Place;
use crate::words::read_only_as_of;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use metadata::contract::Need;
use std::sync::Arc;

/// Whether what the state lacks does not exist: it is whole, or it is the slice that was made for this very page.
/// A page that is reached before the whole state arrived must not call something missing that it only cannot see yet.
pub fn complete() -> Signal<bool> {
    let live = use_live();
    let location = use_location();
    let made_for = use_context::<Arc<Boot>>().map(|boot| boot.url.clone()).unwrap_or_default();
    Signal::derive(move || {
        live.whole.get()
            || location.pathname.with(|path| made_for.split('?').next().is_some_and(|made_for| Place::of(made_for) == Place::of(path)))
    })
}

/// When actions are off, and why. This is the one place that decides it.
#[derive(Clone, Copy)]
pub struct Off {
    stale: Signal<bool>,
    lacks: StoredValue<Option<String>>,
}

impl Off {
    /// Whether they are now.
    pub fn get(self) -> bool {
        self.stale.get() || self.lacks.with_value(Option::is_some)
    }

    /// The reason, where it is that they are not theirs.
    pub fn why(self) -> Option<String> {
        self.lacks.get_value()
    }

    /// The reason as the page says it, beside what is off.
    pub fn note(self) -> AnyView {
        let why = self.why().map(|why| view! { <p class="help lacks"><Icon of=icons::LOCK/><span>{why}</span></p> });
        view! { {why} }.into_any()
    }
}

/// Why calls about this are off whatever happens: the page shows the past, or they are not for whoever looks.
pub fn lacks(need: Need) -> Option<String> {
    read_only().or_else(|| use_looker().lacks(need))
}

/// What is past cannot be changed.
fn read_only() -> Option<String> {
    base::as_of().map(read_only_as_of)
}

/// Actions are off on a page that shows the past, while what the page shows may be old, and when they are not for whoever looks. Without JavaScript a page is never
/// old: the form is posted to a node that judges for itself.
pub fn actions_off(lacks: Option<String>) -> Off {
    let live = use_live();
    let alive = RwSignal::new(false);
    Effect::new(move |_| alive.set(true));
    let lacks = read_only().or(lacks);
    Off { stale: Signal::derive(move || alive.get() && live.stale()), lacks: StoredValue::new(lacks) }
}

/// Answers 404 when this page is rendered on the server.
pub fn answer_not_found() {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
}
