//! Where the bundle is cut: each page is in a chunk of its own, so that a first visit loads what it shows and no more.

use leptos::prelude::*;
use leptos_router::ChooseView;
use leptos_router::hooks::use_location;
use std::pin::Pin;
use wasm_split_helpers::SplitLoaderError;

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, SplitLoaderError>>>>;

/// A page in a chunk. On the server all of them are there.
#[derive(Clone, Copy)]
pub struct Page {
    /// What the chunk is called in the manifest of the site.
    pub chunk: &'static str,
    load: fn() -> Waiting<()>,
    view: fn() -> Waiting<AnyView>,
}

macro_rules! page {
    ($page:ident, $chunk:ident, $view:path) => {
        mod $chunk {
            use super::*;

            #[wasm_split_helpers::wasm_split($chunk, fallible, preload(load))]
            pub fn $chunk() -> Result<AnyView, SplitLoaderError> {
                Ok($view().into_any())
            }
        }

        pub const $page: Page = Page { chunk: stringify!($chunk), load: || Box::pin($chunk::load()), view: || Box::pin($chunk::$chunk()) };
    };
}

page!(OVERVIEW, overview, crate::pages::overview::Overview);
page!(TOPICS, topics, crate::pages::topics::TopicsPage);
page!(CREATE_TOPIC, create_topic, crate::pages::create_topic::CreateTopicPage);
page!(TOPIC, topic, crate::pages::topic::TopicPage);
page!(BROKERS, brokers, crate::pages::brokers::BrokersPage);
page!(BROKER, broker, crate::pages::broker::BrokerPage);
page!(QUORUM, quorum, crate::pages::quorum::QuorumPage);

impl Page {
    /// The page that the router shows at this path; None when it shows that there is none.
    pub fn at(path: &str) -> Option<Page> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        Some(match parts.as_slice() {
            [] => OVERVIEW,
            ["topics"] => TOPICS,
            ["create-topic"] => CREATE_TOPIC,
            ["topics", _] => TOPIC,
            ["brokers"] => BROKERS,
            ["brokers", _] => BROKER,
            ["quorum"] => QUORUM,
            _ => return None,
        })
    }

    /// Fetches the chunk. Afterwards the view is there at once.
    ///
    /// # Errors
    /// When it cannot be had: the node is gone, or runs another build by now.
    pub async fn load(self) -> Result<(), SplitLoaderError> {
        (self.load)().await
    }
}

impl ChooseView for Page {
    async fn choose(self) -> AnyView {
        let location = use_location();
        match (self.view)().await {
            Ok(view) => view,
            Err(_) => {
                leave_for(&location.pathname.get_untracked(), &location.search.get_untracked());
                ().into_any()
            }
        }
    }

    async fn preload(&self) {
        // A failure is seen again where the view is asked for.
        let _seen_later = self.load().await;
    }
}

/// Goes to an address as if it were typed: whatever build the node runs by now, it has that page.
fn leave_for(path: &str, search: &str) {
    let search = if search.is_empty() { String::new() } else { format!("?{search}") };
    let _same_origin = window().location().set_href(&format!("{path}{search}"));
}
