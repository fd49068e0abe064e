//! What was committed about the topic.

use crate::components::past::PastCard;
use crate::past::PastQuery;
use leptos::prelude::*;

/// The tab.
#[component]
pub fn History(name: String) -> impl IntoView {
    let query = PastQuery { topic: name, ..PastQuery::default() };
    view! { <PastCard title="" query=query/> }
}
