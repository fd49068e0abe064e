//! What holds in every state, and between a state and the next, whatever was asked. For tests, which it ends with a panic.

use crate::load::{Load, Tally};
use crate::model::Broker;
use crate::reassignment::{Flight, MOST_MOVES, MOST_REASSIGNMENTS, MoveState, Progress, ReassignmentState};
use crate::{BrokerId, BrokerState, Commit, Intent, Partition, RecoveryState, State, TopicId};
use std::collections::{BTreeMap, BTreeSet};

fn distinct(ids: &[BrokerId]) -> bool {
    ids.iter().collect::<BTreeSet<_>>().len() == ids.len()
}

/// Everything that one state says about itself.
pub fn hold_in(state: &State) {
    for (topic_id, partition) in state.all_partitions() {
        assert!(state.topic(topic_id).is_some(), "a partition without its topic");
        roles(state, topic_id, partition);
    }
    for broker in state.brokers() {
        standing(state, broker);
    }
    let epochs: BTreeSet<_> = state.brokers().map(|broker| broker.epoch).collect();
    assert_eq!(epochs.len(), state.broker_count(), "an epoch twice");
    moves(state);
    names(state);
    counts(state);
    assert_eq!(state.digest(), state.digest_from_scratch());
}

fn roles(state: &State, topic_id: TopicId, partition: &Partition) {
    let Partition { replicas, isr, elr, leader, .. } = partition;
    assert!(!replicas.is_empty() && distinct(replicas) && distinct(isr) && distinct(elr), "{partition:?}");
    assert!(leader.is_none_or(|leader| isr.contains(&leader)), "the leader is not in the ISR: {partition:?}");
    assert!(isr.iter().chain(elr).all(|id| replicas.contains(id)), "in sync or eligible, and no replica: {partition:?}");
    assert!(!isr.iter().any(|id| elr.contains(id)), "in sync and eligible: {partition:?}");
    assert!(leader.is_none() || partition.last_known_leader.is_none(), "{partition:?}");
    let min_isr = state.min_isr(topic_id).min(partition.factor());
    // E9: after another minimum the old judgements go one entry after another.
    let judged = state.settings().clear_from.is_none();
    assert!(elr.is_empty() || isr.len() < min_isr || !judged, "eligible though enough are in sync: {partition:?}");
    for id in isr {
        let state = state.broker(*id).map(|broker| broker.state);
        assert!(state.is_some_and(|state| state != BrokerState::Fenced), "{id} is in sync and {state:?}: {partition:?}");
    }
    assert!(partition.leader_epoch <= partition.partition_epoch, "{partition:?}");
}

/// H: what a partition says of its move, and what the move says of the partition.
fn moves(state: &State) {
    let mut flights: BTreeMap<BrokerId, Flight> = BTreeMap::new();
    for (topic_id, partition) in state.all_partitions() {
        let Partition { replicas, adding_replicas: adding, removing_replicas: removing, .. } = &**partition;
        assert!(distinct(adding) && distinct(removing) && !adding.iter().any(|id| removing.contains(id)), "{partition:?}");
        assert!(adding.iter().chain(removing).all(|id| replicas.contains(id)), "{partition:?}");
        assert!(partition.factor() > 0 && removing.len() < replicas.len(), "{partition:?}");
        let open = state.open_move(topic_id, partition.partition).and_then(|(id, number)| state.movement(id, number));
        assert!(!partition.moves() || open.is_some(), "a move that nobody will end: {partition:?}");
        if let Some(open) = open.filter(|open| open.state == MoveState::Moving) {
            let target: Vec<_> = replicas.iter().filter(|id| !removing.contains(id)).copied().collect();
            assert_eq!(target, open.to, "{partition:?}");
        }
        adding.iter().for_each(|id| flights.entry(*id).or_default().into += 1);
        removing.iter().for_each(|id| flights.entry(*id).or_default().out_of += 1);
    }
    for broker in state.brokers() {
        assert_eq!(state.flight(broker.id), flights.get(&broker.id).copied().unwrap_or_default(), "of broker {}", broker.id);
    }
    let mut kept = 0;
    for each in state.reassignments() {
        let mut progress = Progress::default();
        for (number, of) in state.moves_of(each.id, 0) {
            kept += 1;
            match of.state {
                MoveState::Waiting => progress.waiting += 1,
                MoveState::Moving => progress.moving += 1,
                MoveState::Done => progress.done += 1,
                MoveState::Cancelled => progress.cancelled += 1,
                MoveState::Failed => progress.failed += 1,
            }
            assert_eq!(of.end.is_some(), matches!(of.state, MoveState::Cancelled | MoveState::Failed), "{of:?}");
            let open = state.open_move(of.topic_id, of.partition) == Some((each.id, number));
            assert_eq!(open, !of.state.ended(), "{of:?}");
        }
        assert_eq!(state.progress(each.id), progress);
        assert_eq!(progress.open() + progress.ended(), each.planned, "{each:?}");
        assert!(each.planned <= each.total, "{each:?}");
        let ended = each.planned == each.total && progress.open() == 0;
        assert_eq!(each.ended_at_ms.is_some(), ended, "{each:?} {progress:?}");
        assert!(!ended || each.state != ReassignmentState::Running, "{each:?}");
    }
    assert!(kept <= MOST_MOVES && state.reassignments().count() <= MOST_REASSIGNMENTS);
}

fn standing(state: &State, broker: &Broker) {
    assert!(!broker.held || matches!(broker.state, BrokerState::Fenced | BrokerState::Fencing), "{broker:?}");
    assert_eq!(broker.shutdown_index.is_some(), broker.state == BrokerState::ShuttingDown, "{broker:?}");
    assert!(broker.epoch <= broker.changed_index && broker.changed_index <= state.revision(), "{broker:?}");
}

fn names(state: &State) {
    let by_name: Vec<_> = state.topics_after(None).collect();
    assert_eq!(by_name.len(), state.topic_count());
    assert!(by_name.is_sorted_by(|one, next| one.name < next.name));
    for topic in by_name {
        assert_eq!(state.topic_by_name(&topic.name).map(|found| found.id), Some(topic.id));
        assert_eq!(state.colliding(&topic.name.replace('.', "_")).map(|found| found.id), Some(topic.id));
        assert!(topic.created_index <= topic.changed_index && topic.changed_index <= state.revision());
        let numbers: Vec<u32> = state.partitions_of(topic.id).map(|partition| partition.partition).collect();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u32) && !numbers.is_empty(), "{numbers:?}");
    }
}

fn sum(sum: &mut Tally, one: Tally) {
    sum.partitions += one.partitions;
    sum.offline += one.offline;
    sum.below_min_isr += one.below_min_isr;
    sum.at_min_isr += one.at_min_isr;
    sum.under_replicated += one.under_replicated;
    sum.not_preferred += one.not_preferred;
}

/// Loads and tallies counted anew must be those that were counted along.
fn counts(state: &State) {
    let mut total = Tally::default();
    let mut loads: BTreeMap<BrokerId, Load> = BTreeMap::new();
    for topic in state.topics_after(None) {
        let mut tally = Tally::default();
        for partition in state.partitions_of(topic.id) {
            sum(&mut tally, Tally::of(partition, state.min_isr(topic.id)));
            for id in &partition.replicas {
                let load = loads.entry(*id).or_default();
                load.replicas += 1;
                load.leaders += u32::from(partition.leader == Some(*id));
                load.in_sync += u32::from(partition.isr.contains(id));
                load.electable += u32::from(partition.leader.is_none() && electable(partition, *id));
            }
        }
        assert_eq!(state.tally(topic.id), tally);
        sum(&mut total, tally);
    }
    assert_eq!(state.total(), total);
    for broker in state.brokers() {
        assert_eq!(state.load(broker.id), loads.get(&broker.id).copied().unwrap_or_default(), "of broker {}", broker.id);
    }
}

/// E1, E5 and E4 in their own words.
fn electable(partition: &Partition, id: BrokerId) -> bool {
    let nobody_else = partition.isr.is_empty() && partition.elr.is_empty();
    let eligible = partition.isr.is_empty() && partition.elr.contains(&id);
    partition.isr.contains(&id) || eligible || (nobody_else && partition.last_known_leader == Some(id))
}

/// The partitions of which a leader said with a commit who is in sync.
pub fn reports(commit: &Commit) -> BTreeSet<(TopicId, u32)> {
    match &commit.intent {
        Some(Intent::ChangeIsr { changes, .. }) => changes.iter().map(|change| (change.topic_id, change.partition)).collect(),
        _ => BTreeSet::new(),
    }
}

/// What one entry may do to a state.
/// `reports`: of these a leader said who is in sync, and a move completes with the report that the last of its new replicas is.
pub fn hold_between(before: &State, after: &State, reports: &BTreeSet<(TopicId, u32)>) {
    assert!(after.revision() >= before.revision() && after.at_ms() >= before.at_ms());
    assert!(before.identity().is_none() || before.identity() == after.identity());
    for (topic_id, old) in before.all_partitions() {
        let Some(new) = after.partition(topic_id, old.partition) else {
            assert!(after.topic(topic_id).is_none(), "a partition went without its topic");
            continue;
        };
        let reported = reports.contains(&(topic_id, old.partition));
        // H7: who is no replica any more learns it from the leader epoch.
        let lost = old.replicas.iter().any(|id| !new.replicas.contains(id));
        assert!(!lost || new.leader_epoch > old.leader_epoch, "a replica left without a new epoch: {old:?} {new:?}");
        // No move loses what was held: somebody who was in sync or eligible before is so after it, where records may not be lost.
        let held = |partition: &Partition| partition.isr.iter().chain(&partition.elr).copied().collect::<BTreeSet<_>>();
        let (was, is) = (held(old), held(new));
        let lossy = before.unclean_allowed(topic_id) || after.unclean_allowed(topic_id);
        let kept = was.is_empty() || is.iter().any(|id| was.contains(id));
        assert!(!lost || lossy || kept || reported, "a move lost its records: {old:?} {new:?}");
        assert!(new.leader_epoch >= old.leader_epoch && new.partition_epoch >= old.partition_epoch, "an epoch fell: {old:?} {new:?}");
        // Nobody holds the records any more: whoever did is gone, or came back as another process.
        let same = |id: &BrokerId| before.broker(*id).map(|broker| broker.epoch) == after.broker(*id).map(|broker| broker.epoch);
        let known = !is.is_empty() || !was.iter().any(same);
        assert!(lost || reported || known, "who holds the records was forgotten: {old:?} {new:?}");
        assert!(!lost || kept || reported || new.leader.is_some(), "a move lost its records for nothing: {old:?} {new:?}");
        // H8: nor its leader.
        assert!(!lost || old.leader.is_none() || new.leader.is_some(), "a move took the leader away: {old:?} {new:?}");
        // E1, E4, E5: who leads anew held what was acknowledged, or the partition says that it may lack some of it.
        let marked = reported || new.recovery_state == RecoveryState::Recovering;
        let elected = new.leader.filter(|leader| old.leader != Some(*leader) && !was.contains(leader));
        assert!(elected.is_none() || marked, "a leader that held nothing: {old:?} {new:?}");
        assert!(new == old || new.partition_epoch > old.partition_epoch, "changed without an epoch: {old:?} {new:?}");
        assert!(new.leader == old.leader || new.leader_epoch > old.leader_epoch, "another leader, the same epoch: {old:?} {new:?}");
    }
    for old in before.brokers() {
        if let Some(new) = after.broker(old.id) {
            assert!(new.epoch >= old.epoch, "a broker's epoch fell");
            assert!(new.epoch == old.epoch || new.epoch > before.revision(), "an epoch that is no index of this entry");
            assert_eq!(new.epoch == old.epoch, new.incarnation_id == old.incarnation_id);
        }
    }
}
