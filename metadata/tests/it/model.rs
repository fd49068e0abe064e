//! A second, smaller account of leaders, ISR, ELR and moves (B, D, E, H), written from the rules alone: sets and no epochs, no digests, no
//! commands. `model_histories` asks both the same things and compares them after each.

use std::collections::{BTreeMap, BTreeSet};

type Set = BTreeSet<u32>;

/// A broker, as far as partitions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    /// In controlled shutdown: in no ISR, and no leader.
    Leaving,
    Fenced,
}

/// A move that is open.
#[derive(Clone, Debug)]
pub struct Going {
    pub from: Vec<u32>,
    pub to: Vec<u32>,
    /// Its placement is the partition's.
    pub began: bool,
}

#[derive(Clone, Debug)]
pub struct Part {
    pub replicas: Vec<u32>,
    pub adding: Set,
    pub removing: Set,
    pub isr: Set,
    pub elr: Set,
    pub leader: Option<u32>,
    pub last: Option<u32>,
    pub recovering: bool,
    pub min_isr: usize,
    pub unclean: bool,
    pub going: Option<Going>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub brokers: BTreeMap<u32, Standing>,
    pub parts: Vec<Part>,
}

impl Part {
    pub fn new(replicas: &[u32], min_isr: usize, unclean: bool) -> Self {
        Part {
            replicas: replicas.to_vec(),
            adding: Set::new(),
            removing: Set::new(),
            isr: replicas.iter().copied().collect(),
            elr: Set::new(),
            leader: replicas.first().copied(),
            last: None,
            recovering: false,
            min_isr,
            unclean,
            going: None,
        }
    }

    pub fn base(&self) -> Vec<u32> {
        self.replicas.iter().copied().filter(|id| !self.adding.contains(id)).collect()
    }

    fn first(&self, of: impl Fn(u32) -> bool) -> Option<u32> {
        self.replicas.iter().copied().find(|id| of(*id))
    }

    /// The ISR becomes this one: E6, E1, E5, E4, and E3 where records may be lost; E7.
    fn decide(&mut self, isr: Set, lost: Option<u32>, active: &Set, lossy: bool) {
        let enough = self.min_isr.min(self.replicas.len() - self.adding.len());
        if isr.len() >= enough {
            self.elr.clear();
        } else {
            self.elr = self.elr.union(&self.isr).copied().filter(|id| !isr.contains(id) && Some(*id) != lost).collect();
        }
        let before = self.leader;
        self.isr = isr;
        let may_lead = |id: u32| active.contains(&id) && (self.isr.contains(&id) || (self.isr.is_empty() && self.elr.contains(&id)));
        self.leader = before.filter(|id| may_lead(*id)).or_else(|| self.first(may_lead));
        if self.leader.is_none() && self.isr.is_empty() && self.elr.is_empty() {
            self.leader = self.last.filter(|id| active.contains(id) && self.replicas.contains(id));
            self.recovering |= self.leader.is_some();
        }
        if self.leader.is_none() && lossy {
            self.leader = self.first(|id| active.contains(&id));
            if self.leader.is_some() {
                (self.isr, self.elr, self.recovering) = (Set::new(), Set::new(), true);
            }
        }
        match self.leader {
            Some(leader) => {
                if !self.isr.contains(&leader) {
                    self.isr = Set::from([leader]);
                    self.elr.retain(|id| *id != leader && enough > 1);
                }
                self.last = None;
            }
            None if self.isr.is_empty() => self.last = self.last.or(before),
            None => {}
        }
    }

    /// The replicas become these, and no move is under way; false, and nothing changes, where a leader, or whoever has
    /// the records, would be given up for nobody (H8).
    fn settle(&mut self, replicas: &[u32], isr: &Set, active: &Set, lossy: bool) -> bool {
        let mut next = self.clone();
        let stays = |ids: &Set| ids.iter().copied().filter(|id| replicas.contains(id)).collect::<Set>();
        (next.replicas, next.adding, next.removing) = (replicas.to_vec(), Set::new(), Set::new());
        next.elr = stays(&self.elr);
        next.isr = stays(isr);
        next.leader = self.leader.filter(|id| replicas.contains(id));
        next.last = self.last.filter(|id| replicas.contains(id));
        next.decide(stays(isr), None, active, lossy);
        if (self.leader.is_some() || lossy) && next.leader.is_none() {
            return false;
        }
        *self = next;
        true
    }

    /// H3, H4: completes the open move if it is complete with this ISR.
    fn complete(&mut self, isr: &Set, active: &Set) -> bool {
        // One that waits is complete with what it overrode, if that was on its way to the same.
        let way: Vec<u32> = self.replicas.iter().copied().filter(|id| !self.removing.contains(id)).collect();
        let under_way = !self.adding.is_empty() || !self.removing.is_empty();
        let begun = |going: &&Going| going.began || (under_way && going.to == way);
        let Some(to) = self.going.as_ref().filter(begun).map(|going| going.to.clone()) else { return false };
        let left: Set = isr.difference(&self.removing).copied().collect();
        let shrinks = self.adding.len() < self.removing.len();
        let complete = !left.is_empty() && self.adding.is_subset(&left) && (!shrinks || to.iter().all(|id| left.contains(id)));
        let done = complete && self.settle(&to, isr, active, false);
        if done {
            self.going = None;
        }
        done
    }

    /// H5, H8: takes back what is under way; false where that would lose records, or the leader.
    fn take_back(&mut self, active: &Set) -> bool {
        let Some(going) = self.going.clone() else { return false };
        if self.adding.is_empty() && self.removing.is_empty() {
            self.going = None;
            return true;
        }
        let base = self.base();
        let back = if going.from.iter().all(|id| base.contains(id)) { going.from } else { base };
        let has = |ids: &Set| ids.iter().any(|id| back.contains(id));
        let clean = match (self.isr.is_empty(), self.elr.is_empty()) {
            (false, _) => has(&self.isr),
            (true, false) => has(&self.elr),
            (true, true) => self.last.is_none_or(|last| back.contains(&last)),
        };
        let isr = self.isr.clone();
        let taken = (clean || self.unclean) && self.settle(&back, &isr, active, self.unclean && !clean);
        if taken {
            self.going = None;
        }
        taken
    }
}

impl Model {
    fn active(&self) -> Set {
        self.brokers.iter().filter(|(_, standing)| **standing == Standing::Active).map(|(id, _)| *id).collect()
    }

    fn out_of_sync(&mut self, id: u32, lost: bool) {
        let mut active = self.active();
        active.remove(&id);
        for part in self.parts.iter_mut().filter(|part| part.isr.contains(&id) || (lost && part.elr.contains(&id))) {
            let mut isr = part.isr.clone();
            isr.remove(&id);
            part.decide(isr, lost.then_some(id), &active, part.unclean);
        }
    }

    /// B14, B15.
    pub fn fence(&mut self, id: u32) {
        self.out_of_sync(id, false);
        self.brokers.insert(id, Standing::Fenced);
    }

    /// B4: leaderless partitions get it, if it may lead them.
    pub fn unfence(&mut self, id: u32) {
        self.brokers.insert(id, Standing::Active);
        let active = self.active();
        for part in self.parts.iter_mut().filter(|part| part.leader.is_none()) {
            part.decide(part.isr.clone(), None, &active, part.unclean);
        }
    }

    /// A5: another process, and what it held may be gone.
    pub fn lose(&mut self, id: u32) {
        self.out_of_sync(id, true);
        self.brokers.insert(id, Standing::Fenced);
    }

    /// A8.
    pub fn unregister(&mut self, id: u32) {
        self.out_of_sync(id, true);
        self.brokers.remove(&id);
    }

    /// B7, B8.
    pub fn leave(&mut self, id: u32) {
        let leads = self.parts.iter().any(|part| part.leader == Some(id));
        self.out_of_sync(id, false);
        self.brokers.insert(id, if leads { Standing::Leaving } else { Standing::Fenced });
    }

    /// D: who leads says who is in sync, or that it has recovered; a report that says nothing new completes no move (H3).
    pub fn report(&mut self, at: usize, isr: Set, recovered: bool) {
        let active = self.active();
        let part = &mut self.parts[at];
        part.recovering &= !recovered;
        if (recovered || part.isr != isr) && !part.complete(&isr, &active) {
            part.decide(isr, None, &active, false);
        }
    }

    /// D8, D9, D7: whether that is taken.
    pub fn takes(&self, at: usize, isr: &Set) -> bool {
        let part = &self.parts[at];
        let led = part.leader.is_some_and(|leader| isr.contains(&leader));
        led && isr.iter().all(|id| part.replicas.contains(id)) && isr.is_subset(&self.active()) && !(part.recovering && isr.len() > 1)
    }

    /// E2: each to its first replica, where that may lead.
    pub fn prefer(&mut self) {
        let active = self.active();
        for part in &mut self.parts {
            let first = part.replicas[0];
            let may = active.contains(&first) && (part.isr.contains(&first) || (part.isr.is_empty() && part.elr.contains(&first)));
            if part.leader != Some(first) && may {
                part.leader = Some(first);
                part.decide(part.isr.clone(), None, &active, false);
            }
        }
    }

    /// E3, E12.
    pub fn elect_unclean(&mut self, asked: Option<usize>) {
        let active = self.active();
        for (at, part) in self.parts.iter_mut().enumerate() {
            if part.leader.is_none() && asked.map_or(part.unclean, |asked| asked == at) {
                part.decide(part.isr.clone(), None, &active, true);
            }
        }
    }

    /// H1, H6: another move of it is open from now on.
    pub fn reassign(&mut self, at: usize, to: &[u32]) {
        let part = &mut self.parts[at];
        // What was there before the first of them, in its order.
        let from = part.going.as_ref().map_or_else(|| part.base(), |going| going.from.clone());
        part.going = Some(Going { from, to: to.to_vec(), began: false });
    }

    pub fn cancel(&mut self, at: usize) -> bool {
        let active = self.active();
        self.parts[at].take_back(&active)
    }

    /// H9, H11: what waits begins, what is complete completes, what cannot be done is taken back; as often as that does something.
    pub fn go_on(&mut self) {
        while (0..self.parts.len()).any(|at| self.step(at)) {}
    }

    fn step(&mut self, at: usize) -> bool {
        let active = self.active();
        let known = self.brokers.clone();
        let part = &mut self.parts[at];
        let Some(going) = part.going.clone() else { return false };
        if going.to.iter().any(|id| !known.contains_key(id) && !going.from.contains(id)) {
            return part.take_back(&active);
        }
        if going.began {
            let isr = part.isr.clone();
            return part.complete(&isr, &active);
        }
        let base = part.base();
        let adding: Set = going.to.iter().copied().filter(|id| !base.contains(id)).collect();
        if !adding.is_empty() && (!adding.is_subset(&active) || part.leader.is_none()) {
            return false;
        }
        let leaving: Vec<u32> = part.replicas.iter().copied().filter(|id| !going.to.contains(id)).collect();
        part.replicas = going.to.iter().chain(&leaving).copied().collect();
        (part.adding, part.removing) = (adding, leaving.into_iter().collect());
        part.going = Some(Going { began: true, ..going });
        if part.adding.is_empty() {
            let isr = part.isr.clone();
            if part.removing.is_empty() {
                part.going = None;
            } else {
                part.complete(&isr, &active);
            }
        }
        true
    }
}
