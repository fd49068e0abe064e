//! Reassignments: partitions that move between brokers, a broker that is drained among them (H).

use super::Node;
use super::answers::{ReassignmentAnswer, ReassignmentsAnswer};
use super::body::{self, ONE_MIB};
use super::call::{self, Call};
use super::mutation::{self, Done};
use super::problem::Refused;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use controller::{Refusal, Submission};
use http::request::Parts;
use metadata::intent::{AskedMove, Rebalance};
use metadata::reassignment::{Limits, ReassignmentState};
use metadata::{BrokerId, Code, GroupOutcome, Index, Intent, Rejection, views};
use schemars::JsonSchema;
use serde::Deserialize;

const MOST_LISTED: usize = 10_000;
const USUALLY_LISTED: usize = 100;
/// Partitions below their minimum that the answer to a cancellation names.
const MOST_BELOW: usize = 100;

/// Another replication factor for a topic.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Factor {
    topic: String,
    replication_factor: i64,
}

/// Moves, a rebalance, or another replication factor: one of the three.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReassignmentRequest")]
pub struct Asked {
    moves: Option<Vec<AskedMove>>,
    rebalance: Option<Rebalance>,
    factor: Option<Factor>,
    #[serde(default)]
    limits: Limits,
    /// Whether a move may change the number of replicas; true when absent.
    allow_replication_factor_change: Option<bool>,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

impl Asked {
    fn intent(self) -> Result<Intent, Rejection> {
        let limits = self.limits;
        match (self.moves, self.rebalance, self.factor) {
            (Some(moves), None, None) => {
                Ok(Intent::Reassign { moves, limits, allow_factor_change: self.allow_replication_factor_change.unwrap_or(true) })
            }
            (None, Some(rebalance), None) => Ok(Intent::Rebalance { rebalance, limits }),
            (None, None, Some(Factor { topic: name, replication_factor })) => {
                Ok(Intent::ChangeFactor { name, replication_factor, limits, expected: None })
            }
            (moves, rebalance, factor) => {
                let given = [(moves.is_some(), "moves"), (rebalance.is_some(), "rebalance"), (factor.is_some(), "factor")];
                let given: Vec<&str> = given.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
                let given = if given.is_empty() { "none of them".to_owned() } else { given.join(", ") };
                let no = Rejection::new(Code::InvalidRequest, "A reassignment is asked for in one of three ways");
                Err(no.at("moves, rebalance, factor", given, "one of them"))
            }
        }
    }
}

/// Other limits for a reassignment that runs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LimitsRequest")]
pub struct Redirected {
    limits: Limits,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

/// How fast a drain may go.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrainRequest")]
pub struct Draining {
    #[serde(default)]
    limits: Limits,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

fn unknown(id: &str, revision: Index) -> Refused {
    let no = Rejection::new(Code::NoReassignmentInProgress, format!("There is no reassignment {id}"));
    Refused(Refusal { revision: Some(revision), ..no.at("id", id, "the id of a reassignment").into() })
}

fn read_id(text: &str, revision: Index) -> Result<Index, Refused> {
    text.parse().map_err(|_| unknown(text, revision))
}

/// The reassignment as it is now.
fn answer(node: &Node, revision: Index, id: Index) -> Result<Response, Refused> {
    let state = node.controller.state();
    let of = state.reassignment(id).ok_or_else(|| unknown(&id.to_string(), revision))?;
    let reassignment = views::reassignment(&state, of, None, USUALLY_LISTED);
    let called_off = reassignment.state == ReassignmentState::Cancelled;
    let below_min_isr = if called_off { views::below_minimum(&state, of, MOST_BELOW) } else { Vec::new() };
    Ok(ReassignmentAnswer { revision, reassignment, below_min_isr }.into_response())
}

/// Submits what begins a reassignment, or changes one.
async fn submitted(node: &Node, call: &Call, submission: Submission, known: Option<Index>) -> Result<Response, Refused> {
    match mutation::submit(node, call, submission).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, outcome, .. } => match (outcome, known) {
            (GroupOutcome::Reassignment { id }, None) | (_, Some(id)) => answer(node, index, id),
            _ => Err(Refused::new(Code::OutcomeUnknown, "The reassignment was committed; look for it in the list")),
        },
    }
}

pub async fn list(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (query, view) = call::read(&node, &parts, &["limit"]).await?;
    let limit = query.check("limit", "0 to 10000", |text| text.parse().ok().filter(|limit| *limit <= MOST_LISTED))?;
    let limit = limit.unwrap_or(USUALLY_LISTED);
    let newest_first = view.state.reassignments().rev();
    let reassignments = newest_first.map(|each| views::reassignment(&view.state, each, None, limit)).collect();
    Ok(ReassignmentsAnswer { revision: view.applied, reassignments }.into_response())
}

pub async fn get(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let (query, view) = call::read(&node, &parts, &["after", "limit"]).await?;
    let id = read_id(&text, view.applied)?;
    let after = query.parse("after", "the number of a move")?;
    let limit = query.check("limit", "1 to 10000", |text| text.parse().ok().filter(|limit| (1..=MOST_LISTED).contains(limit)))?;
    let of = view.state.reassignment(id).ok_or_else(|| unknown(&text, view.applied))?;
    let reassignment = views::reassignment(&view.state, of, after, limit.unwrap_or(USUALLY_LISTED));
    Ok(ReassignmentAnswer { revision: view.applied, reassignment, below_min_isr: Vec::new() }.into_response())
}

pub async fn start(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?.without_if_match()?;
    let mut asked: Asked = body::json(&parts.headers, &bytes)?;
    let preview = asked.preview.take();
    submitted(&node, &call, call.submission(asked.intent()?, preview), None).await
}

pub async fn limit(State(node): State<Node>, Path(text): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?.without_if_match()?;
    let id = read_id(&text, node.controller.applied_index())?;
    let Redirected { limits, preview } = body::json(&parts.headers, &bytes)?;
    submitted(&node, &call, call.submission(Intent::LimitReassignment { id, limits }, preview), Some(id)).await
}

pub async fn cancel(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let call = Call::read(&parts, &[])?.without_if_match()?;
    let id = read_id(&text, node.controller.applied_index())?;
    submitted(&node, &call, call.submission(Intent::CancelReassignment { id }, None), Some(id)).await
}

/// The body of a call that needs none.
fn optional<T: Default + for<'de> Deserialize<'de>>(parts: &Parts, bytes: &Bytes) -> Result<T, Refused> {
    if bytes.is_empty() { Ok(T::default()) } else { body::json(&parts.headers, bytes) }
}

pub async fn drain(State(node): State<Node>, Path(text): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let id = super::brokers::id(&text)?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?;
    let Draining { limits, preview } = optional(&parts, &bytes)?;
    let submission = call.submission(Intent::DrainBroker { id, limits, expected: call.if_match }, preview);
    of_broker(&node, &call, id, submission).await
}

pub async fn stop_drain(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let id = super::brokers::id(&text)?;
    let call = Call::read(&parts, &[])?;
    submitted(&node, &call, call.submission(Intent::StopDrain { id, expected: call.if_match }, None), None).await
}

async fn of_broker(node: &Node, call: &Call, id: BrokerId, submission: Submission) -> Result<Response, Refused> {
    match mutation::submit(node, call, submission).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, outcome: GroupOutcome::Reassignment { id }, .. } => answer(node, index, id),
        // Asked again while it is under way: nothing was committed.
        Done::Committed { index, .. } => {
            let draining = node.controller.state().standing(id).draining;
            answer(node, index, draining.ok_or_else(|| unknown("of the drain", index))?)
        }
    }
}
