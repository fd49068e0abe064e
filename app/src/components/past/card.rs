//! What was committed about one thing, as a card of its page.

use super::{PastList, use_past};
use crate::base;
use crate::icons::{self, Icon};
use crate::past::PastQuery;
use crate::signals::{Memo, changing};
use leptos::prelude::*;

/// The card; without a title where the page around it has said so.
#[component]
pub fn PastCard(title: &'static str, query: PastQuery) -> impl IntoView {
    let looking = use_past(|| true);
    let past = looking.past;
    let filters = base::to(&["/history", &query.filters()].concat());
    let all = base::to(&query.href(""));
    let trouble = Memo::new(move |_| past.with(|past| past.as_ref().and_then(|past| past.trouble.clone())));
    let none = Memo::new(move |_| past.with(|past| past.as_ref().is_some_and(|past| past.rows.is_empty() && past.trouble.is_none())));
    let head = (!title.is_empty()).then(|| view! { <header class="card-h"><h2>{title}</h2></header> });
    view! {
        <section class="card" aria-label="History">
            {head}
            <PastList looking=looking label="What was committed" filters=Signal::derive(move || filters.clone())/>
            {changing(move || trouble.get().map(|why| view! { <p class="card-b row"><Icon of=icons::WARN/><span>{why}</span></p> }))}
            {changing(move || none.get().then(|| view! { <p class="card-b soft">"Nothing that is kept."</p> }))}
            <div class="card-f"><a class="link" href=all>"All of it, with filters"</a></div>
        </section>
    }
    .into_any()
}
