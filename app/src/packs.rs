//! Where the bundle is cut between pages (docs/adr/0014-first-paint-budget.md): a first visit loads the main part and the pack of its page.

use crate::base;
use crate::parts::Coming;
use leptos::prelude::*;
use leptos_router::ChooseView;
use leptos_router::hooks::use_location;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// A page in a pack. On the server all of them are there.
#[derive(Clone, Copy)]
pub struct Page {
    /// What the pack is called in the manifest of the site. Some pages share one.
    pub pack: &'static str,
    load: fn() -> Coming<()>,
    view: fn() -> Coming<AnyView>,
}

macro_rules! page {
    ($page:ident, $name:ident in $pack:ident, $view:path) => {
        mod $name {
            use super::*;

            #[wasm_split($pack, fallible, preload(load))]
            pub fn $name() -> Result<AnyView, SplitLoaderError> {
                Ok($view().into_any())
            }
        }

        pub const $page: Page = Page { pack: stringify!($pack), load: || Box::pin($name::load()), view: || Box::pin($name::$name()) };
    };
}

page!(OVERVIEW, overview in overview, crate::pages::overview::Overview);
page!(TOPICS, topics in topics, crate::pages::topics::TopicsPage);
page!(BROKERS, brokers in brokers, crate::pages::brokers::BrokersPage);
page!(QUORUM, quorum in brokers, crate::pages::quorum::QuorumPage);
page!(OPERATIONS, operations in operations, crate::pages::operations::OperationsPage);
page!(HISTORY, history in history, crate::pages::history::HistoryPage);
page!(ACCOUNTS, accounts in operations, crate::pages::accounts::AccountsPage);
page!(AUDIT, audit in operations, crate::pages::audit::AuditPage);
page!(ACCOUNT, account in operations, crate::pages::account::AccountPage);
page!(TOPIC, topic in topic, crate::pages::topic::TopicPage);
page!(BROKER, broker in broker, crate::pages::broker::BrokerPage);
page!(CREATE_TOPIC, create_topic in create_topic, crate::pages::create_topic::CreateTopicPage);

/// Every page's pack once, the most visited first.
pub const ALL: [Page; 8] = [OVERVIEW, TOPICS, BROKERS, TOPIC, HISTORY, BROKER, CREATE_TOPIC, OPERATIONS];

impl Page {
    /// The page that the router shows at this path; None when it shows that there is none.
    pub fn at(path: &str) -> Option<Page> {
        let parts: Vec<&str> = base::within(path).split('/').filter(|part| !part.is_empty()).collect();
        Some(match parts.as_slice() {
            [] => OVERVIEW,
            ["topics"] => TOPICS,
            ["create-topic"] => CREATE_TOPIC,
            ["topics", _] => TOPIC,
            ["brokers"] => BROKERS,
            ["brokers", _] => BROKER,
            ["quorum"] => QUORUM,
            ["operations"] => OPERATIONS,
            ["history"] => HISTORY,
            ["accounts"] => ACCOUNTS,
            ["account"] => ACCOUNT,
            ["audit"] => AUDIT,
            _ => return None,
        })
    }

    /// Fetches the pack. Afterwards the view is there at once.
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

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_path_leads_to_the_pack_of_its_page() {
        let pack = |path| Page::at(path).map(|page| page.pack);
        assert_eq!(pack("/"), Some("overview"));
        assert_eq!(pack("/topics/orders%20placed"), Some("topic"));
        // The router shows the page of a broker for any id, and the page says that there is none.
        assert_eq!(pack("/brokers/x"), Some("broker"));
        assert_eq!(pack("/quorum/"), Some("brokers"));
        assert_eq!(pack("/topics/a/b"), None);
    }
}
