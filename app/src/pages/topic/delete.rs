//! The danger zone: deleting a topic. It has no inverse, so the name is typed.

use crate::api::{Asking, DeleteTopic};
use crate::base;
use crate::boot::use_looker;
use crate::components::field::{FormNote, refusal_of};
use crate::components::late::late;
use crate::icons::{self, Icon};
use crate::live::use_live;
use crate::order::distinct;
use crate::pages::first_paint::actions_off;
use crate::parts::{Deletion, Part};
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_navigate;
use metadata::access::Demand;
use metadata::configs::deletion_protected;
use metadata::{State, Topic, TopicId};

/// Why a topic cannot be deleted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    None,
    /// Its configuration says so.
    Configured,
    /// It belongs to the system.
    Internal,
}

impl Protection {
    /// The protection of a topic.
    pub fn of(topic: &Topic) -> Self {
        match topic.internal() {
            true => Protection::Internal,
            false if deletion_protected(&topic.configs) => Protection::Configured,
            false => Protection::None,
        }
    }
}

/// What goes with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Impact {
    partitions: u64,
    replicas: u64,
    brokers: u64,
}

impl Impact {
    fn of(state: &State, id: TopicId) -> Self {
        let brokers = distinct(state.partitions_of(id).flat_map(|partition| partition.replicas.iter()));
        Impact {
            partitions: state.tally(id).partitions.into(),
            replicas: state.partitions_of(id).map(|partition| partition.replicas.len() as u64).sum(),
            brokers: brokers.len() as u64,
        }
    }

    fn words(self) -> String {
        format!(
            "{} and {} on {}",
            count(self.partitions, "partition", "partitions"),
            count(self.replicas, "replica", "replicas"),
            count(self.brokers, "broker", "brokers")
        )
    }
}

/// The card, and the dialog that asks.
#[component]
pub fn DeleteTopicForm(id: TopicId, name: String, protection: Memo<Protection>, action: Asking) -> impl IntoView {
    let live = use_live();
    let impact = Memo::new(move |_| live.state.with(|state| Impact::of(state, id).words()));
    let refusal = refusal_of(action);
    let open = RwSignal::new(false);
    let deletion = Deletion { name: name.clone(), impact, open, action, refusal };
    let off = actions_off(use_looker().may_not(&Demand::Topics { names: vec![name.clone()] }));
    let possible = move || protection.get() == Protection::None;
    let possible_at_first = protection.get_untracked() == Protection::None && off.why().is_none();
    let plain = plain_form(&name);
    let button = view! {
        <button type="button" class="btn danger needs-live js-only" aria-haspopup="dialog" disabled=move || off.get() || !possible() title=off.why() on:click=move |_| open.set(true)>
            <Icon of=icons::TRASH/><span>"Delete topic"</span>
        </button>
    };
    view! {
        <section class="card card--danger">
            <header class="card-h"><h2>"Delete topic"</h2></header>
            <div class="card-b stacked">
                <p class="soft">{changing(move || format!("Deletes {}. Brokers remove the data. The topic can be made again from History; its records cannot.", impact.get()))}</p>
                <div>{button}</div>
                {off.note()}
                {possible_at_first.then(|| view! { <noscript inner_html=plain></noscript> })}
                <Show when=move || !open.get()><FormNote fields=&[] refusal=refusal/></Show>
            </div>
        </section>
        {late(open, Part::DeleteTopic(deletion))}
    }
    .into_any()
}

/// The same without JavaScript. A topic's name has no character that HTML gives a meaning to.
fn plain_form(name: &str) -> String {
    format!(
        r#"<form method="post" action="{}" class="fields"><input type="hidden" name="name" value="{name}"><div class="field"><label for="confirm-plain">Type the topic's name</label><input class="input" id="confirm-plain" name="confirm" autocomplete="off" required></div><button class="btn danger-fill">Delete topic</button></form>"#,
        base::to(DeleteTopic::url())
    )
}

/// Once it is committed and this browser has seen it: back to the list. For the page to call, which outlives the topic.
pub fn leave_when_done(action: Asking, name: Memo<String>) {
    let live = use_live();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let Some(Ok(committed)) = action.value().get() else { return };
        let (navigate, name) = (navigate.clone(), name.get_untracked());
        leptos::task::spawn_local(async move {
            live.caught_up(committed.index).await;
            live.toast_with_undo(format!("Deleted {name} at #{}", num(committed.index)), committed.index);
            navigate("/topics", leptos_router::NavigateOptions::default());
        });
    });
}

#[cfg(test)]
mod tests {
    use super::Impact;
    use crate::pages::sample;

    #[test]
    fn the_impact_counts_what_goes() {
        let impact = Impact::of(&sample::state(), sample::topic_id(3));
        assert_eq!(impact.words(), "2 partitions and 6 replicas on 3 brokers");
    }
}
