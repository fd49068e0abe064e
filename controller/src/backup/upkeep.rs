//! What a leader does for its backup beside writing commits: a whole state every so often, letting go of what is too old, and once a day
//! the proof that all of it is right.

use super::checkpoint;
use super::database::{Database, Fence};
use super::proof::{self, Reach};
use super::trouble::{BackupError, DatabaseError};
use crate::environment::elsewhere;
use crate::following::board::Proof;
use crate::node::Inner;
use metadata::{Index, State, settings};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Commits between two checkpoints, and milliseconds.
const CHECKPOINT_EVERY: u64 = 200_000;
const CHECKPOINT_EVERY_MS: u64 = 24 * 60 * 60 * 1_000;
const PROVE_EVERY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Of a backup that did not prove itself: somebody may have mended it.
const PROVE_AGAIN_MS: u64 = 10 * 60 * 1_000;
/// A proof that takes longer has failed to be one.
const PROOF_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How long a checkpoint that could not be made waits.
const AGAIN: Duration = Duration::from_secs(5);

/// How the backup stands since this leader claimed it.
pub(super) struct Upkeep {
    since: u64,
    newest_ms: u64,
    whole: bool,
    /// There are commits to let go of.
    thinning: bool,
    not_before: Option<Instant>,
}

impl Upkeep {
    pub(super) async fn begin(database: &Database, now_ms: u64) -> Result<Self, DatabaseError> {
        let standing = database.standing().await?;
        let newest_ms = standing.newest_ms.unwrap_or(now_ms);
        Ok(Upkeep { since: standing.since, newest_ms, whole: standing.whole, thinning: true, not_before: None })
    }

    /// So many commits were written.
    pub(super) fn wrote(&mut self, commits: usize) {
        self.since += commits as u64;
    }

    /// The whole state was written.
    pub(super) fn leapt(&mut self, now_ms: u64) {
        (self.since, self.newest_ms, self.whole) = (0, now_ms, true);
    }

    /// Does what is due.
    pub(super) async fn turn(
        &mut self,
        node: &Arc<Inner>,
        database: &Database,
        fence: &Fence,
        watermark: Index,
    ) -> Result<(), DatabaseError> {
        let now_ms = node.environment.wall_ms();
        if watermark > 0 && self.due(now_ms) {
            self.checkpoint(node, database, fence, watermark, now_ms).await?;
        }
        if self.thinning {
            let age: Option<u64> = node.hub.view().state.settings().value(&settings::HISTORY_AGE).parse().ok();
            self.thinning = database.thin(fence, watermark, age.map(|age| now_ms.saturating_sub(age))).await?;
        }
        prove(node, database, watermark, now_ms).await
    }

    fn due(&self, now_ms: u64) -> bool {
        let late = self.since > 0 && now_ms.saturating_sub(self.newest_ms) >= CHECKPOINT_EVERY_MS;
        let due = !self.whole || self.since >= CHECKPOINT_EVERY || late;
        due && self.not_before.is_none_or(|not_before| Instant::now() >= not_before)
    }

    async fn checkpoint(
        &mut self,
        node: &Arc<Inner>,
        database: &Database,
        fence: &Fence,
        watermark: Index,
        now_ms: u64,
    ) -> Result<(), DatabaseError> {
        let Some(state) = state_at(node, watermark).await else {
            // Where commits come without end and no history is kept, the state of just that moment may be gone.
            self.not_before = Some(Instant::now() + AGAIN);
            return Ok(());
        };
        let packed = elsewhere(&*node.environment, move || checkpoint::pack(&state)).await.flatten();
        database.checkpoint(fence, watermark, packed.map_err(DatabaseError::Checkpoint)?).await?;
        self.leapt(now_ms);
        (self.thinning, self.not_before) = (true, None);
        Ok(())
    }
}

async fn state_at(node: &Arc<Inner>, index: Index) -> Option<State> {
    let view = node.hub.view();
    if view.state.revision() == index {
        return Some(view.state.as_ref().clone());
    }
    node.history.state_at(index).await.ok().filter(|state| state.revision() == index)
}

/// Proves the backup when it is time, and notes what that came to. What is wrong with it keeps nothing from being written.
async fn prove(node: &Arc<Inner>, database: &Database, watermark: Index, now_ms: u64) -> Result<(), DatabaseError> {
    let due = node.board.proof().is_none_or(|last| {
        let every = if last.flaw.is_some() { PROVE_AGAIN_MS } else { PROVE_EVERY_MS };
        now_ms.saturating_sub(last.at_ms) >= every
    });
    if watermark == 0 || !due {
        return Ok(());
    }
    let proven = tokio::time::timeout(PROOF_WITHIN, proof::prove(database.pool(), Reach::Lately)).await;
    let (index, flaw) = match proven {
        Ok(Ok(proven)) => (proven.index, None),
        Ok(Err(BackupError::Flaw(flaw))) => (watermark, Some(flaw.to_string())),
        Ok(Err(BackupError::Database(error))) => return Err(error.into()),
        // No fault of the backup: another try later.
        Ok(Err(error)) => (watermark, Some(error.to_string())),
        Err(_) => (watermark, Some(format!("it could not be read within {PROOF_WITHIN:?}"))),
    };
    match &flaw {
        None => tracing::info!(index, "the SQL backup is what the cluster has"),
        Some(flaw) => tracing::error!(flaw, index, "the SQL backup is not what the cluster has"),
    }
    node.board.note_proof(Proof { index, at_ms: now_ms, flaw });
    Ok(())
}
