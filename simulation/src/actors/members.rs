//! Who changes the membership: adds controllers, promotes, demotes, replaces and removes them, and moves the leadership.

use super::door::Door;
use crate::world::network::url;
use crate::world::time::Time;
use controller::{MemberChange, Replacement};
use metadata::NodeId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Never fewer voters than this are left, nor more than that made.
const FEWEST: usize = 3;
const MOST: usize = 5;
const DEADLINE: Duration = Duration::from_secs(6);
/// How often a change is tried that is not taken.
const TRIES: usize = 6;

/// Machines that are asked for, or are of no use any more.
#[derive(Default)]
pub struct Wanted {
    pub start: Vec<NodeId>,
    pub lose: Vec<NodeId>,
}

/// The list that the run looks at. Clones share it.
#[derive(Clone, Default)]
pub struct Orders(Arc<Mutex<Wanted>>);

impl Orders {
    fn list(&self) -> MutexGuard<'_, Wanted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self) -> Wanted {
        std::mem::take(&mut *self.list())
    }
}

/// An operator of the controllers.
pub struct Operator {
    pub door: Door,
    pub orders: Orders,
    pub time: Time,
    pub until: u64,
    /// The next id that was never used.
    pub next: NodeId,
}

impl Operator {
    pub async fn run(mut self) {
        loop {
            sleep(Duration::from_millis(self.door.lot.between(1_000..=6_000))).await;
            if self.time.now() >= self.until {
                return;
            }
            let Some(state) = self.door.any().map(|node| node.state()) else { continue };
            let voters: Vec<NodeId> = state.controllers().filter(|node| node.voter).map(|node| node.id).collect();
            let learners: Vec<NodeId> = state.controllers().filter(|node| !node.voter).map(|node| node.id).collect();
            let lot = self.door.lot.clone();
            let (voter, learner) = (lot.pick(&voters), lot.pick(&learners));
            match (lot.between(0..=5), voter, learner) {
                (0, _, _) if voters.len() + learners.len() < MOST => {
                    let id = self.starts();
                    self.change(MemberChange::Add { id, url: url(id) }).await;
                }
                (1 | 2, _, Some(id)) if voters.len() < MOST => self.change(MemberChange::Promote { id }).await,
                (3, Some(id), _) if voters.len() > FEWEST => self.change(MemberChange::Demote { id }).await,
                (3, _, Some(id)) => self.change(MemberChange::Remove { id }).await,
                (4, Some(remove), _) => self.replace(remove).await,
                (_, Some(id), _) => self.change(MemberChange::Lead { id }).await,
                _ => {}
            }
        }
    }

    fn starts(&mut self) -> NodeId {
        let id = self.next;
        self.next += 1;
        self.orders.list().start.push(id);
        id
    }

    /// A machine is lost with everything on its disk, and another takes its place.
    async fn replace(&mut self, remove: NodeId) {
        self.orders.list().lose.push(remove);
        let id = self.starts();
        self.change(MemberChange::Replace(Replacement { remove, id, url: url(id) })).await;
        self.goes_on(id, remove).await;
    }

    /// A lost machine is one that the cluster is short of until it is replaced: nobody else goes before that.
    async fn goes_on(&self, id: NodeId, remove: NodeId) {
        loop {
            sleep(Duration::from_millis(500)).await;
            let Some(state) = self.door.any().map(|node| node.state()) else { continue };
            if state.controllers().any(|node| node.id == id && node.voter) && !state.is_controller(remove) {
                return;
            }
            self.change(MemberChange::Replace(Replacement { remove, id, url: url(id) })).await;
        }
    }

    async fn change(&self, change: MemberChange) {
        for _ in 0..TRIES {
            let change = change.clone();
            let asked = match self.door.any() {
                Some(node) => {
                    self.door
                        .ask(node, |node| async move {
                            node.change_members(change, &metadata::access::Credential::Nobody, Instant::now() + DEADLINE).await
                        })
                        .await
                }
                None => None,
            };
            match asked {
                Some(Ok(_)) => return,
                Some(Err(refusal)) if !refusal.retryable() => return,
                _ => sleep(Duration::from_millis(500)).await,
            }
        }
    }
}
