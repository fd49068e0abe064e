//! What is wrong with a field of a form, beside the field, whether the form was sent with JavaScript or without.

use crate::api::Asking;
use crate::boot::Boot;
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use metadata::Rejection;
use std::sync::Arc;

/// Why the form was refused last: by the action of this page, or before it was loaded.
pub fn refusal_of(action: Asking) -> Signal<Option<Rejection>> {
    let before = refusal_before();
    let value = action.value();
    Signal::derive(move || match value.get() {
        Some(Ok(_)) => None,
        Some(Err(no)) => Some(no),
        None => before.get_value(),
    })
}

/// The refusal that led to this page, when its form was posted without JavaScript.
pub fn refusal_before() -> StoredValue<Option<Rejection>> {
    // A page that is reached within the browser was not refused before it was loaded.
    let first = use_live().state.with_untracked(|state| state.revision()) == 0 || !use_live().whole.get_untracked();
    StoredValue::new(use_context::<Arc<Boot>>().filter(|_| first).and_then(|boot| boot.refusal.clone()))
}

/// What the form that led to this page has done.
pub fn done_note(words: AnyView) -> AnyView {
    view! { <p class="notes impact done" role="status"><Icon of=icons::OK/>{words}</p> }.into_any()
}

/// Whether a refusal is about this field; `configs.` matches every configuration key.
pub fn concerns(no: &Rejection, field: &str) -> bool {
    no.field.as_deref().is_some_and(|at| {
        let at = at.strip_prefix("topics[0].").unwrap_or(at);
        at == field || (field.ends_with('.') && at.starts_with(field))
    })
}

/// The words for a person: what is wrong, and what is allowed.
pub fn words(no: &Rejection) -> String {
    match &no.allowed {
        Some(allowed) => format!("{}. Allowed: {allowed}.", no.detail.trim_end_matches('.')),
        None => no.detail.clone(),
    }
}

/// The error of one field, or its help in the same place. Give the input `aria-describedby=id` and `aria-invalid`.
#[component]
pub fn FieldNote(
    /// The id that the input's `aria-describedby` names.
    id: &'static str,
    /// The field as refusals name it: `name`, `partitions`, `configs.retention.ms`, or `configs.` for all keys.
    field: &'static str,
    refusal: Signal<Option<Rejection>>,
    #[prop(optional, into)] help: Signal<String>,
) -> impl IntoView {
    let error = Memo::new(move |_| refusal.get().filter(|no| concerns(no, field)).map(|no| words(&no)));
    view! {
        <div id=id aria-live="polite">
            {changing(move || match error.get() {
                Some(error) => view! { <p class="error"><Icon of=icons::CRIT/><span>{error}</span></p> }.into_any(),
                None => view! { <p class="help">{help.get()}</p> }.into_any(),
            })}
        </div>
    }
}

/// What is wrong with the form as a whole: every refusal that names none of these fields.
#[component]
pub fn FormNote(fields: &'static [&'static str], refusal: Signal<Option<Rejection>>) -> impl IntoView {
    let error = Memo::new(move |_| {
        refusal.get().filter(|no| !fields.iter().any(|field| concerns(no, field))).map(|no| (no.code.title(), words(&no)))
    });
    view! {
        <div role="alert">
            {changing(move || error.get().map(|(title, error)| {
                let error = if error == title { String::new() } else { error };
                view! { <p class="form-error"><Icon of=icons::CRIT/><span><b>{title}</b>". "{error}</span></p> }
            }))}
        </div>
    }
}
