//! What the state of a first paint can and cannot say, and when actions are off.

use crate::boot::Boot;
use crate::live::use_live;
use crate::place::Place;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
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

/// Whether actions are off because what the page shows may be old. Without JavaScript they never are: the form is posted
/// to a node that judges for itself.
pub fn actions_off() -> Signal<bool> {
    let live = use_live();
    let alive = RwSignal::new(false);
    Effect::new(move |_| alive.set(true));
    Signal::derive(move || alive.get() && live.stale())
}

/// Answers 404 when this page is rendered on the server.
pub fn answer_not_found() {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
}
