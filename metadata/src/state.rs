//! The state: persistent maps, so that a snapshot, a draft or a reader's copy costs nothing and never blocks apply.

use crate::configs;
use crate::ids::{BrokerId, Index, NodeId, TopicId};
use crate::load::{Load, Tally};
use crate::model::{Broker, Configs, ControllerNode, Identity, Partition, Standing, Topic};
use crate::proof::digest::Digest;
use crate::reassignment::{Flight, Move, Progress, Reassignment};
use crate::settings::Settings;
use crate::small_map::SmallMap;
use imbl::OrdMap;
use std::sync::Arc;

/// The level of encodings that the first builds of this wrote and read.
pub const FIRST_FORMAT: u32 = 1;
/// The newest level that this build writes and reads; 2 has settings, standings and reassignments.
pub const NEWEST_FORMAT: u32 = 5;
/// The first format in which the session of a broker can be bound to a secret.
const BINDING_FORMAT: u32 = 3;
/// The first format in which who may do what is replicated.
const ACCESS_FORMAT: u32 = 4;
/// The first format in which a commit can undo another one.
const HISTORY_FORMAT: u32 = 5;

/// Everything that is committed. Cloning shares all of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) identity: Option<Identity>,
    pub(crate) revision: Index,
    pub(crate) at_ms: u64,
    pub(crate) topics: OrdMap<TopicId, Arc<Topic>>,
    pub(crate) partitions: OrdMap<(TopicId, u32), Arc<Partition>>,
    pub(crate) brokers: OrdMap<BrokerId, Arc<Broker>>,
    pub(crate) controllers: SmallMap<NodeId, Arc<ControllerNode>>,
    /// What every node is known to read; 0 stands for the first.
    pub(crate) format: u32,
    pub(crate) settings: Arc<Settings>,
    pub(crate) standings: SmallMap<BrokerId, Standing>,
    pub(crate) reassignments: SmallMap<Index, Arc<Reassignment>>,
    pub(crate) moves: OrdMap<(Index, u32), Arc<Move>>,
    pub(crate) digest: Digest,
    // Below: derived from the above, kept in step by `absorb`.
    pub(crate) names: OrdMap<Arc<str>, TopicId>,
    /// Names that `.` and `_` make collide (F1), by their folded form; names without either fold to themselves.
    pub(crate) folded: OrdMap<Arc<str>, TopicId>,
    pub(crate) tallies: OrdMap<TopicId, Tally>,
    pub(crate) total: Tally,
    pub(crate) loads: OrdMap<BrokerId, Load>,
    /// The open move of each partition that has one.
    pub(crate) open_moves: OrdMap<(TopicId, u32), (Index, u32)>,
    /// Open moves by reassignment and number.
    pub(crate) waiting: OrdMap<(Index, u32), Arc<Move>>,
    pub(crate) moving: OrdMap<(Index, u32), Arc<Move>>,
    pub(crate) progress: SmallMap<Index, Progress>,
    pub(crate) flights: SmallMap<BrokerId, Flight>,
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
        self.topic_by_name(name).or_else(|| self.folded.get(&*fold(name)).and_then(|id| self.topics.get(id)))
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
        self.controllers.iter().map(|(_, node)| node)
    }

    /// Whether a controller has this number (J9).
    pub fn is_controller(&self, id: NodeId) -> bool {
        self.controllers.get(id).is_some()
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
        self.topics.get(&topic).map_or(1, |topic| self.min_isr_with(&topic.configs))
    }

    /// min.insync.replicas that a topic with this configuration has.
    pub(crate) fn min_isr_with(&self, configs: &Configs) -> usize {
        configs::min_insync_replicas(configs).unwrap_or_else(|| self.settings.min_isr())
    }

    /// Whether a topic lets a replica lead that may lack acknowledged records (E3).
    pub fn unclean_allowed(&self, topic: TopicId) -> bool {
        let own = self.topics.get(&topic).and_then(|topic| topic.configs.get(configs::UNCLEAN_ELECTION));
        own.or_else(|| self.settings.values.get(configs::UNCLEAN_ELECTION)).is_some_and(|value| value == "true")
    }

    /// The level of encodings that every node of the cluster is known to read.
    pub fn format(&self) -> u32 {
        self.format.max(FIRST_FORMAT)
    }

    /// Whether every controller knows how the session of a broker is bound to a secret.
    pub fn binds(&self) -> bool {
        self.format() >= BINDING_FORMAT
    }

    /// Whether every controller knows the table of who may do what.
    pub fn guards(&self) -> bool {
        self.format() >= ACCESS_FORMAT
    }

    /// Whether every controller knows how a commit undoes another one.
    pub fn undoes(&self) -> bool {
        self.format() >= HISTORY_FORMAT
    }

    /// The cluster's settings.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// What is known of a broker beside its registration.
    pub fn standing(&self, id: BrokerId) -> Standing {
        self.standings.get(id).copied().unwrap_or_default()
    }

    /// Whether everything is being moved off this broker, or was.
    pub fn draining(&self, id: BrokerId) -> bool {
        self.standing(id).draining.is_some()
    }

    /// Reassignments, the oldest first.
    pub fn reassignments(&self) -> impl DoubleEndedIterator<Item = &Arc<Reassignment>> {
        self.reassignments.iter().map(|(_, each)| each)
    }

    /// The reassignment of this id.
    pub fn reassignment(&self, id: Index) -> Option<&Arc<Reassignment>> {
        self.reassignments.get(id)
    }

    /// A reassignment's moves in order, from this number on.
    pub fn moves_of(&self, id: Index, from: u32) -> impl Iterator<Item = (u32, &Arc<Move>)> {
        self.moves.range((id, from)..=(id, u32::MAX)).map(|((_, number), movement)| (*number, movement))
    }

    /// One move.
    pub fn movement(&self, id: Index, number: u32) -> Option<&Arc<Move>> {
        self.moves.get(&(id, number))
    }

    /// The open move of a partition: its reassignment and its number there.
    pub fn open_move(&self, topic: TopicId, partition: u32) -> Option<(Index, u32)> {
        self.open_moves.get(&(topic, partition)).copied()
    }

    /// Whether a partition is where this move brought it, and nothing moves it on.
    pub(crate) fn stays_at(&self, moved: &Move) -> bool {
        let there = |partition: &Arc<Partition>| partition.replicas == moved.to && !partition.moves();
        self.partition(moved.topic_id, moved.partition).is_some_and(there) && self.open_move(moved.topic_id, moved.partition).is_none()
    }

    /// A topic's partitions that have an open move.
    pub(crate) fn open_moves_of(&self, topic: TopicId) -> impl Iterator<Item = (Index, u32)> {
        self.open_moves.range((topic, 0)..=(topic, u32::MAX)).map(|(_, at)| *at)
    }

    /// Whether the leader may have something to go on with by itself: moves, plans, settings (H11, L2).
    pub fn has_open_work(&self) -> bool {
        let unplanned = |each: &Arc<Reassignment>| each.planned < each.total && each.ended_at_ms.is_none();
        !self.waiting.is_empty() || !self.moving.is_empty() || self.reassignments().any(unplanned)
    }

    /// How far a reassignment is.
    pub fn progress(&self, id: Index) -> Progress {
        self.progress.get(id).copied().unwrap_or_default()
    }

    /// What is under way at a broker.
    pub fn flight(&self, id: BrokerId) -> Flight {
        self.flights.get(id).copied().unwrap_or_default()
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
            && self.format == other.format
            && self.settings == other.settings
            && self.standings == other.standings
            && self.reassignments == other.reassignments
            && self.moves == other.moves
    }
}

impl Eq for State {}
