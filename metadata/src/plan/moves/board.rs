//! The ground that plans of movement count on: where every partition will be once all that is open is done, and what each broker then carries.

use crate::command::PlannedMove;
use crate::ids::{BrokerId, TopicId};
use crate::model::Partition;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// A broker's number on the board.
pub(super) type At = u32;

/// One broker.
pub(super) struct Seat {
    pub id: BrokerId,
    pub rack: u32,
    /// It may get replicas and leaders.
    pub eligible: bool,
    pub replicas: u32,
    pub leaders: u32,
}

/// One partition, and where it is to be.
pub(super) struct Part {
    pub topic_id: TopicId,
    pub number: u32,
    pub replicas: Vec<At>,
    pub changed: bool,
}

/// Brokers and partitions.
pub(super) struct Board {
    pub seats: Vec<Seat>,
    pub parts: Vec<Part>,
    by_id: BTreeMap<BrokerId, At>,
    /// Eligible brokers by what they carry, the least first.
    by_load: BTreeSet<(u32, At)>,
}

/// Where a partition will be once its open move is done.
pub(super) fn destination(state: &State, topic_id: TopicId, partition: &Partition) -> Vec<BrokerId> {
    let open = state.open_move(topic_id, partition.partition).and_then(|(id, number)| state.movement(id, number));
    // H9: a move to a broker that is gone will fail.
    let fails =
        |open: &&std::sync::Arc<crate::reassignment::Move>| open.to.iter().any(|id| state.broker(*id).is_none() && !open.from.contains(id));
    match open {
        Some(open) if fails(&open) => state.stands(topic_id, partition),
        Some(open) => open.to.clone(),
        None => partition.replicas.iter().filter(|id| !partition.removing_replicas.contains(id)).copied().collect(),
    }
}

impl Board {
    /// Everything that the state has; `eligible` among those that are online, not held and not drained.
    pub fn of(state: &State, eligible: impl Fn(BrokerId) -> bool) -> Self {
        let mut racks: BTreeMap<Option<&str>, u32> = BTreeMap::new();
        let mut board = Board { seats: Vec::new(), parts: Vec::new(), by_id: BTreeMap::new(), by_load: BTreeSet::new() };
        for broker in state.brokers() {
            let next = racks.len() as u32;
            let rack = *racks.entry(broker.rack.as_deref()).or_insert(next);
            let eligible = broker.active() && !state.draining(broker.id) && eligible(broker.id);
            board.seat(Seat { id: broker.id, rack, eligible, replicas: 0, leaders: 0 });
        }
        for (topic_id, partition) in state.all_partitions() {
            let replicas: Vec<At> = destination(state, topic_id, partition).into_iter().map(|id| board.number(id)).collect();
            for (nth, at) in replicas.iter().enumerate() {
                let seat = &mut board.seats[*at as usize];
                seat.replicas += 1;
                seat.leaders += u32::from(nth == 0);
            }
            board.parts.push(Part { topic_id, number: partition.partition, replicas, changed: false });
        }
        board.by_load = (0..).zip(&board.seats).filter(|(_, seat)| seat.eligible).map(|(at, seat)| (seat.replicas, at)).collect();
        board
    }

    fn seat(&mut self, seat: Seat) -> At {
        let at = self.seats.len() as At;
        self.by_id.insert(seat.id, at);
        self.seats.push(seat);
        at
    }

    /// A broker's number; one that is not registered any more has a rack of its own.
    fn number(&mut self, id: BrokerId) -> At {
        match self.by_id.get(&id) {
            Some(at) => *at,
            None => self.seat(Seat { id, rack: u32::MAX - self.seats.len() as u32, eligible: false, replicas: 0, leaders: 0 }),
        }
    }

    pub fn at(&self, id: BrokerId) -> Option<At> {
        self.by_id.get(&id).copied()
    }

    pub fn rack(&self, at: At) -> u32 {
        self.seats[at as usize].rack
    }

    /// How many different racks these brokers stand in.
    pub fn racks(&self, replicas: &[At]) -> usize {
        replicas.iter().map(|at| self.rack(*at)).collect::<BTreeSet<_>>().len()
    }

    /// Eligible brokers, the least loaded first.
    pub fn least_loaded(&self) -> impl Iterator<Item = At> + '_ {
        self.by_load.iter().map(|(_, at)| *at)
    }

    fn carry(&mut self, at: At, change: impl Fn(u32) -> u32) {
        let seat = &mut self.seats[at as usize];
        let before = seat.replicas;
        seat.replicas = change(before);
        let after = seat.replicas;
        if seat.eligible {
            self.by_load.remove(&(before, at));
            self.by_load.insert((after, at));
        }
    }

    /// Puts other replicas in a partition's place.
    pub fn place(&mut self, part: usize, replicas: Vec<At>) {
        let old = std::mem::take(&mut self.parts[part].replicas);
        old.iter().filter(|at| !replicas.contains(at)).for_each(|at| self.carry(*at, |count| count.saturating_sub(1)));
        replicas.iter().filter(|at| !old.contains(at)).for_each(|at| self.carry(*at, |count| count + 1));
        if let (Some(was), Some(is)) = (old.first(), replicas.first()) {
            self.seats[*was as usize].leaders = self.seats[*was as usize].leaders.saturating_sub(1);
            self.seats[*is as usize].leaders += 1;
        }
        let part = &mut self.parts[part];
        part.replicas = replicas;
        part.changed = true;
    }

    /// The least loaded eligible broker that can stand in for `out` without fewer racks than before, if there is one.
    pub fn stand_in(&self, replicas: &[At], out: At) -> Option<At> {
        let others: Vec<At> = replicas.iter().copied().filter(|at| *at != out).collect();
        let before = self.racks(replicas);
        let among = self.racks(&others);
        let new_rack = |at: At| others.iter().all(|other| self.rack(*other) != self.rack(at));
        let fits = |at: &At| !replicas.contains(at) && among + usize::from(new_rack(*at)) >= before;
        // A broker in a new rack is better than one that only keeps what there is.
        let best = self.least_loaded().find(|at| fits(at) && new_rack(*at));
        best.or_else(|| self.least_loaded().find(fits))
    }

    /// The moves to where the board has them by now, in the order of `parts`, and how many there are in all.
    pub fn moves(&self, state: &State, order: impl Iterator<Item = usize>, most: usize) -> (Vec<PlannedMove>, u32) {
        let mut count = 0;
        let mut moves = Vec::new();
        for part in order.map(|at| &self.parts[at]).filter(|part| part.changed) {
            let Some(partition) = state.partition(part.topic_id, part.number) else { continue };
            let to: Vec<BrokerId> = part.replicas.iter().map(|at| self.seats[*at as usize].id).collect();
            if to == destination(state, part.topic_id, partition) {
                continue;
            }
            count += 1;
            if moves.len() < most {
                let from = state.stands(part.topic_id, partition);
                moves.push(PlannedMove { topic_id: part.topic_id, partition: part.number, from, to });
            }
        }
        (moves, count)
    }
}
