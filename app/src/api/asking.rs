//! How a page asks: one action for all server functions, so that what surrounds a call is compiled once.

use super::{Answer, CreateTopic, DeleteTopic, FenceBroker, UnfenceBroker, create_topic, delete_topic, fence_broker, unfence_broker};
use leptos::prelude::Action;
use metadata::{Code, Rejection};

/// What a page can ask.
#[derive(Clone, Debug)]
pub enum Asked {
    CreateTopic(CreateTopic),
    DeleteTopic(DeleteTopic),
    FenceBroker(FenceBroker),
    UnfenceBroker(UnfenceBroker),
}

/// Asks, and holds the last answer.
pub type Asking = Action<Asked, Answer>;

/// A page's way to ask.
pub fn asking() -> Asking {
    Asking::new_unsync(|asked: &Asked| {
        let asked = asked.clone();
        async move {
            match crate::packs::send(asked).await {
                Ok(answer) => answer.await,
                Err(_) => Err(Rejection::new(Code::NoLeader, "A part of this page did not load, so nothing was sent. Reload the page.")),
            }
        }
    })
}

impl Asked {
    /// Calls the node. A call that failed is put in the words of a refusal.
    pub async fn send(self) -> Answer {
        let answer = match self {
            Asked::CreateTopic(CreateTopic { name, partitions, replication_factor, configs, preview }) => {
                create_topic(name, partitions, replication_factor, configs, preview).await
            }
            Asked::DeleteTopic(DeleteTopic { name, confirm }) => delete_topic(name, confirm).await,
            Asked::FenceBroker(FenceBroker { id }) => fence_broker(id).await,
            Asked::UnfenceBroker(UnfenceBroker { id }) => unfence_broker(id).await,
        };
        answer.unwrap_or_else(|_| Err(unknown()))
    }
}

fn unknown() -> Rejection {
    Rejection::new(Code::OutcomeUnknown, "The node did not answer: it may have happened or may yet happen. Look before trying again.")
}
