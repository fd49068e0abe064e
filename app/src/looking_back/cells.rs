//! Before and after: what a change replaced and what it brought, field by field.

use crate::config_values;
use crate::past::Cell;
use crate::time;
use crate::words::{list, num};
use metadata::configs::Key;
use metadata::history::Was;
use metadata::model::Configs;
use metadata::reassignment::{Move, MoveState, Reassignment, ReassignmentState};
use metadata::{BrokerState, Change, Partition, TopicId, configs, settings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How topics were called.
pub type Names = BTreeMap<TopicId, Arc<str>>;

/// What stands for nothing.
const NOTHING: &str = "–";

/// A field as people read it; what is absent may have a value all the same.
struct Field {
    key: String,
    value: String,
    absent: String,
}

fn field(key: impl Into<String>, value: impl Into<String>) -> Field {
    Field { key: key.into(), value: value.into(), absent: NOTHING.to_owned() }
}

/// What a change is about.
pub fn subject(change: &Change, names: &Names) -> String {
    let topic = |id: &TopicId| names.get(id).map_or_else(|| id.to_string(), |name| name.to_string());
    match change {
        Change::TopicCreated { name, .. } | Change::TopicDeleted { name, .. } => name.to_string(),
        Change::ConfigsChanged { topic_id, .. } => topic(topic_id),
        Change::PartitionChanged { topic_id, partition } => format!("{}-{}", topic(topic_id), partition.partition),
        Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => format!("Broker {}", broker.id),
        Change::BrokerRemoved { id } | Change::StandingChanged { id, .. } => format!("Broker {id}"),
        Change::ReassignmentChanged { reassignment } => format!("Reassignment {}", num(reassignment.id)),
        Change::ReassignmentDropped { id } => format!("Reassignment {}", num(*id)),
        Change::MoveChanged { movement, .. } => format!("{}-{}", movement.topic, movement.partition),
        Change::SettingsChanged { .. } => "Settings".to_owned(),
        Change::ControllersChanged { .. } => "Controllers".to_owned(),
        Change::ClusterBootstrapped { .. } | Change::FormatRaised { .. } => "Cluster".to_owned(),
    }
}

/// What differs between two values of the same thing.
pub fn between(before: Option<&Change>, after: Option<&Change>) -> Vec<Cell> {
    let (before, after) = (before.map(fields).unwrap_or_default(), after.map(fields).unwrap_or_default());
    let mut cells = Vec::new();
    for was in &before {
        let is = after.iter().find(|is| is.key == was.key);
        let is = is.map_or(&was.absent, |is| &is.value);
        if *is != was.value {
            cells.push(Cell { key: was.key.clone(), before: was.value.clone(), after: is.clone() });
        }
    }
    let new = after.into_iter().filter(|is| !before.iter().any(|was| was.key == is.key));
    cells.extend(new.filter(|is| is.absent != is.value).map(|is| Cell { key: is.key, before: is.absent, after: is.value }));
    cells
}

/// What a change replaced and brought.
pub fn of(change: &Change, was: &Was) -> Vec<Cell> {
    match was {
        // A partition that comes is counted with the others (`rows`).
        Was::Nothing if matches!(change, Change::PartitionChanged { .. }) => Vec::new(),
        Was::Nothing => between(None, Some(change)),
        Was::Topic { topic, partitions } => {
            let made = Change::TopicCreated { topic_id: topic.id, name: topic.name.clone(), configs: topic.configs.clone() };
            let count = Cell { key: "partitions".to_owned(), before: num(partitions.len() as u64), after: NOTHING.to_owned() };
            std::iter::once(count).chain(between(Some(&made), None)).collect()
        }
        Was::Value(old) => match change {
            Change::BrokerRemoved { .. } | Change::ReassignmentDropped { .. } | Change::TopicDeleted { .. } => between(Some(old), None),
            _ => between(Some(old), Some(change)),
        },
    }
}

/// What differs where nothing of it is shown otherwise.
pub fn fine(before: &Change, after: &Change) -> Vec<Cell> {
    let numbers = |change: &Change| match change {
        Change::PartitionChanged { partition, .. } => {
            vec![("leader epoch", num(partition.leader_epoch)), ("partition epoch", num(partition.partition_epoch))]
        }
        Change::BrokerChanged { broker } => vec![("changed at", format!("#{}", num(broker.changed_index)))],
        Change::StandingChanged { standing, .. } => vec![("since", time::clock_seconds(standing.since_ms))],
        _ => Vec::new(),
    };
    let both = numbers(before).into_iter().zip(numbers(after)).filter(|((_, was), (_, is))| was != is);
    both.map(|((key, before), (_, after))| Cell { key: key.to_owned(), before, after }).collect()
}

fn fields(change: &Change) -> Vec<Field> {
    match change {
        Change::TopicCreated { configs, .. } | Change::ConfigsChanged { configs, .. } => values(configs, configs::find),
        Change::SettingsChanged { settings } => values(&settings.values, settings::find),
        Change::PartitionChanged { partition, .. } => of_partition(partition),
        Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => {
            let at = broker.endpoints.iter().map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port));
            let mut fields = vec![
                field("state", state(broker.state)),
                field("held", if broker.held { "by an operator" } else { "no" }),
                field("endpoints", list(at)),
                field("epoch", num(broker.epoch)),
            ];
            fields.extend(broker.rack.as_ref().map(|rack| field("rack", rack.clone())));
            fields.extend(broker.push_url.as_ref().map(|url| field("push", url.clone())));
            fields
        }
        // Since when it stands so follows from its state.
        Change::StandingChanged { standing, .. } => {
            vec![Field { absent: "no".to_owned(), ..field("drained", if standing.draining.is_some() { "yes" } else { "no" }) }]
        }
        Change::ControllersChanged { controllers } => {
            let those = |voter: bool| list(controllers.iter().filter(|node| node.voter == voter).map(|node| node.id));
            let mut fields = vec![field("voters", those(true))];
            fields.extend(Some(those(false)).filter(|learners| !learners.is_empty()).map(|learners| field("learners", learners)));
            fields
        }
        Change::FormatRaised { format } => vec![field("format", num(*format))],
        Change::ReassignmentChanged { reassignment } => of_reassignment(reassignment),
        Change::MoveChanged { movement, .. } => of_move(movement),
        Change::ClusterBootstrapped { .. }
        | Change::TopicDeleted { .. }
        | Change::BrokerRemoved { .. }
        | Change::ReassignmentDropped { .. } => Vec::new(),
    }
}

/// A configuration; what is not set has its default.
fn values(configs: &Configs, find: impl Fn(&str) -> Option<&'static Key>) -> Vec<Field> {
    let one = |(name, value): (&String, &String)| match find(name) {
        Some(key) => Field { key: name.clone(), value: config_values::shown(key, value), absent: config_values::default_shown(key) },
        None => field(name.clone(), value.clone()),
    };
    configs.iter().map(one).collect()
}

/// Brokers, or that there are none.
fn brokers(ids: &[metadata::BrokerId]) -> String {
    if ids.is_empty() { "none".to_owned() } else { list(ids) }
}

fn of_partition(partition: &Partition) -> Vec<Field> {
    let mut fields = vec![
        field("leader", partition.leader.map_or_else(|| "none".to_owned(), |id| id.to_string())),
        field("isr", brokers(&partition.isr)),
        field("replicas", brokers(&partition.replicas)),
    ];
    for (key, ids) in [("elr", &partition.elr), ("adding", &partition.adding_replicas), ("removing", &partition.removing_replicas)] {
        if !ids.is_empty() {
            fields.push(Field { absent: "none".to_owned(), ..field(key, list(ids)) });
        }
    }
    fields
}

fn of_reassignment(reassignment: &Reassignment) -> Vec<Field> {
    let stands = match reassignment.state {
        ReassignmentState::Running => "running",
        ReassignmentState::Done => "done",
        ReassignmentState::Cancelled if reassignment.ended_at_ms.is_none() => "being called off",
        ReassignmentState::Cancelled => "called off",
        ReassignmentState::Failed => "failed",
    };
    let limit = reassignment.limits.per_broker.map_or_else(|| "the setting".to_owned(), num);
    vec![field("reassignment", stands), field("moves", num(reassignment.total)), field("at the same time", limit)]
}

fn of_move(movement: &Move) -> Vec<Field> {
    let stands = match movement.state {
        MoveState::Waiting => "waiting",
        MoveState::Moving => "under way",
        MoveState::Done => "done",
        MoveState::Cancelled => "called off",
        MoveState::Failed => "failed",
    };
    vec![field("move", stands), field("from", list(&movement.from)), field("to", list(&movement.to))]
}

/// A broker's state in a word or two.
fn state(state: BrokerState) -> &'static str {
    match state {
        BrokerState::Online => "online",
        BrokerState::Fencing => "being fenced",
        BrokerState::Fenced => "fenced",
        BrokerState::ShuttingDown => "shutting down",
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, between, of};
    use metadata::history::Was;
    use metadata::{Change, TopicId};
    use uuid::Uuid;

    fn configs(pairs: &[(&str, &str)]) -> Change {
        let configs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Change::ConfigsChanged { topic_id: TopicId(Uuid::nil()), configs }
    }

    fn cell(key: &str, before: &str, after: &str) -> Cell {
        Cell { key: key.to_owned(), before: before.to_owned(), after: after.to_owned() }
    }

    #[test]
    fn a_value_that_comes_or_goes_is_held_against_its_default() {
        let (none, some) = (configs(&[]), configs(&[("retention.ms", "3600000")]));
        for (before, after, cells) in [
            (&none, &some, vec![cell("retention.ms", "7 d", "1 h")]),
            (&some, &none, vec![cell("retention.ms", "1 h", "7 d")]),
            (&some, &some, vec![]),
            (
                &some,
                &configs(&[("retention.ms", "60000"), ("x.y", "1")]),
                vec![cell("retention.ms", "1 h", "1 min"), cell("x.y", "–", "1")],
            ),
        ] {
            assert_eq!(between(Some(before), Some(after)), cells);
        }
    }

    #[test]
    fn what_was_not_there_was_nothing() {
        let raised = Change::FormatRaised { format: 2 };
        assert_eq!(of(&raised, &Was::Nothing), [cell("format", "–", "2")]);
        assert_eq!(of(&raised, &Was::Value(Change::FormatRaised { format: 1 })), [cell("format", "1", "2")]);
    }
}
