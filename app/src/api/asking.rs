//! How a page asks: one action for all server functions, so that what surrounds a call is compiled once.

use super::{Answer, CreateTopic, DeleteTopic, FenceBroker, UndoCommit, UnfenceBroker};
use leptos::prelude::Action;
use leptos::server_fn::ServerFn;
use metadata::{Code, Rejection};
use std::pin::Pin;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// What a page can ask.
#[derive(Clone, Debug)]
pub enum Asked {
    CreateTopic(CreateTopic),
    DeleteTopic(DeleteTopic),
    FenceBroker(FenceBroker),
    UnfenceBroker(UnfenceBroker),
    Undo(UndoCommit),
}

/// Asks, and holds the last answer.
pub type Asking = Action<Asked, Answer>;

/// A page's way to ask.
pub fn asking() -> Asking {
    Asking::new_unsync(|asked: &Asked| {
        let asked = asked.clone();
        async move {
            match send(asked).await {
                Ok(answer) => answer.await,
                Err(_) => Err(Rejection::new(Code::NoLeader, "A part of this page did not load, so nothing was sent. Reload the page.")),
            }
        }
    })
}

/// Sends what was asked to the node.
#[wasm_split(later, fallible)]
fn send(asked: Asked) -> Result<Pin<Box<dyn Future<Output = Answer>>>, SplitLoaderError> {
    Ok(Box::pin(asked.send()))
}

impl Asked {
    /// Calls the node. A call that failed is put in the words of a refusal.
    pub async fn send(self) -> Answer {
        let answer = match self {
            Asked::CreateTopic(call) => call.run_on_client().await,
            Asked::DeleteTopic(call) => call.run_on_client().await,
            Asked::FenceBroker(call) => call.run_on_client().await,
            Asked::UnfenceBroker(call) => call.run_on_client().await,
            Asked::Undo(call) => call.run_on_client().await,
        };
        answer.unwrap_or_else(|_| Err(unknown()))
    }
}

fn unknown() -> Rejection {
    Rejection::new(Code::OutcomeUnknown, "The node did not answer: it may have happened or may yet happen. Look before trying again.")
}
