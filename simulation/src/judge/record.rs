//! What was committed: one more replica of the state, fed by whichever node shows a commit first, and held against all the others.

use crate::world::machine::Machine;
use anyhow::{Context, Result, ensure};
use controller::Controller;
use controller::hub::Next;
use metadata::{Commit, Index, NodeId, State, Term, invariants};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Commits that are taken from a node at once.
const AT_ONCE: usize = 256;

/// How far one process was followed.
struct Followed {
    controller: Controller,
    generation: u64,
    upto: Index,
}

/// Everything that was committed so far.
#[derive(Default)]
pub struct Record {
    state: Arc<State>,
    commits: BTreeMap<Index, Arc<Commit>>,
    followed: BTreeMap<NodeId, Followed>,
    leaders: BTreeMap<Term, NodeId>,
    /// What happened, in short: two runs of a seed have to come to the same.
    trace: Xxh3,
}

impl Record {
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub fn commits(&self) -> impl Iterator<Item = &Arc<Commit>> {
        self.commits.values()
    }

    pub fn commit(&self, index: Index) -> Option<&Arc<Commit>> {
        self.commits.get(&index)
    }

    pub fn terms(&self) -> usize {
        self.leaders.len()
    }

    pub fn trace(&self) -> u64 {
        self.trace.digest()
    }

    /// A machine is gone for good.
    pub fn forget(&mut self, id: NodeId) {
        self.followed.remove(&id);
    }

    /// Looks at what a machine shows now.
    ///
    /// # Errors
    /// What no run may show.
    pub fn watch(&mut self, machine: &Machine, now: u64) -> Result<()> {
        let Some(controller) = machine.controller() else {
            self.followed.remove(&machine.id);
            return Ok(());
        };
        self.follow(machine.id, controller, now)?;
        let leads = machine.look(|controller| (controller.leader_id() == Some(machine.id)).then(|| controller.term())).flatten();
        if let Some(term) = leads {
            let leader = *self.leaders.entry(term).or_insert_with(|| {
                self.trace.update(&[now, term, machine.id].map(u64::to_be_bytes).concat());
                machine.id
            });
            ensure!(leader == machine.id, "both {leader} and {} lead in term {term}", machine.id);
        }
        Ok(())
    }

    fn follow(&mut self, id: NodeId, controller: &Controller, now: u64) -> Result<()> {
        let (applied, generation) = (controller.applied_index(), controller.generation());
        let followed = self.followed.entry(id).or_insert_with(|| Followed { controller: controller.clone(), generation, upto: 0 });
        if followed.generation != generation {
            *followed = Followed { controller: controller.clone(), generation, upto: 0 };
        }
        while followed.upto < applied {
            match followed.controller.commits_after(followed.upto, AT_ONCE) {
                Next::Commits { commits, upto } => {
                    followed.upto = upto;
                    for published in commits {
                        take(&mut self.state, &mut self.commits, &published.commit).with_context(|| format!("as node {id} shows it"))?;
                        tracing::debug!(at_ms = now, node = id, index = published.commit.index, kind = published.commit.kind(), "applied");
                        self.trace.update(&[now, id, published.commit.index].map(u64::to_be_bytes).concat());
                        self.trace.update(&published.commit.digest.0.to_be_bytes());
                    }
                }
                Next::Gone { .. } => {
                    // It began from a snapshot: that is held against what was committed.
                    let view = controller.view();
                    let (revision, digest) = (view.state.revision(), view.state.digest());
                    let own = self.commits.get(&revision).map(|commit| commit.digest);
                    ensure!(revision == 0 || own == Some(digest), "node {id} has {digest} at {revision}, and committed was {own:?}");
                    followed.upto = view.applied;
                }
            }
        }
        Ok(())
    }
}

/// Takes a commit in, or holds it against what was committed at its index.
fn take(state: &mut Arc<State>, commits: &mut BTreeMap<Index, Arc<Commit>>, commit: &Arc<Commit>) -> Result<()> {
    let index = commit.index;
    if index <= state.revision() {
        let known = commits.get(&index).with_context(|| format!("at {index} nothing was committed, and now something is: {commit:?}"))?;
        ensure!(known == commit, "at {index} this was committed: {known:?}, and now it is {commit:?}");
        return Ok(());
    }
    let tip = state.revision();
    ensure!(commit.prev_index == tip, "commit {index} follows {}, and the last one was {tip}", commit.prev_index);
    let mut next = State::clone(state);
    commit.changes.iter().for_each(|change| next.absorb(index, commit.at_ms, change));
    ensure!(next.digest() == commit.digest, "commit {index} comes to {}, and says {}", next.digest(), commit.digest);
    let held = catch_unwind(AssertUnwindSafe(|| {
        invariants::hold_between(state, &next, &invariants::reports(commit));
        invariants::hold_in(&next);
    }));
    held.map_err(|panic| anyhow::anyhow!("commit {index} breaks a rule: {}", said(&*panic))).with_context(|| format!("{commit:?}"))?;
    tracing::debug!(?commit, "committed");
    *state = Arc::new(next);
    commits.insert(index, commit.clone());
    Ok(())
}

/// What a panic said.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
