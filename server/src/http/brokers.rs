//! Brokers: what operators ask of them, and what they ask themselves.

use super::Node;
use super::answers::{BrokerAnswer, BrokersAnswer, CommittedAnswer, HeartbeatAnswer, IsrAnswer, IsrResult, RegistrationAnswer};
use super::body::{self, ONE_MIB};
use super::call::{self, Call};
use super::caller;
use super::ids;
use super::mutation::{self, Done};
use super::problem::{Refused, document};
use super::query::Query;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use controller::Proven;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use metadata::change::Change;
use metadata::contract::{BOUND, SESSION};
use metadata::intent::{Heartbeat, IsrChange, Registration};
use metadata::views::{self, BrokerView};
use metadata::{BrokerId, Code, GroupOutcome, Index, Intent, Rejection, model::Endpoint};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

/// The id in a path.
pub fn id(text: &str) -> Result<BrokerId, Refused> {
    let number = text.parse().ok().filter(|id| *id <= BrokerId::MAX);
    number
        .map(BrokerId)
        .ok_or_else(|| Rejection::new(Code::InvalidRequest, "A broker id is a number").at("id", text, "0 to 2147483647").into())
}

fn unknown(id: BrokerId, revision: Index) -> Refused {
    let no = Rejection::new(Code::BrokerIdNotRegistered, format!("Broker {id} is not registered"));
    Refused(controller::Refusal { revision: Some(revision), ..no.at("id", id, "the id of a registered broker").into() })
}

fn shown(node: &Node, id: BrokerId) -> Option<BrokerView> {
    let state = node.controller.state();
    let pulse = node.controller.pulse();
    let broker = state.broker(id)?;
    Some(views::broker(&state, broker, pulse.brokers.iter().find(|pulse| pulse.id == id)))
}

fn answer(revision: Index, broker: BrokerView) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", broker.changed_index));
    let mut response = BrokerAnswer { revision, broker }.into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub async fn list(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let brokers = views::brokers(&view.state, &node.controller.pulse().brokers);
    Ok(BrokersAnswer { revision: view.applied, brokers }.into_response())
}

pub async fn get(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let id = id(&text)?;
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let pulse = node.controller.pulse();
    let broker = view.state.broker(id).ok_or_else(|| unknown(id, view.applied))?;
    Ok(answer(view.applied, views::broker(&view.state, broker, pulse.brokers.iter().find(|pulse| pulse.id == id))))
}

/// A storage service makes itself known.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RegistrationRequest")]
pub struct Registering {
    id: BrokerId,
    incarnation_id: Uuid,
    /// The cluster that it belongs to, if it knows: as a UUID, or in the 22 characters of Kafka's tools.
    cluster_id: Option<String>,
    rack: Option<String>,
    endpoints: Vec<Endpoint>,
    push_url: Option<String>,
    previous_broker_epoch: Option<Index>,
}

/// The cluster that a broker says that it belongs to. Whatever is no name of this one is another cluster's, not a malformed one:
/// who configured it wrongly is told what is right. A cluster never changes its id, so any node can tell.
fn this_cluster(node: &Node, text: &str) -> Result<Uuid, Refused> {
    let (asked, view) = (ids::read(text), node.controller.view());
    let own = view.state.identity().map(|identity| identity.cluster_id);
    match (asked, own) {
        (Some(asked), Some(own)) if asked == own => Ok(asked),
        // The leader knows.
        (Some(asked), None) => Ok(asked),
        _ => {
            let no = Rejection::new(Code::InconsistentClusterId, "The broker belongs to another cluster");
            let allowed = own.map_or_else(|| "the id of this cluster".to_owned(), ids::both);
            Err(Refused(controller::Refusal { revision: Some(view.applied), ..no.at("cluster_id", text, allowed).into() }))
        }
    }
}

pub async fn register(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let asked: Registering = body::json(&parts.headers, &bytes)?;
    let call = Call::of_broker(&parts, &bytes, asked.id)?;
    let registration = Registration {
        id: asked.id,
        incarnation_id: asked.incarnation_id,
        cluster_id: asked.cluster_id.as_deref().map(|text| this_cluster(&node, text)).transpose()?,
        rack: asked.rack,
        endpoints: asked.endpoints,
        push_url: asked.push_url,
        previous_broker_epoch: asked.previous_broker_epoch,
    };
    match mutation::submit(&node, &call, call.submission(Intent::RegisterBroker { registration }, None)).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, outcome, .. } => {
            let registered = match outcome {
                GroupOutcome::Broker { epoch, .. } => Some(epoch),
                _ => node.controller.state().broker(asked.id).map(|broker| broker.epoch),
            };
            let epoch = registered.ok_or_else(|| unknown(asked.id, index))?;
            let mut response = (StatusCode::CREATED, RegistrationAnswer { revision: index, broker_epoch: epoch }).into_response();
            if let Ok(location) = HeaderValue::from_str(&node.base.to(&format!("/api/v1/brokers/{}", asked.id))) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            let view = node.controller.view();
            if view.state.broker(asked.id).is_some_and(|broker| broker.epoch == epoch && view.machine.bindings.of(broker).is_some()) {
                response.headers_mut().insert(SESSION, HeaderValue::from_static(BOUND));
            }
            Ok(response)
        }
    }
}

/// A storage service lives, and what it wants.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HeartbeatRequest")]
pub struct Beating {
    broker_epoch: Index,
    metadata_index: Index,
    want_fence: bool,
    want_shut_down: bool,
}

pub async fn heartbeat(State(node): State<Node>, Path(text): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let id = id(&text)?;
    let credential = caller::speaks_for(&parts, id)?.credential;
    Query::read(parts.uri.query(), &[])?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let beat: Beating = body::json(&parts.headers, &bytes)?;
    let heartbeat = Heartbeat {
        id,
        broker_epoch: beat.broker_epoch,
        metadata_index: beat.metadata_index,
        want_fence: beat.want_fence,
        want_shut_down: beat.want_shut_down,
    };
    let proven = Proven { session: call::proof(&parts)?, credential, address: None };
    let (revision, reply) = node.controller.heartbeat(heartbeat, proven, call::deadline(&parts)?).await?;
    Ok(HeartbeatAnswer { revision, reply }.into_response())
}

/// What a leader of partitions proposes for them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IsrRequest")]
pub struct IsrChanges {
    broker_epoch: Index,
    changes: Vec<IsrChange>,
}

pub async fn change_isr(State(node): State<Node>, Path(text): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let id = id(&text)?;
    let bytes: Bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::of_broker(&parts, &bytes, id)?;
    let asked: IsrChanges = body::json(&parts.headers, &bytes)?;
    let targets: Vec<_> = asked.changes.iter().map(|change| (change.topic_id, change.partition)).collect();
    let intent = Intent::ChangeIsr { id, broker_epoch: asked.broker_epoch, changes: asked.changes };
    let submission = call.submission(intent, None);
    if call.dry_run {
        return match mutation::submit(&node, &call, submission).await? {
            Done::Planned(response) => Ok(response),
            Done::Committed { .. } => Err(Refused::new(Code::InvalidRequest, "A dry run commits nothing")),
        };
    }
    let outcome = node.controller.submit(submission, call.deadline).await?;
    let state = node.controller.state();
    let results = targets
        .into_iter()
        .zip(outcome.outcomes)
        .enumerate()
        .map(|(at, ((topic_id, partition), result))| match result {
            Ok(_) => {
                let changed = outcome.commit.iter().flat_map(|commit| &commit.changes).find_map(|change| match change {
                    Change::PartitionChanged { topic_id: id, partition: changed } if *id == topic_id && changed.partition == partition => {
                        Some(changed)
                    }
                    _ => None,
                });
                if let Some(moved) = changed.filter(|changed| changed.leader != Some(id)) {
                    // D11: the change completed a move that took the leadership from whoever reported it.
                    let leader = moved.leader.map_or_else(|| "nobody".to_owned(), |leader| format!("broker {leader}"));
                    let no = Rejection::new(Code::NewLeaderElected, format!("It was written, and {leader} leads now"));
                    return IsrResult::Refused { topic_id, partition, error: document(&no.into(), outcome.index) };
                }
                IsrResult::Changed { topic_id, partition, state: changed.or_else(|| state.partition(topic_id, partition)).cloned() }
            }
            Err(rejection) => {
                let error = document(&rejection.within(&format!("changes[{at}].")).into(), outcome.index);
                IsrResult::Refused { topic_id, partition, error }
            }
        })
        .collect();
    Ok(IsrAnswer { revision: outcome.index, results }.into_response())
}

pub async fn unregister(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let id = id(&text)?;
    let call = Call::read(&parts, &[])?;
    match mutation::submit(&node, &call, call.submission(Intent::UnregisterBroker { id, expected: call.if_match }, None)).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, .. } => Ok(CommittedAnswer { revision: index }.into_response()),
    }
}

pub async fn fence(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    by_operator(&node, &text, &parts, |id, expected| Intent::FenceBroker { id, expected }).await
}

pub async fn unfence(State(node): State<Node>, Path(text): Path<String>, parts: Parts) -> Result<Response, Refused> {
    by_operator(&node, &text, &parts, |id, expected| Intent::UnfenceBroker { id, expected }).await
}

async fn by_operator(
    node: &Node,
    text: &str,
    parts: &Parts,
    intent: impl Fn(BrokerId, Option<Index>) -> Intent,
) -> Result<Response, Refused> {
    let id = id(text)?;
    let call = Call::read(parts, &[])?;
    match mutation::submit(node, &call, call.submission(intent(id, call.if_match), None)).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, .. } => Ok(answer(index, shown(node, id).ok_or_else(|| unknown(id, index))?)),
    }
}
