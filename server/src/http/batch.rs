//! Many topics in one request: one entry, each topic a group of its own.

use super::Node;
use super::answers::{BatchAnswer, BatchResult};
use super::body::{self, EIGHT_MIB};
use super::call::Call;
use super::mutation::planned_answer;
use super::problem::{Refused, document};
use super::topics::Asked;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use controller::Submitted;
use http::request::Parts;
use metadata::intent::NewTopic;
use metadata::views::{self, TopicView};
use metadata::{Code, GroupOutcome, Intent, Rejection, TopicId};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Topics to create in one entry, each on its own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BatchRequest")]
pub struct Batch {
    topics: Vec<Asked>,
    preview: Option<String>,
}

fn refused(name: String, rejection: Rejection, at: usize, index: u64) -> BatchResult {
    BatchResult::Refused { name, error: document(&rejection.within(&format!("topics[{at}].")).into(), index) }
}

/// What was planned of the topics that could be asked for, among those that could not.
fn merge<T>(asked: Vec<Result<NewTopic, Rejection>>, planned: Vec<Result<T, Rejection>>) -> Vec<Result<T, Rejection>> {
    let mut planned = planned.into_iter();
    asked.into_iter().filter_map(|topic| topic.map_or_else(|no| Some(Err(no)), |_| planned.next())).collect()
}

pub async fn create(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, EIGHT_MIB).await?;
    let call = Call::read(&parts, &bytes)?.without_if_match()?;
    let batch: Batch = body::json(&parts.headers, &bytes)?;
    if let Some(at) = batch.topics.iter().position(|topic| topic.preview.is_some()) {
        let no = Rejection::new(Code::InvalidRequest, "A batch has one preview, beside its topics");
        return Err(no.at(format!("topics[{at}].preview"), "a preview", "nothing here").into());
    }
    let names: Vec<String> = batch.topics.iter().map(|topic| topic.name.clone()).collect();
    let asked: Vec<Result<NewTopic, Rejection>> = batch.topics.into_iter().map(Asked::topic).collect();
    let topics = asked.iter().flatten().cloned().collect();
    let submission = call.submission(Intent::CreateTopics { topics }, batch.preview);
    if call.dry_run {
        let Submitted::Planned { index, items, preview } = node.controller.dry_run(submission, call.deadline).await? else {
            return Err(Refused::new(Code::InvalidRequest, "The leader did not plan it"));
        };
        let mut groups = Vec::new();
        let mut results = Vec::new();
        for (at, (name, item)) in names.into_iter().zip(merge(asked, items)).enumerate() {
            match item {
                Ok(group) => {
                    groups.push(group);
                    results.push(BatchResult::Planned { name });
                }
                Err(rejection) => results.push(refused(name, rejection, at, index)),
            }
        }
        return planned_answer(index, &groups, &preview, Some(results));
    }
    let outcome = node.controller.submit(submission, call.deadline).await?;
    let state = node.controller.state();
    let mut created: BTreeMap<TopicId, TopicView> =
        outcome.commit.iter().flat_map(|commit| views::created_topics(commit)).map(|topic| (topic.id, topic)).collect();
    let results = names
        .into_iter()
        .zip(merge(asked, outcome.outcomes))
        .enumerate()
        .map(|(at, (name, result))| match result {
            Ok(GroupOutcome::Topic { topic_id }) => {
                // A retry that comes after the commit left this node's memory is answered with the topic as it is now, if it is still there.
                let topic = created.remove(&topic_id).or_else(|| views::topic(&state, &name).filter(|now| now.id == topic_id));
                BatchResult::Created { name, topic }
            }
            Ok(_) => BatchResult::Created { topic: views::topic(&state, &name), name },
            Err(rejection) => refused(name, rejection, at, outcome.index),
        })
        .collect();
    Ok(BatchAnswer { revision: outcome.index, results }.into_response())
}
