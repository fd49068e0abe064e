//! Elections that are asked for (E10), and those that the leader holds by itself (E11, E12, J10).

use super::topics::unknown_topic;
use super::{MOST_PARTITIONS, Plan};
use crate::apply::unknown_broker;
use crate::command::{Command, Group, PartitionTarget};
use crate::draw::Draw;
use crate::election::{self, Electorate};
use crate::ids::{BrokerId, TopicId};
use crate::intent::{AskedLeader, Election, TopicPartition};
use crate::model::Partition;
use crate::rejection::{Code, Rejection};
use crate::settings::{AUTO_LEADERS, IMBALANCE_PERCENTAGE, RETURN_DELAY};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// Elections that the leader holds by itself in one run (E11, E12).
pub const MOST_AT_ONCE: usize = 1_000;

/// E10: an item per partition; of a topic, a broker or all only those that need one, at most as many as fit into an entry.
pub(super) fn asked(
    state: &State,
    kind: Election,
    partitions: Option<&[TopicPartition]>,
    topic: Option<&str>,
    broker: Option<BrokerId>,
) -> Result<Plan, Rejection> {
    if usize::from(partitions.is_some()) + usize::from(topic.is_some()) + usize::from(broker.is_some()) > 1 {
        let no = Rejection::new(Code::InvalidRequest, "Partitions, a topic and a broker are three ways to say which");
        return Err(no.at("partitions, topic, broker", "more than one", "one of them, or none for all partitions"));
    }
    if let Some(listed) = partitions {
        if listed.len() > MOST_PARTITIONS {
            let no = Rejection::new(Code::PolicyViolation, "Too many partitions in one request");
            return Err(no.at("partitions", listed.len(), format!("at most {MOST_PARTITIONS}")));
        }
        let mut seen = BTreeSet::new();
        let each = |(at, one): (usize, &TopicPartition)| {
            if !seen.insert(one.clone()) {
                let no = Rejection::new(Code::InvalidRequest, "The request names this partition twice");
                return Err(no.at(
                    format!("partitions[{at}]"),
                    format!("{}-{}", one.topic, one.partition),
                    "a partition once in a request",
                ));
            }
            named(state, kind, at, one)
        };
        return Ok(Plan { items: listed.iter().enumerate().map(each).collect() });
    }
    if let Some(id) = broker.filter(|id| state.broker(*id).is_none()) {
        return Err(unknown_broker(id).renamed("broker"));
    }
    let of_topic = match topic {
        Some(name) => Some(state.topic_by_name(name).ok_or_else(|| unknown_topic(name).renamed("topic"))?.id),
        None => None,
    };
    let wanted = |(topic_id, partition): &(TopicId, &Partition)| {
        let of_broker = |id: BrokerId| match kind {
            Election::Preferred => partition.replicas.first() == Some(&id),
            Election::Unclean => partition.replicas.contains(&id),
        };
        of_topic.is_none_or(|of| of == *topic_id) && broker.is_none_or(of_broker) && needed(kind, partition)
    };
    let all = state.all_partitions().map(|(topic, partition)| (topic, &**partition));
    let items = all.filter(wanted).take(MOST_PARTITIONS).map(|(topic_id, partition)| held(state, kind, topic_id, partition));
    Ok(Plan { items: items.collect() })
}

fn find<'a>(state: &'a State, name: &str, number: u32) -> Result<(TopicId, &'a Partition), Rejection> {
    let topic = state.topic_by_name(name).ok_or_else(|| unknown_topic(name).renamed("topic"))?;
    let partition = state.partition(topic.id, number).ok_or_else(|| {
        let last = state.tally(topic.id).partitions.saturating_sub(1);
        let no = Rejection::new(Code::UnknownTopicOrPartition, format!("{name} has no partition {number}"));
        no.at("partition", number, format!("0 to {last}"))
    })?;
    Ok((topic.id, partition))
}

fn named(state: &State, kind: Election, at: usize, one: &TopicPartition) -> Result<Group, Rejection> {
    let (topic_id, partition) = find(state, &one.topic, one.partition).map_err(|no| no.within(&format!("partitions[{at}].")))?;
    if !needed(kind, partition) {
        let what = if kind == Election::Preferred { "Its first replica leads already" } else { "It has a leader" };
        return Err(Rejection::new(Code::ElectionNotNeeded, what));
    }
    held(state, kind, topic_id, partition)
}

/// U5: all of them or none, each a replica that is online and in sync.
pub(super) fn lead(state: &State, leaders: &[AskedLeader]) -> Result<Group, Rejection> {
    if leaders.len() > MOST_PARTITIONS {
        let no = Rejection::new(Code::PolicyViolation, "Too many partitions in one request");
        return Err(no.at("leaders", leaders.len(), format!("at most {MOST_PARTITIONS}")));
    }
    let mut seen = BTreeSet::new();
    let mut commands = Vec::with_capacity(leaders.len());
    for (at, one) in leaders.iter().enumerate() {
        let within = |no: Rejection| no.within(&format!("leaders[{at}]."));
        let (topic_id, partition) = find(state, &one.topic, one.partition).map_err(within)?;
        if !seen.insert((topic_id, one.partition)) {
            let no = Rejection::new(Code::InvalidRequest, "The request names this partition twice");
            return Err(within(no.at("partition", one.partition, "a partition once in a request")));
        }
        if partition.leader_epoch != one.leader_epoch {
            let detail = format!("{}-{} had another election meanwhile", one.topic, one.partition);
            let no = Rejection::new(Code::RevisionConflict, detail);
            return Err(within(no.at("leader_epoch", one.leader_epoch, partition.leader_epoch.to_string())));
        }
        if !partition.isr.contains(&one.leader) || !state.active(one.leader) {
            let detail = format!("Broker {} is not online or not in sync for {}-{}", one.leader, one.topic, one.partition);
            let no = Rejection::new(Code::EligibleLeadersNotAvailable, detail);
            return Err(within(no.at("leader", one.leader, "a replica that is online and in sync")));
        }
        let leads = election::unchanged(topic_id, partition);
        let target = PartitionTarget { leader: Some(one.leader), last_known_leader: None, ..leads };
        commands.extend((partition.leader != target.leader).then_some(Command::UpdatePartitionLeader { target }));
    }
    Ok(Group::of(commands))
}

fn needed(kind: Election, partition: &Partition) -> bool {
    match kind {
        Election::Preferred => partition.leader != partition.replicas.first().copied(),
        Election::Unclean => partition.leader.is_none(),
    }
}

/// One election that is needed; a refusal names the partition as `topic-number`.
fn held(state: &State, kind: Election, topic_id: TopicId, partition: &Partition) -> Result<Group, Rejection> {
    let target = match kind {
        Election::Preferred => returned(state, topic_id, partition),
        Election::Unclean => elected(state, topic_id, partition),
    };
    let name = || state.topic(topic_id).map_or_else(|| topic_id.to_string(), |topic| topic.name.to_string());
    let no = |code, detail: String, allowed: &str| {
        Rejection::new(code, detail).at("partition", format!("{}-{}", name(), partition.partition), allowed)
    };
    let target = target.ok_or_else(|| match (kind, partition.replicas.first()) {
        (Election::Preferred, Some(first)) => {
            let detail = format!("Broker {first}, the first replica, is not online or not in sync");
            no(Code::PreferredLeaderNotAvailable, detail, "a partition whose first replica is in sync")
        }
        _ => no(Code::EligibleLeadersNotAvailable, "No replica of it is online".to_owned(), "a partition with a replica that is online"),
    })?;
    Ok(Group::of(vec![Command::UpdatePartitionLeader { target }]))
}

/// E2: the first replica, where it may lead cleanly.
fn returned(state: &State, topic_id: TopicId, partition: &Partition) -> Option<PartitionTarget> {
    let first = *partition.replicas.first()?;
    let eligible = partition.isr.contains(&first) || (partition.isr.is_empty() && partition.elr.contains(&first));
    if !state.active(first) || !eligible {
        return None;
    }
    // Without its leader the partition elects in the order of its replicas.
    let vacant = Partition { leader: None, ..partition.clone() };
    let acceptable = |id: BrokerId| state.active(id);
    let electorate = Electorate { min_isr: state.min_isr(topic_id), acceptable: &acceptable, unclean: None, lossy: false };
    election::next(topic_id, &vacant, partition.isr.clone(), &electorate)
}

/// E3: a clean leader where there is one, else whoever is online.
fn elected(state: &State, topic_id: TopicId, partition: &Partition) -> Option<PartitionTarget> {
    let acceptable = |id: BrokerId| state.active(id);
    let electorate = Electorate { min_isr: state.min_isr(topic_id), acceptable: &acceptable, unclean: None, lossy: true };
    election::next(topic_id, partition, partition.isr.clone(), &electorate).filter(|target| target.leader.is_some())
}

/// J10: whether leaders may return to a broker by themselves.
fn welcomes(state: &State, id: BrokerId, now_ms: u64) -> bool {
    let standing = state.standing(id);
    let rested = standing.since_ms.saturating_add(state.settings().number(&RETURN_DELAY)) <= now_ms;
    state.broker(id).is_some_and(|broker| broker.active() && !broker.held) && standing.draining.is_none() && rested
}

/// E11: leaders return to brokers that lead too few of what they should lead.
pub(super) fn balance(state: &State, draw: &Draw) -> Plan {
    let settings = state.settings();
    if !settings.yes(&AUTO_LEADERS) || state.total().not_preferred == 0 {
        return Plan::default();
    }
    let percentage = settings.number(&IMBALANCE_PERCENTAGE);
    let mut counts: BTreeMap<BrokerId, (u64, u64)> = BTreeMap::new();
    let astray = |partition: &Partition| partition.leader.is_some() && partition.leader != partition.replicas.first().copied();
    for (_, partition) in state.all_partitions() {
        let Some(first) = partition.replicas.first() else { continue };
        let (preferred, away) = counts.entry(*first).or_default();
        *preferred += 1;
        *away += u64::from(astray(partition));
    }
    counts.retain(|id, (preferred, away)| *away * 100 > *preferred * percentage && welcomes(state, *id, draw.now_ms));
    let due = |partition: &Partition| astray(partition) && partition.replicas.first().is_some_and(|first| counts.contains_key(first));
    held_by_leader(state, due, |topic, partition| returned(state, topic, partition))
}

/// E12: leaderless partitions whose topic allows to lose records.
pub(super) fn unclean(state: &State) -> Plan {
    if state.total().offline == 0 {
        return Plan::default();
    }
    held_by_leader(
        state,
        |partition| partition.leader.is_none(),
        |topic, partition| state.unclean_allowed(topic).then(|| elected(state, topic, partition)).flatten(),
    )
}

fn held_by_leader(state: &State, due: impl Fn(&Partition) -> bool, elect: impl Fn(TopicId, &Partition) -> Option<PartitionTarget>) -> Plan {
    let targets = state.all_partitions().filter(|(_, partition)| due(partition)).filter_map(|(topic, partition)| elect(topic, partition));
    let items = targets.take(MOST_AT_ONCE).map(|target| Ok(Group::of(vec![Command::UpdatePartitionLeader { target }])));
    Plan { items: items.collect() }
}
