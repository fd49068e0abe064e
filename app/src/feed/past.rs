//! The whole state of a page as of an index: asked for once, held against what was painted, and kept alone.

use super::backoff::Backoff;
use super::fetch::{self, NoState};
use super::follower::reload_once;
use crate::live::{Hindrance, Live};
use crate::waiting::until;
use leptos::prelude::*;
use metadata::Index;
use std::sync::Arc;

/// Shows it, however often it has to be asked for: what the page shows already stays true meanwhile.
pub async fn show(live: Live, index: Index) {
    let (wire, mut backoff) = (live.wire, Backoff::default());
    let painted = wire.state.with_untracked(|state| (state.revision(), state.digest()));
    while !crate::alive::ended() {
        match fetch::state(Some(index)).await {
            Ok(state) if (state.revision(), state.digest()) == painted => {
                wire.hindrance.set(None);
                wire.state.set(Arc::new(state));
                return wire.whole.set(true);
            }
            Ok(_) => return crate::alive::failed("The state as of this index is another one than was painted."),
            Err(NoState::TooNew) if reload_once() => return,
            Err(NoState::SignedOut) => wire.hindrance.set(Some(Hindrance::SignedOut)),
            Err(_) => {}
        }
        let (retry, asked) = (wire.retry, wire.retry.get_untracked());
        until(move || retry.get() != asked, backoff.next_ms(js_sys::Math::random())).await;
    }
}
