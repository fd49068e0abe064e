//! Who is in sync, decided by a partition's leader from what its followers last said. Pure: no I/O and no clock.

use crate::peers::PeerTable;
use crate::replica::Touched;
use metadata::intent::{IsrChange, IsrMember};
use metadata::{BrokerId, Index, Partition, RecoveryState, State, TopicId};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// What the leadership of one partition rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    pub leader_epoch: u32,
    /// An index at which that epoch was there: a follower that has not come so far follows somebody else.
    pub index: Index,
    /// When this broker learned of it.
    pub since: Instant,
}

/// The partitions that one broker leads: all that its decisions look at, however many others there are.
#[derive(Clone, Debug)]
pub struct Led {
    me: BrokerId,
    partitions: BTreeMap<(TopicId, u32), Lead>,
}

impl Led {
    /// Nothing is led yet.
    pub fn new(me: BrokerId) -> Self {
        Led { me, partitions: BTreeMap::new() }
    }

    /// Looks at the touched topics anew.
    pub fn update(&mut self, state: &State, touched: &Touched, now: Instant) {
        match touched {
            Touched::All => {
                let old = std::mem::take(&mut self.partitions);
                for (topic, partition) in state.all_partitions() {
                    self.put(&old, state, topic, partition, now);
                }
            }
            Touched::Topics(topics) => topics.iter().for_each(|topic| self.update_topic(state, *topic, now)),
        }
    }

    fn update_topic(&mut self, state: &State, topic: TopicId, now: Instant) {
        let keys: Vec<_> = self.partitions.range((topic, 0)..=(topic, u32::MAX)).map(|(key, _)| *key).collect();
        let old = keys.into_iter().filter_map(|key| self.partitions.remove_entry(&key)).collect();
        for partition in state.partitions_of(topic) {
            self.put(&old, state, topic, partition, now);
        }
    }

    fn put(&mut self, old: &BTreeMap<(TopicId, u32), Lead>, state: &State, topic: TopicId, partition: &Partition, now: Instant) {
        if partition.leader != Some(self.me) {
            return;
        }
        let key = (topic, partition.partition);
        let same = old.get(&key).copied().filter(|lead| lead.leader_epoch == partition.leader_epoch);
        let lead = same.unwrap_or(Lead { leader_epoch: partition.leader_epoch, index: state.revision(), since: now });
        self.partitions.insert(key, lead);
    }

    /// Leads nothing any more.
    pub fn clear(&mut self) {
        self.partitions.clear();
    }

    /// Every broker that follows this one somewhere.
    pub fn followers(&self, state: &State) -> BTreeSet<BrokerId> {
        let led = self.partitions.keys().filter_map(|(topic, number)| state.partition(*topic, *number));
        led.flat_map(|partition| partition.replicas.iter().copied()).filter(|id| *id != self.me).collect()
    }
}

/// What to report now, in the order of the partitions. A broker that the table does not know is left as it is.
pub fn decide(state: &State, led: &Led, peers: &PeerTable, now: Instant) -> Vec<IsrChange> {
    // Who is not active may be in no ISR, so nothing that it proposes can be taken (D9).
    if !state.active(led.me) {
        return Vec::new();
    }
    let each = led.partitions.iter().filter_map(|((topic, number), lead)| {
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
