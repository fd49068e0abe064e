//! Asks the other controllers for what is missing in this node's journal: segment by segment, the newest gap first, each checked
//! commit by commit before it counts.

use super::{at, keep};
use crate::environment::elsewhere;
use crate::ground::Core;
use crate::net::peers::Lane;
use crate::net::rpc::{KeptSegment, Reply, Request};
use crate::node::Inner;
use ::journal::{Journal, JournalError};
use arc_swap::ArcSwap;
use metadata::{Index, State, snapshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks, while something is missing and nobody is in a hurry.
const AGAIN: Duration = Duration::from_secs(15);
/// Segments that are fetched in one go.
const AT_ONCE: usize = 256;
/// A peer that takes longer for one answer is not asked any more in this go.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of what may be kept has to be free for older commits to be fetched, in a hundred: what retention has just let go of is
/// not fetched again.
const ROOM: u64 = 80;

/// When it was looked last, and whether that still goes on.
#[derive(Default)]
pub(super) struct Filling {
    last: Option<Instant>,
    under_way: Arc<AtomicBool>,
}

impl Filling {
    /// Somebody needs what is missing.
    pub(super) fn hurry(&mut self) {
        self.last = None;
    }

    /// Fills what is missing, beside everything else.
    pub(super) fn go_on(&mut self, core: &Arc<Core>, current: &Arc<ArcSwap<Inner>>, journal: &Arc<Journal>) {
        if self.last.is_some_and(|last| last.elapsed() < AGAIN) || self.under_way.load(Ordering::Acquire) {
            return;
        }
        self.last = Some(Instant::now());
        if missing(journal).is_empty() || !core.hub.view().state.undoes() {
            return;
        }
        self.under_way.store(true, Ordering::Release);
        let (core, node, journal, under_way) = (core.clone(), current.load_full(), journal.clone(), self.under_way.clone());
        tokio::spawn(async move {
            let stopping = core.stopping.clone();
            stopping.run_until_cancelled(fill(&core, &node, &journal)).await;
            under_way.store(false, Ordering::Release);
        });
    }
}

/// What is not there: from where, as far as that is known, and up to where a stretch begins. The newest first.
fn missing(journal: &Journal) -> Vec<(Index, Index)> {
    let stretches = journal.stretches();
    let mut gaps: Vec<_> = stretches.windows(2).map(|two| (two[0].upto, two[1].after)).collect();
    gaps.extend(stretches.first().filter(|first| first.after > 0).map(|first| (0, first.after)));
    gaps.sort_unstable_by(|one, other| other.cmp(one));
    gaps
}

async fn fill(core: &Arc<Core>, node: &Arc<Inner>, journal: &Arc<Journal>) {
    let (_, peers) = node.voters();
    for (id, url) in peers {
        let Some(kept) = kept_at(node, &url).await else { continue };
        for _ in 0..AT_ONCE {
            let Some((after, segment)) = next(core, journal, &kept) else { break };
            match fill_one(core, node, journal, &url, after, segment).await {
                Ok(()) => tracing::info!(peer = id, after, upto = segment.upto, "a part of the history came from another controller"),
                Err(why) => {
                    tracing::debug!(peer = id, after, upto = segment.upto, why, "a part of the history could not be had from a controller");
                    break;
                }
            }
        }
    }
}

async fn kept_at(node: &Arc<Inner>, url: &str) -> Option<Vec<KeptSegment>> {
    match node.peers.connection(url, Lane::History).call(&Request::Kept, PATIENCE).await {
        Ok(Reply::Kept { segments }) => Some(segments),
        _ => None,
    }
}

/// The newest thing that is missing here and kept there: after which position, and the segment that holds it.
fn next(core: &Arc<Core>, journal: &Journal, kept: &[KeptSegment]) -> Option<(Index, KeptSegment)> {
    let keep = keep(&core.hub.view().state);
    let oldest_ms = keep.most_age_ms.map_or(0, |age| core.ground.environment.wall_ms().saturating_sub(age));
    let room = journal.bytes() < keep.most_bytes / 100 * ROOM;
    missing(journal).into_iter().find_map(|(from, upto)| {
        let holds = |segment: &&KeptSegment| segment.after < upto && upto <= segment.upto;
        let wanted = |segment: &&KeptSegment| from > 0 || (room && segment.upto_ms >= oldest_ms);
        let segment = kept.iter().find(holds).filter(wanted)?;
        Some((segment.after.max(from), KeptSegment { upto, ..*segment }))
    })
}

/// Fetches what lies after `after` up to the segment's end.
async fn fill_one(
    core: &Arc<Core>,
    node: &Arc<Inner>,
    journal: &Arc<Journal>,
    url: &str,
    after: Index,
    segment: KeptSegment,
) -> Result<(), String> {
    let state = state_at(core, node, journal, url, after).await?;
    let (of, upto) = (journal.clone(), segment.upto);
    let mut filler = on_thread(core, move || of.fill(state, upto)).await?;
    while filler.position() < segment.upto {
        let request = Request::Commits { after: filler.position(), upto: segment.upto };
        let answer = node.peers.connection(url, Lane::History).call(&request, PATIENCE).await.map_err(|error| error.to_string())?;
        let commits = match answer {
            Reply::Commits { commits } if !commits.is_empty() => commits,
            _ => return Err("it has not got them any more".to_owned()),
        };
        filler = on_thread(core, move || {
            for (frame, by) in commits {
                filler.push(&frame, by)?;
            }
            Ok(filler)
        })
        .await?;
    }
    on_thread(core, move || filler.finish()).await
}

/// The state that what is fetched begins at: this node's own where it has it.
async fn state_at(core: &Arc<Core>, node: &Arc<Inner>, journal: &Arc<Journal>, url: &str, index: Index) -> Result<State, String> {
    if index == 0 {
        return Ok(State::default());
    }
    let of = journal.clone();
    if let Ok(state) = on_thread(core, move || of.state_at(index)).await
        && state.revision() == index
    {
        return Ok(state);
    }
    match node.peers.connection(url, Lane::History).call(&Request::StateAt { index }, PATIENCE).await {
        Ok(Reply::StateAt { content: Some(content) }) => {
            let state =
                elsewhere(&*core.ground.environment, move || snapshot::decode_state(&content)).await.map_err(|error| error.to_string())?;
            state
                .map_err(|error| error.to_string())
                .and_then(|state| if state.revision() == index { Ok(state) } else { Err("it is the state at another index".to_owned()) })
        }
        Ok(_) => Err("it has not got the state".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn on_thread<T: Send + 'static>(
    core: &Arc<Core>,
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, String> {
    at(&*core.ground.environment, work).await.map_err(|error| error.to_string())
}
