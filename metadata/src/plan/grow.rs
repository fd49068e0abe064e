//! A topic grows: partitions are added to it, and never taken away (F9).

use super::assign::{Assigner, check_total};
use super::{MOST_PARTITIONS, topics};
use crate::command::{Command, Group};
use crate::draw::Draw;
use crate::ids::{BrokerId, Index};
use crate::rejection::{Code, Rejection};
use crate::state::State;

pub(super) fn grow(
    state: &State,
    draw: &Draw,
    name: &str,
    count: i64,
    rows: Option<&[Vec<BrokerId>]>,
    expected: Option<Index>,
) -> Result<Group, Rejection> {
    let (topic, expected) = topics::find(state, name, expected)?;
    let first = state.tally(topic.id).partitions;
    let added = count.saturating_sub(first.into());
    let (least, most) = (u64::from(first) + 1, u64::from(first) + MOST_PARTITIONS as u64);
    let at_count = |no: Rejection| no.at("count", count, format!("{least} to {most}"));
    if added < 1 {
        let partitions = if first == 1 { "1 partition".to_owned() } else { format!("{first} partitions") };
        let detail = format!("{name} has {partitions}, and none is ever taken away");
        return Err(at_count(Rejection::new(Code::InvalidPartitions, detail)));
    }
    check_total(added.unsigned_abs(), "count").map_err(at_count)?;
    let mut assigner = Assigner::new(state, draw, first.into());
    let factor = state.replication_factor(topic.id);
    let assignments = match rows {
        None => {
            let factor = assigner.factor(factor as i64)?;
            assigner.by_placement(added, factor)?
        }
        Some(rows) if rows.len() as i64 == added => assigner.by_hand(rows, factor)?,
        Some(rows) => {
            let detail = format!("The assignments are those of the new partitions, and {added} are new");
            return Err(Rejection::new(Code::InvalidReplicaAssignment, detail).at(
                "assignments",
                rows.len(),
                format!("{added} lists of brokers"),
            ));
        }
    };
    Ok(Group { expected, commands: vec![Command::AssignPartitions { topic_id: topic.id, first, assignments }] })
}
