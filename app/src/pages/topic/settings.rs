//! What can be done to a topic as a whole: protect it, and the danger zone.

use super::delete::{DeleteTopicForm, Protection};
use crate::api::Asking;
use crate::components::card::Card;
use crate::components::code::CodeLine;
use crate::signals::{Memo, changing};
use leptos::prelude::*;
use metadata::Topic;
use metadata::configs::DELETION_PROTECTION;
use std::sync::Arc;

/// The tab.
#[component]
pub fn Settings(topic: Memo<Arc<Topic>>, action: Asking) -> impl IntoView {
    let protection = Memo::new(move |_| topic.with(|topic| Protection::of(topic)));
    let (id, name) = topic.with_untracked(|topic| (topic.id, topic.name.to_string()));
    view! {
        <div class="stack stack--narrow">
            <ProtectionCard name=name.clone() protection=protection/>
            <DeleteTopicForm id=id name=name protection=protection action=action/>
        </div>
    }
    .into_any()
}

#[component]
fn ProtectionCard(name: String, protection: Memo<Protection>) -> impl IntoView {
    let words = move || match protection.get() {
        Protection::None => "deletion.protection is false: whoever types this topic's name can delete it.",
        Protection::Configured => "deletion.protection is true: deleting this topic is refused until it is taken off.",
        Protection::Internal => "A topic of the system is always protected: deleting it is refused.",
    };
    let command = move || {
        let value = protection.get() == Protection::None;
        (protection.get() != Protection::Internal).then(|| {
            view! { <CodeLine code=format!("quorate topics config {name} --set {DELETION_PROTECTION}={value}")/> }
        })
    };
    view! {
        <Card title="Protection">
            <div class="card-b stacked"><p class="soft">{changing(words)}</p>{changing(command)}</div>
        </Card>
    }
    .into_any()
}
