//! The dashboard of Quorate: pages, components and server functions. Rendered on the server, alive in the browser.
//!
//! * [`live`]: what every page reads; [`boot`] and [`shown`]: what the first paint carries; `feed` and [`replica`]: what keeps it live.
//! * [`shell`]: the frame around every page; [`pages`]: one module each; [`components`]: what they share.
//! * [`api`]: server functions, each a plain form's target as well. `ssr`: the routes that the server mounts.

// A page's view is one type, nested as deep as its elements.
#![recursion_limit = "512"]

#[cfg(feature = "hydrate")]
pub mod alive;
pub mod api;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
mod as_of;
pub mod attention;
pub mod base;
pub mod boot;
pub mod components;
pub mod config_values;
#[cfg(feature = "hydrate")]
pub mod feed;
pub mod foreseen;
pub mod freshness;
pub mod heard;
pub mod icons;
mod later;
pub mod live;
pub mod looker;
#[cfg(feature = "ssr")]
pub mod looking_back;
pub mod order;
pub mod packs;
pub mod pages;
mod parts;
pub mod past;
pub mod people;
pub mod place;
pub mod recent;
pub mod replica;
pub mod shape;
pub mod shell;
pub mod shown;
pub mod signals;
#[cfg(feature = "ssr")]
pub mod ssr;
pub mod time;
#[cfg(feature = "hydrate")]
mod waiting;
pub mod words;

use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;
use std::collections::BTreeMap;

/// The names of the bundle's files, which carry a hash of their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    /// As `/pkg/quorate.0123abcd.js`.
    pub js: String,
    pub wasm: String,
    pub css: String,
    /// The JavaScript that loads packs.
    pub loader: String,
    /// The packs by their own names.
    pub packs: BTreeMap<String, String>,
    /// The fonts that every page is set in.
    pub fonts: Vec<String>,
}

/// Everything within `body`.
#[component]
pub fn App() -> impl IntoView {
    let boot = boot::of_page();
    let live = live::Live::from_boot(&boot, boot.state());
    provide_context(boot);
    provide_context(live);
    provide_context(later::LATE);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| leptos::task::spawn_local(later::go_on(live)));
    view! {
        <Router base=base::base().to_string()>
            <shell::Shell>
                {move || match live.as_of.with(|as_of| as_of.as_ref().is_some_and(|as_of| as_of.steps % 2 == 1)) {
                    false => Either::Left(pages()),
                    true => Either::Right(pages()),
                }}
            </shell::Shell>
        </Router>
    }
}

/// The pages. After a step through time they are made anew: what they show of another point may be another page altogether.
fn pages() -> impl IntoView {
    view! {
        <Routes fallback=|| view! { <pages::not_found::NotFound/> }>
            <Route path=path!("/") view=packs::OVERVIEW/>
            <Route path=path!("/topics") view=packs::TOPICS/>
            <Route path=path!("/create-topic") view=packs::CREATE_TOPIC/>
            <Route path=path!("/topics/:name") view=packs::TOPIC/>
            <Route path=path!("/brokers") view=packs::BROKERS/>
            <Route path=path!("/brokers/:id") view=packs::BROKER/>
            <Route path=path!("/quorum") view=packs::QUORUM/>
            <Route path=path!("/operations") view=packs::OPERATIONS/>
            <Route path=path!("/history") view=packs::HISTORY/>
            <Route path=path!("/accounts") view=packs::ACCOUNTS/>
            <Route path=path!("/account") view=packs::ACCOUNT/>
            <Route path=path!("/audit") view=packs::AUDIT/>
        </Routes>
    }
}
