//! The parts of a page that nobody sees before asking for them, as data: what opens one names it here, and what shows it
//! (`later`) is the root's to provide.

use crate::api::Asking;
use crate::signals::Memo;
use leptos::prelude::*;
use metadata::{BrokerId, Rejection};
use std::pin::Pin;
use wasm_split_helpers::SplitLoaderError;

/// What comes once its pack is there.
pub type Coming<T> = Pin<Box<dyn Future<Output = Result<T, SplitLoaderError>>>>;

/// A part, open while its signal says so.
#[derive(Clone)]
pub enum Part {
    Palette(RwSignal<bool>),
    Help(RwSignal<bool>),
    Fence(BrokerId, RwSignal<bool>),
    Unfence(BrokerId, RwSignal<bool>),
    DeleteTopic(Deletion),
    Toasts,
}

/// What the question before a delete shares with the card that opens it.
#[derive(Clone)]
pub struct Deletion {
    pub name: String,
    /// What goes with the topic, in words.
    pub impact: Memo<String>,
    pub open: RwSignal<bool>,
    pub action: Asking,
    pub refusal: Signal<Option<Rejection>>,
}

/// How the parts come.
#[derive(Clone, Copy)]
pub struct Late {
    /// Fetches the code of all parts. Fails when it cannot be had.
    pub fetch: fn() -> Coming<()>,
    /// A part's view: there at once after `fetch`.
    pub view: fn(Part) -> Coming<AnyView>,
}
