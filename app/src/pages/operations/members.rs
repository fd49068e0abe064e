//! The controllers: who votes and who leads, and how that is changed.

use super::forms::{Field, ask_button, ask_form};
use crate::components::card::Card;
use crate::live::use_live;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use metadata::contract::Need;

/// The card.
#[component]
pub fn Members() -> impl IntoView {
    let live = use_live();
    let all = Memo::new(move |_| {
        let leader = live.pulse.with(|pulse| pulse.as_ref().and_then(|pulse| pulse.leader_id));
        live.state.with(|state| {
            let of = |node: &std::sync::Arc<metadata::ControllerNode>| (node.id, node.url.clone(), node.voter, leader == Some(node.id));
            state.controllers().map(of).collect::<Vec<_>>()
        })
    });
    let row = |(id, url, voter, leads): (u64, String, bool, bool)| {
        let target = id.to_string();
        let button = |action, words, label: &str| ask_button(action, &target, words, &format!("{label} controller {id}"), Need::Admin);
        let mut actions = Vec::new();
        if voter && !leads {
            actions.push(button("lead", "Let it lead", "Let lead"));
        }
        if !voter {
            actions.push(button("promote", "Let it vote", "Let vote"));
        }
        if voter {
            actions.push(button("demote", "Take its vote", "Take the vote of"));
        }
        actions.push(button("remove", "Remove", "Remove"));
        let role = match (leads, voter) {
            (true, _) => "leads",
            (false, true) => "votes",
            (false, false) => "learns",
        };
        view! {
            <li>
                <div><b>{format!("Controller {id}")}</b>" "<span class="mute">{role}</span><div class="mute"><code>{url}</code></div></div>
                <div class="asks">{actions}</div>
            </li>
        }
    };
    view! {
        <Card title="Controllers" sub=|| "who votes, and who leads">
            <div class="card-b stacked">
                <ul class="members">{changing(move || all.get().into_iter().map(row).collect_view())}</ul>
                {ask_form(
                    "add",
                    "Add a controller",
                    Need::Admin,
                    vec![
                        Field { label: "Node id", name: "target", hint: "One that was never used.", required: true },
                        Field { label: "Address", name: "value", hint: "HOST:PORT, where it was started with --join.", required: true },
                    ],
                    None,
                )}
            </div>
        </Card>
    }
    .into_any()
}
