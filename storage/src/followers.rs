//! Who is in sync, decided by a partition's leader from what its followers last said. Pure: no I/O and no clock.

use crate::lead::Lead;
use crate::peers::PeerTable;
use crate::replica::Touched;
use metadata::intent::{IsrChange, IsrMember};
use metadata::{BrokerId, Index, Partition, RecoveryState, State, TopicId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A partition as it was when it was last touched.
#[derive(Clone, Debug)]
struct Held {
    lead: Lead,
    partition: Arc<Partition>,
}

/// The partitions that one broker leads: all that its decisions look at, however many others there are.
#[derive(Clone, Debug)]
pub struct Led {
    me: BrokerId,
    partitions: BTreeMap<(TopicId, u32), Held>,
    /// Those of them that want for something: a replica is out of sync, or the leader has to say that it recovered.
    wanting: BTreeSet<(TopicId, u32)>,
    /// In how many of them a broker is a replica.
    replicas: BTreeMap<BrokerId, usize>,
}

impl Led {
    /// Nothing is led yet.
    pub fn new(me: BrokerId) -> Self {
        Led { me, partitions: BTreeMap::new(), wanting: BTreeSet::new(), replicas: BTreeMap::new() }
    }

    /// Looks at the touched topics anew.
    pub fn update(&mut self, state: &State, touched: &Touched, now: Instant) {
        match touched {
            Touched::All => {
                let old = std::mem::take(&mut self.partitions);
                self.clear();
                for (topic, partition) in state.all_partitions() {
                    self.put(&old, state, topic, partition, now);
                }
            }
            Touched::Topics(topics) => topics.iter().for_each(|topic| self.update_topic(state, *topic, now)),
        }
    }

    fn update_topic(&mut self, state: &State, topic: TopicId, now: Instant) {
        let keys: Vec<_> = self.partitions.range((topic, 0)..=(topic, u32::MAX)).map(|(key, _)| *key).collect();
        let old = keys.into_iter().filter_map(|key| Some((key, self.take(key)?))).collect();
        for partition in state.partitions_of(topic) {
            self.put(&old, state, topic, partition, now);
        }
    }

    fn put(&mut self, old: &BTreeMap<(TopicId, u32), Held>, state: &State, topic: TopicId, partition: &Arc<Partition>, now: Instant) {
        if partition.leader != Some(self.me) {
            return;
        }
        let key = (topic, partition.partition);
        let same = old.get(&key).map(|held| held.lead).filter(|lead| lead.leader_epoch == partition.leader_epoch);
        let lead = same.unwrap_or(Lead { leader_epoch: partition.leader_epoch, index: state.revision(), since: now });
        if partition.isr.len() < partition.replicas.len() || partition.recovery_state == RecoveryState::Recovering {
            self.wanting.insert(key);
        }
        partition.replicas.iter().for_each(|id| *self.replicas.entry(*id).or_default() += 1);
        self.partitions.insert(key, Held { lead, partition: partition.clone() });
    }

    fn take(&mut self, key: (TopicId, u32)) -> Option<Held> {
        self.wanting.remove(&key);
        let held = self.partitions.remove(&key)?;
        for id in &held.partition.replicas {
            if let Some(count) = self.replicas.get_mut(id) {
                *count -= 1;
            }
        }
        Some(held)
    }

    /// Leads nothing any more.
    pub fn clear(&mut self) {
        self.partitions.clear();
        self.wanting.clear();
        self.replicas.clear();
    }

    /// Every broker that follows this one somewhere.
    pub fn followers(&self) -> impl Iterator<Item = BrokerId> {
        self.replicas.iter().filter(|(id, count)| **id != self.me && **count > 0).map(|(id, _)| *id)
    }

    /// The newest index that a follower must have come to if it is to lag nowhere: of what has been led for longer than this.
    fn settled(&self, longer_than: Duration, now: Instant) -> Index {
        let old = |lead: &Lead| now.saturating_duration_since(lead.since) > longer_than;
        self.partitions.values().map(|held| &held.lead).filter(|lead| old(lead)).map(|lead| lead.index).max().unwrap_or(0)
    }
}

/// What to report now, in the order of the partitions. A broker that the table does not know is left as it is.
pub fn decide(state: &State, led: &Led, peers: &PeerTable, now: Instant) -> Vec<IsrChange> {
    // Who is not active may be in no ISR, so nothing that it proposes can be taken (D9).
    if !state.active(led.me) {
        return Vec::new();
    }
    // Where nobody lags anywhere, only those partitions can need a change that want for something already.
    let calm = peers.none_lags(state, led.settled(peers.lag_timeout(), now), now);
    let looked_at: Box<dyn Iterator<Item = _>> = if calm { Box::new(led.wanting.iter()) } else { Box::new(led.partitions.keys()) };
    let each = looked_at.filter_map(|key @ (topic, number)| {
        let lead = &led.partitions.get(key)?.lead;
        let partition = state.partition(*topic, *number).filter(|partition| partition.leader == Some(led.me))?;
        if partition.recovery_state == RecoveryState::Recovering {
            // D8: it stays alone until it has said that it recovered.
            return Some(change(state, *topic, partition, &[led.me], Some(RecoveryState::Recovered)));
        }
        let isr = next_isr(state, led.me, partition, lead, peers, now)?;
        Some(change(state, *topic, partition, &isr, None))
    });
    each.collect()
}

/// The ISR as it should be, if a follower has to leave or may join.
fn next_isr(state: &State, me: BrokerId, partition: &Partition, lead: &Lead, peers: &PeerTable, now: Instant) -> Option<Vec<BrokerId>> {
    let active_epoch = |id: BrokerId| state.broker(id).filter(|broker| broker.active()).map(|broker| broker.epoch);
    // Who is inactive is the controller's to take out, and only has to be left out of what is proposed (D9).
    let leaves = |id: BrokerId| id != me && active_epoch(id).is_some_and(|epoch| peers.lags(id, epoch, lead, now));
    let joins = |id: BrokerId| active_epoch(id).is_some_and(|epoch| peers.in_step(id, epoch, lead, now));
    let newcomers: Vec<BrokerId> = partition.replicas.iter().copied().filter(|id| !partition.isr.contains(id) && joins(*id)).collect();
    if newcomers.is_empty() && !partition.isr.iter().any(|id| leaves(*id)) {
        return None;
    }
    let stay = partition.isr.iter().copied().filter(|id| active_epoch(*id).is_some() && !leaves(*id));
    Some(stay.chain(newcomers).collect())
}

fn change(state: &State, topic_id: TopicId, partition: &Partition, isr: &[BrokerId], recovery_state: Option<RecoveryState>) -> IsrChange {
    let member = |id: &BrokerId| IsrMember { broker: *id, broker_epoch: state.broker(*id).map(|broker| broker.epoch) };
    IsrChange {
        topic_id,
        partition: partition.partition,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        isr: isr.iter().map(member).collect(),
        recovery_state,
    }
}
