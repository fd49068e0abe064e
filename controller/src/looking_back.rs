//! What the edges ask a node of the past, beside [`Controller`]'s reads of what is applied.

use crate::api::Refusal;
use crate::handle::Controller;
use crate::history::{HistoryPage, HistoryStatus};
use crate::hub;
use metadata::history::{Filter, Record};
use metadata::{Code, Index, Rejection, State};
use std::sync::Arc;
use tokio::time::Instant;

impl Controller {
    /// Frames of the feed after a position that is no longer in memory, from this node's journal; none where it is not kept there either.
    pub async fn kept_after(&self, position: Index) -> Option<Vec<(Index, hub::Encoded)>> {
        let frames = self.core().history.frames_after(position).await?;
        frames.into_iter().map(|(index, frame)| Some((index, hub::Encoded::kept(frame).ok()?))).collect()
    }

    /// How this node's journal does; none where it keeps none.
    pub fn history_status(&self) -> Option<HistoryStatus> {
        self.core().history.status()
    }

    /// Commits that a filter finds, the newest first, below an index; what was applied when this was asked is among them.
    ///
    /// # Errors
    /// NOT_CONTROLLER when this node keeps no history or cannot read it, REVISION_NOT_REACHED when the newest are not written in time.
    pub async fn history(&self, filter: Filter, before: Option<Index>, most: usize, deadline: Instant) -> Result<HistoryPage, Refusal> {
        self.core().history.caught_up(deadline).await?;
        self.core().history.search(filter, before, most).await
    }

    /// The commit at exactly this index, with what it replaced.
    ///
    /// # Errors
    /// As [`Controller::history`].
    pub async fn record(&self, index: Index, deadline: Instant) -> Result<Option<Record>, Refusal> {
        self.core().history.caught_up(deadline).await?;
        self.core().history.at(index).await
    }

    /// The same for who has nothing to say without it.
    ///
    /// # Errors
    /// As [`Controller::history`], and INVALID_FEED_POSITION when nothing was changed there, or it is not kept.
    pub async fn kept_record(&self, index: Index, deadline: Instant) -> Result<Record, Refusal> {
        self.record(index, deadline).await?.ok_or_else(|| {
            let no = Rejection::new(Code::InvalidFeedPosition, format!("Nothing was changed at index {index}, or it is not kept"));
            Refusal { revision: Some(self.applied_index()), ..no.at("index", index, "the index of a commit").into() }
        })
    }

    /// The state as the newest commit at or before this index left it.
    ///
    /// # Errors
    /// As [`Controller::history`], and INVALID_FEED_POSITION when that is not kept.
    pub async fn state_at(&self, index: Index, deadline: Instant) -> Result<Arc<State>, Refusal> {
        let view = self.view();
        if index >= view.state.revision() {
            return Ok(view.state.clone());
        }
        self.core().history.caught_up(deadline).await?;
        self.core().history.state_at(index).await.map(Arc::new)
    }

    /// How many commits there are behind this index; none where some of them are not kept here.
    ///
    /// # Errors
    /// As [`Controller::history`].
    pub async fn changes_after(&self, index: Index, deadline: Instant) -> Result<Option<u64>, Refusal> {
        self.core().history.caught_up(deadline).await?;
        self.core().history.count_after(index).await
    }

    /// The index of the newest commit at or before this time, in ms since the Unix epoch; 0 where none is so old.
    ///
    /// # Errors
    /// As [`Controller::history`].
    pub async fn index_at(&self, at_ms: u64, deadline: Instant) -> Result<Index, Refusal> {
        self.core().history.caught_up(deadline).await?;
        self.core().history.index_at(at_ms).await
    }

    /// The commits right before and after this index, where there are any.
    ///
    /// # Errors
    /// As [`Controller::history`].
    pub async fn beside(&self, index: Index, deadline: Instant) -> Result<(Option<Index>, Option<Index>), Refusal> {
        self.core().history.caught_up(deadline).await?;
        self.core().history.beside(index).await
    }
}
