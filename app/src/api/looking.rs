//! How a page that is alive looks back: what asks the node is in the pack `later`, as everything that is sent.

use super::past::{LookBack, Looked};
use leptos::server_fn::ServerFn;
use metadata::{Code, Index, Rejection};
use std::pin::Pin;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// Asks what the page at this path and query shows of the past; with `newer`, of what came after that index alone.
pub async fn look(path: String, query: String, newer: Option<Index>) -> Looked {
    match send(path, query, newer).await {
        Ok(answer) => answer.await,
        Err(_) => Err(Rejection::new(Code::NoLeader, "A part of this page did not load. Reload the page.")),
    }
}

#[wasm_split(later, fallible)]
fn send(path: String, query: String, newer: Option<Index>) -> Result<Pin<Box<dyn Future<Output = Looked>>>, SplitLoaderError> {
    Ok(Box::pin(async move {
        let call = LookBack { path, query, newer };
        call.run_on_client().await.unwrap_or_else(|_| Err(Rejection::new(Code::OutcomeUnknown, "The node did not answer.")))
    }))
}
