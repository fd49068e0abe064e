//! What is read of a database that holds a backup: page by page, each in a transaction of its own, so that whoever reads holds nobody up
//! who writes.

use super::checkpoint;
use super::connection::{Column, Pool, Tx, Value};
use super::rebuild::{Flaw, Row};
use super::trouble::{BackupError, DatabaseError};
use metadata::{Change, Index, State, Term};
use serde::{Deserialize, Deserializer};

/// Commits of a page: one may have a million changes, and most have a few.
const PAGE: i64 = 128;
/// Gaps and checkpoints that are listed at most, the newest.
const MOST_LISTED: i64 = 1_000;

/// Up to where a backup is, of which history, and who wrote it.
pub(super) struct Mark {
    pub lineage: String,
    pub term: i64,
    pub index: i64,
}

pub(super) async fn mark(tx: &mut Tx) -> Result<Option<Mark>, DatabaseError> {
    let sql = "SELECT lineage, term, log_index FROM watermark WHERE id = 1".to_owned();
    let row = tx.rows(sql, &[], &[Column::Text, Column::Number, Column::Number]).await?.pop();
    Ok(row.and_then(|row| <[Value; 3]>::try_from(row).ok()).map(|[lineage, term, index]| Mark {
        lineage: lineage.text(),
        term: term.number(),
        index: index.number(),
    }))
}

/// The cluster that it is of.
pub(super) async fn owner(tx: &mut Tx) -> Result<Option<String>, DatabaseError> {
    let owner = tx.rows("SELECT cluster_id FROM backup WHERE id = 1".to_owned(), &[], &[Column::Text]).await?;
    Ok(owner.into_iter().flatten().map(Value::text).next())
}

/// A whole state that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub index: Index,
    pub at_ms: u64,
    pub digest: String,
}

/// The checkpoints, the oldest first.
pub(super) async fn checkpoints(tx: &mut Tx) -> Result<Vec<Kept>, DatabaseError> {
    let sql = format!("SELECT log_index, at_ms, digest FROM checkpoints WHERE part = 0 ORDER BY log_index DESC LIMIT {MOST_LISTED}");
    let rows = tx.rows(sql, &[], &[Column::Number, Column::Number, Column::Text]).await?;
    let mut kept: Vec<Kept> = rows.into_iter().filter_map(|row| <[Value; 3]>::try_from(row).ok()).map(of_row).collect();
    kept.reverse();
    Ok(kept)
}

fn of_row([index, at_ms, digest]: [Value; 3]) -> Kept {
    Kept { index: index.number() as u64, at_ms: at_ms.number() as u64, digest: digest.text() }
}

/// The gaps, the oldest first: behind which index, and up to which.
pub(super) async fn gaps(tx: &mut Tx) -> Result<Vec<(Index, Index)>, DatabaseError> {
    let sql = format!("SELECT prev_index, log_index FROM history WHERE kind = 'gap' ORDER BY log_index DESC LIMIT {MOST_LISTED}");
    let rows = tx.rows(sql, &[], &[Column::Number, Column::Number]).await?;
    Ok(rows.into_iter().rev().map(|row| (row[0].number() as u64, row[1].number() as u64)).collect())
}

/// One number; none where there is no row to take it from.
pub(super) async fn number(tx: &mut Tx, what: &str, behind: &str, values: &[Value]) -> Result<Option<u64>, DatabaseError> {
    let rows = tx.rows(format!("SELECT COALESCE({what}, -1) FROM {behind}"), values, &[Column::Number]).await?;
    Ok(rows.first().and_then(|row| u64::try_from(row[0].number()).ok()))
}

/// The newest term that anything was written in.
pub(super) async fn newest_term(tx: &mut Tx) -> Result<Term, DatabaseError> {
    let (now, before) = (number(tx, "MAX(term)", "watermark", &[]).await?, number(tx, "MAX(term)", "archived_watermark", &[]).await?);
    Ok(now.max(before).unwrap_or_default())
}

/// The newest index that anything was written up to, of this history or an earlier one.
pub(super) async fn newest_index(tx: &mut Tx) -> Result<Index, DatabaseError> {
    let mut newest = 0;
    for behind in ["watermark", "archived_watermark", "history", "archived_history"] {
        newest = newest.max(number(tx, "MAX(log_index)", behind, &[]).await?.unwrap_or_default());
    }
    Ok(newest)
}

/// The state of a checkpoint.
pub(super) async fn checkpoint_at(pool: &Pool, index: Index) -> Result<State, BackupError> {
    let mut parts = Vec::new();
    loop {
        let mut tx = pool.begin().await.map_err(DatabaseError::from)?;
        let sql = "SELECT parts, content FROM checkpoints WHERE log_index = $1 AND part = $2".to_owned();
        let values = [index.into(), (parts.len() as u64).into()];
        let row = tx.rows(sql, &values, &[Column::Number, Column::Text]).await.map_err(DatabaseError::from)?.pop();
        let Some([count, content]) = row.and_then(|row| <[Value; 2]>::try_from(row).ok()) else {
            return Err(Flaw::Checkpoint { index, why: format!("its part {} is missing", parts.len()) }.into());
        };
        parts.push(content.text());
        if parts.len() as i64 >= count.number() {
            break;
        }
    }
    // Of a large state this takes long, and whoever runs this has other work.
    let unpacked = tokio::task::spawn_blocking(move || checkpoint::unpack(index, &parts)).await;
    Ok(unpacked.map_err(|error| Flaw::Checkpoint { index, why: error.to_string() })??)
}

struct Changes(Vec<Change>);

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One(Change);
        impl<'de> Deserialize<'de> for One {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                metadata::json::parse_change(deserializer).map(One)
            }
        }
        Vec::<One>::deserialize(deserializer).map(|all| Changes(all.into_iter().map(|one| one.0).collect()))
    }
}

/// Commits behind an index and up to another, the oldest first: a page of them.
pub(super) async fn commits(tx: &mut Tx, after: Index, upto: Index) -> Result<Vec<Row>, BackupError> {
    let sql = format!(
        "SELECT log_index, prev_index, at_ms, kind, changes, digest FROM history WHERE log_index > $1 AND log_index <= $2 \
         ORDER BY log_index LIMIT {PAGE}"
    );
    let columns = [Column::Number, Column::Number, Column::Number, Column::Text, Column::Text, Column::Text];
    let rows = tx.rows(sql, &[after.into(), upto.into()], &columns).await.map_err(DatabaseError::from)?;
    rows.into_iter().filter_map(|row| <[Value; 6]>::try_from(row).ok()).map(|row| Ok(commit(row)?)).collect()
}

fn commit([index, prev_index, at_ms, kind, changes, digest]: [Value; 6]) -> Result<Row, Flaw> {
    let index = index.number() as u64;
    let changes = match kind.text().as_str() {
        "gap" => None,
        _ => Some(serde_json::from_str::<Changes>(&changes.text()).map_err(|_| Flaw::Changes { index })?.0),
    };
    let (prev_index, at_ms) = (prev_index.number() as u64, at_ms.number() as u64);
    Ok(Row { index, prev_index, at_ms, changes, digest: digest.text() })
}

/// The commit that follows an index: its own, the one that it follows, and whether it stands for a gap.
pub(super) async fn next_after(tx: &mut Tx, index: Index) -> Result<Option<(Index, Index, bool)>, DatabaseError> {
    let sql = "SELECT log_index, prev_index, kind FROM history WHERE log_index > $1 ORDER BY log_index LIMIT 1".to_owned();
    let row = tx.rows(sql, &[index.into()], &[Column::Number, Column::Number, Column::Text]).await?.pop();
    let row = row.and_then(|row| <[Value; 3]>::try_from(row).ok());
    Ok(row.map(|[index, follows, kind]| (index.number() as u64, follows.number() as u64, kind.text() == "gap")))
}
