//! Elections that are asked for (E10).

use super::Node;
use super::answers::{ElectionResult, ElectionsAnswer};
use super::body::{self, ONE_MIB};
use super::call::Call;
use super::mutation::planned_answer;
use super::problem::{Refused, document};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use controller::Submitted;
use http::request::Parts;
use metadata::intent::{Election, TopicPartition};
use metadata::plan::MOST_PARTITIONS;
use metadata::{BrokerId, Change, Code, GroupOutcome, Intent, Rejection, TopicId};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashMap;

/// Which partitions elect anew: those listed, a topic's, a broker's, or all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ElectionRequest")]
pub struct Asked {
    #[serde(rename = "type")]
    election: Election,
    partitions: Option<Vec<TopicPartition>>,
    topic: Option<String>,
    /// Preferred: those that it is the first replica of. Unclean: those without a leader that it has a replica of.
    broker: Option<BrokerId>,
    /// Of a dry run: exactly what it showed is committed, or STALE_PREVIEW.
    preview: Option<String>,
}

pub async fn elect(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    let call = Call::read(&parts, &bytes)?.without_if_match()?;
    let Asked { election, partitions, topic, broker, preview } = body::json(&parts.headers, &bytes)?;
    let listed = partitions.clone();
    let submission = call.submission(Intent::Elect { election, partitions, topic, broker }, preview);
    if call.dry_run {
        let Submitted::Planned { index, items, preview } = node.controller.dry_run(submission, call.deadline).await? else {
            return Err(Refused::new(Code::InvalidRequest, "The leader did not plan it"));
        };
        let groups: Vec<_> = items.into_iter().flatten().filter(|group| !group.commands.is_empty()).collect();
        return planned_answer(index, &groups, &preview, None);
    }
    let outcome = node.controller.submit(submission, call.deadline).await?;
    let more = listed.is_none() && outcome.outcomes.len() == MOST_PARTITIONS;
    let state = node.controller.state();
    let changes = outcome.commit.iter().flat_map(|commit| &commit.changes);
    let changed: HashMap<(TopicId, u32), Option<BrokerId>> = changes
        .filter_map(|change| match change {
            Change::PartitionChanged { topic_id, partition } => Some(((*topic_id, partition.partition), partition.leader)),
            _ => None,
        })
        .collect();
    let nowhere = || TopicPartition { topic: String::new(), partition: 0 };
    let result = |(at, one): (usize, Result<GroupOutcome, Rejection>)| {
        let asked = listed.as_ref().and_then(|listed| listed.get(at)).cloned();
        match one {
            Ok(GroupOutcome::Partition { topic_id, partition }) => {
                let now = || state.partition(topic_id, partition).map(|now| now.leader);
                let leader = changed.get(&(topic_id, partition)).copied().or_else(now).flatten();
                let name = || state.topic(topic_id).map_or_else(|| topic_id.to_string(), |topic| topic.name.to_string());
                let TopicPartition { topic, partition } = asked.unwrap_or_else(|| TopicPartition { topic: name(), partition });
                ElectionResult::Elected { topic, partition, leader }
            }
            Ok(_) => {
                let TopicPartition { topic, partition } = asked.unwrap_or_else(nowhere);
                ElectionResult::Elected { topic, partition, leader: None }
            }
            Err(no) => {
                let TopicPartition { topic, partition } = asked.or_else(|| named(&no)).unwrap_or_else(nowhere);
                ElectionResult::Refused { topic, partition, error: document(&no.into(), outcome.index) }
            }
        }
    };
    let results = outcome.outcomes.iter().cloned().enumerate().map(result).collect();
    Ok(ElectionsAnswer { revision: outcome.index, results, more }.into_response())
}

/// The partition that a refusal names as `topic-number`.
fn named(no: &Rejection) -> Option<TopicPartition> {
    let (topic, partition) = no.value.as_deref()?.rsplit_once('-')?;
    Some(TopicPartition { topic: topic.to_owned(), partition: partition.parse().ok()? })
}
