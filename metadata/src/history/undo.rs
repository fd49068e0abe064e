//! What would undo a commit: another intent, made from what the commit replaced and from what there is now (U).

use super::{NoInverse, Record, Was, remake};
use crate::change::{Change, Commit};
use crate::configs::MIN_INSYNC_REPLICAS;
use crate::ids::{BrokerId, Index, TopicId};
use crate::intent::{AskedLeader, AskedMove, ConfigOp, ConfigOpKind, Election, Intent};
use crate::model::Configs;
use crate::plan::MOST_PARTITIONS;
use crate::reassignment::{Limits, Move, MoveState, ReassignmentState, Why};
use crate::state::State;

/// How a commit is undone.
enum Way {
    Configs,
    Settings,
    Unfence(BrokerId),
    Fence(BrokerId),
    StopDrain(BrokerId),
    Drain(BrokerId),
    Moves,
    Limits,
    Leaders,
    Topic,
}

/// Whether a commit of its kind can be undone, whatever there is now.
pub fn offered(record: &Record) -> bool {
    way(&record.commit).is_ok()
}

/// The undo of a commit, as things are now: an [`Intent::Undo`].
///
/// # Errors
/// Why there is none: its kind has none, or what it made is not as it made it.
pub fn inverse(record: &Record, state: &State) -> Result<Intent, NoInverse> {
    let of = record.commit.index;
    let undone = Undone { record, state, of };
    let intent = match way(&record.commit)? {
        Way::Configs => undone.configs(),
        Way::Settings => undone.settings(),
        Way::Unfence(id) => undone.broker(id).map(|()| Intent::UnfenceBroker { id, expected: Some(of) }),
        Way::Fence(id) => undone.broker(id).map(|()| Intent::FenceBroker { id, expected: Some(of) }),
        Way::StopDrain(id) => undone.drain(id),
        Way::Drain(id) => undone.stopped(id),
        Way::Moves => undone.moves(),
        Way::Limits => undone.limits(),
        Way::Leaders => undone.leaders(),
        Way::Topic => undone.topic(),
    };
    intent.map(|intent| Intent::Undo { of, intent: Box::new(intent) })
}

/// The way back of a commit's kind; of an undo that of what it asked.
fn way(commit: &Commit) -> Result<Way, NoInverse> {
    const BY_ITSELF: NoInverse = NoInverse::Never("What controllers and brokers do by themselves is not undone");
    let Some(intent) = &commit.intent else {
        return Err(NoInverse::Never("Members come and go one by one: add or remove the controller again"));
    };
    if commit.principal.is_controller() {
        return Err(BY_ITSELF);
    }
    match intent.inner() {
        Intent::ChangeConfigs { .. } => Ok(Way::Configs),
        Intent::ChangeSettings { .. } => Ok(Way::Settings),
        Intent::FenceBroker { id, .. } => Ok(Way::Unfence(*id)),
        Intent::UnfenceBroker { id, .. } => Ok(Way::Fence(*id)),
        Intent::DrainBroker { id, .. } => Ok(Way::StopDrain(*id)),
        Intent::StopDrain { id, .. } => Ok(Way::Drain(*id)),
        Intent::Reassign { .. } | Intent::Rebalance { .. } | Intent::ChangeFactor { .. } => Ok(Way::Moves),
        Intent::LimitReassignment { .. } => Ok(Way::Limits),
        Intent::Elect { election: Election::Preferred, .. } | Intent::Lead { .. } => Ok(Way::Leaders),
        Intent::DeleteTopic { .. } => Ok(Way::Topic),
        Intent::Elect { election: Election::Unclean, .. } => Err(NoInverse::Never("What an unclean election lost does not come back")),
        Intent::CreateTopics { .. } => Err(NoInverse::Never("Delete the topic instead")),
        Intent::GrowTopic { .. } => Err(NoInverse::Never("More partitions are never taken away again")),
        Intent::RegisterBroker { .. } => Err(NoInverse::Never("A broker says itself who it is and where it is reached")),
        Intent::UnregisterBroker { .. } => Err(NoInverse::Never("A broker that was removed registers itself again")),
        Intent::CancelReassignment { .. } => Err(NoInverse::Never("Ask for the moves again instead")),
        Intent::ChangeAccess { .. } => Err(NoInverse::Never("Change who may do what again instead")),
        Intent::RaiseFormat { .. } => Err(NoInverse::Never("The format never goes back")),
        Intent::BootstrapCluster { .. }
        | Intent::BrokerHeartbeat { .. }
        | Intent::SessionExpired { .. }
        | Intent::ContinueFencing { .. }
        | Intent::ChangeIsr { .. }
        | Intent::AdmitInstance { .. }
        | Intent::ContinueSettings
        | Intent::BalanceLeaders
        | Intent::ElectUnclean
        | Intent::ReplaceBroker { .. }
        | Intent::ContinueReassignments
        | Intent::Undo { .. } => Err(BY_ITSELF),
    }
}

/// A commit that is to be undone, and what there is now.
struct Undone<'a> {
    record: &'a Record,
    state: &'a State,
    of: Index,
}

impl<'a> Undone<'a> {
    /// Each change with the old value that it replaced.
    fn replaced(&self) -> impl Iterator<Item = (&'a Change, &'a Change)> + use<'a> {
        let replaced = |(change, was): (&'a Change, &'a Was)| match was {
            Was::Value(old) => Some((change, old)),
            Was::Nothing | Was::Topic { .. } => None,
        };
        self.record.commit.changes.iter().zip(&self.record.beside.was).filter_map(replaced)
    }

    fn name(&self, topic: TopicId) -> String {
        self.record.beside.names.get(&topic).map_or_else(|| topic.to_string(), |name| name.to_string())
    }

    /// Whether an object is as this commit left it.
    fn still(&self, what: impl Fn() -> String, now: Option<Index>) -> Result<(), NoInverse> {
        match now {
            None => Err(NoInverse::Gone { what: what() }),
            Some(now) if now != self.of => Err(NoInverse::changed_at(what(), self.of, now)),
            Some(_) => Ok(()),
        }
    }

    fn broker(&self, id: BrokerId) -> Result<(), NoInverse> {
        self.still(|| format!("Broker {id}"), self.state.broker(id).map(|broker| broker.changed_index))
    }

    fn configs(&self) -> Result<Intent, NoInverse> {
        let (topic_id, is, was) = self
            .replaced()
            .find_map(|change| match change {
                (Change::ConfigsChanged { topic_id, configs: is }, Change::ConfigsChanged { configs: was, .. }) => {
                    Some((*topic_id, is, was))
                }
                _ => None,
            })
            .ok_or(NoInverse::Nothing)?;
        let name = self.name(topic_id);
        self.still(|| format!("Topic {name}"), self.state.topic(topic_id).map(|topic| topic.changed_index))?;
        Ok(Intent::ChangeConfigs { name, ops: ops(is, was), expected: Some(self.of) })
    }

    fn settings(&self) -> Result<Intent, NoInverse> {
        let (is, was) = self
            .replaced()
            .find_map(|change| match change {
                (Change::SettingsChanged { settings: is }, Change::SettingsChanged { settings: was }) => Some((&is.values, &was.values)),
                _ => None,
            })
            .ok_or(NoInverse::Nothing)?;
        let mut ops = ops(is, was);
        // E9: a minimum is never taken away from the cluster; 1 has the effect of none.
        if let Some(minimum) = ops.iter_mut().find(|op| op.key == MIN_INSYNC_REPLICAS && op.op == ConfigOpKind::Delete) {
            (minimum.op, minimum.value) = (ConfigOpKind::Set, Some("1".to_owned()));
        }
        ops.retain(|op| is.get(&op.key) != op.value.as_ref());
        if ops.is_empty() {
            return Err(NoInverse::Nothing);
        }
        self.still(|| "The settings".to_owned(), Some(self.state.settings().changed_index))?;
        Ok(Intent::ChangeSettings { ops, expected: Some(self.of) })
    }

    fn drain(&self, id: BrokerId) -> Result<Intent, NoInverse> {
        let drained = |change: (&'a Change, &'a Change)| match change {
            (Change::StandingChanged { id: of, standing: is }, Change::StandingChanged { standing: was, .. }) if *of == id => {
                Some((is, was))
            }
            _ => None,
        };
        match self.replaced().find_map(drained) {
            // It was asked for again, and changed no more than how fast it goes.
            None => self.limits(),
            // It was drained before, and stays so.
            Some((_, was)) if was.draining.is_some() => self.moves(),
            Some(_) => self.broker(id).map(|()| Intent::StopDrain { id, expected: Some(self.of) }),
        }
    }

    fn stopped(&self, id: BrokerId) -> Result<Intent, NoInverse> {
        let drained = |change: (&'a Change, &'a Change)| match change {
            (_, Change::StandingChanged { standing: was, .. }) => was.draining,
            _ => None,
        };
        let of = self.replaced().find_map(drained).ok_or(NoInverse::Nothing)?;
        // J4: a drain that an operator asks for would outlast the broker's return.
        if self.state.reassignment(of).is_some_and(|of| of.reason == Why::Replacement) {
            return Err(NoInverse::NotNow(format!("Broker {id} was not drained but replaced, which controllers do by themselves")));
        }
        self.broker(id).map(|()| Intent::DrainBroker { id, limits: self.drained_within(), expected: Some(self.of) })
    }

    /// How fast the drain went that this commit stopped.
    fn drained_within(&self) -> Limits {
        let limits = |change: (&'a Change, &'a Change)| match change {
            (_, Change::ReassignmentChanged { reassignment: was }) => Some(was.limits),
            _ => None,
        };
        self.replaced().find_map(limits).unwrap_or_default()
    }

    fn limits(&self) -> Result<Intent, NoInverse> {
        let (is, was) = self
            .replaced()
            .find_map(|change| match change {
                (Change::ReassignmentChanged { reassignment: is }, Change::ReassignmentChanged { reassignment: was }) => Some((is, was)),
                _ => None,
            })
            .ok_or(NoInverse::Nothing)?;
        let what = || format!("Reassignment {}", is.id);
        let now = self.state.reassignment(is.id).ok_or_else(|| NoInverse::Gone { what: what() })?;
        let changed = |now: String| Err(NoInverse::Changed { what: what(), since: self.of, now });
        if now.state != ReassignmentState::Running {
            return changed("over, or being called off".to_owned());
        }
        if now.limits != is.limits {
            let limit = now.limits.per_broker.map_or_else(|| "the setting".to_owned(), |count| count.to_string());
            return changed(format!("limited to {limit}"));
        }
        Ok(Intent::LimitReassignment { id: is.id, limits: was.limits })
    }

    /// U4: while it runs it is called off, afterwards what it did is moved back.
    fn moves(&self) -> Result<Intent, NoInverse> {
        let of = self.of;
        let what = || format!("Reassignment {of}");
        let begun = self.state.reassignment(of).ok_or_else(|| NoInverse::Gone { what: what() })?;
        match (begun.state, begun.ended_at_ms) {
            (ReassignmentState::Running, _) => return Ok(Intent::CancelReassignment { id: of }),
            (_, None) => return Err(NoInverse::Changed { what: what(), since: of, now: "being called off".to_owned() }),
            (_, Some(_)) => {}
        }
        let done: Vec<&Move> =
            self.state.moves_of(of, 0).map(|(_, movement)| &**movement).filter(|movement| movement.state == MoveState::Done).collect();
        if done.is_empty() {
            return Err(NoInverse::Nothing);
        }
        if done.len() > MOST_PARTITIONS {
            let detail = format!("It moved {} partitions, and one request moves at most {MOST_PARTITIONS}: rebalance instead", done.len());
            return Err(NoInverse::NotNow(detail));
        }
        let moves = done.iter().map(|movement| self.back(movement)).collect::<Result<_, _>>()?;
        let allow_factor_change = done.iter().any(|movement| movement.from.len() != movement.to.len());
        Ok(Intent::Reassign { moves, limits: begun.limits, allow_factor_change })
    }

    fn back(&self, movement: &Move) -> Result<AskedMove, NoInverse> {
        let what = || format!("{}-{}", movement.topic, movement.partition);
        let partition = self.state.partition(movement.topic_id, movement.partition).ok_or_else(|| NoInverse::Gone { what: what() })?;
        if !self.state.stays_at(movement) {
            let brokers: Vec<String> = partition.replicas.iter().map(BrokerId::to_string).collect();
            return Err(NoInverse::Changed { what: what(), since: self.of, now: format!("on brokers {}", brokers.join(", ")) });
        }
        if let Some(id) = movement.from.iter().find(|id| self.state.broker(**id).is_none()) {
            return Err(NoInverse::Gone { what: format!("Broker {id}") });
        }
        Ok(AskedMove { topic: movement.topic.to_string(), partition: movement.partition, replicas: movement.from.clone() })
    }

    /// U5: who led before leads again. What had no leader before keeps the one that it has.
    fn leaders(&self) -> Result<Intent, NoInverse> {
        let mut leaders = Vec::new();
        for change in self.replaced() {
            let (Change::PartitionChanged { topic_id, partition: is }, Change::PartitionChanged { partition: was, .. }) = change else {
                continue;
            };
            let Some(leader) = was.leader.filter(|_| was.leader != is.leader) else { continue };
            let topic = self.name(*topic_id);
            let what = || format!("{topic}-{}", is.partition);
            let now = self.state.partition(*topic_id, is.partition).ok_or_else(|| NoInverse::Gone { what: what() })?;
            if (now.leader, now.leader_epoch) != (is.leader, is.leader_epoch) {
                let by = now.leader.map_or_else(|| "without a leader".to_owned(), |id| format!("led by broker {id}"));
                let now = format!("{by} at leader epoch {}", now.leader_epoch);
                return Err(NoInverse::Changed { what: what(), since: self.of, now });
            }
            if !now.isr.contains(&leader) || !self.state.active(leader) {
                return Err(NoInverse::NotNow(format!("Broker {leader}, which led {}, is not online or not in sync", what())));
            }
            leaders.push(AskedLeader { topic, partition: is.partition, leader, leader_epoch: is.leader_epoch });
        }
        if leaders.is_empty() { Err(NoInverse::Nothing) } else { Ok(Intent::Lead { leaders }) }
    }

    fn topic(&self) -> Result<Intent, NoInverse> {
        let deleted = self.record.beside.was.iter().find_map(|was| match was {
            Was::Topic { topic, partitions } => Some((topic, partitions)),
            _ => None,
        });
        let (topic, partitions) = deleted.ok_or(NoInverse::Nothing)?;
        if let Some(other) = self.state.colliding(&topic.name) {
            return Err(NoInverse::changed_at(format!("Topic {}", other.name), self.of, other.changed_index));
        }
        remake::again(self.state, topic, partitions).map(|topic| Intent::CreateTopics { topics: vec![topic] })
    }
}

/// The steps from one configuration to another, by key.
fn ops(is: &Configs, was: &Configs) -> Vec<ConfigOp> {
    let deleted = is.keys().filter(|key| !was.contains_key(*key));
    let deleted = deleted.map(|key| ConfigOp { key: key.clone(), op: ConfigOpKind::Delete, value: None });
    let set = was.iter().filter(|(key, value)| is.get(*key) != Some(value));
    let set = set.map(|(key, value)| ConfigOp { key: key.clone(), op: ConfigOpKind::Set, value: Some(value.clone()) });
    deleted.chain(set).collect()
}
