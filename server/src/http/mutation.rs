//! The common end of every mutation: a dry run's groups, or the one item's outcome at its commit.

use super::Node;
use super::answers::{BatchResult, PlannedAnswer};
use super::call::Call;
use super::problem::Refused;
use axum::response::{IntoResponse, Response};
use controller::{Outcome, Refusal, Submission, Submitted};
use metadata::views::{self, BrokerEffect};
use metadata::{GroupOutcome, Index};
use serde_json::Value;

/// What became of a mutation of one thing.
pub enum Done {
    Planned(Response),
    Committed { index: Index, outcome: GroupOutcome, whole: Outcome },
}

/// Submits a mutation of one thing.
///
/// # Errors
/// Whatever refused it.
pub async fn submit(node: &Node, call: &Call, submission: Submission) -> Result<Done, Refused> {
    if call.dry_run {
        let planned = node.controller.dry_run(submission, call.deadline).await?;
        let Submitted::Planned { index, mut items, preview } = planned else {
            return Err(Refused::new(metadata::Code::InvalidRequest, "The leader did not plan it"));
        };
        if let [Err(_)] = items.as_slice()
            && let Some(Err(rejection)) = items.pop()
        {
            return Err(Refusal { revision: Some(index), ..rejection.into() }.into());
        }
        let groups: Vec<_> = items.into_iter().flatten().filter(|group| !group.commands.is_empty()).collect();
        let effect = groups.iter().find_map(|group| views::effect(&node.controller.state(), &group.commands));
        return Ok(Done::Planned(shown(index, &groups, &preview, None, effect)?));
    }
    let mut whole = node.controller.submit(submission, call.deadline).await?;
    let outcome = whole.outcomes.pop().unwrap_or(Ok(GroupOutcome::Done));
    match outcome {
        Ok(outcome) => Ok(Done::Committed { index: whole.index, outcome, whole }),
        Err(rejection) => Err(Refusal { revision: Some(whole.index), ..rejection.into() }.into()),
    }
}

/// The answer to a dry run.
///
/// # Errors
/// None that a group can cause.
pub fn planned_answer(
    index: Index,
    groups: &[metadata::Group],
    preview: &str,
    results: Option<Vec<BatchResult>>,
) -> Result<Response, Refused> {
    shown(index, groups, preview, results, None)
}

fn shown(
    index: Index,
    groups: &[metadata::Group],
    preview: &str,
    results: Option<Vec<BatchResult>>,
    effect: Option<Vec<BrokerEffect>>,
) -> Result<Response, Refused> {
    let groups: Result<Vec<Value>, _> = groups.iter().map(|group| serde_json::to_value(metadata::json::group(group))).collect();
    let groups = groups.map_err(|error| Refused::new(metadata::Code::InvalidRequest, error.to_string()))?;
    Ok(PlannedAnswer { revision: index, dry_run: true, groups, preview: preview.to_owned(), results, effect }.into_response())
}
