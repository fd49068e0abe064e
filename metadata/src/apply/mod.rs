//! Step 5: every replica re-validates every guard of a decided entry, and says what became true.
//!
//! A group is applied command by command through the very [`State::absorb`] that consumers use, so apply and absorb cannot
//! drift apart. A rejected group changes nothing: one whose guards all hold before its first change is applied in place, any
//! other to a copy that a failing guard drops. The files hold the guards, as files of the same names hold the rules in
//! [`crate::plan`] and the effects in [`crate::absorb`].

mod brokers;
mod moves;
mod partitions;
mod settings;
mod topics;

pub(crate) use brokers::unknown_broker;
pub(crate) use moves::no_reassignment;
pub(crate) use partitions::has_duplicates;
pub(crate) use topics::{check_deletable, unknown_topic_id};

use crate::change::Change;
use crate::command::{Command, Entry, Expected, Group};
use crate::ids::Index;
use crate::model::ControllerNode;
use crate::outcome::GroupOutcome;
use crate::principal::Principal;
use crate::reassignment::{MoveEnd, MoveState};
use crate::rejection::{Code, Rejection};
use crate::state::{FIRST_FORMAT, State};
use partitions::placed;
use std::sync::Arc;
use topics::created;

/// What one entry did: an outcome per group, and everything that became true.
pub type Applied = (Vec<Result<GroupOutcome, Rejection>>, Vec<Change>);

/// The entry that a command stands in.
#[derive(Clone, Copy)]
struct By<'a> {
    index: Index,
    at_ms: u64,
    principal: &'a Principal,
}

impl State {
    /// Applies the entry at this log index. `at_ms` never goes back, whatever the entry says.
    pub fn apply(&mut self, entry: &Entry, index: Index) -> Applied {
        let by = By { index, at_ms: self.at_ms.max(entry.at_ms), principal: &entry.principal };
        let mut all = Vec::new();
        let outcomes = entry.groups.iter().map(|group| self.apply_group(group, by, &mut all)).collect();
        (outcomes, all)
    }

    fn apply_group(&mut self, group: &Group, by: By<'_>, all: &mut Vec<Change>) -> Result<GroupOutcome, Rejection> {
        if let Some(expected) = &group.expected {
            self.check_expected(expected)?;
        }
        // What it requires was judged before.
        let commands = match group.commands.as_slice() {
            [Command::Require { .. }, rest @ ..] if self.guards() => rest,
            commands => commands,
        };
        match commands {
            [Command::RegisterTopic { topic_id, name, configs }, Command::AssignPartitions { topic_id: same, first: 0, assignments }]
                if topic_id == same =>
            {
                self.check_new_topic(*topic_id, name)?;
                self.check_assignments(assignments)?;
                self.take(by, [created(*topic_id, name, configs)], all);
                self.take(by, placed(*topic_id, 0, assignments), all);
                Ok(GroupOutcome::Topic { topic_id: *topic_id })
            }
            [_] => self.apply_commands(commands, by, all),
            commands => {
                // Sharing is cheap, and what the copy changes is paid for twice.
                let mut next = self.clone();
                let mut changes = Vec::new();
                let outcome = next.apply_commands(commands, by, &mut changes)?;
                *self = next;
                all.append(&mut changes);
                Ok(outcome)
            }
        }
    }

    /// Takes the committed membership in; a change only when it differs.
    pub fn apply_membership(&mut self, nodes: &[ControllerNode], index: Index) -> Vec<Change> {
        if self.controllers.len() == nodes.len()
            && nodes.iter().all(|node| self.controllers.get(node.id).is_some_and(|known| **known == *node))
        {
            return Vec::new();
        }
        let change = Change::ControllersChanged { controllers: nodes.to_vec() };
        self.absorb(index, self.at_ms, &change);
        vec![change]
    }

    fn apply_commands(&mut self, commands: &[Command], by: By<'_>, changes: &mut Vec<Change>) -> Result<GroupOutcome, Rejection> {
        let mut outcome = GroupOutcome::Done;
        for command in commands {
            let decided = self.decide(command, by, &mut outcome)?;
            self.take(by, decided, changes);
        }
        Ok(outcome)
    }

    /// Absorbs what was decided, and keeps it for the commit.
    fn take(&mut self, by: By<'_>, decided: impl IntoIterator<Item = Change>, changes: &mut Vec<Change>) {
        for change in decided {
            self.absorb(by.index, by.at_ms, &change);
            changes.push(change);
        }
    }

    /// Compares an object's `changed_index` with what the caller saw (J6).
    ///
    /// # Errors
    /// REVISION_CONFLICT with the current one.
    pub fn check_expected(&self, expected: &Expected) -> Result<(), Rejection> {
        let (seen, current) = match expected {
            Expected::Topic { topic_id, changed_index } => (changed_index, self.topic(*topic_id).map(|topic| topic.changed_index)),
            Expected::Broker { id, changed_index } => (changed_index, self.broker(*id).map(|broker| broker.changed_index)),
            Expected::Settings { changed_index } => (changed_index, Some(self.settings.changed_index)),
        };
        if current == Some(*seen) {
            return Ok(());
        }
        let now = current.map_or_else(|| "gone".to_owned(), |index| format!("\"{index}\""));
        Err(Rejection::new(Code::RevisionConflict, format!("It changed since index {seen}; it is now at {now}")).at(
            "If-Match",
            format!("\"{seen}\""),
            now,
        ))
    }

    fn decide(&self, command: &Command, by: By<'_>, outcome: &mut GroupOutcome) -> Result<Vec<Change>, Rejection> {
        let By { index, at_ms, .. } = by;
        match command {
            Command::BootstrapCluster { identity } => {
                if self.identity.is_some() {
                    return Err(Rejection::new(Code::InvalidRequest, "The cluster has its identity already"));
                }
                Ok(vec![Change::ClusterBootstrapped { identity: identity.clone() }])
            }
            Command::RegisterBroker { registration, replaces, amends } => {
                let broker = self.registered(registration, *replaces, *amends, index)?;
                *outcome = GroupOutcome::Broker { id: broker.id, epoch: broker.epoch };
                Ok(vec![Change::BrokerRegistered { broker: Arc::new(broker) }])
            }
            Command::UnregisterBroker { id, epoch } => {
                self.broker_at(*id, *epoch)?;
                self.check_out_of_sync(*id)?;
                Ok(vec![Change::BrokerRemoved { id: *id }])
            }
            Command::UpdateBrokerStatus { id, epoch, state, held, by_operator } => {
                let broker = self.with_status(*id, *epoch, *state, *held, *by_operator, index)?;
                *outcome = GroupOutcome::Broker { id: *id, epoch: *epoch };
                // First: when it comes online is written down with its new state (J10).
                let mut changes: Vec<Change> = self.no_longer_replaced(*id, *state).into_iter().collect();
                changes.push(Change::BrokerChanged { broker: Arc::new(broker) });
                Ok(changes)
            }
            Command::RegisterTopic { topic_id, name, configs } => {
                self.check_new_topic(*topic_id, name)?;
                *outcome = GroupOutcome::Topic { topic_id: *topic_id };
                Ok(vec![created(*topic_id, name, configs)])
            }
            Command::AssignPartitions { topic_id, first, assignments } => {
                *outcome = GroupOutcome::Topic { topic_id: *topic_id };
                self.assigned(*topic_id, *first, assignments)
            }
            Command::UpdateTopicConfig { topic_id, configs } => {
                *outcome = GroupOutcome::Topic { topic_id: *topic_id };
                self.configured(*topic_id, configs)
            }
            Command::DeleteTopic { topic_id } => {
                let topic = self.topic(*topic_id).ok_or_else(|| unknown_topic_id(*topic_id))?;
                check_deletable(&topic.name, topic.internal(), &topic.configs)?;
                *outcome = GroupOutcome::Topic { topic_id: *topic_id };
                // H9: its moves end with it.
                let ends: Vec<_> =
                    self.open_moves_of(*topic_id).map(|(id, number)| (id, number, MoveState::Cancelled, MoveEnd::TopicDeleted)).collect();
                let mut changes = self.end_moves(&ends, at_ms);
                changes.push(Change::TopicDeleted { topic_id: *topic_id, name: topic.name.clone() });
                Ok(changes)
            }
            Command::UpdatePartitionLeader { target } => self.retargeted(target, outcome),
            Command::UpdateIsr { broker, broker_epoch, target } => {
                self.broker_at(*broker, *broker_epoch)?;
                self.retargeted(target, outcome)
            }
            // The machine keeps these beside the state.
            Command::AdmitInstance { .. } => Ok(Vec::new()),
            Command::RaiseFormat { format } => self.raised(*format),
            Command::BindBroker { .. } if self.binds() => Ok(Vec::new()),
            Command::ChangeAccess { .. } | Command::Require { .. } if self.guards() => Ok(Vec::new()),
            Command::BindBroker { .. } | Command::ChangeAccess { .. } | Command::Require { .. } => Err(Rejection::too_old()),
            _ if self.format() == FIRST_FORMAT => Err(Rejection::too_old()),
            Command::UpdateSettings { values } => self.set(values, index),
            Command::ClearElr { topics, next } => self.cleared(topics, *next),
            Command::UpdateDrain { id, epoch, draining } => {
                // Where a reassignment begins or ends with it, the answer is about that.
                if *outcome == GroupOutcome::Done {
                    let of = self.standing(*id).draining.filter(|_| !draining);
                    *outcome = of.map_or(GroupOutcome::Broker { id: *id, epoch: *epoch }, |id| GroupOutcome::Reassignment { id });
                }
                self.drained(*id, *epoch, *draining, index)
            }
            Command::StartReassignment { .. }
            | Command::AddMoves { .. }
            | Command::UpdateReassignment { .. }
            | Command::MovePartition { .. }
            | Command::UpdateMove { .. } => self.moves_command(command, by, outcome),
        }
    }
}
