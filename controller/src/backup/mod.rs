//! Step 7, SQL: a backup that only the leader writes, asynchronously, one transaction per batch with its watermark.
//!
//! A database that fails is logged and shown, and never fails or slows an operation: this task is one more reader of the
//! hub. `place` is where it goes, `connection` how it is spoken to, `tables` makes the tables, `rows` is what commits leave in
//! them, `database` the transactions, `trouble` why it does not go on, this file the loop.

mod connection;
mod database;
mod place;
mod rows;
mod tables;
mod trouble;

pub use place::check_database_url;

use crate::hub::{Applied, Next, Published};
use crate::node::Inner;
use database::{Database, DatabaseError, Fence};
use metadata::frame::Backup;
use metadata::{Index, Term};
use std::sync::Arc;
use std::time::Duration;

/// Commits in one transaction at most, and changes, if it is more than one commit.
const MOST_COMMITS: usize = 512;
const MOST_CHANGES: usize = 1_024;
/// How long commits are gathered for one transaction: it costs as much processor time and as many fsyncs as many creations,
/// and whoever waits for one of those should not wait for it.
const GATHER: Duration = Duration::from_millis(250);
/// A transaction that takes longer has failed; and how much longer it may take for each row.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_A_ROW: Duration = Duration::from_millis(20);
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

pub(crate) async fn run(node: Arc<Inner>, term: Term) {
    let Some(url) = node.options.database_url.clone() else { return };
    let mut back_off = FIRST_BACK_OFF;
    let mut watermark = 0;
    let mut told = Told::default();
    loop {
        let Err(error) = follow(&node, &url, term, &mut watermark, &mut back_off, &mut told).await else { return };
        told.failing(&error);
        node.board.note_backup(Backup::Failing { watermark, error: error.to_string() });
        if !error.retryable() {
            return;
        }
        tokio::time::sleep(back_off).await;
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
    }
}

/// What the log was told last: each cause once, however often it is met again, and once that all is well.
#[derive(Default)]
struct Told(Option<String>);

impl Told {
    fn failing(&mut self, error: &DatabaseError) {
        let cause = error.cause();
        if self.0.as_ref() != Some(&cause) {
            tracing::warn!(%error, "the SQL backup does not go on; it catches up later");
            self.0 = Some(cause);
        }
    }

    fn well(&mut self, watermark: Index) {
        if self.0.take().is_some() {
            tracing::info!(watermark, "the SQL backup goes on");
        }
    }
}

async fn follow(
    node: &Arc<Inner>,
    url: &str,
    term: Term,
    watermark: &mut Index,
    back_off: &mut Duration,
    told: &mut Told,
) -> Result<(), DatabaseError> {
    let state = node.hub.view().state.clone();
    let Some(identity) = state.identity() else { return Err(DatabaseError::NotReady) };
    let database = within(PATIENCE, Database::open(url)).await?;
    let fence = Fence { cluster_id: identity.cluster_id, lineage: identity.lineage, term };
    *watermark = within(PATIENCE, database.claim(&fence)).await?;
    let mut applied = node.hub.watch_applied();
    let mut gathered = false;
    loop {
        applied.mark_unchanged();
        let mut idle = false;
        match node.hub.after(*watermark, MOST_COMMITS) {
            Next::Commits { commits, .. } if commits.is_empty() => idle = true,
            Next::Commits { commits, .. } if commits.len() < MOST_COMMITS && !gathered => {
                tokio::time::sleep(GATHER).await;
                gathered = true;
                continue;
            }
            Next::Commits { commits, .. } => {
                let few = few_enough(&commits);
                // What did not fit is late already.
                gathered = few.len() < commits.len();
                let rows = few.iter().map(|(commit, _)| commit.changes.len() + 1).sum();
                *watermark = within(patience(rows), database.append(&fence, *watermark, &few)).await?;
            }
            Next::Gone { .. } => {
                let state = node.hub.view().state.clone();
                tracing::warn!(from = *watermark, to = state.revision(), "the backup has a gap: it goes on from the whole state");
                let rows = state.all_partitions().count() + state.topics_after(None).count() + state.brokers().count();
                *watermark = within(patience(rows), database.checkpoint(&fence, *watermark, &state)).await?;
            }
        }
        *back_off = FIRST_BACK_OFF;
        told.well(*watermark);
        node.board.note_backup(Backup::Following { watermark: *watermark });
        if idle && applied.changed().await.is_err() {
            return Ok(());
        }
    }
}

fn patience(rows: usize) -> Duration {
    PATIENCE + PATIENCE_A_ROW * u32::try_from(rows).unwrap_or(u32::MAX)
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(DatabaseError::Silent(limit)))
}

/// The first of these, as many as make a transaction that does not take long.
fn few_enough(commits: &[Arc<Published>]) -> Vec<Applied> {
    let mut changes = 0;
    let fits = |published: &&Arc<Published>| {
        changes += published.commit.changes.len();
        changes <= MOST_CHANGES
    };
    let count = commits.iter().take_while(fits).count().max(1);
    commits.iter().take(count).map(|published| (published.commit.clone(), published.by.clone())).collect()
}
