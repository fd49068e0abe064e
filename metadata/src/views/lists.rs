//! Rows, details and lists, in the shapes of the outside contract.

use super::health::{Health, TopicHealth};
use super::moves::{ReassignmentView, reassignment};
use super::quorum::Quorum;
use super::reasons::Known;
use super::verdict::verdict;
use crate::change::{Change, Commit};
use crate::configs;
use crate::ids::{BrokerId, Index, NodeId, Term, TopicId};
use crate::intent::NewTopic;
use crate::model::{Broker, BrokerState, Configs, ControllerNode, Endpoint, Partition, Standing, Topic};
use crate::proof::digest::Digest;
use crate::settings::Settings;
use crate::state::State;
use crate::travel::frame::{BrokerPulse, NodePulse, Pulse, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// A topic in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopicRow {
    pub id: TopicId,
    pub name: Arc<str>,
    /// How many.
    pub partitions: u32,
    /// Of its first partition; partitions differ only during a move.
    pub replication_factor: u32,
    pub internal: bool,
    pub health: TopicHealth,
    pub created_index: Index,
    pub changed_index: Index,
    /// Where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configs: Option<Configs>,
}

/// A topic whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopicView {
    pub id: TopicId,
    pub name: Arc<str>,
    pub created_index: Index,
    pub changed_index: Index,
    pub created_at_ms: u64,
    pub internal: bool,
    pub configs: Configs,
    pub partitions: Vec<Arc<Partition>>,
}

/// Which topics to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicQuery<'a> {
    /// Only names that contain this, whatever the case.
    pub search: Option<&'a str>,
    pub health: Option<TopicHealth>,
    /// Only names after this one.
    pub after: Option<&'a str>,
    pub limit: usize,
    /// With each topic's configuration.
    pub configs: bool,
}

/// A page of topics by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopicPage {
    pub topics: Vec<TopicRow>,
    /// What to give as `after` for the next page; none on the last.
    pub next: Option<Arc<str>>,
}

/// A broker with its load and the leader's soft state of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BrokerView {
    pub id: BrokerId,
    pub epoch: Index,
    pub changed_index: Index,
    pub incarnation_id: Uuid,
    pub rack: Option<String>,
    pub endpoints: Vec<Endpoint>,
    pub push_url: Option<String>,
    pub state: BrokerState,
    pub held: bool,
    pub shutdown_index: Option<Index>,
    /// Since when it has been online, or not; none where that was not written down.
    #[serde(default)]
    pub since_ms: Option<u64>,
    /// The reassignment that moves everything off it.
    #[serde(default)]
    pub draining: Option<Index>,
    pub replicas: u32,
    pub leaders: u32,
    pub heartbeat_age_ms: Option<u64>,
    pub acknowledged_index: Option<Index>,
}

impl BrokerView {
    /// What is known of it beside its registration.
    pub fn standing(&self) -> Standing {
        Standing { since_ms: self.since_ms.unwrap_or_default(), draining: self.draining }
    }

    /// The broker as committed, without what is counted or soft.
    pub fn committed(self) -> Broker {
        Broker {
            id: self.id,
            epoch: self.epoch,
            changed_index: self.changed_index,
            incarnation_id: self.incarnation_id,
            rack: self.rack,
            endpoints: self.endpoints,
            push_url: self.push_url,
            state: self.state,
            held: self.held,
            shutdown_index: self.shutdown_index,
        }
    }
}

/// Brokers by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BrokerCounts {
    pub total: u32,
    pub online: u32,
    pub fencing: u32,
    pub fenced: u32,
    pub shutting_down: u32,
}

/// The whole cluster in a few numbers: `GET /cluster` without its revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterView {
    pub cluster_id: Option<Uuid>,
    /// What people call it; none where that is not set.
    #[serde(default)]
    pub name: Option<String>,
    pub lineage: Option<Uuid>,
    pub node_id: NodeId,
    pub leader_id: Option<NodeId>,
    pub term: Term,
    pub controllers: Vec<NodePulse>,
    pub quorum: Quorum,
    pub brokers: BrokerCounts,
    pub topics: u32,
    pub partitions: u32,
    pub health: Health,
}

/// The whole state: `GET /state` as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateView {
    pub revision: Index,
    pub cluster_id: Option<Uuid>,
    pub lineage: Option<Uuid>,
    pub digest: Digest,
    pub topics: Vec<TopicView>,
    /// Without the leader's soft state, so that it is the same on every node.
    pub brokers: Vec<BrokerView>,
    pub controllers: Vec<Arc<ControllerNode>>,
    /// With all their moves.
    pub reassignments: Vec<ReassignmentView>,
    /// The level of encodings that every node reads.
    #[serde(default)]
    pub format: u32,
    #[serde(default)]
    pub settings: Arc<Settings>,
}

fn row(state: &State, topic: &Topic, configs: bool) -> TopicRow {
    let tally = state.tally(topic.id);
    TopicRow {
        id: topic.id,
        name: topic.name.clone(),
        partitions: tally.partitions,
        replication_factor: state.replication_factor(topic.id) as u32,
        internal: topic.internal(),
        health: TopicHealth::of(&tally),
        created_index: topic.created_index,
        changed_index: topic.changed_index,
        configs: configs.then(|| topic.configs.clone()),
    }
}

/// A page of topics by name.
pub fn topics(state: &State, query: &TopicQuery<'_>) -> TopicPage {
    let needle = query.search.map(str::to_lowercase);
    let mut hits = state
        .topics_after(query.after)
        .filter(|topic| needle.as_ref().is_none_or(|needle| topic.name.to_lowercase().contains(needle.as_str())))
        .filter(|topic| query.health.is_none_or(|health| TopicHealth::of(&state.tally(topic.id)) == health));
    let topics: Vec<TopicRow> = hits.by_ref().take(query.limit).map(|topic| row(state, topic, query.configs)).collect();
    let next = hits.next().and(topics.last().map(|last| last.name.clone()));
    TopicPage { topics, next }
}

fn view(topic: &Topic, partitions: Vec<Arc<Partition>>) -> TopicView {
    TopicView {
        id: topic.id,
        name: topic.name.clone(),
        created_index: topic.created_index,
        changed_index: topic.changed_index,
        created_at_ms: topic.created_at_ms,
        internal: topic.internal(),
        configs: topic.configs.clone(),
        partitions,
    }
}

/// The topic of this name, whole.
pub fn topic(state: &State, name: &str) -> Option<TopicView> {
    state.topic_by_name(name).map(|topic| view(topic, state.partitions_of(topic.id).cloned().collect()))
}

/// A topic of which nothing is known any more but that it was created at this index, and how it was asked for: where its
/// partitions were is forgotten. The time is that of its id (RFC 9562, version 7).
pub fn forgotten_topic(id: TopicId, asked: &NewTopic, index: Index) -> TopicView {
    let topic = Topic {
        id,
        name: asked.name.as_str().into(),
        created_index: index,
        changed_index: index,
        created_at_ms: id.0.get_timestamp().map_or(0, |time| {
            let (seconds, nanoseconds) = time.to_unix();
            seconds.saturating_mul(1_000).saturating_add(u64::from(nanoseconds) / 1_000_000)
        }),
        configs: asked.configs.iter().map(|(name, value)| (name.clone(), configs::kept(name, value))).collect(),
    };
    view(&topic, Vec::new())
}

/// A topic as the commit that created it made it, whatever happened to it since.
pub fn created_topic(commit: &Commit, id: TopicId) -> Option<TopicView> {
    let at = commit.changes.iter().position(|change| matches!(change, Change::TopicCreated { topic_id, .. } if *topic_id == id))?;
    created_at(commit, at)
}

/// Every topic that a commit created, as it made it.
pub fn created_topics(commit: &Commit) -> impl Iterator<Item = TopicView> {
    (0..commit.changes.len()).filter_map(|at| created_at(commit, at))
}

/// The topic whose creation is the change at this place; its partitions follow it.
fn created_at(commit: &Commit, at: usize) -> Option<TopicView> {
    let (Change::TopicCreated { topic_id: id, name, configs }, rest) = commit.changes.get(at..)?.split_first()? else { return None };
    let partitions = rest.iter().map_while(|change| match change {
        Change::PartitionChanged { topic_id, partition } if topic_id == id => Some(partition.clone()),
        _ => None,
    });
    let topic = Topic {
        id: *id,
        name: name.clone(),
        created_index: commit.index,
        changed_index: commit.index,
        created_at_ms: commit.at_ms,
        configs: configs.clone(),
    };
    Some(view(&topic, partitions.collect()))
}

/// One broker, with what the leader heard of it.
pub fn broker(state: &State, broker: &Broker, pulse: Option<&BrokerPulse>) -> BrokerView {
    let (load, standing) = (state.load(broker.id), state.standing(broker.id));
    BrokerView {
        id: broker.id,
        epoch: broker.epoch,
        changed_index: broker.changed_index,
        incarnation_id: broker.incarnation_id,
        rack: broker.rack.clone(),
        endpoints: broker.endpoints.clone(),
        push_url: broker.push_url.clone(),
        state: broker.state,
        held: broker.held,
        shutdown_index: broker.shutdown_index,
        since_ms: Some(standing.since_ms).filter(|since_ms| *since_ms > 0),
        draining: standing.draining,
        replicas: load.replicas,
        leaders: load.leaders,
        heartbeat_age_ms: pulse.and_then(|pulse| pulse.heartbeat_age_ms),
        acknowledged_index: pulse.and_then(|pulse| pulse.acknowledged_index),
    }
}

/// Every broker by id.
pub fn brokers(state: &State, pulses: &[BrokerPulse]) -> Vec<BrokerView> {
    state.brokers().map(|each| broker(state, each, pulses.iter().find(|pulse| pulse.id == each.id))).collect()
}

/// The committed members, each with what was last heard of it: a pulse may be from before a change that was acknowledged.
fn controllers(state: &State, pulse: Option<&Pulse>) -> Vec<NodePulse> {
    let heard = pulse.map(|pulse| pulse.nodes.as_slice()).unwrap_or_default();
    if state.controllers().next().is_none() {
        return heard.to_vec();
    }
    let of = |member: &Arc<ControllerNode>| {
        let last = heard.iter().find(|node| node.id == member.id);
        let role = match last.map(|node| node.role) {
            Some(Role::Learner | Role::Follower) | None if !member.voter => Role::Learner,
            Some(Role::Learner) => Role::Follower,
            Some(role) => role,
            None => Role::Unreachable,
        };
        let unheard = NodePulse {
            id: member.id,
            url: String::new(),
            role,
            voter: member.voter,
            last_log_index: 0,
            applied_index: 0,
            last_contact_ms: None,
            digest: None,
            snapshot_index: None,
        };
        NodePulse { url: member.url.clone(), role, voter: member.voter, ..last.cloned().unwrap_or(unheard) }
    };
    state.controllers().map(of).collect()
}

/// The cluster in a few numbers, as a node that knows this sees it.
pub fn cluster(state: &State, known: &Known<'_>) -> ClusterView {
    let mut brokers = BrokerCounts::default();
    for broker in state.brokers() {
        brokers.total += 1;
        match broker.state {
            BrokerState::Online => brokers.online += 1,
            BrokerState::Fencing => brokers.fencing += 1,
            BrokerState::Fenced => brokers.fenced += 1,
            BrokerState::ShuttingDown => brokers.shutting_down += 1,
        }
    }
    ClusterView {
        cluster_id: state.identity().map(|identity| identity.cluster_id),
        name: state.settings().values.get(crate::settings::CLUSTER_NAME.name).cloned(),
        lineage: state.identity().map(|identity| identity.lineage),
        node_id: known.node_id,
        leader_id: known.pulse.and_then(|pulse| pulse.leader_id),
        term: known.pulse.map_or(0, |pulse| pulse.term),
        controllers: controllers(state, known.pulse),
        quorum: known.quorum(),
        brokers,
        topics: state.topic_count() as u32,
        partitions: state.total().partitions,
        health: Health::of(state, verdict(state, known)),
    }
}

/// Everything.
pub fn full(state: &State) -> StateView {
    StateView {
        revision: state.revision(),
        cluster_id: state.identity().map(|identity| identity.cluster_id),
        lineage: state.identity().map(|identity| identity.lineage),
        digest: state.digest(),
        topics: state.topics_after(None).map(|each| view(each, state.partitions_of(each.id).cloned().collect())).collect(),
        brokers: brokers(state, &[]),
        controllers: state.controllers().cloned().collect(),
        reassignments: state.reassignments().map(|each| reassignment(state, each, None, usize::MAX)).collect(),
        format: state.format,
        settings: state.settings().clone(),
    }
}
