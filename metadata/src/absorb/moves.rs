//! Reassignments and their moves, and what is counted along with them.

use crate::ids::Index;
use crate::proof::digest::Kind;
use crate::reassignment::{Move, MoveState, Reassignment};
use crate::state::State;
use std::sync::Arc;

impl State {
    pub(crate) fn put_reassignment(&mut self, reassignment: &Arc<Reassignment>) {
        self.digest.add(Kind::Reassignment, reassignment);
        if let Some(old) = self.reassignments.insert(reassignment.id, reassignment.clone()) {
            self.digest.sub(Kind::Reassignment, &old);
        }
    }

    pub(crate) fn put_move(&mut self, index: Index, id: Index, number: u32, movement: &Arc<Move>) {
        match self.moves.insert((id, number), movement.clone()) {
            Some(old) => self.count_move_out(id, number, &old),
            // Where a topic's partitions are to be is a change that people ask of it; how far that is, is none.
            None => self.touch_topic(movement.topic_id, index),
        }
        self.digest.add(Kind::Move, &(id, number, movement));
        *self.progress.entry(id).of(movement.state) += 1;
        match movement.state {
            MoveState::Waiting => drop(self.waiting.insert((id, number), movement.clone())),
            MoveState::Moving => drop(self.moving.insert((id, number), movement.clone())),
            _ => {}
        }
        if !movement.state.ended() {
            self.open_moves.insert((movement.topic_id, movement.partition), (id, number));
        }
    }

    pub(super) fn drop_reassignment(&mut self, id: Index) {
        if let Some(old) = self.reassignments.remove(id) {
            self.digest.sub(Kind::Reassignment, &old);
        }
        let numbers: Vec<u32> = self.moves_of(id, 0).map(|(number, _)| number).collect();
        for number in numbers {
            if let Some(old) = self.moves.remove(&(id, number)) {
                self.count_move_out(id, number, &old);
            }
        }
        self.progress.remove(id);
    }

    fn count_move_out(&mut self, id: Index, number: u32, old: &Move) {
        self.digest.sub(Kind::Move, &(id, number, old));
        let count = self.progress.entry(id).of(old.state);
        *count = count.wrapping_sub(1);
        self.waiting.remove(&(id, number));
        self.moving.remove(&(id, number));
        let partition = (old.topic_id, old.partition);
        if self.open_moves.get(&partition) == Some(&(id, number)) {
            self.open_moves.remove(&partition);
        }
    }
}
