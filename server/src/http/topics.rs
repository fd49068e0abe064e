//! Topics and partitions.

use super::Node;
use super::answers::{CommittedAnswer, PartitionAnswer, TopicAnswer, TopicsAnswer};
use super::body::{self, ONE_MIB};
use super::call::{self, Call};
use super::mutation::{self, Done};
use super::problem::Refused;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use controller::Submission;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use metadata::intent::{ConfigOp, NewTopic};
use metadata::model::Configs;
use metadata::plan::MOST_PARTITIONS;
use metadata::views::{self, TopicHealth, TopicQuery, TopicView};
use metadata::{BrokerId, Code, GroupOutcome, Intent, Rejection};
use schemars::JsonSchema;
use serde::Deserialize;

const MOST_LISTED: usize = 1_000;
const USUALLY_LISTED: usize = 100;

/// A topic as a caller asks for it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TopicRequest")]
pub struct Asked {
    pub name: String,
    /// 1 when absent.
    #[schemars(range(min = 1, max = MOST_PARTITIONS))]
    partitions: Option<i64>,
    /// 3 when absent.
    #[schemars(range(min = 1))]
    replication_factor: Option<i64>,
    /// Replicas per partition, by hand; excludes the two counts.
    assignments: Option<Vec<Vec<BrokerId>>>,
    configs: Option<Configs>,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    pub preview: Option<String>,
}

impl Asked {
    /// As an intent knows it.
    ///
    /// # Errors
    /// For -1, which means the default in the core, and which a script rather sends by mistake: here absence means that.
    pub fn topic(self) -> Result<NewTopic, Rejection> {
        if self.partitions == Some(-1) {
            return Err(Rejection::new(Code::InvalidPartitions, "A topic has at least one partition").at(
                "partitions",
                -1,
                "1 to 10000, or absent",
            ));
        }
        if self.replication_factor == Some(-1) {
            let no = Rejection::new(Code::InvalidReplicationFactor, "A partition has at least one replica");
            return Err(no.at("replication_factor", -1, "1 up to the number of brokers, or absent"));
        }
        Ok(NewTopic {
            name: self.name,
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            assignments: self.assignments,
            configs: self.configs.unwrap_or_default(),
        })
    }
}

pub async fn list(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (query, view) = call::read(&node, &parts, &["search", "health", "after", "limit", "configs"]).await?;
    let health_allowed = TopicHealth::ALL.map(TopicHealth::name).join(", ");
    let health = query.check("health", &health_allowed, TopicHealth::from_name)?;
    let limit = query.check("limit", "1 to 1000", |text| text.parse().ok().filter(|limit| (1..=MOST_LISTED).contains(limit)))?;
    let configs = query.parse("configs", "true, false")?.unwrap_or_default();
    let asked =
        TopicQuery { search: query.text("search"), health, after: query.text("after"), limit: limit.unwrap_or(USUALLY_LISTED), configs };
    let page = views::topics(&view.state, &asked);
    Ok(TopicsAnswer { revision: view.applied, page }.into_response())
}

fn answer(revision: u64, topic: TopicView, status: StatusCode) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", topic.changed_index));
    let mut response = (status, TopicAnswer { revision, topic }).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// UNKNOWN_TOPIC_OR_PARTITION for a name.
pub fn unknown(name: &str, revision: u64) -> Refused {
    let no = Rejection::new(Code::UnknownTopicOrPartition, format!("There is no topic {name}"));
    Refused(controller::Refusal { revision: Some(revision), ..no.at("name", name, "the name of an existing topic").into() })
}

pub async fn get(State(node): State<Node>, Path(name): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let topic = views::topic(&view.state, &name).ok_or_else(|| unknown(&name, view.applied))?;
    Ok(answer(view.applied, topic, StatusCode::OK))
}

pub async fn partition(State(node): State<Node>, Path((name, number)): Path<(String, String)>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let topic = view.state.topic_by_name(&name).ok_or_else(|| unknown(&name, view.applied))?;
    let count = view.state.tally(topic.id).partitions;
    let number: u32 = number.parse().map_err(|_| {
        Rejection::new(Code::InvalidRequest, "A partition is a number").at(
            "partition",
            &number,
            format!("0 to {}", count.saturating_sub(1)),
        )
    })?;
    let partition = view.state.partition(topic.id, number).ok_or_else(|| {
        Rejection::new(Code::UnknownTopicOrPartition, format!("{name} has no partition {number}")).at(
            "partition",
            number,
            format!("0 to {}", count.saturating_sub(1)),
        )
    })?;
    Ok(PartitionAnswer { revision: view.applied, partition: partition.clone() }.into_response())
}

pub async fn create(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?.without_if_match()?;
    let mut asked: Asked = body::json(&parts.headers, &bytes)?;
    let preview = asked.preview.take();
    let name = asked.name.clone();
    let wanted = asked.topic()?;
    let submission = call.submission(Intent::CreateTopics { topics: vec![wanted.clone()] }, preview);
    let (index, outcome, whole) = match mutation::submit(&node, &call, submission).await? {
        Done::Planned(response) => return Ok(response),
        Done::Committed { index, outcome, whole } => (index, outcome, whole),
    };
    let GroupOutcome::Topic { topic_id } = outcome else { return Err(unknown(&name, index)) };
    let created = whole.commit.and_then(|commit| views::created_topic(&commit, topic_id));
    // A retry that comes after the commit left this node's memory is answered with the topic as it is now, if it is still there.
    let now = || views::topic(&node.controller.state(), &name).filter(|topic| topic.id == topic_id);
    let topic = created.or_else(now).unwrap_or_else(|| views::forgotten_topic(topic_id, &wanted, index));
    let mut response = answer(index, topic, StatusCode::CREATED);
    if let Ok(location) = HeaderValue::from_str(&node.base.to(&format!("/api/v1/topics/{name}"))) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub async fn delete(State(node): State<Node>, Path(name): Path<String>, parts: Parts) -> Result<Response, Refused> {
    let call = Call::read(&parts, &[])?;
    let submission = call.submission(Intent::DeleteTopic { name, expected: call.if_match }, None);
    match mutation::submit(&node, &call, submission).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, .. } => Ok(CommittedAnswer { revision: index }.into_response()),
    }
}

/// How many partitions a topic is to have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PartitionsRequest")]
pub struct Growth {
    /// In all, the present ones included.
    #[schemars(range(min = 2))]
    count: i64,
    /// Replicas of each new partition, by hand: as many as the present ones have.
    assignments: Option<Vec<Vec<BrokerId>>>,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

pub async fn grow(State(node): State<Node>, Path(name): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?;
    let Growth { count, assignments, preview } = body::json(&parts.headers, &bytes)?;
    let intent = Intent::GrowTopic { name: name.clone(), count, assignments, expected: call.if_match };
    changed(&node, &call, &name, call.submission(intent, preview)).await
}

/// Steps of a change to a topic's configuration: all of them or none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConfigsRequest")]
pub struct ConfigChange {
    ops: Vec<ConfigOp>,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

pub async fn change_configs(State(node): State<Node>, Path(name): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?;
    let change: ConfigChange = body::json(&parts.headers, &bytes)?;
    let intent = Intent::ChangeConfigs { name: name.clone(), ops: change.ops, expected: call.if_match };
    changed(&node, &call, &name, call.submission(intent, change.preview)).await
}

/// Changes a topic, and answers with it as it is now. One that is gone by then, or made anew under its name, was changed all
/// the same: the answer is about the one that was.
async fn changed(node: &Node, call: &Call, name: &str, submission: Submission) -> Result<Response, Refused> {
    match mutation::submit(node, call, submission).await? {
        Done::Planned(response) => Ok(response),
        Done::Committed { index, outcome, .. } => {
            let now = views::topic(&node.controller.state(), name);
            let topic = match outcome {
                GroupOutcome::Topic { topic_id } => now.filter(|topic| topic.id == topic_id).unwrap_or_else(|| {
                    let known = NewTopic { name: name.to_owned(), ..NewTopic::default() };
                    views::forgotten_topic(topic_id, &known, index)
                }),
                _ => now.ok_or_else(|| unknown(name, index))?,
            };
            Ok(answer(index, topic, StatusCode::OK))
        }
    }
}
