//! The backup's transactions, for SQLite and PostgreSQL alike: TEXT and BIGINT columns, `$n` parameters, nothing else.

use super::checkpoint::Packed;
use super::connection::{Column, Pool, Tx, Value};
use super::place::Place;
use super::reading::{self, Mark, mark};
use super::rows::Rows;
use super::tables;
pub(crate) use super::trouble::DatabaseError;
use super::trouble::text;
use crate::hub::Applied;
use metadata::{Index, State, Term};
use uuid::Uuid;

/// Rows of the whole state that are gathered before they are written; one topic may be more.
const MOST_ROWS: usize = 4_096;
/// Indexes whose commits are dropped in one transaction.
const MOST_DROPPED: u64 = 20_000;
/// Periodic checkpoints that are kept, beside the one that the history begins with and those behind gaps.
const MOST_CHECKPOINTS: usize = 8;

/// Who writes: another cluster's transaction fails on it, and a deposed leader's.
pub(crate) struct Fence {
    pub cluster_id: Uuid,
    pub lineage: Uuid,
    pub term: Term,
}

/// An open database.
pub(crate) struct Database {
    pool: Pool,
}

impl Database {
    /// Connects.
    pub(crate) async fn open(url: &str) -> Result<Self, DatabaseError> {
        Ok(Database { pool: Pool::open(&Place::of(url)?).await? })
    }

    /// Makes the tables that are missing, takes the backup over for this term and says up to where it is, all or nothing: in a
    /// database of another cluster not even a table is made. What an earlier history of this one left is put aside.
    pub(crate) async fn claim(&self, fence: &Fence) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let claimed = claimed(&mut tx, fence).await;
        tx.end(claimed).await
    }

    /// Writes these commits and the new watermark, all or nothing.
    pub(crate) async fn append(&self, fence: &Fence, from: Index, commits: &[Applied]) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let done = async {
            let mut rows = Rows::default();
            for (commit, by) in commits {
                rows.commit(commit, by.as_ref())?;
            }
            rows.write(&mut tx).await?;
            let upto = commits.last().map_or(from, |(commit, _)| commit.index);
            advance(&mut tx, fence, from, upto).await?;
            Ok(upto)
        };
        let done = done.await;
        tx.end(done).await
    }

    /// Replaces everything by the whole state, says in the history that a stretch is missing, and keeps the state to go on from.
    pub(crate) async fn leap(&self, fence: &Fence, from: Index, state: &State, packed: Packed) -> Result<Index, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let done = async {
            wipe(&mut tx).await?;
            put_state(&mut tx, state).await?;
            let mut rows = Rows::default();
            rows.gap(from, fence.term, state);
            rows.checkpoint(packed);
            rows.write(&mut tx).await?;
            let upto = state.revision();
            advance(&mut tx, fence, from, upto).await?;
            Ok(upto)
        };
        let done = done.await;
        tx.end(done).await
    }

    /// Keeps the whole state where the backup is.
    pub(crate) async fn checkpoint(&self, fence: &Fence, at: Index, packed: Packed) -> Result<(), DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let done = async {
            let mut rows = Rows::default();
            rows.checkpoint(packed);
            rows.write(&mut tx).await?;
            advance(&mut tx, fence, at, at).await?;
            Ok(())
        };
        let done = done.await;
        tx.end(done).await
    }

    /// How the checkpoints stand.
    pub(crate) async fn standing(&self) -> Result<Standing, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let newest = reading::checkpoints(&mut tx).await?.pop();
        let gap = reading::gaps(&mut tx).await?.last().map_or(0, |(_, upto)| *upto);
        let first = reading::next_after(&mut tx, 0).await?;
        let begins = first.is_none_or(|(_, follows, gap)| follows == 0 && !gap);
        let at = newest.as_ref().map_or(0, |newest| newest.index);
        let since = reading::number(&mut tx, "COUNT(*)", "history WHERE log_index > $1", &[at.into()]).await?.unwrap_or_default();
        let whole = newest.as_ref().map_or(begins && gap == 0, |newest| newest.index >= gap);
        Ok(Standing { newest_ms: newest.map(|newest| newest.at_ms), since, whole })
    }

    /// Lets go of what is older than this, as far as the newest checkpoint from before it reaches, a part at a time; and of checkpoints that
    /// nothing needs. Whether there is more.
    pub(crate) async fn thin(&self, fence: &Fence, at: Index, oldest_ms: Option<u64>) -> Result<bool, DatabaseError> {
        let mut tx = self.pool.begin().await?;
        let (kept, gaps) = (reading::checkpoints(&mut tx).await?, reading::gaps(&mut tx).await?);
        let base = oldest_ms.and_then(|oldest| kept.iter().rfind(|each| each.at_ms <= oldest)).map_or(0, |base| base.index);
        let oldest = reading::number(&mut tx, "MIN(log_index)", "history", &[]).await?.unwrap_or_default();
        let upto = base.min(oldest.saturating_add(MOST_DROPPED));
        let dropped = tx.execute("DELETE FROM history WHERE log_index <= $1".to_owned(), [upto.into()]).await?;
        let more = upto < base;
        let periodic = |index: Index| !gaps.iter().any(|(_, upto)| *upto == index) && index != base;
        let surplus = kept.iter().rev().filter(|each| each.index > base && periodic(each.index)).skip(MOST_CHECKPOINTS);
        // With the first commits that go: what is left before the base belongs to nothing.
        let gone = kept.iter().filter(|each| each.index < base).chain(surplus);
        let mut removed = 0;
        for each in gone {
            removed += tx.execute("DELETE FROM checkpoints WHERE log_index = $1".to_owned(), [each.index.into()]).await?;
        }
        if dropped + removed > 0 {
            advance(&mut tx, fence, at, at).await?;
            tx.commit().await?;
        }
        Ok(more)
    }

    /// For who reads.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }
}

/// Up to where the backup is, which is this term's from now on.
async fn claimed(tx: &mut Tx, fence: &Fence) -> Result<Index, DatabaseError> {
    // Keeps out whoever claims it at the same time, too.
    tables::make(tx).await?;
    // Waits for whoever is about to move it, so that what is read next is what they left.
    tx.execute("UPDATE watermark SET term = term WHERE id = 1".to_owned(), []).await?;
    let left = mark(tx).await?;
    own(tx, fence, left.as_ref()).await?;
    let lineage = text(fence.lineage);
    let index = match left {
        Some(Mark { lineage: at, term, index }) if at == lineage => {
            if term as u64 > fence.term {
                return Err(DatabaseError::Deposed);
            }
            index
        }
        Some(earlier) => {
            let archived = "SELECT term FROM archived_watermark WHERE lineage = $1".to_owned();
            if !tx.rows(archived, &[Value::Text(lineage.clone())], &[Column::Number]).await?.is_empty() {
                return Err(DatabaseError::Superseded);
            }
            tracing::warn!(was = earlier.lineage, is = lineage, "the SQL backup is of an earlier history of this cluster: it is put aside");
            archive(tx, &earlier).await?;
            0
        }
        None => 0,
    };
    tx.execute("DELETE FROM watermark".to_owned(), []).await?;
    let mark = [Value::Text(lineage), fence.term.into(), Value::Number(index)];
    tx.execute("INSERT INTO watermark (id, lineage, term, log_index) VALUES (1, $1, $2, $3)".to_owned(), mark).await?;
    Ok(index as u64)
}

/// How the checkpoints of a backup stand.
pub(crate) struct Standing {
    pub newest_ms: Option<u64>,
    /// Commits behind the newest.
    pub since: u64,
    /// Whether the backup can be rebuilt from what is there.
    pub whole: bool,
}

/// Writes the tables of what there is now, into empty ones.
pub(super) async fn put_state(tx: &mut Tx, state: &State) -> Result<(), DatabaseError> {
    let mut rows = Rows::default();
    for broker in state.brokers() {
        rows.broker(broker)?;
    }
    for topic in state.topics_after(None) {
        rows.topic(topic.id, &topic.name, topic.created_index, topic.created_at_ms, &topic.configs)?;
        for partition in state.partitions_of(topic.id) {
            rows.partition(topic.id, partition)?;
        }
        if rows.len() >= MOST_ROWS {
            std::mem::take(&mut rows).write(tx).await?;
        }
    }
    Ok(rows.write(tx).await?)
}

/// Whether this cluster may write here: the backup is its own, or nobody's yet. One of a version that did not say whose it is
/// is known by its history.
async fn own(tx: &mut Tx, fence: &Fence, left: Option<&Mark>) -> Result<(), DatabaseError> {
    let index = left.map_or(0, |mark| mark.index);
    let owner = "SELECT cluster_id FROM backup WHERE id = 1".to_owned();
    let known = !tx.rows(owner.clone(), &[], &[Column::Text]).await?.is_empty();
    if let Some(mark) = left.filter(|mark| !known && mark.lineage != text(fence.lineage)) {
        return Err(DatabaseError::UnknownOwner { lineage: mark.lineage.clone(), index });
    }
    // Of two that come at once the first one is who is read next.
    let take = "INSERT INTO backup (id, cluster_id) VALUES (1, $1) ON CONFLICT (id) DO NOTHING".to_owned();
    tx.execute(take, [Value::Text(text(fence.cluster_id))]).await?;
    let owner = tx.rows(owner, &[], &[Column::Text]).await?.into_iter().flatten().map(Value::text).next().unwrap_or_default();
    if owner == text(fence.cluster_id) { Ok(()) } else { Err(DatabaseError::OtherCluster { cluster_id: owner, index }) }
}

/// Puts aside what an earlier history left.
async fn archive(tx: &mut Tx, earlier: &Mark) -> Result<(), DatabaseError> {
    let lineage = [Value::Text(earlier.lineage.clone())];
    let mark =
        "INSERT INTO archived_watermark (lineage, term, log_index) SELECT lineage, term, log_index FROM watermark WHERE lineage = $1";
    tx.execute(mark.to_owned(), lineage.clone()).await?;
    for (table, columns) in super::rows::tables() {
        let columns = columns.join(", ");
        tx.execute(format!("INSERT INTO archived_{table} (lineage, {columns}) SELECT $1, {columns} FROM {table}"), lineage.clone()).await?;
        tx.execute(format!("DELETE FROM {table}"), []).await?;
    }
    Ok(())
}

async fn wipe(tx: &mut Tx) -> Result<(), DatabaseError> {
    for table in ["partitions", "topics", "brokers"] {
        tx.execute(format!("DELETE FROM {table}"), []).await?;
    }
    Ok(())
}

async fn advance(tx: &mut Tx, fence: &Fence, from: Index, upto: Index) -> Result<(), DatabaseError> {
    let sql = "UPDATE watermark SET log_index = $1 WHERE id = 1 AND lineage = $2 AND term = $3 AND log_index = $4".to_owned();
    let moved = tx.execute(sql, [upto.into(), Value::Text(text(fence.lineage)), fence.term.into(), from.into()]).await?;
    if moved == 1 { Ok(()) } else { Err(DatabaseError::Deposed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::checkpoint;

    const CLUSTER: u128 = 7;

    fn fence(cluster_id: u128, lineage: u128, term: Term) -> Fence {
        Fence { cluster_id: Uuid::from_u128(cluster_id), lineage: Uuid::from_u128(lineage), term }
    }

    async fn run(database: &Database, sql: &str) -> anyhow::Result<()> {
        let mut tx = database.pool.begin().await?;
        tx.script(sql.to_owned()).await?;
        Ok(tx.commit().await?)
    }

    async fn count(database: &Database, what: &str) -> anyhow::Result<i64> {
        let rows = database.pool.begin().await?.rows(format!("SELECT COUNT(*) FROM {what}"), &[], &[Column::Number]).await?;
        Ok(rows[0][0].number())
    }

    fn url(dir: &tempfile::TempDir) -> String {
        format!("sqlite://{}?mode=rwc", dir.path().join("backup.sqlite").display())
    }

    const BROKER: &str = "INSERT INTO brokers (id, epoch, rack, state) VALUES (101, 1, '', '{}')";
    const COMMIT: &str = "INSERT INTO history VALUES (7, 6, 4, 1, 'user:anonymous', 'create_topics', 'null', '[]', '', '', '')";

    /// Who claims a backup after whom, and how far it is for them then.
    #[tokio::test]
    async fn a_backup_belongs_to_one_cluster_and_to_its_newest_term() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let database = Database::open(&url(&dir)).await?;
        assert_eq!(database.claim(&fence(CLUSTER, 1, 3)).await?, 0);
        let state = State::default();
        run(&database, "UPDATE watermark SET log_index = 7").await?;
        run(&database, BROKER).await?;
        run(&database, COMMIT).await?;
        assert_eq!(database.claim(&fence(CLUSTER, 1, 4)).await?, 7, "a newer leader goes on");
        assert!(matches!(database.claim(&fence(CLUSTER, 1, 3)).await, Err(DatabaseError::Deposed)), "an older one does not");
        assert!(matches!(database.append(&fence(CLUSTER, 1, 3), 7, &[]).await, Err(DatabaseError::Deposed)), "nor does it write");
        let other = database.leap(&fence(CLUSTER, 2, 9), 7, &state, checkpoint::pack(&state)?).await;
        assert!(matches!(other, Err(DatabaseError::Deposed)), "nor does another history");
        assert_eq!(count(&database, "brokers").await?, 1, "what failed left something behind");

        for _ in 0..2 {
            let refused = database.claim(&fence(8, 9, 9)).await;
            let Err(DatabaseError::OtherCluster { cluster_id, index: 7 }) = refused else { panic!("{refused:?}") };
            assert_eq!(cluster_id, Uuid::from_u128(CLUSTER).to_string());
        }
        assert_eq!((count(&database, "brokers").await?, count(&database, "history").await?), (1, 1), "another cluster touches nothing");

        assert_eq!(database.claim(&fence(CLUSTER, 2, 1)).await?, 0, "another history of this cluster begins anew");
        assert_eq!((count(&database, "brokers").await?, count(&database, "history").await?), (0, 0), "and without the old one's rows");
        let kept = ["archived_brokers", "archived_history", "archived_watermark WHERE log_index = 7 AND term = 4"];
        for what in kept {
            assert_eq!(count(&database, what).await?, 1, "{what}: what it left is kept");
        }
        assert!(matches!(database.claim(&fence(CLUSTER, 1, 99)).await, Err(DatabaseError::Superseded)), "the old one does not come back");
        Ok(())
    }

    /// The tables of the version before, as its migrator made them.
    async fn of_the_version_before(url: &str) -> anyhow::Result<()> {
        let database = Database::open(url).await?;
        let mut tx = database.pool.begin().await?;
        tables::make(&mut tx).await?;
        let later = ["backup", "archived_watermark", "archived_brokers", "archived_topics", "archived_partitions", "archived_history"];
        for table in later.into_iter().chain(["checkpoints", "archived_checkpoints"]) {
            tx.script(format!("DROP TABLE {table}")).await?;
        }
        for column in ["credential", "address"] {
            tx.script(format!("ALTER TABLE history DROP COLUMN {column}")).await?;
        }
        tx.script("DELETE FROM _sqlx_migrations WHERE version > 1".to_owned()).await?;
        tx.script(format!("INSERT INTO watermark VALUES (1, '{}', 3, 7); {BROKER}", Uuid::from_u128(1))).await?;
        Ok(tx.commit().await?)
    }

    #[tokio::test]
    async fn a_backup_that_does_not_say_whose_it_is_is_known_by_its_history() -> anyhow::Result<()> {
        for (lineage, ours) in [(1, true), (2, false)] {
            let dir = tempfile::tempdir()?;
            of_the_version_before(&url(&dir)).await?;
            let database = Database::open(&url(&dir)).await?;
            let claimed = database.claim(&fence(CLUSTER, lineage, 9)).await;
            match claimed {
                Ok(index) => assert!(ours && index == 7, "claimed up to {index}"),
                Err(DatabaseError::UnknownOwner { index: 7, .. }) => assert!(!ours),
                Err(error) => panic!("{error}"),
            }
            assert_eq!(count(&database, "brokers").await?, 1);
            // The version before would not know a version that it did not make.
            let versions = if ours { 4 } else { 1 };
            assert_eq!(count(&database, "_sqlx_migrations").await?, versions);
            assert_eq!(count(&database, "sqlite_master WHERE name = 'backup'").await?, i64::from(ours));
        }
        Ok(())
    }

    #[tokio::test]
    async fn somebody_elses_tables_and_those_of_a_newer_version_are_not_touched() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let database = Database::open(&url(&dir)).await?;
        run(&database, "CREATE TABLE topics (title TEXT); INSERT INTO topics VALUES ('mine')").await?;
        let refused = database.claim(&fence(CLUSTER, 1, 1)).await.err();
        assert!(matches!(&refused, Some(DatabaseError::ForeignTables(tables)) if tables == "topics"), "{refused:?}");
        assert_eq!(count(&database, "sqlite_master").await?, 1);
        assert_eq!(count(&database, "topics").await?, 1);
        run(&database, "DROP TABLE topics; CREATE TABLE archived_topics (title TEXT)").await?;
        let refused = database.claim(&fence(CLUSTER, 1, 1)).await.err();
        assert!(matches!(&refused, Some(DatabaseError::ForeignTables(tables)) if tables == "archived_topics"), "{refused:?}");

        let dir = tempfile::tempdir()?;
        let database = Database::open(&url(&dir)).await?;
        database.claim(&fence(CLUSTER, 1, 1)).await?;
        run(&database, "INSERT INTO _sqlx_migrations VALUES (99, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 0)").await?;
        assert!(matches!(database.claim(&fence(CLUSTER, 1, 1)).await, Err(DatabaseError::Newer)));
        run(&database, "UPDATE _sqlx_migrations SET checksum = x'00'").await?;
        assert!(matches!(database.claim(&fence(CLUSTER, 1, 1)).await, Err(DatabaseError::ForeignTables(_))));
        Ok(())
    }
}
