//! What a push says: its head, and either exact changes or a whole state.
//!
//! A change in a push carries, beside the fields that it has on the feed, the `index` and `at_ms` of its commit.

use metadata::digest::Digest;
use metadata::json::Stamped;
use metadata::model::Identity;
use metadata::views::{ReassignmentView, StateView, TopicView};
use metadata::{Change, ControllerNode, Index, NodeId, State, Term};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

/// A push as it came.
#[derive(Deserialize)]
struct Wire {
    cluster_id: Uuid,
    lineage: Uuid,
    controller_id: NodeId,
    term: Term,
    from: Index,
    to: Index,
    digest: Digest,
    changes: Option<Listed>,
    snapshot: Option<StateView>,
}

/// Changes; where one is wrong, it is said which.
struct Listed(Vec<Stamped>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<Stamped>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of changes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut changes = Vec::new();
                loop {
                    match list.next_element() {
                        Ok(Some(change)) => changes.push(change),
                        Ok(None) => return Ok(changes),
                        Err(error) => return Err(A::Error::custom(format_args!("changes[{}]: {error}", changes.len()))),
                    }
                }
            }
        }
        deserializer.deserialize_seq(Each).map(Listed)
    }
}

/// What a push brings.
#[derive(Clone, Debug)]
pub enum Content {
    /// Every change after `from` up to and with `to`, in order.
    Changes(Vec<Stamped>),
    /// The whole state at `to`.
    Snapshot(Box<State>),
}

/// A push whose form is right. Whether it fits is for [`crate::replica::Replica::accept`] to say.
#[derive(Clone, Debug)]
pub struct Push {
    pub identity: Identity,
    pub controller_id: NodeId,
    pub term: Term,
    pub from: Index,
    pub to: Index,
    /// Of the state at `to`.
    pub digest: Digest,
    pub content: Content,
}

/// Bytes that are no push.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("this is no push: {0}")]
pub struct Malformed(String);

impl Push {
    /// Reads the body of a push.
    ///
    /// # Errors
    /// Whatever is wrong with its form.
    pub fn parse(body: &[u8]) -> Result<Push, Malformed> {
        // Once for the whole, and not for every string in it.
        let text = std::str::from_utf8(body).map_err(|error| Malformed(error.to_string()))?;
        let wire: Wire = serde_json::from_str(text).map_err(|error| Malformed(error.to_string()))?;
        let identity = Identity { cluster_id: wire.cluster_id, lineage: wire.lineage };
        if wire.from > wire.to {
            return Err(Malformed(format!("it goes from {} back to {}", wire.from, wire.to)));
        }
        let content = match (wire.snapshot, wire.changes) {
            (Some(view), _) => Content::Snapshot(Box::new(whole(view, &identity, wire.to)?)),
            (None, Some(changes)) => Content::Changes(in_order(changes.0, wire.from, wire.to)?),
            (None, None) => return Err(Malformed("it has neither changes nor a snapshot".to_owned())),
        };
        let Wire { controller_id, term, from, to, digest, .. } = wire;
        Ok(Push { identity, controller_id, term, from, to, digest, content })
    }
}

fn whole(view: StateView, identity: &Identity, to: Index) -> Result<State, Malformed> {
    if view.revision > to {
        return Err(Malformed(format!("the snapshot is of index {}, after {to}", view.revision)));
    }
    let state = restore(view);
    if state.identity() != Some(identity) {
        return Err(Malformed("the snapshot is of another cluster or lineage than the push".to_owned()));
    }
    Ok(state)
}

fn in_order(changes: Vec<Stamped>, from: Index, to: Index) -> Result<Vec<Stamped>, Malformed> {
    let mut last = from;
    for (at, Stamped { index, .. }) in changes.iter().enumerate() {
        if *index <= from || *index < last || *index > to {
            return Err(Malformed(format!("changes[{at}]: index {index} does not follow {last} up to {to}")));
        }
        last = *index;
    }
    Ok(changes)
}

/// The state that a view shows, exact in all that the digest covers.
///
/// A change stamps what it touches with its index, so each topic is created at the index of its creation and then
/// brought to the index of its last change.
pub fn restore(view: StateView) -> State {
    let mut state = State::default();
    let StateView { revision, cluster_id, lineage, topics, brokers, controllers, reassignments, format, settings, .. } = view;
    let at_ms = topics.iter().map(|topic| topic.created_at_ms).max().unwrap_or(0);
    for topic in topics {
        restore_topic(&mut state, topic);
    }
    for broker in brokers {
        let (id, standing) = (broker.id, broker.standing());
        state.absorb(revision, at_ms, &Change::BrokerRegistered { broker: Arc::new(broker.committed()) });
        state.absorb(revision, at_ms, &Change::StandingChanged { id, standing });
    }
    reassignments.into_iter().for_each(|each| restore_reassignment(&mut state, revision, at_ms, each));
    // After the brokers: from the second format on it is noted when one comes online.
    if format > 0 {
        state.absorb(revision, at_ms, &Change::FormatRaised { format });
    }
    if settings.changed_index > 0 {
        state.absorb(revision, at_ms, &Change::SettingsChanged { settings });
    }
    if let Some((cluster_id, lineage)) = cluster_id.zip(lineage) {
        state.absorb(revision, at_ms, &Change::ClusterBootstrapped { identity: Identity { cluster_id, lineage } });
    }
    // Last, and even when there are none: it leaves the state at the view's revision.
    let controllers = controllers.iter().map(|node| ControllerNode::clone(node)).collect();
    state.absorb(revision, at_ms, &Change::ControllersChanged { controllers });
    state
}

fn restore_reassignment(state: &mut State, revision: Index, at_ms: u64, view: ReassignmentView) {
    let (id, reassignment) = (view.id, Arc::new(view.committed()));
    state.absorb(revision, at_ms, &Change::ReassignmentChanged { reassignment });
    for each in view.moves {
        // A move that is new stamps its topic.
        let index = state.topic(each.topic_id).map_or(revision, |topic| topic.changed_index);
        let number = each.number;
        state.absorb(index, at_ms, &Change::MoveChanged { reassignment_id: id, number, movement: Arc::new(each.committed()) });
    }
}

fn restore_topic(state: &mut State, topic: TopicView) {
    let (id, changed, at_ms) = (topic.id, topic.changed_index, topic.created_at_ms);
    let created = Change::TopicCreated { topic_id: id, name: topic.name, configs: topic.configs.clone() };
    state.absorb(topic.created_index, at_ms, &created);
    state.absorb(changed, at_ms, &Change::ConfigsChanged { topic_id: id, configs: topic.configs });
    for partition in topic.partitions {
        state.absorb(changed, at_ms, &Change::PartitionChanged { topic_id: id, partition });
    }
}
