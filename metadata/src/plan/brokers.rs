//! Brokers: registration (A1–A5, A8, J9), heartbeats and shutdown (B3–B13), fencing (B4a, B14, B15).

use super::MOST_PARTITIONS;
use crate::apply::unknown_broker;
use crate::command::{Command, Expected, Group, PartitionTarget};
use crate::election::{self, Electorate};
use crate::ids::{BrokerId, Index, TopicId};
use crate::intent::{Heartbeat, Registration};
use crate::liveness::Liveness;
use crate::model::{Broker, BrokerState, Partition};
use crate::rejection::{Code, Rejection};
use crate::state::State;
use serde::{Deserialize, Serialize};

const MOST_ENDPOINTS: usize = 16;
const LONGEST_TEXT: usize = 249;
const LONGEST_URL: usize = 2_000;

/// The answer to a heartbeat (B13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeartbeatReply {
    /// Whether the broker has taken in its own registration.
    pub caught_up: bool,
    pub fenced: bool,
    pub in_controlled_shutdown: bool,
    /// The broker may stop now.
    pub should_shut_down: bool,
}

/// What a heartbeat asks of the state (`calculateNextBrokerState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Stay,
    /// B4, and its continuation when its elections were too many for one entry.
    Unfence,
    /// B6, B8, B10: with elections first.
    Fence,
    /// B7, and its continuation when it was too large for one entry.
    ShutDown,
}

/// What this heartbeat asks for, given what is committed and what the other brokers have seen.
pub fn transition(state: &State, liveness: &Liveness, heartbeat: &Heartbeat) -> Transition {
    let Some(broker) = state.broker(heartbeat.id).filter(|broker| broker.epoch == heartbeat.broker_epoch) else {
        return Transition::Stay;
    };
    let load = state.load(broker.id);
    match broker.state {
        BrokerState::Fencing => Transition::Stay,
        BrokerState::Fenced if heartbeat.want_shut_down || heartbeat.want_fence || broker.held => Transition::Stay,
        BrokerState::Fenced if heartbeat.metadata_index >= broker.epoch => Transition::Unfence,
        BrokerState::Fenced => Transition::Stay,
        BrokerState::Online if heartbeat.want_fence => Transition::Fence,
        BrokerState::Online if heartbeat.want_shut_down && load.leaders > 0 => Transition::ShutDown,
        BrokerState::Online if heartbeat.want_shut_down => Transition::Fence,
        BrokerState::Online if load.electable > 0 => Transition::Unfence,
        BrokerState::Online => Transition::Stay,
        BrokerState::ShuttingDown if load.leaders > 0 || load.in_sync > 0 => Transition::ShutDown,
        BrokerState::ShuttingDown => {
            // B10: every active broker has seen the new leaders before the old one dies.
            let seen = liveness.seen_by_all_active(state, broker.id);
            if broker.shutdown_index.is_some_and(|index| index <= seen) { Transition::Fence } else { Transition::Stay }
        }
    }
}

/// The answer to a heartbeat, from the state after its transition.
pub fn heartbeat_reply(state: &State, heartbeat: &Heartbeat) -> HeartbeatReply {
    let broker = state.broker(heartbeat.id);
    let fenced = broker.is_none_or(|broker| matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing));
    HeartbeatReply {
        caught_up: broker.is_some_and(|broker| heartbeat.metadata_index >= broker.epoch),
        fenced,
        in_controlled_shutdown: broker.is_some_and(|broker| broker.state == BrokerState::ShuttingDown),
        should_shut_down: heartbeat.want_shut_down && broker.is_none_or(|broker| broker.state == BrokerState::Fenced),
    }
}

pub(super) fn register(state: &State, liveness: &Liveness, new: &Registration) -> Result<Group, Rejection> {
    check_registration(state, new)?;
    let Some(old) = state.broker(new.id) else {
        return Ok(Group::of(vec![Command::RegisterBroker { registration: new.clone(), replaces: None, amends: None }]));
    };
    if old.incarnation_id == new.incarnation_id {
        let same = old.rack == new.rack && old.endpoints == new.endpoints && old.push_url == new.push_url;
        let amend = Command::RegisterBroker { registration: new.clone(), replaces: None, amends: Some(old.epoch) };
        return Ok(Group::of(if same { Vec::new() } else { vec![amend] }));
    }
    if liveness.alive(old.id, old.epoch) {
        return Err(Rejection::new(
            Code::DuplicateBrokerRegistration,
            format!("Another process holds broker {} and its session is alive", new.id),
        )
        .at(
            "incarnation_id",
            new.incarnation_id,
            format!("{}, or any once its session of {} ms has ended", old.incarnation_id, liveness.session_timeout_ms),
        ));
    }
    // F11: what is more than an entry holds leaves the ISRs in ordered ones first, as of any broker whose session has ended (B14, B15).
    let in_sync = state.load(old.id).in_sync as usize;
    if in_sync > MOST_PARTITIONS {
        let detail = format!("Broker {} is in sync for {in_sync} partitions as its former process, which is fenced first", new.id);
        let no = Rejection::new(Code::DuplicateBrokerRegistration, detail);
        return Err(no.at("incarnation_id", new.incarnation_id, format!("{}, or any once that one is fenced", old.incarnation_id)));
    }
    // A5: the old incarnation leaves first; the registration goes last.
    let clean = new.previous_broker_epoch == Some(old.epoch);
    let mut commands = removal(state, new.id, (!clean).then_some(new.id), usize::MAX);
    commands.push(Command::RegisterBroker { registration: new.clone(), replaces: Some(old.epoch), amends: None });
    Ok(Group::of(commands))
}

fn check_registration(state: &State, new: &Registration) -> Result<(), Rejection> {
    if let (Some(asked), Some(identity)) = (new.cluster_id, state.identity())
        && asked != identity.cluster_id
    {
        return Err(Rejection::new(Code::InconsistentClusterId, "The broker belongs to another cluster").at(
            "cluster_id",
            asked,
            identity.cluster_id.to_string(),
        ));
    }
    let no = |detail: &str, field: &str, value: String, allowed: &str| {
        Err(Rejection::new(Code::InvalidRegistration, detail.to_owned()).at(field, value, allowed))
    };
    if new.id.0 > BrokerId::MAX {
        return no("The id is too large", "id", new.id.to_string(), "0 to 2147483647");
    }
    state.check_broker_number(new.id)?;
    if new.endpoints.is_empty() || new.endpoints.len() > MOST_ENDPOINTS {
        return no("A broker has 1 to 16 endpoints", "endpoints", format!("{} endpoints", new.endpoints.len()), "1 to 16 endpoints");
    }
    let sized = |text: &str, most: usize| !text.trim().is_empty() && text.len() <= most;
    for (at, endpoint) in new.endpoints.iter().enumerate() {
        if !sized(&endpoint.name, LONGEST_TEXT) || new.endpoints[..at].iter().any(|other| other.name == endpoint.name) {
            return no(
                "Every endpoint has a name of its own",
                &format!("endpoints[{at}].name"),
                endpoint.name.clone(),
                "1 to 249 characters, each name once",
            );
        }
        if !sized(&endpoint.host, LONGEST_TEXT) {
            return no("An endpoint needs a host", &format!("endpoints[{at}].host"), endpoint.host.clone(), "1 to 249 characters");
        }
        if endpoint.port == 0 {
            return no("An endpoint needs a port", &format!("endpoints[{at}].port"), "0".to_owned(), "1 to 65535");
        }
    }
    if let Some(rack) = new.rack.as_ref().filter(|rack| !sized(rack, LONGEST_TEXT)) {
        return no("A rack has a name", "rack", rack.clone(), "1 to 249 characters, or absent");
    }
    if let Some(url) = new.push_url.as_ref().filter(|url| !sized(url, LONGEST_URL)) {
        return no("The push URL is empty or too long", "push_url", url.clone(), "1 to 2000 characters, or absent");
    }
    Ok(())
}

/// Commands that take a broker out of every ISR (and, unclean, out of every ELR), re-electing where it led (B15, A5).
fn removal(state: &State, id: BrokerId, unclean: Option<BrokerId>, most: usize) -> Vec<Command> {
    let acceptable = |other: BrokerId| other != id && state.active(other);
    affected(state, |partition| {
        partition.isr.contains(&id) || partition.leader == Some(id) || (unclean.is_some() && partition.elr.contains(&id))
    })
    .filter_map(|(topic_id, partition)| {
        let isr = partition.isr.iter().copied().filter(|other| *other != id).collect();
        elect(state, topic_id, partition, isr, &acceptable, unclean)
    })
    .take(most)
    .map(|target| Command::UpdatePartitionLeader { target })
    .collect()
}

fn affected<'a>(state: &'a State, matters: impl Fn(&Partition) -> bool + 'a) -> impl Iterator<Item = (TopicId, &'a Partition)> {
    state.all_partitions().map(|(topic, partition)| (topic, &**partition)).filter(move |(_, partition)| matters(partition))
}

fn elect(
    state: &State,
    topic_id: TopicId,
    partition: &Partition,
    isr: Vec<BrokerId>,
    acceptable: &dyn Fn(BrokerId) -> bool,
    unclean: Option<BrokerId>,
) -> Option<PartitionTarget> {
    let electorate = Electorate { min_isr: state.min_isr(topic_id), acceptable, unclean, lossy: state.unclean_allowed(topic_id) };
    election::next(topic_id, partition, isr, &electorate)
}

fn status(broker: &Broker, state: BrokerState) -> Command {
    Command::UpdateBrokerStatus { id: broker.id, epoch: broker.epoch, state, held: broker.held, by_operator: false }
}

/// Elections, then the fence; what is too large for one entry begins with `fencing` instead.
fn fence(state: &State, broker: &Broker, held: bool, by_operator: bool) -> Vec<Command> {
    let to = |next| Command::UpdateBrokerStatus { id: broker.id, epoch: broker.epoch, state: next, held, by_operator };
    let mut commands = removal(state, broker.id, None, MOST_PARTITIONS + 1);
    if commands.len() > MOST_PARTITIONS {
        return vec![to(BrokerState::Fencing)];
    }
    commands.push(to(BrokerState::Fenced));
    commands
}

pub(super) fn continue_fencing(state: &State, id: BrokerId, epoch: Index) -> Group {
    let Some(broker) = state.broker(id).filter(|broker| broker.epoch == epoch && broker.state == BrokerState::Fencing) else {
        return Group::default();
    };
    let mut commands = removal(state, id, None, MOST_PARTITIONS);
    if commands.len() < MOST_PARTITIONS {
        commands.push(status(broker, BrokerState::Fenced));
    }
    Group::of(commands)
}

pub(super) fn heartbeat(state: &State, liveness: &Liveness, heartbeat: &Heartbeat) -> Result<Group, Rejection> {
    let broker = state.broker_at(heartbeat.id, heartbeat.broker_epoch)?;
    let commands = match transition(state, liveness, heartbeat) {
        Transition::Stay => Vec::new(),
        Transition::Unfence => unfence(state, broker),
        Transition::Fence => fence(state, broker, broker.held, false),
        Transition::ShutDown => {
            // With every entry anew: the last one holds the last of the new leaders that others must have seen (B10).
            let mut commands = vec![status(broker, BrokerState::ShuttingDown)];
            commands.extend(removal(state, broker.id, None, MOST_PARTITIONS));
            commands
        }
    };
    Ok(Group::of(commands))
}

/// B4: the unfence, then leaders for what has none, this broker counting as acceptable.
fn unfence(state: &State, broker: &Broker) -> Vec<Command> {
    let id = broker.id;
    let acceptable = |other: BrokerId| other == id || state.active(other);
    let mut commands = if broker.active() { Vec::new() } else { vec![status(broker, BrokerState::Online)] };
    commands.extend(
        affected(state, |partition| partition.leader.is_none() && partition.replicas.contains(&id))
            .filter_map(|(topic_id, partition)| elect(state, topic_id, partition, partition.isr.clone(), &acceptable, None))
            .take(MOST_PARTITIONS)
            .map(|target| Command::UpdatePartitionLeader { target }),
    );
    commands
}

pub(super) fn expire(state: &State, liveness: &Liveness, id: BrokerId, epoch: Index) -> Group {
    let Some(broker) = state.broker(id).filter(|broker| broker.epoch == epoch) else { return Group::default() };
    let fenced = matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing);
    // A heartbeat that came in while this waited in the queue keeps the session (KAFKA-17793).
    if fenced || liveness.alive(id, epoch) {
        return Group::default();
    }
    Group::of(fence(state, broker, broker.held, false))
}

pub(super) fn by_operator(state: &State, id: BrokerId, expected: Option<Index>) -> Result<(&Broker, Option<Expected>), Rejection> {
    let broker = state.broker(id).ok_or_else(|| unknown_broker(id))?;
    let expected = expected.map(|changed_index| Expected::Broker { id, changed_index });
    if let Some(expected) = &expected {
        state.check_expected(expected)?;
    }
    Ok((broker, expected))
}

pub(super) fn fence_by_operator(state: &State, id: BrokerId, expected: Option<Index>) -> Result<Group, Rejection> {
    let (broker, expected) = by_operator(state, id, expected)?;
    let commands = if broker.held { Vec::new() } else { fence(state, broker, true, true) };
    Ok(Group { expected, commands })
}

pub(super) fn unfence_by_operator(state: &State, id: BrokerId, expected: Option<Index>) -> Result<Group, Rejection> {
    let (broker, expected) = by_operator(state, id, expected)?;
    // The hold is taken off; the broker's next heartbeat unfences it, once it is alive and caught up (B4).
    let release = Command::UpdateBrokerStatus { id, epoch: broker.epoch, state: broker.state, held: false, by_operator: true };
    Ok(Group { expected, commands: if broker.held { vec![release] } else { Vec::new() } })
}

pub(super) fn unregister(state: &State, id: BrokerId, expected: Option<Index>) -> Result<Group, Rejection> {
    if state.is_controller(id.0.into()) {
        return Err(Rejection::new(Code::InvalidRequest, format!("{id} is a controller, not a broker")).at(
            "id",
            id,
            "the id of a registered broker",
        ));
    }
    let (broker, expected) = by_operator(state, id, expected)?;
    // A8: it leaves every ISR and every ELR, as an unclean one does.
    let mut commands = removal(state, id, Some(id), MOST_PARTITIONS + 1);
    if commands.len() > MOST_PARTITIONS {
        return Err(Rejection::new(
            Code::PolicyViolation,
            format!("Broker {id} is in sync or eligible for more than {MOST_PARTITIONS} partitions: fence it first"),
        ));
    }
    commands.push(Command::UnregisterBroker { id, epoch: broker.epoch });
    Ok(Group { expected, commands })
}
