//! What can be asked of topics and brokers: a form each. Sent, it comes back to this page with what it would do.

use crate::base;
use crate::boot::use_looker;
use crate::components::card::Card;
use crate::icons::{self, Icon};
use crate::pages::first_paint::{actions_off, lacks};
use leptos::prelude::*;
use metadata::contract::Need;

/// A field of a form: what it is called for people, for the server, what is in it at first, and a hint.
pub struct Field {
    pub label: &'static str,
    pub name: &'static str,
    pub hint: &'static str,
    pub required: bool,
}

/// A button that asks what one action would do.
pub fn ask_button(action: &'static str, target: &str, words: &'static str, label: &str, need: Need) -> AnyView {
    let lacks = lacks(need);
    view! {
        <form method="get" action=base::to("/operations")>
            <input type="hidden" name="action" value=action/>
            <input type="hidden" name="target" value=target.to_owned()/>
            <button class="btn sm" aria-label=label.to_owned() disabled=lacks.is_some() title=lacks>{words}</button>
        </form>
    }
    .into_any()
}

/// A form that asks what an action would do; `more` is what stands between its fields and its button.
pub fn ask_form(action: &'static str, title: &'static str, need: Need, fields: Vec<Field>, more: Option<AnyView>) -> impl IntoView {
    let off = actions_off(use_looker().lacks(need));
    let id = move |name: &str| format!("{action}-{name}");
    let field = move |field: Field| {
        let Field { label, name, hint, required } = field;
        view! {
            <div class="field">
                <label for=id(name)>{label}</label>
                <input class="input" id=id(name) name=name required=required autocomplete="off" spellcheck="false" aria-describedby=id(&format!("{name}-hint"))/>
                <p class="help" id=id(&format!("{name}-hint"))>{hint}</p>
            </div>
        }
    };
    view! {
        <form method="get" action=base::to("/operations") class="ask" aria-label=title>
            <h3>{title}</h3>
            <input type="hidden" name="action" value=action/>
            <div class="fields">{fields.into_iter().map(field).collect_view()}</div>
            {more}
            <div><button class="btn" disabled=off.why().is_some()>"Show what it would do"</button></div>
            {off.note()}
        </form>
    }
}

const fn field(label: &'static str, name: &'static str, hint: &'static str, required: bool) -> Field {
    Field { label, name, hint, required }
}

/// The card.
#[component]
pub fn Forms() -> impl IntoView {
    let goals = view! {
        <div class="field">
            <label for="rebalance-value">"Even out"</label>
            <span class="select">
                <select id="rebalance-value" name="value">
                    <option value="both">"replicas and leaders"</option>
                    <option value="replicas">"replicas"</option>
                    <option value="leaders">"leaders: no data moves"</option>
                </select>
                <Icon of=icons::CHEVRON_DOWN/>
            </span>
        </div>
    };
    let unclean = |id: &'static str| {
        view! {
            <div class="check-line">
                <input type="checkbox" id=id name="more" value="unclean"/>
                <label for=id>"Also whoever is online, where no replica in sync can lead: records may be lost"</label>
            </div>
        }
    };
    let per_broker = || field("At the same time", "more", "Moves into and out of a broker; empty for the setting.", false);
    view! {
        <Card title="Topics and brokers">
            <div class="card-b stacked">
                {ask_form(
                    "rebalance",
                    "Rebalance",
                    Need::Topics,
                    vec![
                        field("Topics", "target", "Names with commas between them; empty for all.", false),
                        field("At most", "more", "How many partitions may move; empty for as many as it takes.", false),
                    ],
                    Some(goals.into_any()),
                )}
                {ask_form("elect-topic", "Elect leaders of a topic", Need::Topics, vec![field("Topic", "target", "Each partition is led by its first replica again.", true)], Some(unclean("elect-topic-unclean").into_any()))}
                {ask_form("elect-broker", "Elect a broker where it is the first replica", Need::Brokers, vec![field("Broker", "target", "Its id.", true)], None)}
                {ask_form("drain", "Drain a broker", Need::Brokers, vec![field("Broker", "target", "Everything moves off it, its leaders first.", true), per_broker()], None)}
                {ask_form("stop-drain", "Stop draining a broker", Need::Brokers, vec![field("Broker", "target", "What has begun is taken back.", true)], None)}
                {ask_form(
                    "factor",
                    "Change a replication factor",
                    Need::Topics,
                    vec![field("Topic", "target", "Its name.", true), field("Replicas", "value", "Of each partition.", true), per_broker()],
                    None,
                )}
            </div>
        </Card>
    }
    .into_any()
}
