//! What differs between two states, entity by entity, each as the change that would bring it.

use crate::change::Change;
use crate::ids::{BrokerId, Index, TopicId};
use crate::model::{Partition, Standing, Topic};
use crate::reassignment::{Move, Reassignment};
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a difference is about. A topic that was deleted and made again under the same name is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "kind"))]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    Cluster,
    Format,
    Settings,
    Controllers,
    Broker { id: BrokerId },
    Standing { id: BrokerId },
    Topic { topic_id: TopicId },
    Partition { topic_id: TopicId, partition: u32 },
    Reassignment { id: Index },
    Move { reassignment_id: Index, number: u32 },
}

/// One entity in both states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    pub what: Entity,
    /// The change that would bring it as it was; null where it was not there.
    pub before: Option<Change>,
    /// The change that would bring it as it is; null where it is not there any more.
    pub after: Option<Change>,
}

/// What differs between two states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diff {
    /// The revision of the one.
    pub from: Index,
    /// The revision of the other.
    pub to: Index,
    /// How many differences there are in all.
    pub total: u64,
    /// The first of them: settings and controllers, brokers, topics, partitions, reassignments, each by id.
    pub differences: Vec<Difference>,
    /// The names of the topics that these are about.
    pub topics: BTreeMap<TopicId, Arc<str>>,
}

/// What differs, at most `most` of it. Neither revisions and times nor what merely follows from the rest are differences.
pub fn diff(from: &State, to: &State, most: usize) -> Diff {
    let found = Diff { from: from.revision(), to: to.revision(), ..Diff::default() };
    let mut found = Found { diff: found, most };
    found.single(from, to);
    found.each(
        from.brokers.iter(),
        to.brokers.iter(),
        |id| Entity::Broker { id: *id },
        |_, one| Change::BrokerChanged { broker: one.clone() },
    );
    let standing = |id: &BrokerId, standing: &Standing| Change::StandingChanged { id: *id, standing: *standing };
    found.each(from.standings.entries(), to.standings.entries(), |id| Entity::Standing { id: *id }, standing);
    found.topics(from, to);
    if !from.partitions.ptr_eq(&to.partitions) {
        let what = |(topic_id, partition): &(TopicId, u32)| Entity::Partition { topic_id: *topic_id, partition: *partition };
        let value = |(topic_id, _): &(TopicId, u32), partition: &Arc<Partition>| Change::PartitionChanged {
            topic_id: *topic_id,
            partition: partition.clone(),
        };
        found.each(from.partitions.iter(), to.partitions.iter(), what, value);
    }
    let reassignment = |_: &Index, one: &Arc<Reassignment>| Change::ReassignmentChanged { reassignment: one.clone() };
    found.each(from.reassignments.entries(), to.reassignments.entries(), |id| Entity::Reassignment { id: *id }, reassignment);
    if !from.moves.ptr_eq(&to.moves) {
        let what = |(id, number): &(Index, u32)| Entity::Move { reassignment_id: *id, number: *number };
        let value = |(id, number): &(Index, u32), one: &Arc<Move>| Change::MoveChanged {
            reassignment_id: *id,
            number: *number,
            movement: one.clone(),
        };
        found.each(from.moves.iter(), to.moves.iter(), what, value);
    }
    found.names(from, to);
    found.diff
}

struct Found {
    diff: Diff,
    most: usize,
}

impl Found {
    /// One more difference; its values are only made where there is room for it.
    fn add(&mut self, what: Entity, before: impl FnOnce() -> Option<Change>, after: impl FnOnce() -> Option<Change>) {
        self.diff.total += 1;
        if self.diff.differences.len() < self.most {
            self.diff.differences.push(Difference { what, before: before(), after: after() });
        }
    }

    /// What there is once.
    fn single(&mut self, from: &State, to: &State) {
        if from.identity != to.identity {
            let value = |state: &State| state.identity.clone().map(|identity| Change::ClusterBootstrapped { identity });
            self.add(Entity::Cluster, || value(from), || value(to));
        }
        if from.format() != to.format() {
            let value = |state: &State| Some(Change::FormatRaised { format: state.format() });
            self.add(Entity::Format, || value(from), || value(to));
        }
        if from.settings != to.settings {
            let value = |state: &State| Some(Change::SettingsChanged { settings: state.settings.clone() });
            self.add(Entity::Settings, || value(from), || value(to));
        }
        if from.controllers != to.controllers {
            let all = |state: &State| state.controllers().map(|node| node.as_ref().clone()).collect();
            let value = |state: &State| Some(Change::ControllersChanged { controllers: all(state) });
            self.add(Entity::Controllers, || value(from), || value(to));
        }
    }

    /// What came, went or is another one, by key: the two are walked in step. Shared values are equal at a glance.
    fn each<'a, K: Ord + 'a, V: PartialEq + 'a>(
        &mut self,
        from: impl Iterator<Item = (&'a K, &'a V)>,
        to: impl Iterator<Item = (&'a K, &'a V)>,
        what: impl Fn(&K) -> Entity,
        value: impl Fn(&K, &V) -> Change,
    ) {
        in_step(from, to, |key, before, after| {
            if before != after {
                self.add(what(key), || before.map(|one| value(key, one)), || after.map(|one| value(key, one)));
            }
        });
    }

    /// A topic's configuration is all of it that changes: what else moves with it are its partitions.
    fn topics(&mut self, from: &State, to: &State) {
        if from.topics.ptr_eq(&to.topics) {
            return;
        }
        in_step(from.topics.iter(), to.topics.iter(), |id: &TopicId, before: Option<&Arc<Topic>>, after| {
            let what = Entity::Topic { topic_id: *id };
            let made =
                |topic: &Arc<Topic>| Change::TopicCreated { topic_id: *id, name: topic.name.clone(), configs: topic.configs.clone() };
            let configs = |topic: &Arc<Topic>| Some(Change::ConfigsChanged { topic_id: *id, configs: topic.configs.clone() });
            match (before, after) {
                (Some(before), Some(after)) if before.configs == after.configs => {}
                (Some(before), Some(after)) => self.add(what, || configs(before), || configs(after)),
                (before, after) => self.add(what, || before.map(made), || after.map(made)),
            }
        });
    }

    fn names(&mut self, from: &State, to: &State) {
        let topic_of = |difference: &Difference| match (&difference.what, &difference.before, &difference.after) {
            (Entity::Topic { topic_id } | Entity::Partition { topic_id, .. }, ..) => Some(*topic_id),
            (_, Some(Change::MoveChanged { movement, .. }), _) | (_, _, Some(Change::MoveChanged { movement, .. })) => {
                Some(movement.topic_id)
            }
            _ => None,
        };
        let named = |id: TopicId| Some((id, to.topic(id).or_else(|| from.topic(id))?.name.clone()));
        self.diff.topics = self.diff.differences.iter().filter_map(topic_of).filter_map(named).collect();
    }
}

/// Tells every key of two sorted maps once, with what each of them has there.
fn in_step<'a, K: Ord + 'a, V: 'a>(
    from: impl Iterator<Item = (&'a K, &'a V)>,
    to: impl Iterator<Item = (&'a K, &'a V)>,
    mut tell: impl FnMut(&K, Option<&'a V>, Option<&'a V>),
) {
    let (mut from, mut to) = (from.peekable(), to.peekable());
    loop {
        let order = match (from.peek(), to.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        let before = if order.is_le() { from.next() } else { None };
        let after = if order.is_ge() { to.next() } else { None };
        if let Some((key, _)) = before.or(after) {
            tell(key, before.map(|(_, value)| value), after.map(|(_, value)| value));
        }
    }
}
