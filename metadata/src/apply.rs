//! Step 5: every replica re-validates every guard of a decided entry, and says what became true.
//!
//! A group is applied command by command through the very [`State::absorb`] that consumers use, so apply and absorb cannot
//! drift apart. A rejected group changes nothing: one whose guards all hold before its first change is applied in place, any
//! other to a copy that a failing guard drops.

use crate::change::Change;
use crate::command::{Assignment, Command, Entry, Expected, Group, PartitionTarget};
use crate::configs;
use crate::ids::{BrokerId, Index, TopicId};
use crate::intent::Registration;
use crate::machine::GroupOutcome;
use crate::model::{Broker, BrokerState, Configs, ControllerNode, Partition};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use std::sync::Arc;

/// What one entry did: an outcome per group, and everything that became true.
pub type Applied = (Vec<Result<GroupOutcome, Rejection>>, Vec<Change>);

impl State {
    /// Applies the entry at this log index. `at_ms` never goes back, whatever the entry says.
    pub fn apply(&mut self, entry: &Entry, index: Index) -> Applied {
        let at_ms = self.at_ms.max(entry.at_ms);
        let mut all = Vec::new();
        let outcomes = entry.groups.iter().map(|group| self.apply_group(group, index, at_ms, &mut all)).collect();
        (outcomes, all)
    }

    fn apply_group(&mut self, group: &Group, index: Index, at_ms: u64, all: &mut Vec<Change>) -> Result<GroupOutcome, Rejection> {
        if let Some(expected) = &group.expected {
            self.check_expected(expected)?;
        }
        match group.commands.as_slice() {
            [Command::RegisterTopic { topic_id, name, configs }, Command::AssignPartitions { topic_id: same, first: 0, assignments }]
                if topic_id == same =>
            {
                self.check_new_topic(*topic_id, name)?;
                self.check_assignments(assignments)?;
                self.take(index, at_ms, [created(*topic_id, name, configs)], all);
                self.take(index, at_ms, placed(*topic_id, 0, assignments), all);
                Ok(GroupOutcome::Topic { topic_id: *topic_id })
            }
            [_] => self.apply_commands(&group.commands, index, at_ms, all),
            commands => {
                // Sharing is cheap, and what the copy changes is paid for twice.
                let mut next = self.clone();
                let mut changes = Vec::new();
                let outcome = next.apply_commands(commands, index, at_ms, &mut changes)?;
                *self = next;
                all.append(&mut changes);
                Ok(outcome)
            }
        }
    }

    /// Takes the committed membership in; a change only when it differs.
    pub fn apply_membership(&mut self, nodes: &[ControllerNode], index: Index) -> Vec<Change> {
        if self.controllers.len() == nodes.len()
            && nodes.iter().all(|node| self.controllers.get(&node.id).is_some_and(|known| **known == *node))
        {
            return Vec::new();
        }
        let change = Change::ControllersChanged { controllers: nodes.to_vec() };
        self.absorb(index, self.at_ms, &change);
        vec![change]
    }

    fn apply_commands(
        &mut self,
        commands: &[Command],
        index: Index,
        at_ms: u64,
        changes: &mut Vec<Change>,
    ) -> Result<GroupOutcome, Rejection> {
        let mut outcome = GroupOutcome::Done;
        for command in commands {
            let decided = self.decide(command, index, &mut outcome)?;
            self.take(index, at_ms, decided, changes);
        }
        Ok(outcome)
    }

    /// Absorbs what was decided, and keeps it for the commit.
    fn take(&mut self, index: Index, at_ms: u64, decided: impl IntoIterator<Item = Change>, changes: &mut Vec<Change>) {
        for change in decided {
            self.absorb(index, at_ms, &change);
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

    fn decide(&self, command: &Command, index: Index, outcome: &mut GroupOutcome) -> Result<Vec<Change>, Rejection> {
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
                Ok(vec![Change::BrokerChanged { broker: Arc::new(broker) }])
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
                Ok(vec![Change::TopicDeleted { topic_id: *topic_id, name: topic.name.clone() }])
            }
            Command::UpdatePartitionLeader { target } => self.retargeted(target, outcome),
            Command::UpdateIsr { broker, broker_epoch, target } => {
                self.broker_at(*broker, *broker_epoch)?;
                self.retargeted(target, outcome)
            }
            // The machine keeps these beside the state.
            Command::AdmitInstance { .. } => Ok(Vec::new()),
        }
    }

    /// The broker of this id at this epoch (A9).
    pub(crate) fn broker_at(&self, id: BrokerId, epoch: Index) -> Result<&Arc<Broker>, Rejection> {
        let broker = self.broker(id).ok_or_else(|| unknown_broker(id))?;
        if broker.epoch != epoch {
            return Err(Rejection::new(Code::StaleBrokerEpoch, format!("Broker {id} is registered at another epoch")).at(
                "broker_epoch",
                epoch,
                broker.epoch.to_string(),
            ));
        }
        Ok(broker)
    }

    fn registered(&self, new: &Registration, replaces: Option<Index>, amends: Option<Index>, index: Index) -> Result<Broker, Rejection> {
        let old = self.broker(new.id);
        let moved =
            || Rejection::new(Code::DuplicateBrokerRegistration, format!("Broker {} was registered by another process meanwhile", new.id));
        self.check_broker_number(new.id)?;
        let fresh = match (old, replaces, amends) {
            (Some(old), None, Some(epoch)) if old.epoch == epoch && old.incarnation_id == new.incarnation_id => Some(old),
            (Some(old), Some(epoch), None) if old.epoch == epoch => None,
            (None, None, None) => None,
            _ => return Err(moved()),
        };
        if fresh.is_none() {
            self.check_out_of_sync(new.id)?;
        }
        Ok(Broker {
            id: new.id,
            epoch: fresh.map_or(index, |same| same.epoch),
            changed_index: index,
            incarnation_id: new.incarnation_id,
            rack: new.rack.clone(),
            endpoints: new.endpoints.clone(),
            push_url: new.push_url.clone(),
            state: fresh.map_or(BrokerState::Fenced, |same| same.state),
            // An operator's fence outlives a restart of the broker (B4a).
            held: old.is_some_and(|old| old.held),
            shutdown_index: fresh.and_then(|same| same.shutdown_index),
        })
    }

    /// J9, for the plan and again for apply: a controller may have joined meanwhile.
    pub(crate) fn check_broker_number(&self, id: BrokerId) -> Result<(), Rejection> {
        if self.is_controller(id.0.into()) {
            let detail = "A controller has this id; controllers and brokers share one number space";
            return Err(Rejection::new(Code::InvalidRegistration, detail).at("id", id, "an id that no controller has"));
        }
        Ok(())
    }

    /// Who is fenced, replaced or removed has left every ISR before (A5, A8, B15).
    fn check_out_of_sync(&self, id: BrokerId) -> Result<(), Rejection> {
        let load = self.load(id);
        if load.leaders > 0 || load.in_sync > 0 {
            return Err(Rejection::new(Code::InvalidUpdateVersion, format!("Broker {id} came to lead or to be in sync meanwhile")));
        }
        Ok(())
    }

    fn with_status(
        &self,
        id: BrokerId,
        epoch: Index,
        state: BrokerState,
        held: bool,
        by_operator: bool,
        index: Index,
    ) -> Result<Broker, Rejection> {
        let old = self.broker_at(id, epoch)?;
        if (held != old.held && !by_operator) || (held && state == BrokerState::Online) {
            return Err(Rejection::new(Code::PolicyViolation, format!("Broker {id} is held fenced, and only an operator changes that")));
        }
        let fits = match state {
            BrokerState::Online => old.state == BrokerState::Fenced,
            BrokerState::ShuttingDown => matches!(old.state, BrokerState::Online | BrokerState::ShuttingDown),
            BrokerState::Fencing | BrokerState::Fenced => true,
        };
        if !fits {
            return Err(Rejection::new(Code::InvalidUpdateVersion, format!("Broker {id} changed its state meanwhile")));
        }
        if state == BrokerState::Fenced {
            self.check_out_of_sync(id)?;
        }
        let shutdown_index = (state == BrokerState::ShuttingDown).then_some(index);
        let changed_index = if by_operator { index } else { old.changed_index };
        Ok(Broker { state, held, shutdown_index, changed_index, ..Broker::clone(old) })
    }

    /// The guards of a new topic's name and id (F1, F2), for the plan and again for apply.
    pub(crate) fn check_new_topic(&self, topic_id: TopicId, name: &str) -> Result<(), Rejection> {
        if let Some(other) = self.colliding(name) {
            if *other.name == *name {
                return Err(Rejection::new(Code::TopicAlreadyExists, format!("Topic {name} exists")).at(
                    "name",
                    name,
                    "a name that is not taken",
                ));
            }
            return Err(Rejection::new(
                Code::InvalidTopic,
                format!("{name} collides with the topic {}: in metric names . becomes _", other.name),
            )
            .at("name", name, format!("a name that differs from {} in more than . and _", other.name)));
        }
        if self.topic(topic_id).is_some() {
            return Err(Rejection::new(Code::InvalidTopic, "The drawn topic id is taken"));
        }
        Ok(())
    }

    fn assigned(&self, topic_id: TopicId, first: u32, assignments: &[Assignment]) -> Result<Vec<Change>, Rejection> {
        self.topic(topic_id).ok_or_else(|| unknown_topic_id(topic_id))?;
        if self.tally(topic_id).partitions != first {
            return Err(Rejection::new(Code::InvalidPartitions, "The topic's partitions changed meanwhile"));
        }
        self.check_assignments(assignments)?;
        let factor = self.replication_factor(topic_id);
        if first > 0 && assignments.iter().any(|assignment| assignment.replicas.len() != factor) {
            return Err(Rejection::new(Code::InvalidReplicaAssignment, "The topic's replication factor changed meanwhile"));
        }
        Ok(placed(topic_id, first, assignments).collect())
    }

    /// Whether new partitions may stand where the leader put them.
    fn check_assignments(&self, assignments: &[Assignment]) -> Result<(), Rejection> {
        for assignment in assignments {
            let known = assignment.replicas.iter().all(|id| self.broker(*id).is_some());
            let active = assignment.isr.iter().all(|id| self.active(*id) && assignment.replicas.contains(id));
            if !known
                || !active
                || has_duplicates(&assignment.replicas)
                || has_duplicates(&assignment.isr)
                || !assignment.isr.contains(&assignment.leader)
            {
                return Err(Rejection::new(Code::InvalidReplicaAssignment, "A broker of the placement is no longer active"));
            }
        }
        Ok(())
    }

    fn configured(&self, topic_id: TopicId, configs: &Configs) -> Result<Vec<Change>, Rejection> {
        let topic = self.topic(topic_id).ok_or_else(|| unknown_topic_id(topic_id))?;
        let mut changes = vec![Change::ConfigsChanged { topic_id, configs: configs.clone() }];
        if configs::min_insync_replicas(configs) != configs::min_insync_replicas(&topic.configs) {
            // E9: eligibility was judged by the old minimum.
            changes.extend(self.partitions_of(topic_id).filter(|partition| !partition.elr.is_empty()).map(|partition| {
                let cleared = Partition {
                    elr: Vec::new(),
                    partition_epoch: partition.partition_epoch.saturating_add(1),
                    ..Partition::clone(partition)
                };
                Change::PartitionChanged { topic_id, partition: Arc::new(cleared) }
            }));
        }
        Ok(changes)
    }

    fn retargeted(&self, target: &PartitionTarget, outcome: &mut GroupOutcome) -> Result<Vec<Change>, Rejection> {
        let old = self.partition(target.topic_id, target.partition).ok_or_else(|| unknown_topic_id(target.topic_id))?;
        if (old.leader_epoch, old.partition_epoch) != (target.leader_epoch, target.partition_epoch) {
            return Err(Rejection::new(Code::InvalidUpdateVersion, "The partition changed meanwhile").at(
                "partition_epoch",
                target.partition_epoch,
                old.partition_epoch.to_string(),
            ));
        }
        let in_replicas = |ids: &[BrokerId]| ids.iter().all(|id| old.replicas.contains(id)) && !has_duplicates(ids);
        let sound = in_replicas(&target.isr)
            && in_replicas(&target.elr)
            && target.elr.iter().all(|id| !target.isr.contains(id))
            && target.leader.is_none_or(|leader| target.isr.contains(&leader));
        if !sound {
            return Err(Rejection::new(
                Code::InvalidRequest,
                "The leader must be in the ISR, the ISR in the replicas, the ELR outside the ISR",
            ));
        }
        let eligible = |id: &BrokerId| self.active(*id) || old.isr.contains(id);
        if !target.isr.iter().all(eligible) || target.leader.is_some_and(|id| target.leader != old.leader && !self.active(id)) {
            return Err(Rejection::new(Code::IneligibleReplica, "A replica became inactive meanwhile"));
        }
        *outcome = GroupOutcome::Partition { topic_id: target.topic_id, partition: target.partition };
        let partition = Partition {
            leader: target.leader,
            leader_epoch: old.leader_epoch.saturating_add((target.leader != old.leader).into()),
            partition_epoch: old.partition_epoch.saturating_add(1),
            isr: target.isr.clone(),
            elr: target.elr.clone(),
            last_known_leader: target.last_known_leader,
            recovery_state: target.recovery_state,
            ..Partition::clone(old)
        };
        Ok(vec![Change::PartitionChanged { topic_id: target.topic_id, partition: Arc::new(partition) }])
    }
}

fn created(topic_id: TopicId, name: &str, configs: &Configs) -> Change {
    Change::TopicCreated { topic_id, name: name.into(), configs: configs.clone() }
}

fn placed(topic_id: TopicId, first: u32, assignments: &[Assignment]) -> impl Iterator<Item = Change> {
    let change = move |(number, assignment): (u32, &Assignment)| Change::PartitionChanged {
        topic_id,
        partition: Arc::new(assignment.partition(number)),
    };
    (first..).zip(assignments).map(change)
}

/// J5, for the plan and again for apply.
pub(crate) fn check_deletable(name: &str, internal: bool, configs: &Configs) -> Result<(), Rejection> {
    if internal {
        return Err(Rejection::new(Code::PolicyViolation, format!("{name} is an internal topic and is always protected")));
    }
    if configs::deletion_protected(configs) {
        return Err(Rejection::new(Code::PolicyViolation, format!("{name} is protected: take {} off first", configs::DELETION_PROTECTION))
            .at(format!("configs.{}", configs::DELETION_PROTECTION), "true", "false"));
    }
    Ok(())
}

pub(crate) fn has_duplicates(ids: &[BrokerId]) -> bool {
    ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id))
}

pub(crate) fn unknown_broker(id: BrokerId) -> Rejection {
    Rejection::new(Code::BrokerIdNotRegistered, format!("Broker {id} is not registered")).at("id", id, "the id of a registered broker")
}

pub(crate) fn unknown_topic_id(id: TopicId) -> Rejection {
    Rejection::new(Code::UnknownTopicId, format!("No topic has the id {id}")).at("topic_id", id, "the id of an existing topic")
}
