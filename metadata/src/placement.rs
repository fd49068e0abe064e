//! Where the replicas of new partitions go (G, J2).
//!
//! A greedy choice per partition over running counts that begin with what exists: the leader where fewest lead, each
//! follower in a rack that the partition does not use yet, the least loaded rack for its size first, then the least
//! loaded broker in it. Deterministic for a state and a seed; the seed only breaks ties.

use crate::draw::Draw;
use crate::ids::BrokerId;
use crate::state::State;
use std::collections::BTreeMap;

/// A broker that may get replicas, with its running counts.
struct Candidate {
    id: BrokerId,
    rack: usize,
    active: bool,
    replicas: u64,
    leaders: u64,
    tie: u64,
}

/// One run of the placement over any number of partitions.
pub struct Placement {
    candidates: Vec<Candidate>,
    /// Per rack: active brokers in it, replicas on them.
    racks: Vec<(u64, u64)>,
}

impl Placement {
    /// Starts from what the state's brokers carry. Brokers in controlled shutdown or being fenced get nothing.
    pub fn new(state: &State, draw: &Draw) -> Self {
        use crate::model::BrokerState::{Fenced, Online};
        let mut names: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        let eligible = || state.brokers().filter(|broker| matches!(broker.state, Online | Fenced));
        for broker in eligible() {
            let next = names.len();
            names.entry(broker.rack.as_deref()).or_insert(next);
        }
        let mut racks = vec![(0, 0); names.len()];
        let candidates: Vec<Candidate> = eligible()
            .map(|broker| {
                let load = state.load(broker.id);
                let rack = names.get(&broker.rack.as_deref()).copied().unwrap_or_default();
                racks[rack].0 += u64::from(broker.active());
                racks[rack].1 += u64::from(load.replicas);
                Candidate {
                    id: broker.id,
                    rack,
                    active: broker.active(),
                    replicas: load.replicas.into(),
                    leaders: load.leaders.into(),
                    tie: draw.number(broker.id.0.into()),
                }
            })
            .collect();
        Placement { candidates, racks }
    }

    /// How many brokers may lead.
    pub fn active(&self) -> usize {
        self.candidates.iter().filter(|candidate| candidate.active).count()
    }

    /// The replicas of one more partition, the leader first; counts them in.
    /// None when there are fewer candidates than replicas, or none that may lead.
    pub fn place(&mut self, replication_factor: usize, nth: u64) -> Option<Vec<BrokerId>> {
        if replication_factor == 0 || replication_factor > self.candidates.len() {
            return None;
        }
        let leader = self.best(|at, this| {
            let candidate = &this.candidates[at];
            candidate.active.then(|| (candidate.leaders, candidate.replicas, this.turn(at, nth)))
        })?;
        let mut chosen = vec![leader];
        self.count(leader);
        self.candidates[leader].leaders += 1;
        while chosen.len() < replication_factor {
            let follower = self.best(|at, this| this.rank_follower(at, nth, &chosen))?;
            self.count(follower);
            chosen.push(follower);
        }
        Some(chosen.into_iter().map(|at| self.candidates[at].id).collect())
    }

    fn best<K: Ord>(&self, rank: impl Fn(usize, &Self) -> Option<K>) -> Option<usize> {
        (0..self.candidates.len()).filter_map(|at| Some((rank(at, self)?, at))).min().map(|(_, at)| at)
    }

    /// Active brokers first; then racks by how often the partition uses them already, by load for their size, then brokers by load.
    fn rank_follower(&self, at: usize, nth: u64, chosen: &[usize]) -> Option<impl Ord + use<>> {
        if chosen.contains(&at) {
            return None;
        }
        let candidate = &self.candidates[at];
        let used = chosen.iter().filter(|other| self.candidates[**other].rack == candidate.rack).count();
        let (brokers, replicas) = self.racks[candidate.rack];
        // Load for the rack's size in millionths: whole numbers, as every decision here.
        let weight = replicas * 1_000_000 / brokers.max(1);
        Some((!candidate.active, used, weight, candidate.replicas, candidate.leaders, self.turn(at, nth)))
    }

    // Ties rotate from partition to partition, so that equal brokers alternate instead of pairing up for ever.
    fn turn(&self, at: usize, nth: u64) -> u64 {
        self.candidates[at].tie.rotate_left((nth % 64) as u32)
    }

    fn count(&mut self, at: usize) {
        self.candidates[at].replicas += 1;
        self.racks[self.candidates[at].rack].1 += 1;
    }
}
