//! The path that this node is served under, as `/quorate` behind a proxy that serves other things too. What the router reads
//! and what links, forms and calls name begins with it, on the server as in the browser; nothing else writes a path of ours.

use std::sync::Arc;

/// The base path: empty, or with a slash before and none after.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base(pub Arc<str>);

/// The root's attribute that holds it.
pub const ATTRIBUTE: &str = "data-base";

/// The base path of this page.
#[cfg(feature = "ssr")]
pub fn base() -> Arc<str> {
    leptos::prelude::use_context::<Base>().unwrap_or_default().0
}

/// The base path of this page.
#[cfg(not(feature = "ssr"))]
pub fn base() -> Arc<str> {
    static BASE: std::sync::OnceLock<Arc<str>> = std::sync::OnceLock::new();
    let read = || {
        let root = leptos::prelude::document().get_element_by_id(crate::shape::ROOT);
        root.and_then(|root| root.get_attribute(ATTRIBUTE)).unwrap_or_default().into()
    };
    BASE.get_or_init(read).clone()
}

/// Where a path of ours, as `/topics`, is on this page: on one that shows the cluster as of an index, with that index.
pub fn to(path: &str) -> String {
    [&*base(), &carried(path)].concat()
}

/// Where a path of ours is whatever this page is as of.
pub fn at(path: &str) -> String {
    [&*base(), path].concat()
}

/// A path of ours as the router takes it, with the index that this page shows the cluster as of.
pub fn carried(path: &str) -> String {
    as_of().map_or_else(|| path.to_owned(), |index| with_index(path, index))
}

fn with_index(path: &str, index: u64) -> String {
    let sign = if path.contains('?') { "&" } else { "?" };
    if is_of_now(path) { path.to_owned() } else { [path, sign, AS_OF, "=", &index.to_string()].concat() }
}

/// The parameter of an address that says which index its page shows the cluster as of.
pub const AS_OF: &str = "as_of";

/// Whether what a path leads to is of now, whatever else is looked at: calls, files, who may come in.
pub fn is_of_now(path: &str) -> bool {
    const OF_NOW: [&str; 9] = ["_fn", "api", "pkg", "sign-in", "sign-out", "set-up", "account", "accounts", "audit"];
    path.trim_start_matches('/').split(['/', '?']).next().is_some_and(|first| OF_NOW.contains(&first))
}

/// Whether a browser would take a path for an address on another host.
pub fn leads_elsewhere(path: &str) -> bool {
    path.starts_with("//") || path.contains('\\')
}

/// What the server says of it while it draws a page.
#[cfg(feature = "ssr")]
#[derive(Clone, Copy, Debug)]
pub struct AsOf(pub u64);

/// The index that this page shows the cluster as of.
#[cfg(feature = "ssr")]
pub fn as_of() -> Option<u64> {
    leptos::prelude::use_context::<AsOf>().map(|AsOf(index)| index)
}

/// The root's attribute that holds it.
pub const AS_OF_ATTRIBUTE: &str = "data-as-of";

/// The index that this page shows the cluster as of. What shows it and stays through a step follows `Live::as_of`.
#[cfg(not(feature = "ssr"))]
pub fn as_of() -> Option<u64> {
    Some(index().load(std::sync::atomic::Ordering::Relaxed)).filter(|index| *index != NOW)
}

/// Stands for no index.
#[cfg(not(feature = "ssr"))]
const NOW: u64 = u64::MAX;

#[cfg(not(feature = "ssr"))]
fn index() -> &'static std::sync::atomic::AtomicU64 {
    static INDEX: std::sync::OnceLock<std::sync::atomic::AtomicU64> = std::sync::OnceLock::new();
    let read = || {
        let root = leptos::prelude::document().get_element_by_id(crate::shape::ROOT);
        root.and_then(|root| root.get_attribute(AS_OF_ATTRIBUTE)?.parse().ok()).unwrap_or(NOW)
    };
    INDEX.get_or_init(|| read().into())
}

/// From here on this page shows the cluster as of another index.
#[cfg(feature = "hydrate")]
pub fn goes_to(other: u64) {
    index().store(other, std::sync::atomic::Ordering::Relaxed);
}

/// Puts the base before an address that lacks it, as on the node itself, which answers to both: the router knows it by this.
#[cfg(feature = "hydrate")]
pub fn enter() {
    let (base, location) = (base(), leptos::prelude::window().location());
    let (Ok(path), Ok(search), Ok(hash)) = (location.pathname(), location.search(), location.hash()) else { return };
    if below(&path, &base).is_none()
        && let Ok(history) = leptos::prelude::window().history()
    {
        let address = [&*base, &path, &search, &hash].concat();
        let _the_router_shows_that_there_is_no_such_page = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address));
    }
}

/// A path without the base; one that lacks it stays as it is.
pub fn within(path: &str) -> &str {
    below(path, &base()).unwrap_or(path)
}

/// The rest of a path that is below this base.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
