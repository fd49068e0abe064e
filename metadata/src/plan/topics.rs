//! Topics: create, configure, delete (F1–F8, J5, J8).

use super::assign::{Assigner, check_total};
use super::{MOST_PARTITIONS, Plan};
use crate::apply::check_deletable;
use crate::command::{Assignment, Command, Expected, Group};
use crate::configs::{self, Key};
use crate::draw::Draw;
use crate::ids::{BrokerId, Index, TopicId};
use crate::intent::{ConfigOp, ConfigOpKind, NewTopic};
use crate::model::{Configs, Topic};
use crate::rejection::{Code, Rejection};
use crate::settings;
use crate::state::{State, fold};
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest topic name (F1).
const LONGEST_NAME: usize = 249;
const NAME_ALLOWED: &str = "1 to 249 characters of a-z A-Z 0-9 . _ -, but not . or ..";

/// F1: whether a topic may be called so at all.
///
/// # Errors
/// INVALID_TOPIC with what is allowed.
pub fn check_name(name: &str) -> Result<(), Rejection> {
    let no = |detail: String| Err(Rejection::new(Code::InvalidTopic, detail).at("name", name, NAME_ALLOWED));
    if name.is_empty() {
        return no("A topic needs a name".to_owned());
    }
    if name.len() > LONGEST_NAME {
        return no(format!("The name has {} characters", name.chars().count()));
    }
    if name == "." || name == ".." {
        return no(format!("{name} means a directory"));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        Some(other) => no(format!("The name contains {other:?}")),
        None => Ok(()),
    }
}

/// A count that was asked for; -1 and nothing both mean the cluster's default (F4).
fn or_default(state: &State, asked: Option<i64>, setting: &Key) -> i64 {
    let default = || i64::try_from(state.settings().number(setting)).unwrap_or(i64::MAX);
    asked.filter(|count| *count != -1).unwrap_or_else(default)
}

/// Decides the creation of topics, as [`plan`](super::plan) does: for whoever plans nothing else, as the page that previews it.
///
/// # Errors
/// A rejection of the whole; what concerns one topic is in the plan.
pub fn create(state: &State, draw: &Draw, topics: &[NewTopic]) -> Result<Plan, Rejection> {
    // F3: counted before anything is placed.
    let total = topics.iter().fold(0u64, |sum, topic| {
        let asked = match &topic.assignments {
            Some(rows) => rows.len() as i64,
            None => or_default(state, topic.partitions, &settings::PARTITIONS),
        };
        sum.saturating_add(asked.max(0) as u64)
    });
    check_total(total, if topics.len() == 1 { "partitions" } else { "topics" })?;
    let mut maker = Maker { state, draw, assigner: Assigner::new(state, draw, 0), names: OrdMap::new() };
    let items = topics.iter().enumerate().map(|(at, topic)| maker.make(at, topic)).collect();
    Ok(Plan { items })
}

/// One request's running decisions: placement and names see the topics before.
struct Maker<'a> {
    state: &'a State,
    draw: &'a Draw,
    assigner: Assigner<'a>,
    /// Folded; a tree of the kind that the state has for names, so that pages carry no other.
    names: OrdMap<Arc<str>, TopicId>,
}

impl Maker<'_> {
    fn make(&mut self, at: usize, new: &NewTopic) -> Result<Group, Rejection> {
        check_name(&new.name)?;
        let topic_id = TopicId(self.draw.uuid(at as u64));
        self.state.check_new_topic(topic_id, &new.name)?;
        if self.names.contains_key(&*fold(&new.name)) {
            return Err(Rejection::new(
                Code::InvalidTopic,
                format!("{} is in this request twice, or collides with another of its names", new.name),
            )
            .at("name", &new.name, "a name once in a request"));
        }
        let (configs, assignments) = match &new.assignments {
            Some(rows) => self.by_hand(new, rows)?,
            None => self.by_placement(new)?,
        };
        self.names.insert(fold(&new.name).into(), topic_id);
        Ok(Group::of(vec![
            Command::RegisterTopic { topic_id, name: new.name.clone(), configs },
            Command::AssignPartitions { topic_id, first: 0, assignments },
        ]))
    }

    fn by_placement(&mut self, new: &NewTopic) -> Result<(Configs, Vec<Assignment>), Rejection> {
        let count = or_default(self.state, new.partitions, &settings::PARTITIONS);
        if count < 1 {
            return Err(Rejection::new(Code::InvalidPartitions, "A topic has at least one partition").at(
                "partitions",
                count,
                format!("1 to {MOST_PARTITIONS}"),
            ));
        }
        let factor = self.assigner.factor(or_default(self.state, new.replication_factor, &settings::REPLICATION_FACTOR))?;
        let configs = configs::checked(&new.configs, factor)?;
        Ok((configs, self.assigner.by_placement(count, factor)?))
    }

    fn by_hand(&mut self, new: &NewTopic, rows: &[Vec<BrokerId>]) -> Result<(Configs, Vec<Assignment>), Rejection> {
        let beside = |field: &str, value: i64, what: &str| {
            Err(Rejection::new(Code::InvalidReplicaAssignment, format!("The assignments say how many {what} there are")).at(
                field,
                value,
                "nothing beside assignments",
            ))
        };
        if let Some(count) = new.partitions.filter(|count| *count != -1) {
            return beside("partitions", count, "partitions");
        }
        if let Some(factor) = new.replication_factor.filter(|factor| *factor != -1) {
            return beside("replication_factor", factor, "replicas");
        }
        let Some(first) = rows.first() else {
            return Err(Rejection::new(Code::InvalidReplicaAssignment, "A topic has at least one partition").at(
                "assignments",
                "[]",
                "a list of brokers per partition",
            ));
        };
        let assignments = self.assigner.by_hand(rows, first.len())?;
        let configs = configs::checked(&new.configs, first.len())?;
        self.assigner.occupy(&assignments);
        Ok((configs, assignments))
    }
}

pub(super) fn find<'a>(state: &'a State, name: &str, expected: Option<Index>) -> Result<(&'a Topic, Option<Expected>), Rejection> {
    let topic = state.topic_by_name(name).ok_or_else(|| unknown_topic(name))?;
    let expected = expected.map(|changed_index| Expected::Topic { topic_id: topic.id, changed_index });
    if let Some(expected) = &expected {
        state.check_expected(expected)?;
    }
    Ok((topic, expected))
}

/// UNKNOWN_TOPIC_OR_PARTITION for a name.
pub(crate) fn unknown_topic(name: &str) -> Rejection {
    Rejection::new(Code::UnknownTopicOrPartition, format!("There is no topic {name}")).at("name", name, "the name of an existing topic")
}

pub(super) fn delete(state: &State, name: &str, expected: Option<Index>) -> Result<Group, Rejection> {
    let (topic, expected) = find(state, name, expected)?;
    check_deletable(name, topic.internal(), &topic.configs)?;
    Ok(Group { expected, commands: vec![Command::DeleteTopic { topic_id: topic.id }] })
}

pub(super) fn change_configs(state: &State, name: &str, ops: &[ConfigOp], expected: Option<Index>) -> Result<Group, Rejection> {
    let (topic, expected) = find(state, name, expected)?;
    let mut configs = topic.configs.clone();
    for (at, op) in ops.iter().enumerate() {
        apply_op(&mut configs, op, configs::find, || configs::KEYS.iter()).map_err(|no| no.within(&format!("ops[{at}].")))?;
    }
    let factor = state.partitions_of(topic.id).map(|partition| partition.replicas.len()).min().unwrap_or(1);
    let configs = configs::checked(&configs, factor)?;
    configs::check_change(&topic.configs, &configs)?;
    let commands = if configs == topic.configs { Vec::new() } else { vec![Command::UpdateTopicConfig { topic_id: topic.id, configs }] };
    Ok(Group { expected, commands })
}

/// One step on a configuration, or on the settings, whose keys `find` knows.
pub(super) fn apply_op<'k, I: Iterator<Item = &'k Key>>(
    configs: &mut Configs,
    op: &ConfigOp,
    find: fn(&str) -> Option<&'static Key>,
    all: fn() -> I,
) -> Result<(), Rejection> {
    let no = |detail: &str, field: &str, value: &str, allowed: &str| {
        Err(Rejection::new(Code::InvalidConfig, detail.to_owned()).at(field, value, allowed))
    };
    let Some(key) = find(&op.key) else {
        return no("There is no such configuration key", "key", &op.key, &all().map(|key| key.name).collect::<Vec<_>>().join(", "));
    };
    let value = match (&op.value, op.op) {
        (_, ConfigOpKind::Delete) => {
            configs.remove(key.name);
            return Ok(());
        }
        (Some(value), _) => value,
        (None, _) => return no("This operation needs a value", "value", "null", "a string"),
    };
    if op.op == ConfigOpKind::Set {
        configs.insert(key.name.to_owned(), value.clone());
        return Ok(());
    }
    if !key.kind.is_list() {
        return no("Only a list can be appended to or subtracted from", "op", "append or subtract", "set, delete");
    }
    // As they are kept, so that 00:1 takes 0:1 away; what is no value is refused when the whole is checked.
    let current = configs::kept(key.name, configs.get(key.name).map_or(key.default, String::as_str));
    let value = configs::kept(key.name, value);
    let (mut items, given) = (configs::items(&current), configs::items(&value));
    let known: BTreeSet<&str> = if op.op == ConfigOpKind::Append { items.iter() } else { given.iter() }.copied().collect();
    match op.op {
        ConfigOpKind::Append => items.extend(given.iter().filter(|item| !known.contains(**item))),
        _ => items.retain(|item| !known.contains(item)),
    }
    let joined = items.join(",");
    if joined.len() > configs::LONGEST_VALUE {
        return no("The list becomes too long", "value", &value, &format!("at most {} bytes in all", configs::LONGEST_VALUE));
    }
    configs.insert(key.name.to_owned(), joined);
    Ok(())
}
