//! Makes the backup's tables, and those that a newer version needs: all in one transaction, that no session outlives, as behind
//! PgBouncer there is none.

use super::connection::{Column, Tx, Value};
use super::trouble::DatabaseError;
use sha2::{Digest, Sha384};
use std::fmt::Write as _;

/// A step from one version of the tables to the next. It never changes once it was released: databases hold its checksum.
struct Migration {
    version: i64,
    description: &'static str,
    /// Its tables: where one is there before, it is somebody else's.
    tables: &'static [&'static str],
    sql: &'static str,
}

/// In the SQL that both databases understand.
const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        description: "backup",
        tables: &["watermark", "brokers", "topics", "partitions", "history"],
        sql: include_str!("../../../migrations/0001_backup.sql"),
    },
    Migration {
        version: 2,
        description: "whose",
        tables: &["backup", "archived_watermark", "archived_brokers", "archived_topics", "archived_partitions", "archived_history"],
        sql: include_str!("../../../migrations/0002_whose.sql"),
    },
    Migration { version: 3, description: "by what", tables: &[], sql: include_str!("../../../migrations/0003_by_what.sql") },
    Migration {
        version: 4,
        description: "checkpoints",
        tables: &["checkpoints", "archived_checkpoints"],
        sql: include_str!("../../../migrations/0004_checkpoints.sql"),
    },
];

/// Where it is noted what was made, as sqlx's own migrator did for the versions before.
const NOTED: &str = "_sqlx_migrations";

/// Makes what is missing.
pub(super) async fn make(tx: &mut Tx) -> Result<(), DatabaseError> {
    tx.alone().await?;
    let there = tx.tables().await?;
    let mut made = Vec::new();
    if there.iter().any(|table| table == NOTED) {
        let sql = format!("SELECT version, {} FROM {NOTED} ORDER BY version", tx.hex("checksum"));
        for row in tx.rows(sql, &[], &[Column::Number, Column::Text]).await? {
            let [version, checksum] = <[Value; 2]>::try_from(row).map_err(|_| DatabaseError::Other("decode".to_owned()))?;
            made.push((version.number(), checksum.text()));
        }
        let ours = |version: i64| MIGRATIONS.iter().find(|migration| migration.version == version);
        for (version, checksum) in &made {
            match ours(*version) {
                Some(migration) if migration.checksum() != *checksum => return Err(DatabaseError::ForeignTables(NOTED.to_owned())),
                Some(_) => {}
                None if made.iter().any(|(version, _)| ours(*version).is_some()) => return Err(DatabaseError::Newer),
                None => return Err(DatabaseError::ForeignTables(NOTED.to_owned())),
            }
        }
    }
    let missing = || MIGRATIONS.iter().filter(|migration| !made.iter().any(|(version, _)| *version == migration.version));
    let taken: Vec<&str> =
        missing().flat_map(|migration| migration.tables).copied().filter(|name| there.iter().any(|table| table == name)).collect();
    if !taken.is_empty() {
        return Err(DatabaseError::ForeignTables(taken.join(", ")));
    }
    if !there.iter().any(|table| table == NOTED) {
        let types = if tx.is_sqlite() { ("TIMESTAMP", "BLOB") } else { ("TIMESTAMPTZ", "BYTEA") };
        tx.script(format!(
            "CREATE TABLE {NOTED} (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on {} NOT NULL DEFAULT CURRENT_TIMESTAMP, \
             success BOOLEAN NOT NULL, checksum {} NOT NULL, execution_time BIGINT NOT NULL)",
            types.0, types.1
        ))
        .await?;
    }
    for migration in missing() {
        tx.script(migration.sql.to_owned()).await?;
        let checksum = tx.bytes(&migration.checksum());
        tx.script(format!(
            "INSERT INTO {NOTED} (version, description, success, checksum, execution_time) VALUES ({}, '{}', TRUE, {checksum}, 0)",
            migration.version, migration.description
        ))
        .await?;
    }
    Ok(())
}

/// Whether there is a backup that this build reads; nothing is made.
pub(super) async fn check(tx: &mut Tx) -> Result<(), DatabaseError> {
    let there = tx.tables().await?;
    let has = |name: &str| there.iter().any(|table| table == name);
    if !has(NOTED) || !has("watermark") {
        return Err(DatabaseError::NoBackup);
    }
    let newest = tx.rows(format!("SELECT COALESCE(MAX(version), 0) FROM {NOTED}"), &[], &[Column::Number]).await?;
    let newest = newest.first().map_or(0, |row| row[0].number());
    if newest > MIGRATIONS.last().map_or(0, |last| last.version) {
        return Err(DatabaseError::Newer);
    }
    if MIGRATIONS.iter().any(|migration| !migration.tables.iter().all(|table| has(table))) {
        return Err(DatabaseError::Older);
    }
    Ok(())
}

impl Migration {
    /// As sqlx's migrator computes and notes it, in hexadecimal.
    fn checksum(&self) -> String {
        Sha384::digest(self.sql.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            let _in_memory = write!(text, "{byte:02X}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn what_was_released_stays_as_it_is_in_databases() {
        let known = MIGRATIONS.map(|migration| (migration.version, migration.checksum()[..16].to_owned()));
        for migration in MIGRATIONS {
            let made = migration.tables.iter().filter(|table| migration.sql.contains(&format!("CREATE TABLE {table} ("))).count();
            assert_eq!((made, migration.sql.matches("CREATE TABLE").count()), (migration.tables.len(), migration.tables.len()));
        }
        let released = ["D2338F7BD9448EA6", "50D0D61FC42ECE4B", "24E4DD84D18D37EE", "ECBC7E60EDBEAB93"];
        assert_eq!(known.to_vec(), (1..).zip(released.map(str::to_owned)).collect::<Vec<(i64, String)>>());
    }
}
