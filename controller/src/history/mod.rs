//! History on this node: every commit that it applied, on its disk, to look back at.
//!
//! `writer` follows the hub and appends, as one more reader of it: what it does slows nobody. `filler` asks the other controllers for
//! what is missing here. This file is what the edges, the feed and the backup read. All files are `journal`'s; nothing of them is
//! needed for Raft, and a node without them is as sound as with them.

mod filler;
mod writer;

pub use ::journal::Page as HistoryPage;
pub(crate) use writer::run;

use crate::api::Refusal;
use crate::environment::{Environment, elsewhere};
use crate::hub::Hub;
use crate::net::rpc::KeptSegment;
use ::journal::{Journal, JournalError, Keep, Kept};
use bytes::Bytes;
use metadata::command::AskedBy;
use metadata::history::{Filter, Record};
use metadata::{Code, Index, Rejection, State, settings, snapshot};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Commits and bytes that are read from the journal at once.
const AT_ONCE: usize = 512;
const BYTES_AT_ONCE: usize = 1 << 20;

/// What is known of this node's journal.
pub(crate) struct History {
    dir: Option<PathBuf>,
    hub: Arc<Hub>,
    environment: Arc<dyn Environment>,
    /// Once it is known whose it is.
    journal: OnceLock<Arc<Journal>>,
    /// Up to where it is written.
    written: watch::Sender<Index>,
    /// Why it is not written any further.
    trouble: Mutex<Option<String>>,
    /// Somebody needs what is missing.
    wanted: Notify,
}

/// How much a journal keeps, by the cluster's settings; -1 is no age.
fn keep(state: &State) -> Keep {
    let settings = state.settings();
    Keep { most_bytes: settings.number(&settings::HISTORY_BYTES), most_age_ms: settings.value(&settings::HISTORY_AGE).parse().ok() }
}

/// Works on a journal on a thread that nobody needs.
async fn at<T: Send + 'static>(
    environment: &dyn Environment,
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = elsewhere(environment, work).await;
    done.unwrap_or_else(|source| Err(JournalError::Io { path: PathBuf::new(), source }))
}

/// How the journal does, for metrics and pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryStatus {
    pub bytes: u64,
    /// What it begins after; everything from there on can be looked back at, unless there are gaps.
    pub after: Index,
    pub upto: Index,
    pub gaps: usize,
    pub trouble: Option<String>,
}

impl History {
    pub(crate) fn new(dir: Option<PathBuf>, hub: Arc<Hub>, environment: Arc<dyn Environment>) -> Self {
        History {
            dir,
            hub,
            environment,
            journal: OnceLock::new(),
            written: watch::channel(0).0,
            trouble: Mutex::default(),
            wanted: Notify::new(),
        }
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Whether this node keeps one.
    pub(crate) fn is_kept(&self) -> bool {
        self.dir.is_some()
    }

    /// How it does; none where no history is kept.
    pub(crate) fn status(&self) -> Option<HistoryStatus> {
        self.dir.as_ref()?;
        let stretches = self.journal.get().map(|journal| journal.stretches()).unwrap_or_default();
        Some(HistoryStatus {
            bytes: self.journal.get().map_or(0, |journal| journal.bytes()),
            after: stretches.first().map_or(0, |first| first.after),
            upto: stretches.last().map_or(0, |last| last.upto),
            gaps: stretches.len().saturating_sub(1),
            trouble: self.trouble(),
        })
    }

    fn opened(&self) -> Result<Arc<Journal>, Refusal> {
        if self.dir.is_none() {
            return Err(Refusal::new(Code::NotController, "This node keeps no history"));
        }
        self.journal.get().cloned().ok_or_else(|| {
            let why = self.trouble().unwrap_or_else(|| "it has not begun yet".to_owned());
            Refusal::new(Code::NotController, format!("This node's history cannot be read: {why}"))
        })
    }

    async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static) -> Result<T, Refusal> {
        let journal = self.opened()?;
        let done = elsewhere(&*self.environment, move || work(&journal)).await;
        done.map_err(|error| Refusal::new(Code::NotController, error.to_string()))?.map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &JournalError) -> Refusal {
        match error {
            JournalError::Missing { position, oldest, .. } => {
                // What is missing here may be had from another controller.
                self.wanted.notify_one();
                let oldest = oldest.unwrap_or_else(|| self.hub.view().state.revision());
                Rejection::new(Code::InvalidFeedPosition, format!("What was at {position} is not kept"))
                    .at("index", position, format!("from {oldest} on"))
                    .into()
            }
            other => {
                tracing::warn!(error = %other, "the history cannot be read");
                Refusal::new(Code::NotController, format!("This node's history cannot be read: {other}"))
            }
        }
    }

    /// Waits until everything that is applied now is in the journal.
    ///
    /// # Errors
    /// REVISION_NOT_REACHED at the deadline, with why it is not written.
    pub(crate) async fn caught_up(&self, deadline: Instant) -> Result<(), Refusal> {
        let revision = self.hub.view().state.revision();
        let mut written = self.written.subscribe();
        match tokio::time::timeout_at(deadline, written.wait_for(|written| *written >= revision)).await {
            Ok(Ok(_)) => Ok(()),
            _ => {
                let upto = *self.written.borrow();
                let why = self.trouble().map_or_else(String::new, |why| format!(": {why}"));
                Err(Refusal::new(Code::RevisionNotReached, format!("This node's history goes up to {upto}, not to {revision}{why}")))
            }
        }
    }

    /// Commits, the newest first.
    pub(crate) async fn search(&self, filter: Filter, before: Option<Index>, most: usize) -> Result<HistoryPage, Refusal> {
        self.read(move |journal| journal.search(&filter, before, most)).await
    }

    /// The commit at exactly this index.
    pub(crate) async fn at(&self, index: Index) -> Result<Option<Record>, Refusal> {
        self.read(move |journal| journal.at(index)).await
    }

    /// The state as the newest commit at or before this index left it.
    pub(crate) async fn state_at(&self, index: Index) -> Result<State, Refusal> {
        let view = self.hub.view();
        if index >= view.state.revision() {
            return Ok(view.state.as_ref().clone());
        }
        self.read(move |journal| journal.state_at(index)).await
    }

    /// The index of the newest commit at or before this time; 0 where none is so old.
    pub(crate) async fn index_at(&self, at_ms: u64) -> Result<Index, Refusal> {
        self.read(move |journal| journal.index_at(at_ms)).await.map(Option::unwrap_or_default)
    }

    /// The commits before and after this index, where there are any.
    pub(crate) async fn beside(&self, index: Index) -> Result<(Option<Index>, Option<Index>), Refusal> {
        self.read(move |journal| {
            let before = index.checked_sub(1).map_or(Ok(None), |below| journal.at_or_before(below))?;
            Ok((before.map(|(index, _)| index), journal.next_after(index)?.map(|(index, _)| index)))
        })
        .await
    }

    /// How many commits there are behind this index; none where some of them are not kept here.
    pub(crate) async fn count_after(&self, index: Index) -> Result<Option<u64>, Refusal> {
        self.read(move |journal| {
            let stretches = journal.stretches();
            let gap = stretches.windows(2).any(|two| two[1].after > index);
            if gap { Ok(None) } else { journal.count_after(index).map(Some) }
        })
        .await
    }

    /// Frames of the feed after a position that is no longer in memory; none where they are not kept.
    pub(crate) async fn frames_after(&self, position: Index) -> Option<Vec<(Index, Vec<u8>)>> {
        let frames = self.read(move |journal| journal.frames_after(position, AT_ONCE, BYTES_AT_ONCE)).await.ok()?;
        (!frames.is_empty()).then_some(frames)
    }

    /// Which segments are kept, for another controller.
    pub(crate) fn kept(&self) -> Vec<KeptSegment> {
        let segments = self.journal.get().map(|journal| journal.segments()).unwrap_or_default();
        segments.into_iter().map(|segment| KeptSegment { after: segment.after, upto: segment.upto, upto_ms: segment.upto_ms }).collect()
    }

    /// Commits for another controller: of those after a position and up to another, as many as one answer holds.
    pub(crate) async fn commits(&self, after: Index, upto: Index) -> Vec<(Bytes, Option<AskedBy>)> {
        let kept = self.kept_after(after).await.unwrap_or_default();
        let wanted = kept.into_iter().take_while(|kept| kept.record.commit.index <= upto);
        wanted.map(|kept| (kept.frame.into(), kept.record.beside.by)).collect()
    }

    /// The state at exactly this index, for another controller.
    pub(crate) async fn content_at(&self, index: Index) -> Option<Bytes> {
        let state = self.read(move |journal| journal.state_at(index)).await.ok().filter(|state| state.revision() == index)?;
        let content = elsewhere(&*self.environment, move || snapshot::encode_state(&state)).await.ok()?;
        content.ok().map(Bytes::from)
    }

    /// Where the newest stretch without a gap begins: commits from there on are kept.
    pub(crate) fn newest_stretch(&self) -> Option<Index> {
        self.journal.get()?.stretches().last().map(|stretch| stretch.after)
    }

    /// Commits after a position; none where they are not kept.
    pub(crate) async fn kept_after(&self, position: Index) -> Option<Vec<Kept>> {
        let kept = self.read(move |journal| journal.after(position, AT_ONCE, BYTES_AT_ONCE)).await.ok()?;
        (!kept.is_empty()).then_some(kept)
    }
}
