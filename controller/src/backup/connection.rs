//! Connections and transactions of SQLite and PostgreSQL behind one face, so that each statement is written once: `$n` places,
//! BIGINT and TEXT columns, nothing else. What differs is in this file.

use super::place::Place;
use super::trouble::DatabaseError;
use sqlx::pool::PoolOptions;
use sqlx::{AssertSqlSafe, Executor, PgPool, Postgres, Row, Sqlite, SqlitePool, Transaction};
use std::time::Duration;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
}

impl Value {
    pub(super) fn number(&self) -> i64 {
        if let Value::Number(number) = self { *number } else { 0 }
    }

    pub(super) fn text(self) -> String {
        if let Value::Text(text) = self { text } else { String::new() }
    }
}

/// What a column of an answer is read as.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Number,
    Text,
}

/// One connection at a time; PgBouncer may make another one of it between two transactions.
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres { pool: PgPool, schema: Option<String> },
}

/// A transaction.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres { tx: Transaction<'static, Postgres>, schema: Option<String> },
}

/// Runs a statement with its values; unnamed in PostgreSQL, where the next one may come by another connection.
macro_rules! query {
    ($sql:expr, $values:expr, $persistent:expr) => {{
        // Names of tables and columns of this module and numbered places; never a value.
        let mut query = sqlx::query(AssertSqlSafe($sql)).persistent($persistent);
        for value in $values {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query
    }};
}

macro_rules! read {
    ($row:expr, $columns:expr) => {
        $columns
            .iter()
            .enumerate()
            .map(|(at, column)| match column {
                Column::Number => $row.try_get(at).map(Value::Number),
                Column::Text => $row.try_get(at).map(Value::Text),
            })
            .collect::<Result<Vec<Value>, sqlx::Error>>()
    };
}

impl Pool {
    /// What kind of database it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Pool::Sqlite(_) => "sqlite",
            Pool::Postgres { .. } => "postgresql",
        }
    }

    pub(super) async fn open(place: &Place) -> Result<Self, sqlx::Error> {
        match place {
            Place::Sqlite(options) => {
                let pool = PoolOptions::new().max_connections(1).acquire_timeout(CONNECT_WITHIN);
                Ok(Pool::Sqlite(pool.connect_with((**options).clone()).await?))
            }
            Place::Postgres { options, schema } => {
                let pool = PoolOptions::new().max_connections(1).acquire_timeout(CONNECT_WITHIN);
                Ok(Pool::Postgres { pool: pool.connect_with((**options).clone()).await?, schema: schema.clone() })
            }
        }
    }

    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        match self {
            Pool::Sqlite(pool) => Ok(Tx::Sqlite(pool.begin().await?)),
            Pool::Postgres { pool, schema } => {
                let mut tx = pool.begin().await?;
                if let Some(schema) = schema {
                    // For this transaction alone: that is all that PgBouncer keeps together.
                    tx.execute(AssertSqlSafe(format!("SET LOCAL search_path TO \"{schema}\""))).await?;
                }
                Ok(Tx::Postgres { tx, schema: schema.clone() })
            }
        }
    }

    /// A transaction that reads, all of it as of one moment.
    pub(super) async fn begin_to_compare(&self) -> Result<Tx, sqlx::Error> {
        let mut tx = self.begin().await?;
        if let Tx::Postgres { .. } = tx {
            tx.script("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned()).await?;
        }
        Ok(tx)
    }
}

impl Tx {
    /// Says how many rows it touched.
    pub(super) async fn execute(&mut self, sql: String, values: impl IntoIterator<Item = Value>) -> Result<u64, sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => query!(sql, values, true).execute(&mut **tx).await.map(|done| done.rows_affected()),
            Tx::Postgres { tx, .. } => query!(sql, values, false).execute(&mut **tx).await.map(|done| done.rows_affected()),
        }
    }

    pub(super) async fn rows(&mut self, sql: String, values: &[Value], columns: &[Column]) -> Result<Vec<Vec<Value>>, sqlx::Error> {
        let values = values.iter().cloned();
        match self {
            Tx::Sqlite(tx) => query!(sql, values, true).fetch_all(&mut **tx).await?.iter().map(|row| read!(row, columns)).collect(),
            Tx::Postgres { tx, .. } => {
                query!(sql, values, false).fetch_all(&mut **tx).await?.iter().map(|row| read!(row, columns)).collect()
            }
        }
    }

    /// Runs the statements of a script.
    pub(super) async fn script(&mut self, sql: String) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.execute(AssertSqlSafe(sql)).await.map(drop),
            Tx::Postgres { tx, .. } => tx.execute(AssertSqlSafe(sql)).await.map(drop),
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres { tx, .. } => tx.commit().await,
        }
    }

    /// Commits what was done, or takes it back before its error is told: a transaction that is merely dropped goes on for a moment, and
    /// whoever comes to the database then finds it busy.
    pub(super) async fn end<T>(self, done: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        match done {
            Ok(value) => self.commit().await.map(|()| value).map_err(DatabaseError::from),
            Err(error) => {
                // What cannot be taken back was not committed either.
                drop(match self {
                    Tx::Sqlite(tx) => tx.rollback().await,
                    Tx::Postgres { tx, .. } => tx.rollback().await,
                });
                Err(error)
            }
        }
    }

    /// Keeps everybody else out who makes the tables, until the transaction ends; makes the schema where it is missing.
    pub(super) async fn alone(&mut self) -> Result<(), sqlx::Error> {
        let Tx::Postgres { schema, .. } = self else { return Ok(()) };
        let schema = schema.clone();
        self.script(format!("SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
        let Some(schema) = schema else { return Ok(()) };
        let there = self
            .rows("SELECT nspname::TEXT FROM pg_namespace WHERE nspname = $1".to_owned(), &[Value::Text(schema.clone())], &[Column::Text])
            .await?;
        if there.is_empty() { self.script(format!("CREATE SCHEMA \"{schema}\"")).await } else { Ok(()) }
    }

    /// The names of all tables where the backup's are.
    pub(super) async fn tables(&mut self) -> Result<Vec<String>, sqlx::Error> {
        let sql = match self {
            Tx::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table'",
            Tx::Postgres { .. } => {
                "SELECT relname::TEXT FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')"
            }
        };
        let rows = self.rows(sql.to_owned(), &[], &[Column::Text]).await?;
        Ok(rows.into_iter().flatten().map(Value::text).collect())
    }

    /// A column of bytes as hexadecimal text, in upper case.
    pub(super) fn hex(&self, column: &str) -> String {
        match self {
            Tx::Sqlite(_) => format!("hex({column})"),
            Tx::Postgres { .. } => format!("upper(encode({column}, 'hex'))"),
        }
    }

    /// Bytes as a literal.
    pub(super) fn bytes(&self, hex: &str) -> String {
        match self {
            Tx::Sqlite(_) => format!("x'{hex}'"),
            Tx::Postgres { .. } => format!("decode('{hex}', 'hex')"),
        }
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Tx::Sqlite(_))
    }
}

/// A number that nobody else is likely to lock: "quorate" in hexadecimal.
const MIGRATING: i64 = 0x0071_756f_7261_7465;
