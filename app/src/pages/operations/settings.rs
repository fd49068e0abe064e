//! The cluster's settings: each with its value, where that comes from, and a form that changes it.

use crate::base;
use crate::components::card::Card;
use crate::live::use_live;
use crate::pages::first_paint::lacks;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use metadata::contract::Need;
use metadata::settings::{self, Settings as Values};
use std::sync::Arc;

/// The card.
#[component]
pub fn Settings() -> impl IntoView {
    let live = use_live();
    let values = Memo::new(move |_| live.state.with(|state| state.settings().clone()));
    let lacks = lacks(Need::Brokers);
    let rows = move || {
        let values = values.get();
        settings::keys().map(|key| row(key, &values, lacks.clone())).collect::<Vec<_>>()
    };
    view! {
        <Card title="Settings" sub=|| "of the whole cluster; a topic's own value stands before them">
            <div class="dt-wrap" tabindex="0" role="region" aria-label="Settings">
                <table class="dt dt--flush wide settings-table">
                    <thead>
                        <tr>
                            <th scope="col">"Setting"</th>
                            <th scope="col">"Value"</th>
                            <th scope="col" class="lo">"Default"</th>
                            <th scope="col">"Change"</th>
                        </tr>
                    </thead>
                    <tbody>{changing(rows)}</tbody>
                </table>
            </div>
        </Card>
    }
    .into_any()
}

fn row(key: &'static metadata::configs::Key, values: &Arc<Values>, lacks: Option<String>) -> AnyView {
    let off = lacks.is_some();
    let set = values.values.get(key.name).cloned();
    let shown = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    let value = shown(values.value(key));
    let is_set = set.is_some();
    let id = format!("set-{}", key.name);
    let label = format!("New value of {}", key.name);
    view! {
        <tr>
            <th scope="row"><code>{key.name}</code><div class="mute small">{key.help}</div></th>
            <td class="num">{if is_set { view! { <b>{value}</b> }.into_any() } else { view! { <span class="mute">{value}</span> }.into_any() }}</td>
            <td class="num mute lo">{shown(key.default)}</td>
            <td>
                <form method="get" action=base::to("/operations") class="setting-form">
                    <input type="hidden" name="target" value=key.name/>
                    <label class="sr" for=id.clone()>{label}</label>
                    <input class="input" id=id name="value" placeholder=key.kind.allowed() autocomplete="off" spellcheck="false"/>
                    <button class="btn sm" name="action" value="set" aria-label=format!("Set {}", key.name) disabled=off title=lacks.clone()>"Set"</button>
                    {is_set.then(|| view! { <button class="btn sm" name="action" value="default" aria-label=format!("Back to the default of {}", key.name) disabled=off title=lacks>"Default"</button> })}
                </form>
            </td>
        </tr>
    }
    .into_any()
}
