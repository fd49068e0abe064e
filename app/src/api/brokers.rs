//! Brokers: fence and unfence by an operator.

use super::Answer;
use super::encoding::Answered;
use leptos::prelude::*;
use metadata::BrokerId;

/// Fences a broker until an operator unfences it.
#[server(prefix = "/_fn", endpoint = "fence_broker", output = Answered)]
pub async fn fence_broker(id: BrokerId) -> Result<Answer, ServerFnError> {
    use super::{submit, way_back};
    let page = format!("/brokers/{id}");
    let asked = Ok(metadata::Intent::FenceBroker { id, expected: None });
    submit::answer(asked, None, || page.clone(), |code| way_back::way_back(&page, "", code)).await
}

/// Takes an operator's fence off.
#[server(prefix = "/_fn", endpoint = "unfence_broker", output = Answered)]
pub async fn unfence_broker(id: BrokerId) -> Result<Answer, ServerFnError> {
    use super::{submit, way_back};
    let page = format!("/brokers/{id}");
    let asked = Ok(metadata::Intent::UnfenceBroker { id, expected: None });
    submit::answer(asked, None, || page.clone(), |code| way_back::way_back(&page, "", code)).await
}
