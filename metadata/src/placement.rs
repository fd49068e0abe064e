//! Where the replicas of new partitions go (G, J2).
//!
//! A greedy choice per partition over running counts that begin with what exists. Replicas: a rack that the partition
//! does not use yet, the least loaded rack for its size first, then the least loaded broker in it. Leadership: among the
//! brokers that such a choice could take, so that it never costs balance, the one that leads least. Deterministic for a
//! state and a seed; the seed only breaks ties.

use crate::draw::Draw;
use crate::ids::BrokerId;
use crate::state::State;
use std::cmp::Reverse;

/// A broker that may get replicas, with its running counts.
struct Candidate {
    id: BrokerId,
    rack: usize,
    active: bool,
    replicas: u64,
    leaders: u64,
    tie: u64,
    /// Holds a replica of the partition that is being placed.
    chosen: bool,
}

/// A rack by its active brokers: fenced ones neither carry load now nor count for its size.
#[derive(Default)]
struct Rack {
    active: u64,
    replicas: u64,
    leaders: u64,
    /// Replicas of the partition that is being placed.
    used: u64,
}

impl Rack {
    /// Replicas for its size.
    fn weight(&self) -> u64 {
        self.per_broker(self.replicas)
    }

    /// Leaders for its size.
    fn leading(&self) -> u64 {
        self.per_broker(self.leaders)
    }

    /// In millionths: whole numbers, as every decision here.
    fn per_broker(&self, count: u64) -> u64 {
        count.saturating_mul(1_000_000) / self.active.max(1)
    }
}

/// One run of the placement over any number of partitions.
pub struct Placement {
    /// By rack, then by id.
    candidates: Vec<Candidate>,
    racks: Vec<Rack>,
}

impl Placement {
    /// Starts from what the state's brokers carry. Brokers in controlled shutdown, being fenced or drained get nothing.
    pub fn new(state: &State, draw: &Draw) -> Self {
        use crate::model::BrokerState::{Fenced, Online};
        // By name, with the number that each got when it was first met.
        let mut names: Vec<(Option<&str>, usize)> = Vec::new();
        let (mut racks, mut members): (Vec<Rack>, Vec<Vec<Candidate>>) = Default::default();
        for broker in state.brokers().filter(|broker| matches!(broker.state, Online | Fenced) && !state.draining(broker.id)) {
            let load = state.load(broker.id);
            let name = broker.rack.as_deref();
            let rack = match names.binary_search_by(|(known, _)| known.cmp(&name)) {
                Ok(at) => names[at].1,
                Err(at) => {
                    names.insert(at, (name, racks.len()));
                    racks.push(Rack::default());
                    members.push(Vec::new());
                    racks.len() - 1
                }
            };
            if broker.active() {
                racks[rack].active += 1;
                racks[rack].replicas += u64::from(load.replicas);
                racks[rack].leaders += u64::from(load.leaders);
            }
            members[rack].push(Candidate {
                id: broker.id,
                rack,
                active: broker.active(),
                replicas: load.replicas.into(),
                leaders: load.leaders.into(),
                tie: draw.number(broker.id.0.into()),
                chosen: false,
            });
        }
        Placement { candidates: members.into_iter().flatten().collect(), racks }
    }

    /// How many brokers can take replicas.
    pub fn able(&self) -> usize {
        self.candidates.len()
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
        let leader = self.leader(replication_factor, nth)?;
        self.candidates[leader].leaders += 1;
        self.racks[self.candidates[leader].rack].leaders += 1;
        let mut chosen = vec![leader];
        self.choose(leader);
        while chosen.len() < replication_factor {
            let Some(follower) = self.follower(nth) else { break };
            self.choose(follower);
            chosen.push(follower);
        }
        Some(chosen.into_iter().map(|at| self.release(at)).collect())
    }

    /// Counts a partition in that was placed by hand.
    pub fn occupy(&mut self, replicas: &[BrokerId], leader: BrokerId) {
        for candidate in self.candidates.iter_mut().filter(|candidate| replicas.contains(&candidate.id)) {
            candidate.replicas += 1;
            candidate.leaders += u64::from(candidate.id == leader);
            let rack = &mut self.racks[candidate.rack];
            rack.replicas += u64::from(candidate.active);
            rack.leaders += u64::from(candidate.id == leader);
        }
    }

    /// Who leads least among the active brokers that an even choice of so many could take.
    fn leader(&self, replication_factor: usize, nth: u64) -> Option<usize> {
        let quotas = self.quotas(replication_factor);
        // Per rack, the most replicas that a broker may have to be among so many of its rack.
        let mut most = vec![None; self.racks.len()];
        for members in self.candidates.chunk_by(|one, other| one.rack == other.rack) {
            let mut loads: Vec<u64> = members.iter().filter(|member| member.active).map(|member| member.replicas).collect();
            let rack = members[0].rack;
            most[rack] = quotas[rack].checked_sub(1).map(|last| *loads.select_nth_unstable(last).1);
        }
        let rank = |(at, candidate): (usize, &Candidate)| {
            let fits = candidate.active && most[candidate.rack].is_some_and(|most| candidate.replicas <= most);
            let rack = &self.racks[candidate.rack];
            fits.then(|| (rack.leading(), candidate.leaders, candidate.replicas, self.turn(at, nth), at))
        };
        self.candidates.iter().enumerate().filter_map(rank).min().map(|(.., at)| at)
    }

    /// Per rack, how many replicas an even choice takes from its active brokers, at most: racks that tie for the last one all get it.
    fn quotas(&self, replication_factor: usize) -> Vec<usize> {
        let mut quotas = vec![0; self.racks.len()];
        let rank = |quotas: &[usize], at: usize| {
            let rack = &self.racks[at];
            ((quotas[at] as u64) < rack.active).then(|| (quotas[at], rack.weight()))
        };
        let mut last = None;
        for _ in 0..replication_factor {
            let next = (0..self.racks.len()).filter_map(|at| Some((rank(&quotas, at)?, at))).min();
            let Some((key, at)) = next else { return quotas };
            quotas[at] += 1;
            last = Some(key);
        }
        let ties: Vec<usize> = (0..self.racks.len()).filter(|at| last.is_some() && rank(&quotas, *at) == last).collect();
        ties.into_iter().for_each(|at| quotas[at] += 1);
        quotas
    }

    /// Active brokers first; then racks by how often the partition uses them already, by load for their size, then brokers
    /// by load. Of equal ones those that lead most: the others are kept for leading.
    fn follower(&self, nth: u64) -> Option<usize> {
        let rank = |(at, candidate): (usize, &Candidate)| {
            let rack = &self.racks[candidate.rack];
            let racks_first = (!candidate.active, rack.used, rack.weight());
            let leads = (rack.leading(), candidate.leaders);
            (!candidate.chosen).then(|| (racks_first, candidate.replicas, Reverse(leads), self.turn(at, nth), at))
        };
        self.candidates.iter().enumerate().filter_map(rank).min().map(|(.., at)| at)
    }

    // Ties rotate from partition to partition, so that equal brokers alternate instead of pairing up for ever.
    fn turn(&self, at: usize, nth: u64) -> u64 {
        self.candidates[at].tie.rotate_left((nth % 64) as u32)
    }

    fn choose(&mut self, at: usize) {
        let candidate = &mut self.candidates[at];
        candidate.chosen = true;
        candidate.replicas += 1;
        self.racks[candidate.rack].used += 1;
        self.racks[candidate.rack].replicas += u64::from(candidate.active);
    }

    fn release(&mut self, at: usize) -> BrokerId {
        let candidate = &mut self.candidates[at];
        candidate.chosen = false;
        self.racks[candidate.rack].used = 0;
        candidate.id
    }
}
