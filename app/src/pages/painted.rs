//! The first paint of pages as a browser gets it, over the sample cluster: what every page owes whoever reads it.

use crate::base::AsOf;
use crate::boot::Boot;
use crate::pages::sample;
use crate::pages::{previewed, shown};
use crate::place::{Place, query_of};
use crate::{App, api::refused};
use leptos::prelude::*;
use leptos_router::location::RequestUrl;
use metadata::{State, slice};
use std::sync::Arc;

/// The HTML of everything within the body.
pub fn html(state: &State, url: &str) -> String {
    html_as_of(state, url, None)
}

/// The same as of an index.
fn html_as_of(state: &State, url: &str, index: Option<u64>) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (place, query) = (Place::of(path), query_of(query));
    let shown = shown(state, &place, &query);
    let boot = Boot {
        url: url.to_owned(),
        slice: slice::encode(state, &shown.rows, &shown.whole).expect("a slice"),
        now_ms: state.at_ms(),
        node_id: 1,
        refusal: refused::reworded(state, &place, &query, state.at_ms()),
        previewed: previewed(state, &place, &query),
        as_of: index.map(|_| "the banner".to_owned()),
        ..Boot::default()
    };
    let owner = Owner::new();
    owner.with(|| {
        provide_context(RequestUrl::new(url));
        if let Some(index) = index {
            provide_context(AsOf(index));
        }
        provide_context(Arc::new(boot));
        view! { <App/> }.to_html()
    })
}

/// How often a piece of markup occurs.
fn times(html: &str, piece: &str) -> usize {
    html.matches(piece).count()
}

const PAGES: [&str; 9] = [
    "/topics",
    "/topics?search=or&health=under_replicated&sort=-name",
    "/create-topic",
    "/topics/orders",
    "/topics/orders?tab=placement",
    "/topics/orders?tab=configuration",
    "/topics/orders?tab=settings",
    "/brokers",
    "/brokers/1",
];

#[test]
fn every_page_has_one_heading_and_scoped_headers() {
    let state = sample::state();
    for url in PAGES.into_iter().chain(["/topics/nowhere", "/brokers/99"]) {
        let html = html(&state, url);
        assert_eq!(times(&html, "<h1"), 1, "{url}");
        let heads = html.split("<th").skip(1).filter(|rest| !rest.starts_with("ead"));
        assert!(heads.filter_map(|rest| rest.split('>').next()).all(|tag| tag.contains("scope=")), "{url}");
    }
}

#[test]
fn the_topics_are_listed_worst_first_with_links() {
    let html = html(&sample::state(), "/topics");
    let at = |name: &str| html.find(&format!("href=\"/topics/{name}\"")).unwrap_or(usize::MAX);
    assert!(at("orders") < at("audit") && at("audit") < at("metrics") && at("metrics") < usize::MAX);
    assert!(html.contains("aria-sort=\"descending\""));
}

#[test]
fn a_refused_form_says_what_is_wrong_beside_the_field() {
    let html = html(&sample::state(), "/create-topic?name=orders&partitions=x&replication_factor=2&refused=INVALID_PARTITIONS");
    assert!(html.contains("A topic with this name exists"));
    assert!(html.contains("Enter a whole number"));
    assert!(html.contains("value=\"orders\""));
    assert_eq!(times(&html, "aria-invalid=\"true\""), 2);
}

#[test]
fn an_empty_cluster_says_what_to_do_next() {
    let state = State::default();
    assert!(html(&state, "/topics").contains("Topics need a broker first"));
    assert!(html(&state, "/brokers").contains("quorate storage --id 101"));
}

#[test]
fn a_page_of_the_past_leads_to_the_past_and_can_do_nothing() {
    let state = sample::state();
    for url in PAGES.into_iter().chain(["/", "/quorum", "/operations", "/topics/nowhere"]) {
        let html = html_as_of(&state, url, Some(1_812));
        assert_eq!(times(&html, "the banner"), 1, "{url}");
        assert!(html.contains("<b>As of</b> <span>#1\u{202f}812</span>"), "{url}");
        let links = html
            .split("<a ")
            .skip(1)
            .filter_map(|rest| rest.split("href=\"").nth(1)?.split('"').next())
            .filter(|href| href.starts_with('/'));
        for href in links {
            assert_eq!(href.contains("as_of=1812"), !crate::base::is_of_now(href), "{url}: {href}");
        }
        for form in
            html.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next()).filter(|form| form.contains("method=\"post\""))
        {
            let mut buttons = form.split("<button").skip(1).filter_map(|button| button.split('>').next());
            let off = buttons.all(|tag| tag.contains("disabled") || tag.contains("type=\"button\""));
            assert!(off, "{url}: {form}");
        }
        for word in ["not heard", "no heartbeat", "none heard", "commits/s", "No leader", ">Live<", "ago</span>"] {
            assert!(!html.contains(word), "{url}: {word}");
        }
    }
    let settings = html_as_of(&state, "/topics/orders?tab=settings", Some(1_812));
    assert!(settings.contains("This is the cluster as of #1\u{202f}812.") && !settings.contains("action=\"/_fn/delete"));
    let live = html(&state, "/topics");
    assert!(!live.contains("as_of") && !live.contains("As of"));
}
