//! Step 7, SQL: a backup that only the leader writes, asynchronously, one transaction per batch with its watermark.
//!
//! A database that fails is logged and shown, and never fails or slows an operation: this task is one more reader of the
//! hub. `place` is where it goes, `connection` how it is spoken to, `tables` makes the tables, `rows` is what commits leave in
//! them, `checkpoint` a whole state as rows, `database` the transactions, `upkeep` what is due beside commits, `trouble` why it does not go
//! on, this file the loop.
//!
//! Back again: `reading` pages of a database, `rebuild` the one rule by which a state comes out of it, `proof` that it is right, `file` a
//! backup in one file, `archive` either of the two without its cluster.

mod archive;
mod checkpoint;
mod connection;
mod database;
pub(crate) mod file;
mod place;
mod proof;
mod reading;
mod rebuild;
mod rows;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod trouble;
mod upkeep;

pub use archive::{Archive, Contents, Lineage, Missing, Point, Rebuilt, import};
pub use file::FileError;
pub use place::check_database_url;
pub use proof::Proven;
pub use rebuild::{AsOf, Flaw};
pub use trouble::BackupError;

use crate::environment::elsewhere;
use crate::hub::{Applied, Next};
use crate::node::Inner;
use database::{Database, DatabaseError, Fence};
use metadata::frame::Backup;
use metadata::{Index, Term};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use upkeep::Upkeep;

/// Commits in one transaction at most, and changes, if it is more than one commit.
const MOST_COMMITS: usize = 512;
const MOST_CHANGES: usize = 1_024;
/// How long commits are gathered for one transaction: it costs as much processor time and as many fsyncs as many creations,
/// and whoever waits for one of those should not wait for it.
const GATHER: Duration = Duration::from_millis(250);
/// A transaction that takes longer has failed; and how much longer it may take for each row.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_A_ROW: Duration = Duration::from_millis(20);
/// How long the other controllers are asked for commits that this node does not have, before the backup gets a gap.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
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
    let mut upkeep = within(PATIENCE, Upkeep::begin(&database, node.environment.wall_ms())).await?;
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
                let all = commits.len();
                let few = few_enough(commits.iter().map(|published| (published.commit.clone(), published.by.clone())));
                // What did not fit is late already.
                gathered = few.len() < all;
                *watermark = within(patience(rows_of(&few)), database.append(&fence, *watermark, &few)).await?;
                upkeep.wrote(few.len());
            }
            Next::Gone { .. } => *watermark = behind(node, &database, &fence, *watermark, &mut upkeep).await?,
        }
        *back_off = FIRST_BACK_OFF;
        told.well(*watermark);
        // Shown before what may take long, and after what may have found something.
        note(node, *watermark);
        upkeep.turn(node, &database, &fence, *watermark).await?;
        note(node, *watermark);
        if idle && applied.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// How the backup does: one that does not prove itself is a failing one, however well it is written.
fn note(node: &Arc<Inner>, watermark: Index) {
    let flaw = node.board.proof().and_then(|proof| proof.flaw);
    node.board.note_backup(match flaw {
        None => Backup::Following { watermark },
        Some(flaw) => {
            let error = format!("the backup is not what the cluster has: {flaw}. Move it away, and it begins anew");
            Backup::Failing { watermark, error }
        }
    });
}

fn patience(rows: usize) -> Duration {
    PATIENCE + PATIENCE_A_ROW * u32::try_from(rows).unwrap_or(u32::MAX)
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(DatabaseError::Silent(limit)))
}

fn rows_of(commits: &[Applied]) -> usize {
    commits.iter().map(|(commit, _)| commit.changes.len() + 1).sum()
}

/// The first of these, as many as make a transaction that does not take long.
fn few_enough(commits: impl Iterator<Item = Applied>) -> Vec<Applied> {
    let mut changes = 0;
    let mut few = Vec::new();
    for applied in commits {
        changes += applied.0.changes.len();
        if changes > MOST_CHANGES && !few.is_empty() {
            break;
        }
        few.push(applied);
    }
    few
}

/// Goes on from a position that is no longer in memory: with what journals have, and where none has it from the whole state.
async fn behind(
    node: &Arc<Inner>,
    database: &Database,
    fence: &Fence,
    watermark: Index,
    upkeep: &mut Upkeep,
) -> Result<Index, DatabaseError> {
    if let Some(kept) = journaled(node, watermark).await {
        let few = few_enough(kept.into_iter());
        upkeep.wrote(few.len());
        return within(patience(rows_of(&few)), database.append(fence, watermark, &few)).await;
    }
    let state = node.hub.view().state.clone();
    tracing::warn!(from = watermark, to = state.revision(), "the backup has a gap: it goes on from the whole state");
    let rows = state.all_partitions().count() + state.topics_after(None).count() + state.brokers().count();
    let content = state.clone();
    let packed = elsewhere(&*node.environment, move || checkpoint::pack(&content)).await.flatten().map_err(DatabaseError::Checkpoint)?;
    let upto = within(patience(rows), database.leap(fence, watermark, &state, packed)).await?;
    upkeep.leapt(node.environment.wall_ms());
    Ok(upto)
}

/// Commits after a position that is no longer in memory, from this node's journal. What is missing there is asked of the other
/// controllers first; none where nobody had it in time.
async fn journaled(node: &Arc<Inner>, watermark: Index) -> Option<Vec<Applied>> {
    let give_up = Instant::now() + JOURNAL_PATIENCE;
    loop {
        if let Some(kept) = node.history.kept_after(watermark).await {
            return Some(kept.into_iter().map(|kept| (kept.record.commit, kept.record.beside.by)).collect());
        }
        // Alone there is nobody to have it from.
        if !node.history.is_kept() || node.voters().1.is_empty() || Instant::now() >= give_up {
            return None;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
