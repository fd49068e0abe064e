//! The cluster's settings (L): what may be set, and what a changed one asks of the topics that inherit it.

use super::MOST_PARTITIONS;
use super::topics::apply_op;
use crate::command::{Command, Expected, Group};
use crate::configs::{self, MIN_INSYNC_REPLICAS};
use crate::ids::{Index, TopicId};
use crate::intent::{ConfigOp, ConfigOpKind};
use crate::model::Configs;
use crate::rejection::{Code, Rejection};
use crate::settings::{self, Settings};
use crate::state::{FIRST_FORMAT, State};
use uuid::Uuid;

pub(super) fn change(state: &State, ops: &[ConfigOp], expected: Option<Index>) -> Result<Group, Rejection> {
    if state.format() == FIRST_FORMAT {
        return Err(Rejection::too_old());
    }
    let expected = expected.map(|changed_index| Expected::Settings { changed_index });
    if let Some(expected) = &expected {
        state.check_expected(expected)?;
    }
    let mut values = state.settings().values.clone();
    for (at, op) in ops.iter().enumerate() {
        step(&mut values, op).map_err(|no| no.within(&format!("ops[{at}].")))?;
    }
    let values = checked(&values)?;
    if values == state.settings().values {
        return Ok(Group { expected, commands: Vec::new() });
    }
    let minimum = Settings { values: values.clone(), ..Settings::default() }.min_isr();
    let mut commands = vec![Command::UpdateSettings { values }];
    if minimum != state.settings().min_isr() {
        commands.push(clearing(state, Uuid::nil()));
    }
    Ok(Group { expected, commands })
}

fn step(values: &mut Configs, op: &ConfigOp) -> Result<(), Rejection> {
    if op.key == MIN_INSYNC_REPLICAS && op.op == ConfigOpKind::Delete {
        // E9: with eligible replicas kept, there is always a minimum that they are judged by.
        let no = Rejection::new(Code::InvalidConfig, format!("{MIN_INSYNC_REPLICAS} is never taken away from the cluster: set it to 1"));
        return Err(no.at("op", "delete", "set"));
    }
    apply_op(values, op, settings::find, settings::keys)
}

/// Every value in its one form, and what has to fit together (L4, J8).
fn checked(values: &Configs) -> Result<Configs, Rejection> {
    let mut kept = Configs::new();
    for (name, value) in values {
        let Some(key) = settings::find(name) else { continue };
        kept.insert(name.clone(), configs::canonical_of(key, value).map_err(|no| no.within("settings."))?);
    }
    let all = Settings { values: kept, ..Settings::default() };
    let (minimum, factor) = (all.min_isr() as u64, all.number(&settings::REPLICATION_FACTOR));
    if minimum > factor {
        let detail = format!("{MIN_INSYNC_REPLICAS} cannot exceed {}, {factor}", settings::REPLICATION_FACTOR.name);
        return Err(Rejection::new(Code::InvalidConfig, detail).at(
            format!("settings.{MIN_INSYNC_REPLICAS}"),
            minimum,
            format!("1 to {factor}"),
        ));
    }
    configs::check_together(&all.values)
        .map_err(|no| Rejection { field: no.field.map(|field| field.replacen("configs.", "settings.", 1)), ..no })?;
    Ok(all.values)
}

/// E9, L2: the next of the topics whose partitions hold an ELR that another minimum judged.
fn clearing(state: &State, from: Uuid) -> Command {
    let mut topics = Vec::new();
    let mut count = 0;
    for topic in state.topics.range(TopicId(from)..).map(|(_, topic)| topic) {
        if configs::min_insync_replicas(&topic.configs).is_some() {
            continue;
        }
        let eligible = state.partitions_of(topic.id).filter(|partition| partition.judged_by_minimum()).count();
        if count > 0 && count + eligible > MOST_PARTITIONS {
            return Command::ClearElr { topics, next: Some(topic.id) };
        }
        count += eligible;
        if eligible > 0 {
            topics.push(topic.id);
        }
    }
    Command::ClearElr { topics, next: None }
}

pub(super) fn go_on(state: &State) -> Group {
    match state.settings().clear_from {
        Some(TopicId(from)) => Group::of(vec![clearing(state, from)]),
        None => Group::default(),
    }
}
