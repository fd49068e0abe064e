//! The first paint's data: written into the page by the server, read from it when the page comes alive, so that both
//! render the same.

pub mod base64;

use crate::foreseen::Foreseen;
use crate::heard::Heard;
use crate::looker::Looker;
use crate::past::Past;
use crate::people::People;
use crate::recent::Recent;
use metadata::frame::Pulse;
use metadata::views::Known;
use metadata::{NodeId, Rejection, State, slice};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The id of the script element that holds it.
pub const ELEMENT: &str = "boot";

/// Everything that the first paint rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The path and query that it was made for.
    pub url: String,
    /// [`slice::encode`]'s form of what the page at `url` shows.
    pub slice: Vec<u8>,
    pub pulse: Option<Arc<Pulse>>,
    pub node_id: NodeId,
    /// The server's clock.
    pub now_ms: u64,
    pub quorum_age_ms: u64,
    /// Why the node takes no part, if it does not.
    pub fault: Option<String>,
    /// [`Recent`]s, newest first, as [`Boot::recent`] reads them: only pages that show them do, and only their packs hold the code for it.
    pub recent: Vec<u8>,
    pub heard: Heard,
    /// How many topics have partitions without all their replicas in sync; the slice holds the worst of them.
    pub attention: u32,
    /// Why the form that led here was refused, when it was posted without JavaScript.
    pub refusal: Option<Rejection>,
    pub looker: Looker,
    /// As `recent`, only the packs of the pages that show it hold the code for what is in these: a [`Foreseen`], what the action that this
    /// page was asked about would do;
    pub foreseen: Vec<u8>,
    /// a [`People`], what a page of accounts shows;
    pub people: Vec<u8>,
    /// a [`Past`], what a page that looks back shows. Empty where there is none.
    pub past: Vec<u8>,
    /// What the page that creates a topic previews at first, as it reads it (`pages::create_topic`).
    pub previewed: Vec<u8>,
    /// The banner's markup, where what this page shows is not the cluster of now (`ssr::past`).
    pub as_of: Option<String>,
}

impl Boot {
    /// The text that the page carries: base64 of postcard, so that nothing in it can end the script element.
    pub fn to_text(&self) -> String {
        base64::encode(&postcard::to_allocvec(self).unwrap_or_default())
    }

    /// Reads [`Boot::to_text`]'s form.
    pub fn from_text(text: &str) -> Option<Boot> {
        postcard::from_bytes(&base64::decode(text.trim())?).ok()
    }

    /// The last commits, newest first.
    pub fn recent(&self) -> Vec<Recent> {
        postcard::from_bytes(&self.recent).unwrap_or_default()
    }

    /// What the action that this page was asked about would do.
    pub fn foreseen(&self) -> Option<Foreseen> {
        postcard::from_bytes(&self.foreseen).ok()
    }

    /// What a page of accounts shows.
    pub fn people(&self) -> Option<People> {
        postcard::from_bytes(&self.people).ok()
    }

    /// What a page that looks back shows.
    pub fn past(&self) -> Option<Past> {
        postcard::from_bytes(&self.past).ok()
    }

    /// What is known beside the state.
    pub fn known(&self) -> Known<'_> {
        let (pulse, fault) = (self.pulse.as_deref(), self.fault.as_deref());
        Known { node_id: self.node_id, pulse, quorum_age_ms: self.quorum_age_ms, fault }
    }

    /// The state of the slice; empty when there is none, as while the routes are listed.
    pub fn state(&self) -> State {
        slice::decode(&self.slice).unwrap_or_default()
    }
}

/// Who looks at this page.
pub fn use_looker() -> Looker {
    leptos::prelude::use_context::<Arc<Boot>>().map(|boot| boot.looker.clone()).unwrap_or_default()
}

/// The boot data of this page.
#[cfg(feature = "hydrate")]
pub fn of_page() -> Arc<Boot> {
    use leptos::prelude::document;
    let text = document().get_element_by_id(ELEMENT).and_then(|element| element.text_content()).unwrap_or_default();
    Arc::new(Boot::from_text(&text).unwrap_or_default())
}

/// The boot data of this page.
#[cfg(not(feature = "hydrate"))]
pub fn of_page() -> Arc<Boot> {
    leptos::prelude::use_context::<Arc<Boot>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good() -> Boot {
        Boot { url: "/topics".to_owned(), slice: vec![1, 2, 3], node_id: 2, now_ms: 1 << 40, attention: 3, ..Boot::default() }
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_text_is_boot_data_or_none(text in "[A-Za-z0-9+/=]{0,60}|\\PC{0,20}") {
            if let Some(boot) = Boot::from_text(&text) {
                drop(boot.state());
            }
        }

        #[test]
        fn damaged_boot_data_is_survived(bytes in damage::damaged(vec![postcard::to_allocvec(&good()).unwrap_or_default()], 0)) {
            if let Some(boot) = Boot::from_text(&base64::encode(&bytes)) {
                drop(boot.state());
            }
        }
    }

    #[test]
    fn boot_data_comes_back() {
        assert_eq!(Boot::from_text(&good().to_text()).map(|boot| (boot.url, boot.attention)), Some(("/topics".to_owned(), 3)));
    }
}
