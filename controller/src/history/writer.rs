//! Step 7, the journal: follows the hub and appends what it has not got yet, a few dozen times a second at most.

use super::{History, at, filler, keep};
use crate::ground::Core;
use crate::hub::{Hub, Next, Published};
use crate::node::Inner;
use ::journal::{Dropped, Item, Journal, JournalError, MOST_APPENDED, Options, Verified, Whose};
use arc_swap::ArcSwap;
use bytes::Bytes;
use metadata::history::{Record, Run};
use metadata::{Index, State};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Commits of one turn: what is in memory for every reader anyway.
const AT_ONCE: usize = MOST_APPENDED;
/// How long commits are gathered for one turn.
const GATHER: Duration = Duration::from_millis(40);
/// Between two looks at what is to go.
const UPKEEP: Duration = Duration::from_secs(2);
/// Upkeeps from one look at a segment that may be damaged to the next: all of it is read.
const VERIFIED_EVERY: u32 = 3;
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// Keeps the journal of a node until it stops.
pub(crate) async fn run(core: Arc<Core>, current: Arc<ArcSwap<Inner>>) {
    let Some(dir) = core.options.journal.clone() else { return };
    let mut back_off = FIRST_BACK_OFF;
    let mut writer = Writer { history: core.history.clone(), hub: core.hub.clone(), base: None, suspected: core.hub.suspected() };
    loop {
        let Err(error) = writer.follow(&core, &current, &dir, &mut back_off).await else { return };
        if core.history.trouble().is_none() {
            tracing::warn!(%error, "the history is not written; it goes on later");
        }
        core.history.note_trouble(Some(error.to_string()));
        writer.base = None;
        tokio::select! {
            () = tokio::time::sleep(back_off) => {}
            () = core.stopping.cancelled() => return,
        }
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
    }
}

struct Writer {
    history: Arc<History>,
    hub: Arc<Hub>,
    /// The state at the journal's end, where it is known.
    base: Option<State>,
    /// How often what was shown turned out to be suspect.
    suspected: u64,
}

/// What a turn came to.
struct Turn {
    base: Option<State>,
    end: Index,
    /// There is more.
    more: bool,
}

impl Writer {
    async fn follow(
        &mut self,
        core: &Arc<Core>,
        current: &Arc<ArcSwap<Inner>>,
        dir: &std::path::Path,
        back_off: &mut Duration,
    ) -> Result<(), JournalError> {
        let Some(journal) = self.opened(core, dir.to_owned()).await? else { return Ok(()) };
        let mut applied = self.hub.watch_applied();
        let mut upkeep = Instant::now();
        let mut upkeeps = 0_u32;
        let mut filling = filler::Filling::default();
        loop {
            applied.mark_unchanged();
            if self.suspected != self.hub.suspected() {
                // What was written may be what was never true.
                let journal = journal.clone();
                at(&*core.ground.environment, move || journal.clear()).await?;
                (self.suspected, self.base) = (self.hub.suspected(), None);
            }
            let (hub, of, base) = (self.hub.clone(), journal.clone(), self.base.take());
            let turn = at(&*core.ground.environment, move || turn(&of, &hub, base)).await?;
            self.base = turn.base;
            self.history.written.send_replace(turn.end);
            if self.history.trouble().is_some() {
                tracing::info!(upto = turn.end, "the history goes on");
                self.history.note_trouble(None);
            }
            *back_off = FIRST_BACK_OFF;
            if upkeep.elapsed() >= UPKEEP {
                upkeep = Instant::now();
                self.keep_up(core, &journal, upkeeps.is_multiple_of(VERIFIED_EVERY)).await?;
                upkeeps = upkeeps.wrapping_add(1);
                filling.go_on(core, current, &journal);
            }
            if turn.more {
                continue;
            }
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(UPKEEP) => continue,
                () = self.history.wanted.notified() => {
                    filling.hurry();
                    continue;
                }
                () = core.stopping.cancelled() => return Ok(()),
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Opens the journal once the cluster has its identity; none when the node stops before.
    async fn opened(&self, core: &Arc<Core>, dir: PathBuf) -> Result<Option<Arc<Journal>>, JournalError> {
        if let Some(journal) = self.history.journal.get() {
            return Ok(Some(journal.clone()));
        }
        let mut applied = self.hub.watch_applied();
        let identity = loop {
            if let Some(identity) = self.hub.view().state.identity().cloned() {
                break identity;
            }
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return Ok(None) },
                () = core.stopping.cancelled() => return Ok(None),
            }
        };
        let whose = Whose { cluster_id: identity.cluster_id, lineage: identity.lineage };
        let options = Options::new(dir).keeping(keep(&self.hub.view().state).most_bytes);
        let (journal, dropped) = at(&*core.ground.environment, move || Journal::open(options, whose)).await?;
        tell(&dropped);
        Ok(Some(self.history.journal.get_or_init(|| Arc::new(journal)).clone()))
    }

    /// Lets go of what is too old or too much, and where it is time looks at one segment.
    async fn keep_up(&self, core: &Arc<Core>, journal: &Arc<Journal>, verify: bool) -> Result<(), JournalError> {
        let keep = keep(&self.hub.view().state);
        let (journal, now_ms) = (journal.clone(), core.ground.environment.wall_ms());
        at(&*core.ground.environment, move || {
            journal.retain(now_ms, keep)?;
            let seen = if verify { journal.verify_next() } else { Ok(Verified::Nothing) };
            let dropped = journal.take_dropped();
            tell(&dropped);
            match seen? {
                Verified::Dropped(one) if !dropped.contains(&one) => tell(&[one]),
                _ => {}
            }
            Ok(())
        })
        .await
    }
}

fn tell(dropped: &[Dropped]) {
    for one in dropped {
        tracing::warn!(file = one.name, after = one.after, why = %one.why, "a part of the history was dropped; it is asked of the other controllers");
    }
}

/// Appends what is in memory and not in the journal.
fn turn(journal: &Journal, hub: &Hub, base: Option<State>) -> Result<Turn, JournalError> {
    let view = hub.view();
    let target = view.state.revision();
    let Some(end) = journal.end() else {
        // From the beginning, where all of it is still in memory.
        let whole = matches!(hub.after(0, 1), Next::Commits { .. });
        let first = if whole { State::default() } else { view.state.as_ref().clone() };
        journal.begin(&first)?;
        let end = first.revision();
        return Ok(Turn { base: Some(first), end, more: end < target });
    };
    if end >= target {
        // A node that applies its log anew comes to where it was.
        return Ok(Turn { base: base.filter(|base| base.revision() == end), end, more: false });
    }
    let begin_anew = || {
        let state = view.state.as_ref().clone();
        journal.begin(&state)?;
        Ok(Turn { base: Some(state), end: target, more: false })
    };
    let commits = match hub.after(end, AT_ONCE) {
        Next::Gone { .. } => return begin_anew(),
        Next::Commits { commits, .. } => commits,
    };
    let mut state = match base.filter(|base| base.revision() == end) {
        Some(base) => base,
        None => journal.state_at(end)?,
    };
    let commits: Vec<_> = commits.into_iter().filter(|published| published.commit.index <= target).collect();
    if let Some(records) = cheaply(&state, &commits, target) {
        append(journal, &records)?;
        return rolled(journal, view.state.as_ref().clone(), target);
    }
    let mut records = Vec::with_capacity(commits.len());
    for published in &commits {
        match Record::of(&mut state, published.commit.clone(), published.by.clone()) {
            Some(record) => records.push((record, published.frame.binary())),
            None => {
                tracing::warn!(index = published.commit.index, "the history does not lead to what this node has: it begins anew");
                journal.clear()?;
                return begin_anew();
            }
        }
    }
    append(journal, &records)?;
    // The same where it is as far, and it shares its memory with what readers have.
    let state = if state.revision() == target { view.state.as_ref().clone() } else { state };
    rolled(journal, state, target)
}

type Records = Vec<(Record, Bytes)>;

/// What these commits replaced, without a second state; none where that cannot be told, or where they do not reach to what is shown.
fn cheaply(state: &State, commits: &[Arc<Published>], target: Index) -> Option<Records> {
    let mut run = Run::new(state);
    let mut records = Records::with_capacity(commits.len());
    for published in commits {
        records.push((run.record(&published.commit, published.by.clone())?, published.frame.binary()));
    }
    (commits.last()?.commit.index == target).then_some(records)
}

fn append(journal: &Journal, records: &Records) -> Result<(), JournalError> {
    let items: Vec<_> = records.iter().map(|(record, frame)| Item { record, frame }).collect();
    journal.append(&items)
}

/// Begins the next segment at this state, which is that of the journal's end, where one is full.
fn rolled(journal: &Journal, state: State, target: Index) -> Result<Turn, JournalError> {
    if journal.full() {
        journal.begin(&state)?;
    }
    let end = state.revision();
    Ok(Turn { base: Some(state), end, more: end < target })
}
