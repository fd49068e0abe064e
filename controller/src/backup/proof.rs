//! A backup proves itself: what its history comes to has the digest that the cluster had, and its tables hold exactly that.

use super::connection::{Column, Pool, Tx, Value};
use super::reading::{self, Kept};
use super::rebuild::{AsOf, Flaw, Rebuild};
use super::rows::{self, Row};
use super::tables;
use super::trouble::{BackupError, DatabaseError};
use metadata::digest::Digest;
use metadata::{BrokerId, Index, State, TopicId};
use uuid::Uuid;

/// Rows that are read of a table at once.
const PAGE: usize = 1_000;

/// How far back a proof goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All that is kept.
    Whole,
    /// From the newest checkpoint but one: what was written since a leader looked last.
    Lately,
}

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub cluster_id: String,
    pub lineage: String,
    pub index: Index,
    pub digest: Digest,
    /// How many commits were absorbed on the way.
    pub commits: u64,
    /// What is not in it: behind which index, and up to which.
    pub gaps: Vec<(Index, Index)>,
}

/// What a backup is of.
pub(super) struct Known {
    pub cluster_id: String,
    pub lineage: String,
    pub watermark: Index,
    pub checkpoints: Vec<Kept>,
    pub gaps: Vec<(Index, Index)>,
}

impl Known {
    pub(super) async fn read(pool: &Pool) -> Result<Known, BackupError> {
        let mut tx = pool.begin().await?;
        tables::check(&mut tx).await?;
        let mark = reading::mark(&mut tx).await?.ok_or(Flaw::Empty)?;
        let cluster_id = reading::owner(&mut tx).await?.unwrap_or_default();
        let (checkpoints, gaps) = (reading::checkpoints(&mut tx).await?, reading::gaps(&mut tx).await?);
        Ok(Known { cluster_id, lineage: mark.lineage, watermark: mark.index as u64, checkpoints, gaps })
    }

    /// The oldest index that a state can be rebuilt at.
    pub(super) async fn oldest(&self, pool: &Pool) -> Result<Index, BackupError> {
        let first = reading::next_after(&mut pool.begin().await?, 0).await?;
        match (first, self.checkpoints.first()) {
            (Some((_, 0, false)), _) => Ok(0),
            (_, Some(oldest)) => Ok(oldest.index),
            (Some((_, follows, false)), None) => Err(Flaw::NoBeginning { after: follows }.into()),
            (Some((upto, after, true)), None) => Err(Flaw::Gap { after, upto }.into()),
            (None, None) => Err(Flaw::Empty.into()),
        }
    }
}

/// The state of a checkpoint; the empty one at 0.
async fn begin(pool: &Pool, index: Index) -> Result<Rebuild, BackupError> {
    match index {
        0 => Ok(Rebuild::default()),
        _ => reading::checkpoint_at(pool, index).await.map(Rebuild::from),
    }
}

/// Goes on up to an index; what is a checkpoint on the way is held against it, and behind a gap it goes on from one.
async fn go_on(pool: &Pool, known: &Known, rebuild: &mut Rebuild, upto: Index) -> Result<u64, BackupError> {
    let mut commits = 0;
    loop {
        let page = reading::commits(&mut pool.begin().await?, rebuild.state().revision(), upto).await?;
        if page.is_empty() {
            return Ok(commits + rebuild.commits());
        }
        for row in &page {
            let kept = known.checkpoints.iter().find(|kept| kept.index == row.index);
            match (&row.changes, kept) {
                (None, Some(kept)) => {
                    commits += rebuild.commits();
                    *rebuild = begin(pool, kept.index).await?;
                    rebuild.compare(row.index, &row.digest)?;
                }
                _ => rebuild.take(row)?,
            }
            if let Some(kept) = kept {
                rebuild.compare(kept.index, &kept.digest)?;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// The state as of some point, and how many commits it was rebuilt from.
pub(super) async fn rebuilt(pool: &Pool, known: &Known, as_of: AsOf) -> Result<State, BackupError> {
    let oldest = known.oldest(pool).await?;
    let asked = match as_of {
        AsOf::Newest => known.watermark,
        AsOf::Index(index) => index,
        AsOf::Time(at_ms) => {
            let mut tx = pool.begin().await?;
            let newest = reading::number(&mut tx, "MAX(log_index)", "history WHERE at_ms <= $1", &[at_ms.into()]).await?;
            let kept = known.checkpoints.iter().rfind(|kept| kept.at_ms <= at_ms).map(|kept| kept.index);
            newest.max(kept).ok_or(Flaw::TooEarly { asked: format!("{at_ms} ms"), oldest })?
        }
    };
    if asked > known.watermark {
        return Err(Flaw::TooLate { asked, newest: known.watermark }.into());
    }
    if asked < oldest {
        return Err(Flaw::TooEarly { asked: asked.to_string(), oldest }.into());
    }
    if let Some((_, after, true)) = reading::next_after(&mut pool.begin().await?, asked).await?
        && after < asked
    {
        let upto = known.gaps.iter().find(|gap| gap.0 == after).map_or(asked, |gap| gap.1);
        return Err(Flaw::Gap { after, upto }.into());
    }
    let base = known.checkpoints.iter().rfind(|kept| kept.index <= asked).map_or(0, |kept| kept.index);
    let mut rebuild = begin(pool, base).await?;
    go_on(pool, known, &mut rebuild, asked).await?;
    let ends = rebuild.state().revision();
    if as_of == AsOf::Newest && ends != known.watermark {
        return Err(Flaw::Short { ends, watermark: known.watermark }.into());
    }
    Ok(rebuild.into_state())
}

/// Proves a backup.
pub(crate) async fn prove(pool: &Pool, reach: Reach) -> Result<Proven, BackupError> {
    let mut known = Known::read(pool).await?;
    let lately = known.checkpoints.iter().rev().nth(1).or(known.checkpoints.first()).map(|kept| kept.index);
    let from = match (reach, lately) {
        (Reach::Lately, Some(index)) => index,
        _ => known.oldest(pool).await?,
    };
    let mut rebuild = begin(pool, from).await?;
    if let Some(kept) = known.checkpoints.iter().find(|kept| kept.index == from) {
        rebuild.compare(from, &kept.digest)?;
    }
    let mut commits = go_on(pool, &known, &mut rebuild, known.watermark).await?;
    // What was written meanwhile, and the tables, of one moment.
    let mut tx = pool.begin_to_compare().await?;
    let watermark = reading::mark(&mut tx).await?.ok_or(Flaw::Empty)?.index as u64;
    loop {
        let page = reading::commits(&mut tx, rebuild.state().revision(), watermark).await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            rebuild.take(row)?;
            commits += 1;
        }
    }
    known.watermark = watermark;
    let ends = rebuild.state().revision();
    if ends != watermark {
        return Err(Flaw::Short { ends, watermark }.into());
    }
    compare_tables(&mut tx, rebuild.state()).await?;
    let (index, digest) = (ends, rebuild.state().digest());
    Ok(Proven { cluster_id: known.cluster_id, lineage: known.lineage, index, digest, commits, gaps: known.gaps })
}

/// Holds every row of the tables against the state.
async fn compare_tables(tx: &mut Tx, state: &State) -> Result<(), BackupError> {
    let counts = [state.topic_count(), state.all_partitions().count(), state.broker_count()];
    for ((table, key, columns), count) in rows::current().into_iter().zip(counts) {
        let index = state.revision();
        let no = |what: String| Flaw::Table { table, index, what };
        let (mut found, mut after) = (0, None::<Row>);
        loop {
            let page = page(tx, table, key, columns, after.as_deref()).await?;
            for row in &page {
                let expected = expected(state, table, row).map_err(DatabaseError::from)?;
                if expected.as_ref() != Some(row) {
                    return Err(no(differs(columns, row, expected.as_ref())).into());
                }
            }
            found += page.len();
            let whole = page.len() == PAGE;
            after = page.into_iter().next_back().map(|row| row[..key].to_vec());
            if !whole {
                break;
            }
        }
        if found != count {
            return Err(no(format!("it has {found} rows of {count}")).into());
        }
    }
    Ok(())
}

/// Rows behind a key, in the order of keys.
async fn page(tx: &mut Tx, table: &str, key: usize, columns: &[&str], after: Option<&[Value]>) -> Result<Vec<Row>, DatabaseError> {
    let keys = columns[..key].join(", ");
    let behind = match (after, key) {
        (None, _) => String::new(),
        (Some(_), 1) => format!("WHERE {keys} > $1"),
        (Some(_), _) => format!("WHERE ({keys}) > ($1, $2)"),
    };
    let sql = format!("SELECT {} FROM {table} {behind} ORDER BY {keys} LIMIT {PAGE}", columns.join(", "));
    let kinds: Vec<Column> = columns.iter().map(|column| kind(table, column)).collect();
    Ok(tx.rows(sql, after.unwrap_or_default(), &kinds).await?)
}

fn kind(table: &str, column: &str) -> Column {
    match column {
        "id" if table == "brokers" => Column::Number,
        "created_index" | "created_at_ms" | "partition_no" | "leader" | "leader_epoch" | "partition_epoch" | "epoch" => Column::Number,
        _ => Column::Text,
    }
}

/// What the state has under a row's key, as a row.
fn expected(state: &State, table: &str, row: &Row) -> Result<Option<Row>, serde_json::Error> {
    let topic = |value: &Value| match value {
        Value::Text(text) => Uuid::parse_str(text).ok().map(TopicId),
        Value::Number(_) => None,
    };
    match table {
        "topics" => topic(&row[0])
            .and_then(|id| state.topic(id))
            .map(|topic| rows::topic_row(topic.id, &topic.name, topic.created_index, topic.created_at_ms, &topic.configs))
            .transpose(),
        "partitions" => topic(&row[0])
            .zip(u32::try_from(row[1].number()).ok())
            .and_then(|(id, number)| Some(rows::partition_row(id, state.partition(id, number)?)))
            .transpose(),
        _ => {
            let id = u32::try_from(row[0].number()).ok().map(BrokerId);
            id.and_then(|id| state.broker(id)).map(|broker| rows::broker_row(broker)).transpose()
        }
    }
}

/// The first thing that is another.
fn differs(columns: &[&str], row: &Row, expected: Option<&Row>) -> String {
    let of = |value: &Value| match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.chars().take(80).collect(),
    };
    let key = of(&row[0]);
    let Some(expected) = expected else { return format!("{} {key} is in it, and should not be", columns[0]) };
    match columns.iter().zip(row.iter().zip(expected)).find(|(_, (row, expected))| row != expected) {
        Some((column, (row, expected))) => format!("{column} of {key} is {}, and should be {}", of(row), of(expected)),
        None => format!("the row of {key}"),
    }
}
