//! What calls answer: `metadata`'s types with the revision that they are of. What is sent and what `/openapi.json` says of it is the same type.

use super::problem::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use metadata::digest::Digest;
use metadata::plan::HeartbeatReply;
use metadata::views::{BrokerEffect, BrokerView, ClusterView, ReassignmentView, SettingView, TopicPage, TopicView};
use metadata::{BrokerId, ControllerNode, Group, Index, NodeId, Partition, Term, TopicId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Serialize, JsonSchema)]
pub struct ClusterAnswer {
    pub revision: Index,
    #[serde(flatten)]
    pub cluster: ClusterView,
    /// Why the node that answers takes no part, while it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct TopicsAnswer {
    pub revision: Index,
    #[serde(flatten)]
    pub page: TopicPage,
}

#[derive(Serialize, JsonSchema)]
pub struct TopicAnswer {
    pub revision: Index,
    pub topic: TopicView,
}

#[derive(Serialize, JsonSchema)]
pub struct PartitionAnswer {
    pub revision: Index,
    pub partition: Arc<Partition>,
}

#[derive(Serialize, JsonSchema)]
pub struct BatchAnswer {
    pub revision: Index,
    /// One for each topic, in the order of the request.
    pub results: Vec<BatchResult>,
}

/// What became of one topic of a batch.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchResult {
    Refused {
        name: String,
        error: Problem,
    },
    Created {
        name: String,
        /// Null when it was deleted before this node answered, or before a retry under the same key.
        topic: Option<TopicView>,
    },
    /// By a dry run.
    Planned {
        name: String,
    },
}

#[derive(Serialize, JsonSchema)]
pub struct BrokersAnswer {
    pub revision: Index,
    pub brokers: Vec<BrokerView>,
}

#[derive(Serialize, JsonSchema)]
pub struct BrokerAnswer {
    pub revision: Index,
    pub broker: BrokerView,
}

#[derive(Serialize, JsonSchema)]
pub struct RegistrationAnswer {
    pub revision: Index,
    /// Names this registration from now on.
    pub broker_epoch: Index,
}

#[derive(Serialize, JsonSchema)]
pub struct HeartbeatAnswer {
    pub revision: Index,
    #[serde(flatten)]
    pub reply: HeartbeatReply,
}

#[derive(Serialize, JsonSchema)]
pub struct IsrAnswer {
    pub revision: Index,
    /// One for each change, in the order of the request.
    pub results: Vec<IsrResult>,
}

/// What became of one proposed ISR.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum IsrResult {
    Refused {
        topic_id: TopicId,
        partition: u32,
        error: Problem,
    },
    Changed {
        topic_id: TopicId,
        partition: u32,
        /// Null when it was deleted before this node answered.
        state: Option<Arc<Partition>>,
    },
}

/// A mutation whose object is gone: only where it was committed.
#[derive(Serialize, JsonSchema)]
pub struct CommittedAnswer {
    pub revision: Index,
}

/// The answer to a dry run: what would be committed.
#[derive(Serialize, JsonSchema)]
pub struct PlannedAnswer {
    pub revision: Index,
    /// Always true.
    pub dry_run: bool,
    #[schemars(with = "Vec<Group>")]
    pub groups: Vec<Value>,
    /// Given back in the real call, exactly these groups are committed, or STALE_PREVIEW.
    pub preview: String,
    /// Of a batch: one for each topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<BatchResult>>,
    /// Of a reassignment: what each broker carries before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Vec<BrokerEffect>>,
}

#[derive(Serialize, JsonSchema)]
pub struct ElectionsAnswer {
    pub revision: Index,
    /// One for each partition that was listed, in its order, or for each that needed an election.
    pub results: Vec<ElectionResult>,
    /// More need one than fit into one entry: ask again.
    pub more: bool,
}

/// What became of one election.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ElectionResult {
    Refused { topic: String, partition: u32, error: Problem },
    Elected { topic: String, partition: u32, leader: Option<BrokerId> },
}

#[derive(Serialize, JsonSchema)]
pub struct ReassignmentAnswer {
    pub revision: Index,
    pub reassignment: ReassignmentView,
    /// Only where it was called off: partitions that are left with fewer in-sync replicas than their minimum, the first hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub below_min_isr: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct ReassignmentsAnswer {
    pub revision: Index,
    /// The newest first, each with the first of its moves.
    pub reassignments: Vec<ReassignmentView>,
}

#[derive(Serialize, JsonSchema)]
pub struct SettingsAnswer {
    pub revision: Index,
    pub changed_index: Index,
    pub settings: Vec<SettingView>,
}

/// Every key of a topic's configuration, with the value that holds and where it comes from.
#[derive(Serialize, JsonSchema)]
pub struct TopicConfigsAnswer {
    pub revision: Index,
    pub configs: Vec<SettingView>,
}

/// Who leads the controllers now.
#[derive(Serialize, JsonSchema)]
pub struct LeaderAnswer {
    pub revision: Index,
    pub leader_id: NodeId,
    pub term: Term,
}

#[derive(Serialize, JsonSchema)]
pub struct DigestAnswer {
    pub revision: Index,
    pub digest: Digest,
}

/// The membership as a change would leave it: the answer to a dry run.
#[derive(Serialize, JsonSchema)]
pub struct ForeseenAnswer {
    pub revision: Index,
    /// Always true.
    pub dry_run: bool,
    /// Always empty: the membership is no command of the state.
    #[schemars(with = "Vec<Group>")]
    pub groups: Vec<Value>,
    pub controllers: Vec<ControllerNode>,
}

/// The membership after it changed.
#[derive(Serialize, JsonSchema)]
pub struct ReplacedAnswer {
    pub revision: Index,
    pub controllers: Vec<Arc<ControllerNode>>,
}

#[derive(Serialize, JsonSchema)]
pub struct AliveAnswer {
    pub revision: Index,
    /// Always `alive`.
    pub status: &'static str,
}

#[derive(Serialize, JsonSchema)]
pub struct ReadyAnswer {
    pub revision: Index,
    /// Always `ready`.
    pub status: &'static str,
    pub leader_id: Option<NodeId>,
}

macro_rules! json_answers {
    ($($answer:ty),* $(,)?) => { $(impl IntoResponse for $answer {
        fn into_response(self) -> Response {
            Json(self).into_response()
        }
    })* };
}

json_answers!(
    ClusterAnswer,
    TopicsAnswer,
    TopicAnswer,
    PartitionAnswer,
    BatchAnswer,
    BrokersAnswer,
    BrokerAnswer,
    RegistrationAnswer,
    HeartbeatAnswer,
    IsrAnswer,
    CommittedAnswer,
    PlannedAnswer,
    ElectionsAnswer,
    ReassignmentAnswer,
    ReassignmentsAnswer,
    SettingsAnswer,
    TopicConfigsAnswer,
    LeaderAnswer,
    DigestAnswer,
    ReplacedAnswer,
    ForeseenAnswer,
    AliveAnswer,
    ReadyAnswer,
);
