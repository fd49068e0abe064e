//! The state: persistent maps, so that a snapshot, a draft or a reader's copy costs nothing and never blocks apply.

use crate::configs;
use crate::ids::{BrokerId, Index, NodeId, TopicId};
use crate::load::{Load, Tally};
use crate::model::{Broker, ControllerNode, Identity, Partition, Topic};
use crate::proof::digest::Digest;
use imbl::OrdMap;
use std::sync::Arc;

/// The level of encodings that every node of the cluster is known to read.
pub const FORMAT: u32 = 1;

/// Everything that is committed. Cloning shares all of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) identity: Option<Identity>,
    pub(crate) revision: Index,
    pub(crate) at_ms: u64,
    pub(crate) topics: OrdMap<TopicId, Arc<Topic>>,
    pub(crate) partitions: OrdMap<(TopicId, u32), Arc<Partition>>,
    pub(crate) brokers: OrdMap<BrokerId, Arc<Broker>>,
    pub(crate) controllers: OrdMap<NodeId, Arc<ControllerNode>>,
    pub(crate) digest: Digest,
    // Below: derived from the above, kept in step by `absorb`.
    pub(crate) names: OrdMap<Arc<str>, TopicId>,
    /// Names that `.` and `_` make collide (F1), by their folded form; names without either fold to themselves.
    pub(crate) folded: OrdMap<String, TopicId>,
    pub(crate) tallies: OrdMap<TopicId, Tally>,
    pub(crate) total: Tally,
    pub(crate) loads: OrdMap<BrokerId, Load>,
    /// Topics that a slice counts but does not hold; 0 in a whole state.
    pub(crate) hidden_topics: usize,
}

/// The form of a name under which two of them collide in metrics (F1).
pub(crate) fn fold(name: &str) -> String {
    name.replace('.', "_")
}

impl State {
    /// Who this cluster is, once that is committed.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The index of the last commit that changed anything.
    pub fn revision(&self) -> Index {
        self.revision
    }

    /// The time of the last commit that changed anything, ms since the Unix epoch; never goes back.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// The incremental digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The topic of this id.
    pub fn topic(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// The topic of this name.
    pub fn topic_by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.names.get(name).and_then(|id| self.topics.get(id))
    }

    /// A topic whose name collides with this one, itself included (F1, F2).
    pub fn colliding(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topic_by_name(name).or_else(|| self.folded.get(&fold(name)).and_then(|id| self.topics.get(id)))
    }

    /// Topics by name, from the first name after `after`.
    pub fn topics_after<'a>(&'a self, after: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Topic>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.names.range::<_, str>((from, Unbounded)).filter_map(|(_, id)| self.topics.get(id))
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.len() + self.hidden_topics
    }

    /// One partition.
    pub fn partition(&self, topic: TopicId, partition: u32) -> Option<&Arc<Partition>> {
        self.partitions.get(&(topic, partition))
    }

    /// A topic's partitions in order.
    pub fn partitions_of(&self, topic: TopicId) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.range((topic, 0)..=(topic, u32::MAX)).map(|(_, partition)| partition)
    }

    /// How many replicas a topic's partitions have each, a move under way not counted; 0 of a topic without partitions.
    pub fn replication_factor(&self, topic: TopicId) -> usize {
        self.partition(topic, 0).map_or(0, |first| first.replicas.len().saturating_sub(first.removing_replicas.len()))
    }

    /// Every partition, by topic id.
    pub fn all_partitions(&self) -> impl Iterator<Item = (TopicId, &Arc<Partition>)> {
        self.partitions.iter().map(|((topic, _), partition)| (*topic, partition))
    }

    /// The broker of this id.
    pub fn broker(&self, id: BrokerId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// Brokers by id.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.brokers.values()
    }

    /// How many brokers are registered.
    pub fn broker_count(&self) -> usize {
        self.brokers.len()
    }

    /// Registered, not fenced, not in controlled shutdown.
    pub fn active(&self, id: BrokerId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| broker.active())
    }

    /// The committed membership, by node id.
    pub fn controllers(&self) -> impl Iterator<Item = &Arc<ControllerNode>> {
        self.controllers.values()
    }

    /// Whether a controller has this number (J9).
    pub fn is_controller(&self, id: NodeId) -> bool {
        self.controllers.contains_key(&id)
    }

    /// What this broker carries.
    pub fn load(&self, id: BrokerId) -> Load {
        self.loads.get(&id).copied().unwrap_or_default()
    }

    /// The conditions of a topic's partitions.
    pub fn tally(&self, topic: TopicId) -> Tally {
        self.tallies.get(&topic).copied().unwrap_or_default()
    }

    /// The conditions of all partitions.
    pub fn total(&self) -> Tally {
        self.total
    }

    /// min.insync.replicas of a topic, before it is capped by the replication factor (E8).
    pub fn min_isr(&self, topic: TopicId) -> usize {
        self.topics.get(&topic).map_or(1, |topic| configs::min_insync_replicas(&topic.configs))
    }
}

impl PartialEq for State {
    /// Equal in every entity; what is derived follows from them.
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision
            && self.at_ms == other.at_ms
            && self.identity == other.identity
            && self.topics == other.topics
            && self.partitions == other.partitions
            && self.brokers == other.brokers
            && self.controllers == other.controllers
    }
}

impl Eq for State {}
