//! Where in the dashboard a path leads: titles, breadcrumbs, navigation and the first paint's slice all ask here.

use crate::base;
use leptos_router::params::ParamsMap;
use metadata::BrokerId;

/// A page with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Overview,
    Topics,
    CreateTopic,
    Topic(String),
    Brokers,
    Broker(BrokerId),
    Quorum,
    Operations,
    History,
    Accounts,
    Account,
    Audit,
    Nowhere,
}

impl Place {
    /// The place of a path, percent-encoded or not.
    pub fn of(path: &str) -> Place {
        let parts: Vec<&str> = base::within(path).split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            [] => Place::Overview,
            ["topics"] => Place::Topics,
            ["create-topic"] => Place::CreateTopic,
            ["topics", name] => Place::Topic(leptos_router::location::Url::unescape(name)),
            ["brokers"] => Place::Brokers,
            ["brokers", id] => id.parse().map_or(Place::Nowhere, |id| Place::Broker(BrokerId(id))),
            ["quorum"] => Place::Quorum,
            ["operations"] => Place::Operations,
            ["history"] => Place::History,
            ["accounts"] => Place::Accounts,
            ["account"] => Place::Account,
            ["audit"] => Place::Audit,
            _ => Place::Nowhere,
        }
    }

    /// The entry of the navigation that it belongs to: its name and its path.
    pub fn section(&self) -> (&'static str, &'static str) {
        match self {
            Place::Overview => ("Overview", "/"),
            Place::Topics | Place::CreateTopic | Place::Topic(_) => ("Topics", "/topics"),
            Place::Brokers | Place::Broker(_) => ("Brokers", "/brokers"),
            Place::Quorum => ("Quorum", "/quorum"),
            Place::Operations => ("Operations", "/operations"),
            Place::History => ("History", "/history"),
            Place::Accounts => ("Accounts", "/accounts"),
            Place::Account => ("Your account", "/account"),
            Place::Audit => ("Audit", "/audit"),
            Place::Nowhere => ("Not found", ""),
        }
    }

    /// What the page is called within its section.
    pub fn leaf(&self) -> Option<String> {
        match self {
            Place::CreateTopic => Some("Create topic".to_owned()),
            Place::Topic(name) => Some(name.clone()),
            Place::Broker(id) => Some(format!("Broker {id}")),
            _ => None,
        }
    }
}

/// The parameters of a query string, as the router reads them.
pub fn query_of(search: &str) -> ParamsMap {
    let mut query = ParamsMap::new();
    for pair in search.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = leptos_router::location::Url::unescape(&key.replace('+', " "));
        query.insert(key, value.replace('+', " "));
    }
    query
}

#[cfg(test)]
mod tests {
    use super::{Place, query_of};
    use metadata::BrokerId;

    #[test]
    fn paths_lead_to_places() {
        assert_eq!(Place::of("/"), Place::Overview);
        assert_eq!(Place::of("/topics/orders.placed"), Place::Topic("orders.placed".to_owned()));
        assert_eq!(Place::of("/brokers/101"), Place::Broker(BrokerId(101)));
        assert_eq!(Place::of("/brokers/x"), Place::Nowhere);
        assert_eq!(Place::of("/topics/a/b"), Place::Nowhere);
    }

    #[test]
    fn queries_are_unescaped_once() {
        let query = query_of("?q=a%20b+c&configs%5Bretention.ms%5D=1%2525");
        assert_eq!(query.get("q").as_deref(), Some("a b c"));
        assert_eq!(query.get("configs[retention.ms]").as_deref(), Some("1%25"));
    }
}

#[cfg(all(test, feature = "ssr"))]
mod below_a_base {
    use super::Place;
    use crate::base::{Base, to, within};
    use leptos::prelude::{Owner, provide_context};

    #[test]
    fn paths_begin_with_the_base_and_lead_to_the_same_places() {
        for base in ["", "/quorate", "/topics", "/a/b"] {
            Owner::new().with(|| {
                provide_context(Base(base.into()));
                for (path, place) in
                    [("/", Place::Overview), ("/topics", Place::Topics), ("/topics/topics", Place::Topic("topics".to_owned()))]
                {
                    assert_eq!(to(path), format!("{base}{path}"));
                    assert_eq!(within(&to(path)), path, "below {base:?}");
                    assert_eq!(Place::of(&to(path)), place, "{path} below {base:?}");
                }
                // The base without a slash is the overview.
                assert_eq!(Place::of(base), Place::Overview);
            });
        }
    }

    #[test]
    fn a_path_that_only_looks_like_it_is_another() {
        Owner::new().with(|| {
            provide_context(Base("/quorate".into()));
            assert_eq!(within("/quorate2/topics"), "/quorate2/topics");
        });
    }
}
