//! What nobody sees before the page is alive, in a pack of its own that follows at once: the parts that are asked for
//! ([`crate::parts`]), and what follows the feed.

use crate::pages::broker::fence_dialogs::{Fence, Unfence};
use crate::pages::topic::delete_dialog::DeleteDialog;
use crate::parts::{Late, Part};
use crate::shell::{help::Help, palette::Palette, toasts::ToastList};
use leptos::prelude::*;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// How the parts come out of this pack.
pub const LATE: Late = Late { fetch: || Box::pin(load_part()), view: |wanted| Box::pin(part(wanted)) };

#[wasm_split(later, fallible, preload(load_part))]
fn part(part: Part) -> Result<AnyView, SplitLoaderError> {
    Ok(match part {
        Part::Palette(open) => view! { <Palette open=open/> }.into_any(),
        Part::Help(open) => view! { <Help open=open/> }.into_any(),
        Part::Fence(id, open) => view! { <Fence id=id open=open/> }.into_any(),
        Part::Unfence(id, open) => view! { <Unfence id=id open=open/> }.into_any(),
        Part::Toasts => view! { <ToastList/> }.into_any(),
        Part::DeleteTopic(deletion) => view! { <DeleteDialog deletion=deletion/> }.into_any(),
    })
}

/// How often the part that follows the feed is asked for, with half a second more between each two.
#[cfg(feature = "hydrate")]
const MOST_TRIES: u32 = 3;

/// Brings the page live, then fetches the packs of the other pages: they are there when somebody goes to them, even if the node
/// runs another build by then.
#[cfg(feature = "hydrate")]
pub async fn go_on(live: crate::live::Live) {
    let mut tried = 1;
    while follow(live).await.is_err() {
        if tried == MOST_TRIES {
            return crate::alive::failed("The part of this page that follows the cluster did not load.");
        }
        gloo_timers::future::TimeoutFuture::new(tried * 500).await;
        tried += 1;
    }
    for page in crate::packs::ALL {
        let _tried_again_on_navigation = page.load().await;
    }
}

/// Follows the feed.
#[cfg(feature = "hydrate")]
#[wasm_split(later, fallible)]
fn follow(live: crate::live::Live) -> Result<(), SplitLoaderError> {
    crate::feed::start(live);
    Ok(())
}
