//! Why a backup does not go on, in words that say what to do. What the database itself said is not repeated: it may hold
//! anything, and says nothing to whoever reads a page.

use super::file::FileError;
use super::rebuild::Flaw;
use std::io;
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
    #[error("the database URL cannot be used: {0}")]
    Url(String),
    #[error(
        "this database holds the backup of another cluster, {cluster_id}, up to index {index}; nothing in it was touched. Give this cluster a database \
         or a schema of its own with --database-url, or move that backup away"
    )]
    OtherCluster { cluster_id: String, index: i64 },
    #[error(
        "this database holds a backup up to index {index} of a history that is not this cluster's, {lineage}; nothing in it was touched. Give this \
         cluster a database or a schema of its own with --database-url, or move that backup away"
    )]
    UnknownOwner { lineage: String, index: i64 },
    #[error(
        "this database has gone on with a later history of this cluster; nothing in it was touched. Give this one a database or a schema of its own \
         with --database-url"
    )]
    Superseded,
    #[error(
        "this database has tables of these names that are not Quorate's: {0}; nothing in it was touched. Give the backup a database or a schema of \
         its own with --database-url"
    )]
    ForeignTables(String),
    #[error("this backup was written by a newer version of Quorate; nothing in it was touched. Use that version, or another database")]
    Newer,
    #[error("the database did not answer for {0:?}; see whether it is overloaded, or locked by somebody")]
    Silent(Duration),
    #[error("the database cannot be reached; see whether it runs and whether --database-url names it")]
    Unreachable,
    #[error("the database takes no more connections; allow more, or close some")]
    TooManyConnections,
    #[error(
        "the database refuses the user or the password of --database-url; see whether they are right and whether the password has expired"
    )]
    Refused,
    #[error("there is no such database; create it, or mend --database-url")]
    NoDatabase,
    #[error("the database's user lacks a right; it has to create tables there, and to read and write them")]
    NoRight,
    #[error("the database is read-only; make it writable, or name the one that is")]
    ReadOnly,
    #[error("the database has no room left on its disk; make room, and the backup catches up by itself")]
    Full,
    #[error("the disk of the database fails; see the log of its system")]
    Disk,
    #[error("the database is busy with somebody else's transaction")]
    Busy,
    #[error("the database file cannot be opened; see whether its directory is there and writable")]
    NoFile,
    #[error("the database file is damaged; move it away, and the backup begins anew")]
    Damaged,
    #[error("the connection to the database is not secure as --database-url wants it")]
    Insecure,
    #[error("the database refuses what the backup writes, with its code {0}")]
    Other(String),
    #[error("a value does not encode: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("a checkpoint cannot be made: {0}")]
    Checkpoint(io::Error),
    #[error("there is no backup of Quorate in this database")]
    NoBackup,
    #[error(
        "this backup was written by an older version of Quorate; start a controller of this version with it once, and it is brought up to date"
    )]
    Older,
    #[error("this database holds something already: {0}; nothing in it was touched. Give an empty one, or a schema of its own")]
    NotEmpty(String),
}

/// Why a backup is not read, checked, filled or restored.
#[derive(Debug, Error)]
pub enum BackupError {
    #[error("{0}")]
    Database(#[source] Trouble),
    /// It was read, and is not whole.
    #[error("{0}")]
    Flaw(#[from] Flaw),
    #[error("the file cannot be used: {0}")]
    File(#[from] FileError),
    /// What was asked for cannot be done with what is there.
    #[error("{0}")]
    Refused(String),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

/// A database's trouble, for whoever need not tell one from another.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Trouble(Box<DatabaseError>);

impl BackupError {
    /// Whether the same may succeed later: somebody did not answer.
    pub fn retryable(&self) -> bool {
        match self {
            BackupError::Database(trouble) => trouble.0.passes(),
            BackupError::File(error) => error.retryable(),
            BackupError::Flaw(_) | BackupError::Refused(_) | BackupError::Io { .. } => false,
        }
    }
}

impl From<Trouble> for DatabaseError {
    fn from(trouble: Trouble) -> Self {
        *trouble.0
    }
}

impl From<DatabaseError> for BackupError {
    fn from(error: DatabaseError) -> Self {
        BackupError::Database(Trouble(Box::new(error)))
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl DatabaseError {
    /// Whether it is of this moment, and nobody has to mend anything.
    fn passes(&self) -> bool {
        matches!(self, DatabaseError::Silent(_) | DatabaseError::Unreachable | DatabaseError::TooManyConnections | DatabaseError::Busy)
    }

    /// What tells it apart from other causes: without the figures that are others at each try.
    pub(crate) fn cause(&self) -> String {
        match self {
            DatabaseError::OtherCluster { cluster_id, .. } => cluster_id.clone(),
            DatabaseError::UnknownOwner { lineage, .. } => lineage.clone(),
            DatabaseError::Silent(_) => "silent".to_owned(),
            other => other.to_string(),
        }
    }

    /// Whether the same leader may try again: also where the database is somebody else's, as it may be moved away.
    pub(crate) fn retryable(&self) -> bool {
        !matches!(self, DatabaseError::Deposed)
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_code(&error.code().unwrap_or_default()),
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => DatabaseError::Full,
            sqlx::Error::Tls(_) => DatabaseError::Insecure,
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                DatabaseError::Unreachable
            }
            sqlx::Error::Protocol(_) => DatabaseError::Unreachable,
            other => DatabaseError::Other(kind(&other).to_owned()),
        }
    }
}

/// PostgreSQL's SQLSTATE (its documentation, appendix A), or SQLite's result code.
fn of_code(code: &str) -> DatabaseError {
    match code {
        "28000" | "28P01" => DatabaseError::Refused,
        "3D000" => DatabaseError::NoDatabase,
        // Without the right to use a schema there is none.
        "42501" | "3F000" => DatabaseError::NoRight,
        "25006" | "8" | "264" | "520" | "776" | "1032" | "1288" => DatabaseError::ReadOnly,
        "53100" | "13" => DatabaseError::Full,
        "58030" => DatabaseError::Disk,
        "53300" => DatabaseError::TooManyConnections,
        "40001" | "40P01" | "55P03" | "5" | "6" | "261" | "262" | "517" | "773" => DatabaseError::Busy,
        "14" | "526" | "782" | "1038" | "1550" => DatabaseError::NoFile,
        "11" | "26" | "267" | "523" | "779" => DatabaseError::Damaged,
        // SQLite's have fewer figures, and the low byte of what it calls an error of the disk is 10.
        _ if code.len() < 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 10) => DatabaseError::Disk,
        _ if code.starts_with("08") || code.starts_with("57P") => DatabaseError::Unreachable,
        _ => DatabaseError::Other(code.to_owned()),
    }
}

/// Errors of the client side, without what they hold.
fn kind(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Configuration(_) => "configuration",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "decode",
        sqlx::Error::Encode(_) => "encode",
        sqlx::Error::RowNotFound => "row not found",
        _ => "unknown",
    }
}

/// A cluster's id as the database holds it.
pub(super) fn text(id: Uuid) -> String {
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_in_words_that_say_what_to_do() {
        for (code, words) in [
            ("28P01", "user or the password"),
            ("3D000", "no such database"),
            ("42501", "lacks a right"),
            ("3F000", "lacks a right"),
            ("25006", "read-only"),
            ("8", "read-only"),
            ("53100", "no room left"),
            ("13", "no room left"),
            ("58030", "disk of the database fails"),
            ("778", "disk of the database fails"),
            ("28000", "has expired"),
            ("53300", "takes no more connections"),
            ("57P03", "cannot be reached"),
            ("08P01", "cannot be reached"),
            ("5", "busy"),
            ("26", "damaged"),
            ("XX000", "code XX000"),
        ] {
            let said = of_code(code).to_string();
            assert!(said.contains(words), "{code}: {said}");
        }
    }
}
