//! Reads the SQL backup, as an operator would: the database, without asking a node.

use anyhow::Result;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a backup holds.
#[derive(Debug, Default)]
pub struct Backup {
    pub lineage: String,
    pub term: u64,
    /// Everything up to here is in it.
    pub watermark: u64,
    /// Ids by name.
    pub topics: BTreeMap<String, String>,
    /// Leaders by topic id and partition number.
    pub partitions: BTreeMap<(String, i64), i64>,
    pub brokers: BTreeSet<i64>,
    /// The kind and term of every commit, by index.
    pub history: BTreeMap<i64, (String, i64)>,
}

/// Reads the backup in a data directory; none when there is none.
pub async fn read(data_dir: &Path) -> Result<Option<Backup>> {
    let file = data_dir.join("backup.sqlite");
    if !file.exists() {
        return Ok(None);
    }
    read_url(&format!("sqlite://{}?mode=ro", file.display())).await.map(Some)
}

/// Reads the backup in this database.
pub async fn read_url(url: &str) -> Result<Backup> {
    install_default_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    if url.starts_with("postgres") {
        sqlx::query("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut connection).await?;
    }
    let backup = read_all(&mut connection).await;
    connection.close().await?;
    backup
}

async fn read_all(connection: &mut AnyConnection) -> Result<Backup> {
    // One transaction, so that all of it is of one moment.
    let mut tx = connection.begin().await?;
    let mark: Option<(String, i64, i64)> =
        sqlx::query_as("SELECT lineage, term, log_index FROM watermark WHERE id = 1").fetch_optional(&mut *tx).await?;
    let (lineage, term, watermark) = mark.unwrap_or_default();
    let topics: Vec<(String, String)> = sqlx::query_as("SELECT name, id FROM topics").fetch_all(&mut *tx).await?;
    let partitions: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT topic_id, partition_no, leader FROM partitions").fetch_all(&mut *tx).await?;
    let brokers: Vec<(i64,)> = sqlx::query_as("SELECT id FROM brokers").fetch_all(&mut *tx).await?;
    let history: Vec<(i64, String, i64)> = sqlx::query_as("SELECT log_index, kind, term FROM history").fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    Ok(Backup {
        lineage,
        term: term as u64,
        watermark: watermark as u64,
        topics: topics.into_iter().collect(),
        partitions: partitions.into_iter().map(|(topic, number, leader)| ((topic, number), leader)).collect(),
        brokers: brokers.into_iter().map(|(id,)| id).collect(),
        history: history.into_iter().map(|(index, kind, term)| (index, (kind, term))).collect(),
    })
}
