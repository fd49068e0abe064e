//! Where new partitions go, of new topics and of those that grow: by the placement, or by hand (F3-F5, F7).

use super::MOST_PARTITIONS;
use crate::apply::has_duplicates;
use crate::command::Assignment;
use crate::draw::Draw;
use crate::ids::BrokerId;
use crate::placement::Placement;
use crate::rejection::{Code, Rejection};
use crate::state::State;

/// F3, F11: how many partitions one request may make, counted before anything is placed.
pub(super) fn check_total(total: u64, field: &str) -> Result<(), Rejection> {
    if total <= MOST_PARTITIONS as u64 {
        return Ok(());
    }
    Err(Rejection::new(Code::PolicyViolation, format!("One request may create at most {MOST_PARTITIONS} partitions, not {total}")).at(
        field,
        total,
        format!("at most {MOST_PARTITIONS} in a request"),
    ))
}

/// One request's running decisions: each partition sees those before it.
pub(super) struct Assigner<'a> {
    state: &'a State,
    placement: Placement,
    /// Which turn the next partition has among equal brokers.
    nth: u64,
}

fn factor_no(state: &State, asked: i64, detail: String) -> Rejection {
    let registered = state.broker_count();
    let allowed = if registered == 0 { "nothing until a broker registers".to_owned() } else { format!("1 to {registered}") };
    Rejection::new(Code::InvalidReplicationFactor, detail).at("replication_factor", asked, allowed)
}

impl<'a> Assigner<'a> {
    pub(super) fn new(state: &'a State, draw: &Draw, nth: u64) -> Self {
        Assigner { state, placement: Placement::new(state, draw), nth }
    }

    /// A replication factor that the brokers there are can bear (F4).
    pub(super) fn factor(&self, asked: i64) -> Result<usize, Rejection> {
        let no = |detail: String| Err(factor_no(self.state, asked, detail));
        let registered = self.state.broker_count();
        match usize::try_from(asked) {
            Err(_) | Ok(0) => no("A partition has at least one replica".to_owned()),
            Ok(factor) if factor > registered => no(format!("{asked} replicas need {asked} brokers, and {registered} are registered")),
            Ok(_) if self.placement.active() == 0 => no("No broker is online to lead".to_owned()),
            Ok(factor) => Ok(factor),
        }
    }

    pub(super) fn by_placement(&mut self, count: i64, factor: usize) -> Result<Vec<Assignment>, Rejection> {
        let no = |detail: String| factor_no(self.state, factor as i64, detail);
        let mut assignments = Vec::with_capacity(usize::try_from(count).unwrap_or_default().min(MOST_PARTITIONS));
        let able = self.placement.able();
        let few = || {
            let detail = format!("Fewer than {factor} brokers can take replicas: the others are shutting down or being emptied");
            Rejection::new(Code::InvalidReplicationFactor, detail).at("replication_factor", factor, format!("1 to {able}"))
        };
        for _ in 0..count {
            let replicas = self.placement.place(factor, self.nth).ok_or_else(few)?;
            self.nth += 1;
            assignments.push(self.assignment(replicas).ok_or_else(|| no("No broker is online to lead".to_owned()))?);
        }
        Ok(assignments)
    }

    /// In sync are the replicas that are active, and the first of them leads (F7).
    fn assignment(&self, replicas: Vec<BrokerId>) -> Option<Assignment> {
        let isr: Vec<BrokerId> = replicas.iter().copied().filter(|id| self.state.active(*id)).collect();
        Some(Assignment { leader: *isr.first()?, isr, replicas })
    }

    /// F5: rows of so many brokers each.
    pub(super) fn by_hand(&self, rows: &[Vec<BrokerId>], factor: usize) -> Result<Vec<Assignment>, Rejection> {
        let row = |(at, row): (usize, &Vec<BrokerId>)| {
            let no = |detail: &str, allowed: &str| {
                let shown = format!("{:?}", row.iter().map(|id| id.0).collect::<Vec<_>>());
                Rejection::new(Code::InvalidReplicaAssignment, detail.to_owned()).at(format!("assignments[{at}]"), shown, allowed)
            };
            if row.is_empty() || row.len() != factor {
                return Err(no("Every partition has the same number of replicas, at least one", &format!("{} brokers", factor.max(1))));
            }
            if has_duplicates(row) {
                return Err(no("A broker holds at most one replica of a partition", "brokers that are all different"));
            }
            if row.iter().any(|id| self.state.broker(*id).is_none()) {
                let known = self.state.brokers().map(|broker| broker.id.to_string()).collect::<Vec<_>>().join(", ");
                return Err(no("A broker of the assignment is not registered", &known));
            }
            if let Some(drained) = row.iter().find(|id| self.state.draining(**id)) {
                return Err(no(&format!("Broker {drained} is being drained"), "brokers that are not drained"));
            }
            self.assignment(row.clone()).ok_or_else(|| no("No broker of this partition is online", "at least one broker that is online"))
        };
        rows.iter().enumerate().map(row).collect()
    }

    /// Counts partitions in that were placed by hand.
    pub(super) fn occupy(&mut self, assignments: &[Assignment]) {
        for assignment in assignments {
            self.placement.occupy(&assignment.replicas, assignment.leader);
        }
    }
}
