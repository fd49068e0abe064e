//! The SQL of the backup, for SQLite and PostgreSQL alike: TEXT and BIGINT columns, `$n` parameters, nothing else.

use metadata::views::{self, TopicView};
use metadata::{Broker, Change, Commit, Index, Partition, State, Term, TopicId};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyPool, Row, Transaction};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

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

type Tx<'a> = Transaction<'a, Any>;

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
            Some(_) => {
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
        let mut upto = from;
        for commit in commits {
            for change in &commit.changes {
                write_change(&mut tx, commit, change).await?;
            }
            write_history(&mut tx, commit).await?;
            upto = commit.index;
        }
        advance(&mut tx, fence, from, upto).await?;
        tx.commit().await?;
        Ok(upto)
    }

    /// Replaces everything by the whole state, and says in the history that a stretch is missing.
    pub(crate) async fn checkpoint(&self, fence: &Fence, from: Index, state: &State) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        wipe(&mut tx).await?;
        for broker in state.brokers() {
            write_broker(&mut tx, broker).await?;
        }
        for topic in state.topics_after(None) {
            if let Some(TopicView { id, partitions, .. }) = views::topic(state, &topic.name) {
                insert_topic(&mut tx, id, &topic.name, topic.created_index, topic.created_at_ms, &serde_json::to_string(&topic.configs)?)
                    .await?;
                for partition in &partitions {
                    write_partition(&mut tx, id, partition).await?;
                }
            }
        }
        let upto = state.revision();
        sqlx::query("DELETE FROM history WHERE log_index = $1").bind(upto as i64).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO history (log_index, prev_index, term, at_ms, principal, kind, intent, changes, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(upto as i64)
            .bind(from as i64)
            .bind(fence.term as i64)
            .bind(state.at_ms() as i64)
            .bind("")
            .bind("gap")
            .bind("null")
            .bind("[]")
            .bind(state.digest().to_string())
            .execute(&mut *tx)
            .await?;
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

async fn write_change(tx: &mut Tx<'_>, commit: &Commit, change: &Change) -> Result<(), DatabaseError> {
    match change {
        Change::ClusterBootstrapped { .. } | Change::ControllersChanged { .. } => Ok(()),
        Change::TopicCreated { topic_id, name, configs } => {
            insert_topic(tx, *topic_id, name, commit.index, commit.at_ms, &serde_json::to_string(configs)?).await
        }
        Change::TopicDeleted { topic_id, .. } => {
            let id = topic_id.to_string();
            sqlx::query("DELETE FROM partitions WHERE topic_id = $1").bind(id.clone()).execute(&mut **tx).await?;
            sqlx::query("DELETE FROM topics WHERE id = $1").bind(id).execute(&mut **tx).await?;
            Ok(())
        }
        Change::PartitionChanged { topic_id, partition } => write_partition(tx, *topic_id, partition).await,
        Change::ConfigsChanged { topic_id, configs } => {
            let configs = serde_json::to_string(configs)?;
            sqlx::query("UPDATE topics SET configs = $1 WHERE id = $2").bind(configs).bind(topic_id.to_string()).execute(&mut **tx).await?;
            Ok(())
        }
        Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => write_broker(tx, broker).await,
        Change::BrokerRemoved { id } => {
            sqlx::query("DELETE FROM brokers WHERE id = $1").bind(i64::from(id.0)).execute(&mut **tx).await?;
            Ok(())
        }
    }
}

async fn insert_topic(
    tx: &mut Tx<'_>,
    id: TopicId,
    name: &str,
    created_index: Index,
    created_at_ms: u64,
    configs: &str,
) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO topics (id, name, created_index, created_at_ms, configs) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.to_string())
        .bind(name.to_owned())
        .bind(created_index as i64)
        .bind(created_at_ms as i64)
        .bind(configs.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn write_partition(tx: &mut Tx<'_>, topic: TopicId, partition: &Partition) -> Result<(), DatabaseError> {
    let number = i64::from(partition.partition);
    sqlx::query("DELETE FROM partitions WHERE topic_id = $1 AND partition_no = $2")
        .bind(topic.to_string())
        .bind(number)
        .execute(&mut **tx)
        .await?;
    sqlx::query("INSERT INTO partitions (topic_id, partition_no, leader, leader_epoch, partition_epoch, replicas, isr, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(topic.to_string())
        .bind(number)
        .bind(partition.leader.map_or(-1, |leader| i64::from(leader.0)))
        .bind(i64::from(partition.leader_epoch))
        .bind(i64::from(partition.partition_epoch))
        .bind(serde_json::to_string(&partition.replicas)?)
        .bind(serde_json::to_string(&partition.isr)?)
        .bind(serde_json::to_string(partition)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn write_broker(tx: &mut Tx<'_>, broker: &Broker) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM brokers WHERE id = $1").bind(i64::from(broker.id.0)).execute(&mut **tx).await?;
    sqlx::query("INSERT INTO brokers (id, epoch, rack, state) VALUES ($1, $2, $3, $4)")
        .bind(i64::from(broker.id.0))
        .bind(broker.epoch as i64)
        .bind(broker.rack.clone().unwrap_or_default())
        .bind(serde_json::to_string(broker)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn write_history(tx: &mut Tx<'_>, commit: &Commit) -> Result<(), DatabaseError> {
    let intent = commit.intent.as_ref().map(metadata::json::intent).transpose()?;
    sqlx::query("INSERT INTO history (log_index, prev_index, term, at_ms, principal, kind, intent, changes, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(commit.index as i64)
        .bind(commit.prev_index as i64)
        .bind(commit.term as i64)
        .bind(commit.at_ms as i64)
        .bind(commit.principal.0.clone())
        .bind(commit.kind())
        .bind(serde_json::to_string(&intent)?)
        .bind(serde_json::to_string(&metadata::json::changes(&commit.changes)?)?)
        .bind(commit.digest.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
