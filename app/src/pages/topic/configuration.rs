//! A topic's configuration: every key with its value, its default, and what it is for.

use super::config_shown;
use crate::components::status::Tag;
use crate::config_values::default_shown;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use metadata::Topic;
use metadata::configs::{KEYS, Key};
use std::sync::Arc;

/// Whether a key differs from its default: a value may be set to what the default is.
fn changed(topic: &Topic, key: &Key) -> bool {
    topic.configs.get(key.name).is_some_and(|value| value != key.default)
}

/// The tab.
#[component]
pub fn Configuration(topic: Memo<Arc<Topic>>) -> impl IntoView {
    let rows = move || {
        topic.with(|topic| {
            // What was changed is what a person looks for.
            let (mine, rest): (Vec<&Key>, Vec<&Key>) = KEYS.iter().partition(|key| changed(topic, key));
            mine.into_iter().chain(rest).map(|key| row(topic, key)).collect_view()
        })
    };
    view! {
        <section class="card">
            <div class="dt-wrap" tabindex="0" role="region" aria-label="List of configuration keys">
                <table class="dt wide">
                    <caption class="sr">"Configuration"</caption>
                    <thead>
                        <tr>
                            <th scope="col" class="col-key">"Key"</th>
                            <th scope="col" class="col-value">"Value"</th>
                            <th scope="col" class="lo col-default">"Default"</th>
                            <th scope="col" class="lo">"Meaning"</th>
                        </tr>
                    </thead>
                    <tbody>{changing(rows)}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

/// A long key goes on in the next line after a dot, where its column is narrow.
fn broken_at_dots(name: &'static str) -> impl IntoView {
    name.split_inclusive('.').map(|part| view! { {part}<wbr/> }).collect_view()
}

fn row(topic: &Topic, key: &'static Key) -> impl IntoView + use<> {
    let raw = topic.configs.get(key.name).map_or(key.default, String::as_str).to_owned();
    let tag = changed(topic, key).then(|| view! { <Tag word="changed" tone="accent"/> });
    view! {
        <tr>
            <th scope="row"><code class="med">{broken_at_dots(key.name)}</code></th>
            <td><span class="row"><span class="num" title=raw>{config_shown(topic, key)}</span>{tag}</span></td>
            <td class="lo mute num">{default_shown(key)}</td>
            <td class="lo soft wrap-text">{key.help}</td>
        </tr>
    }
    .into_any()
}
