//! Step 7, SQL: a backup that only the leader writes, asynchronously, one transaction per batch with its watermark.
//!
//! A database that fails is logged and shown, and never fails or slows an operation: this task is one more reader of the
//! hub. `database` holds the SQL, this file the loop.

mod database;

use crate::hub::Next;
use crate::node::Inner;
use database::{Database, DatabaseError, Fence};
use metadata::frame::Backup;
use metadata::{Index, Term};
use std::sync::Arc;
use std::time::Duration;

/// Commits in one transaction at most.
const MOST_COMMITS: usize = 512;
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

pub(crate) async fn run(node: Arc<Inner>, term: Term) {
    let Some(url) = node.options.database_url.clone() else { return };
    let mut back_off = FIRST_BACK_OFF;
    let mut watermark = 0;
    loop {
        let Err(error) = follow(&node, &url, term, &mut watermark, &mut back_off).await else { return };
        tracing::warn!(%error, "the SQL backup fails; it catches up later");
        node.board.note_backup(Backup::Failing { watermark, error: error.to_string() });
        if !error.retryable() {
            return;
        }
        tokio::time::sleep(back_off).await;
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
    }
}

async fn follow(node: &Arc<Inner>, url: &str, term: Term, watermark: &mut Index, back_off: &mut Duration) -> Result<(), DatabaseError> {
    let state = node.hub.view().state.clone();
    let Some(identity) = state.identity() else { return Err(DatabaseError::NotReady) };
    let database = Database::open(url).await?;
    let fence = Fence { lineage: identity.lineage, term };
    *watermark = database.claim(&fence).await?;
    let mut applied = node.hub.watch_applied();
    loop {
        applied.mark_unchanged();
        match node.hub.after(*watermark, MOST_COMMITS) {
            Next::Commits { commits, .. } if commits.is_empty() => {
                node.board.note_backup(Backup::Following { watermark: *watermark });
                if applied.changed().await.is_err() {
                    return Ok(());
                }
            }
            Next::Commits { commits, .. } => {
                let commits: Vec<_> = commits.iter().map(|published| published.commit.clone()).collect();
                *watermark = database.append(&fence, *watermark, &commits).await?;
            }
            Next::Gone { .. } => {
                let state = node.hub.view().state.clone();
                tracing::warn!(from = *watermark, to = state.revision(), "the backup has a gap: it goes on from the whole state");
                *watermark = database.checkpoint(&fence, *watermark, &state).await?;
            }
        }
        *back_off = FIRST_BACK_OFF;
        node.board.note_backup(Backup::Following { watermark: *watermark });
    }
}
