//! The steps of a page of the past from one change to the next, within its document: what takes them is in the pack `later`.

/// Listens for them on a page of the past.
#[cfg(not(feature = "hydrate"))]
pub fn listen() {}

#[cfg(feature = "hydrate")]
pub use browser::listen;

#[cfg(feature = "hydrate")]
mod browser {
    use crate::feed::{Navigate, walk};
    use crate::live::{Live, use_live};
    use leptos::prelude::*;
    use leptos_router::hooks::use_navigate;
    use wasm_split_helpers::{SplitLoaderError, wasm_split};

    /// Listens for them on a page of the past. Until the pack is there the browser follows their links.
    pub fn listen() {
        let live = use_live();
        if !live.past() {
            return;
        }
        let navigate = use_navigate();
        Effect::new(move |_| {
            let navigate: Navigate = Box::new(navigate.clone());
            leptos::task::spawn_local(async move { drop(attach(live, navigate).await) });
        });
    }

    #[wasm_split(later, fallible)]
    fn attach(live: Live, navigate: Navigate) -> Result<(), SplitLoaderError> {
        walk(live, navigate);
        Ok(())
    }
}
