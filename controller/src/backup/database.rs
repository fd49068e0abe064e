//! The backup's transactions, for SQLite and PostgreSQL alike: TEXT and BIGINT columns, `$n` parameters, nothing else.

use super::rows::{Rows, Tx};
use metadata::views::{self, TopicView};
use metadata::{Commit, Index, State, Term};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyPool, Row};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

/// Rows of the whole state that are gathered before they are written; one topic may be more.
const MOST_ROWS: usize = 4_096;

/// Why the backup did not take something.
#[derive(Debug, Error)]
pub(crate) enum DatabaseError {
    #[error("the cluster has no identity yet")]
    NotReady,
    #[error("a newer leader writes this backup")]
    Deposed,
    #[error("the database did not answer for {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Sql(#[from] sqlx::Error),
    #[error("the schema does not migrate: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("a value does not encode: {0}")]
    Encode(#[from] serde_json::Error),
}

impl DatabaseError {
    /// Whether the same leader may try again.
    pub(crate) fn retryable(&self) -> bool {
        !matches!(self, DatabaseError::Deposed)
    }
}

/// Who writes: a deposed leader's transaction fails on it.
pub(crate) struct Fence {
    pub lineage: Uuid,
    pub term: Term,
}

/// An open database.
pub(crate) struct Database {
    pool: AnyPool,
}

impl Database {
    /// Connects and migrates.
    pub(crate) async fn open(url: &str) -> Result<Self, DatabaseError> {
        install_default_drivers();
        let pool = AnyPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(5)).connect(url).await?;
        #[expect(clippy::if_same_then_else, reason = "what differs is inside the macro: the directory")]
        if url.starts_with("sqlite:") {
            sqlx::migrate!("../migrations/sqlite").run(&pool).await?;
        } else {
            sqlx::migrate!("../migrations/postgres").run(&pool).await?;
        }
        Ok(Database { pool })
    }

    /// Takes the backup over for this term and says up to where it is; another lineage starts it anew.
    pub(crate) async fn claim(&self, fence: &Fence) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        // Waits for whoever is about to move it, so that what is read next is what they left.
        sqlx::query("UPDATE watermark SET term = term WHERE id = 1").execute(&mut *tx).await?;
        let row = sqlx::query("SELECT lineage, term, log_index FROM watermark WHERE id = 1").fetch_optional(&mut *tx).await?;
        let known = match row {
            Some(row) => Some((row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?, row.try_get::<i64, _>(2)?)),
            None => None,
        };
        let lineage = fence.lineage.to_string();
        let index = match known {
            Some((at, term, index)) if at == lineage => {
                if term as u64 > fence.term {
                    return Err(DatabaseError::Deposed);
                }
                index as u64
            }
            Some((at, ..)) => {
                tracing::warn!(was = at, is = lineage, "the SQL backup is of another lineage: it begins anew, without that one's history");
                wipe(&mut tx).await?;
                sqlx::query("DELETE FROM history").execute(&mut *tx).await?;
                0
            }
            None => 0,
        };
        sqlx::query("DELETE FROM watermark").execute(&mut *tx).await?;
        sqlx::query("INSERT INTO watermark (id, lineage, term, log_index) VALUES (1, $1, $2, $3)")
            .bind(lineage)
            .bind(fence.term as i64)
            .bind(index as i64)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(index)
    }

    /// Writes these commits and the new watermark, all or nothing.
    pub(crate) async fn append(&self, fence: &Fence, from: Index, commits: &[Arc<Commit>]) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let mut rows = Rows::default();
        for commit in commits {
            rows.commit(commit)?;
        }
        rows.write(&mut tx).await?;
        let upto = commits.last().map_or(from, |commit| commit.index);
        advance(&mut tx, fence, from, upto).await?;
        tx.commit().await?;
        Ok(upto)
    }

    /// Replaces everything by the whole state, and says in the history that a stretch is missing.
    pub(crate) async fn checkpoint(&self, fence: &Fence, from: Index, state: &State) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        wipe(&mut tx).await?;
        let mut rows = Rows::default();
        for broker in state.brokers() {
            rows.broker(broker)?;
        }
        for topic in state.topics_after(None) {
            if let Some(TopicView { id, partitions, .. }) = views::topic(state, &topic.name) {
                rows.topic(id, &topic.name, topic.created_index, topic.created_at_ms, &topic.configs)?;
                for partition in &partitions {
                    rows.partition(id, partition)?;
                }
            }
            if rows.len() >= MOST_ROWS {
                std::mem::take(&mut rows).write(&mut tx).await?;
            }
        }
        rows.gap(from, fence.term, state);
        rows.write(&mut tx).await?;
        let upto = state.revision();
        advance(&mut tx, fence, from, upto).await?;
        tx.commit().await?;
        Ok(upto)
    }
}

async fn wipe(tx: &mut Tx<'_>) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM partitions").execute(&mut **tx).await?;
    sqlx::query("DELETE FROM topics").execute(&mut **tx).await?;
    sqlx::query("DELETE FROM brokers").execute(&mut **tx).await?;
    Ok(())
}

async fn advance(tx: &mut Tx<'_>, fence: &Fence, from: Index, upto: Index) -> Result<(), DatabaseError> {
    let moved = sqlx::query("UPDATE watermark SET log_index = $1 WHERE id = 1 AND lineage = $2 AND term = $3 AND log_index = $4")
        .bind(upto as i64)
        .bind(fence.lineage.to_string())
        .bind(fence.term as i64)
        .bind(from as i64)
        .execute(&mut **tx)
        .await?;
    if moved.rows_affected() == 1 { Ok(()) } else { Err(DatabaseError::Deposed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who claims a backup after whom, and how far it is for them then.
    #[tokio::test]
    async fn a_backup_belongs_to_one_lineage_and_to_its_newest_term() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let database = Database::open(&format!("sqlite://{}?mode=rwc", dir.path().join("backup.sqlite").display())).await?;
        let fence = |lineage, term| Fence { lineage: Uuid::from_u128(lineage), term };
        assert_eq!(database.claim(&fence(1, 3)).await?, 0);
        let state = State::default();
        sqlx::query("UPDATE watermark SET log_index = 7").execute(&database.pool).await?;
        sqlx::query("INSERT INTO brokers (id, epoch, rack, state) VALUES (101, 1, '', '{}')").execute(&database.pool).await?;
        assert_eq!(database.claim(&fence(1, 4)).await?, 7, "a newer leader goes on");
        assert!(matches!(database.claim(&fence(1, 3)).await, Err(DatabaseError::Deposed)), "an older one does not");
        assert!(matches!(database.append(&fence(1, 3), 7, &[]).await, Err(DatabaseError::Deposed)), "nor does it write");
        assert!(matches!(database.checkpoint(&fence(2, 9), 7, &state).await, Err(DatabaseError::Deposed)), "nor does another history");
        let brokers = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM brokers");
        assert_eq!(brokers.fetch_one(&database.pool).await?, 1, "what failed left something behind");
        assert_eq!(database.claim(&fence(2, 1)).await?, 0, "another history begins anew");
        let brokers = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM brokers");
        assert_eq!(brokers.fetch_one(&database.pool).await?, 0, "and without the old one's rows");
        Ok(())
    }
}
