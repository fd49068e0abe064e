//! The same for machines: one JSON document, with an entry for each topic.

use super::commit::{Failure, Outcome};
use super::diff::{Action, Difference, Step};
use super::print::Summary;
use super::read::{PassedOver, Place};
use metadata::{Index, Rejection};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Report<'a> {
    /// The newest index that it rests on.
    revision: Index,
    dry_run: bool,
    topics: Vec<Topic<'a>>,
    passed_over: &'a [PassedOver],
    summary: Summary,
}

#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    #[serde(flatten)]
    place: Option<&'a Place>,
    action: &'static str,
    /// Why a topic that no file names is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    changes: &'a [Difference],
    outcome: &'static str,
    /// Of the last commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<Index>,
    /// By a dry run: exactly what would be committed.
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    groups: &'a [Value],
    errors: Vec<Value>,
}

/// The document.
///
/// # Errors
/// None that a topic can cause.
pub fn report(
    (steps, outcomes): (&[Step], &[Outcome]),
    passed_over: &[PassedOver],
    summary: Summary,
    revision: Index,
    dry_run: bool,
) -> Result<Value, serde_json::Error> {
    let newest = outcomes.iter().filter_map(|outcome| outcome.index).fold(revision, Index::max);
    let topics = steps.iter().zip(outcomes).map(|(step, outcome)| topic(step, outcome, dry_run)).collect();
    serde_json::to_value(Report { revision: newest, dry_run, topics, passed_over, summary })
}

fn topic<'a>(step: &'a Step, outcome: &'a Outcome, dry_run: bool) -> Topic<'a> {
    let (action, reason) = match &step.action {
        Action::Create => ("create", None),
        Action::Change { .. } => ("change", None),
        Action::Nothing => ("none", None),
        Action::Refuse(_) => ("refuse", None),
        Action::Delete => ("delete", None),
        Action::Keep(why) => ("keep", Some(*why)),
    };
    let errors = match (&step.action, &outcome.failure) {
        (Action::Refuse(refusals), _) => refusals.iter().map(refusal).collect(),
        (_, Some(Failure::Refused(document))) => vec![document.clone()],
        (_, Some(failure)) => vec![json!({ "detail": failure.shown() })],
        (_, None) => Vec::new(),
    };
    let became = match (&step.action, &outcome.failure) {
        (Action::Refuse(_), _) | (_, Some(Failure::Refused(_))) => "refused",
        (_, Some(Failure::Unknown(_))) => "unknown",
        (_, Some(Failure::Unreachable(_))) => "unreachable",
        (_, Some(Failure::NotTried(_))) => "not_tried",
        (_, None) if outcome.did.is_empty() => "unchanged",
        (_, None) if dry_run => "planned",
        (_, None) => "done",
    };
    Topic {
        name: &step.name,
        place: step.place.as_ref(),
        action,
        reason,
        changes: &step.differences,
        outcome: became,
        index: outcome.index,
        groups: &outcome.groups,
        errors,
    }
}

/// As a node would say it.
fn refusal(no: &Rejection) -> Value {
    json!({ "code": no.code.name(), "status": no.code.status(), "title": no.code.title(), "detail": no.detail,
        "retryable": no.code.retryable(), "field": no.field, "value": no.value, "allowed": no.allowed })
}
