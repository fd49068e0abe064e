//! What commits leave in the tables: of every thing its last state only, written with many rows a statement.
//!
//! A statement is a round trip to the database, and with SQLite two switches between threads: a commit of its own needs
//! four of them, and hundreds of commits together need a few dozen.

use super::checkpoint::Packed;
use super::connection::{Tx, Value};
use metadata::command::AskedBy;
use metadata::model::Configs;
use metadata::{Broker, BrokerId, Change, Commit, Index, Partition, State, Term, TopicId};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows in one statement at most. A power of two: what is left over is written in smaller ones, so that there are only as
/// many different statements, each prepared once.
const ROWS_A_STATEMENT: usize = 64;

/// A table that rows are put into; the first `key` columns are its primary key.
struct Table {
    name: &'static str,
    key: usize,
    columns: &'static [&'static str],
}

const TOPICS: Table = Table { name: "topics", key: 1, columns: &["id", "name", "created_index", "created_at_ms", "configs"] };
/// Where the configs stand in a topic's row.
const CONFIGS: usize = TOPICS.columns.len() - 1;
const PARTITIONS: Table = Table {
    name: "partitions",
    key: 2,
    columns: &["topic_id", "partition_no", "leader", "leader_epoch", "partition_epoch", "replicas", "isr", "state"],
};
const BROKERS: Table = Table { name: "brokers", key: 1, columns: &["id", "epoch", "rack", "state"] };
const HISTORY: Table = Table {
    name: "history",
    key: 1,
    columns: &["log_index", "prev_index", "term", "at_ms", "principal", "kind", "intent", "changes", "digest", "credential", "address"],
};
const CHECKPOINTS: Table = Table { name: "checkpoints", key: 2, columns: &["log_index", "part", "parts", "at_ms", "digest", "content"] };

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(number as i64)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<TopicId> for Value {
    fn from(id: TopicId) -> Self {
        Value::Text(id.to_string())
    }
}

impl From<BrokerId> for Value {
    fn from(id: BrokerId) -> Self {
        Value::Number(i64::from(id.0))
    }
}

pub(super) type Row = Vec<Value>;

/// The last state of everything that some commits changed; none for what they removed.
#[derive(Default)]
pub(super) struct Rows {
    topics: BTreeMap<TopicId, Option<Row>>,
    configs: BTreeMap<TopicId, String>,
    partitions: BTreeMap<(TopicId, u32), Row>,
    brokers: BTreeMap<BrokerId, Option<Row>>,
    history: Vec<Row>,
    checkpoints: Vec<Row>,
}

impl Rows {
    /// How many rows are to be written.
    pub(super) fn len(&self) -> usize {
        self.topics.len() + self.configs.len() + self.partitions.len() + self.brokers.len() + self.history.len() + self.checkpoints.len()
    }

    /// Takes a commit; commits come in their order.
    pub(super) fn commit(&mut self, commit: &Commit, by: Option<&AskedBy>) -> Result<(), serde_json::Error> {
        for change in &commit.changes {
            self.change(commit, change)?;
        }
        self.history(commit, by)
    }

    /// Takes a commit into the history alone.
    pub(super) fn history(&mut self, commit: &Commit, by: Option<&AskedBy>) -> Result<(), serde_json::Error> {
        let intent = commit.intent.as_ref().map(metadata::json::intent);
        // One after another: a text that grows to megabytes by doubling would be kept with twice the room that it needs.
        let changes: Vec<String> =
            commit.changes.iter().map(|change| serde_json::to_string(&metadata::json::change(change))).collect::<Result<_, _>>()?;
        self.history.push(vec![
            commit.index.into(),
            commit.prev_index.into(),
            commit.term.into(),
            commit.at_ms.into(),
            commit.principal.0.clone().into(),
            commit.kind().to_owned().into(),
            serde_json::to_string(&intent)?.into(),
            format!("[{}]", changes.join(",")).into(),
            commit.digest.to_string().into(),
            by.and_then(|by| by.credential.name()).unwrap_or_default().into(),
            by.and_then(|by| by.address).map(|address| address.to_string()).unwrap_or_default().into(),
        ]);
        Ok(())
    }

    fn change(&mut self, commit: &Commit, change: &Change) -> Result<(), serde_json::Error> {
        match change {
            // These are in the history alone.
            Change::ClusterBootstrapped { .. }
            | Change::ControllersChanged { .. }
            | Change::FormatRaised { .. }
            | Change::SettingsChanged { .. }
            | Change::StandingChanged { .. }
            | Change::ReassignmentChanged { .. }
            | Change::MoveChanged { .. }
            | Change::ReassignmentDropped { .. } => {}
            Change::TopicCreated { topic_id, name, configs } => self.topic(*topic_id, name, commit.index, commit.at_ms, configs)?,
            Change::TopicDeleted { topic_id, .. } => {
                self.configs.remove(topic_id);
                let partitions: Vec<_> = self.partitions.range((*topic_id, 0)..=(*topic_id, u32::MAX)).map(|(key, _)| *key).collect();
                for key in partitions {
                    self.partitions.remove(&key);
                }
                self.topics.insert(*topic_id, None);
            }
            Change::PartitionChanged { topic_id, partition } => self.partition(*topic_id, partition)?,
            Change::ConfigsChanged { topic_id, configs } => {
                let configs = serde_json::to_string(configs)?;
                match self.topics.get_mut(topic_id) {
                    Some(Some(row)) => row[CONFIGS] = configs.into(),
                    _ => drop(self.configs.insert(*topic_id, configs)),
                }
            }
            Change::BrokerRegistered { broker } | Change::BrokerChanged { broker } => self.broker(broker)?,
            Change::BrokerRemoved { id } => {
                self.brokers.insert(*id, None);
            }
        }
        Ok(())
    }

    pub(super) fn topic(&mut self, id: TopicId, name: &str, index: Index, at_ms: u64, configs: &Configs) -> Result<(), serde_json::Error> {
        self.topics.insert(id, Some(topic_row(id, name, index, at_ms, configs)?));
        Ok(())
    }

    pub(super) fn partition(&mut self, topic: TopicId, partition: &Partition) -> Result<(), serde_json::Error> {
        self.partitions.insert((topic, partition.partition), partition_row(topic, partition)?);
        Ok(())
    }

    pub(super) fn broker(&mut self, broker: &Broker) -> Result<(), serde_json::Error> {
        self.brokers.insert(broker.id, Some(broker_row(broker)?));
        Ok(())
    }

    /// Says in the history that what lies between this index and the state's is missing.
    pub(super) fn gap(&mut self, from: Index, term: Term, state: &State) {
        let [principal, kind, intent, changes] = ["", "gap", "null", "[]"].map(|text| Value::from(text.to_owned()));
        let (index, at_ms, digest) = (state.revision().into(), state.at_ms().into(), state.digest().to_string().into());
        let [credential, address] = [(); 2].map(|()| Value::from(String::new()));
        self.history.push(vec![index, from.into(), term.into(), at_ms, principal, kind, intent, changes, digest, credential, address]);
    }

    /// Keeps a whole state.
    pub(super) fn checkpoint(&mut self, packed: Packed) {
        let Packed { index, at_ms, digest, parts } = packed;
        let count = parts.len() as u64;
        let row = |(part, content): (u64, String)| {
            vec![index.into(), part.into(), count.into(), at_ms.into(), digest.clone().into(), content.into()]
        };
        self.checkpoints.extend((0..).zip(parts).map(row));
    }

    /// Writes everything. What is gone goes first: its name may have been taken again.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let (topics, gone) = parted(self.topics);
        remove(tx, "partitions", "topic_id", gone.clone()).await?;
        remove(tx, "topics", "id", gone).await?;
        let (brokers, gone) = parted(self.brokers);
        remove(tx, "brokers", "id", gone).await?;
        put(tx, &TOPICS, topics).await?;
        for (id, configs) in self.configs {
            tx.execute("UPDATE topics SET configs = $1 WHERE id = $2".to_owned(), [configs.into(), id.into()]).await?;
        }
        put(tx, &PARTITIONS, self.partitions.into_values().collect()).await?;
        put(tx, &BROKERS, brokers).await?;
        put(tx, &HISTORY, self.history).await?;
        for part in self.checkpoints {
            // One after another: each is a quarter of a megabyte.
            put(tx, &CHECKPOINTS, vec![part]).await?;
        }
        Ok(())
    }
}

/// A topic as its table has it.
pub(super) fn topic_row(id: TopicId, name: &str, index: Index, at_ms: u64, configs: &Configs) -> Result<Row, serde_json::Error> {
    Ok(vec![id.into(), name.to_owned().into(), index.into(), at_ms.into(), serde_json::to_string(configs)?.into()])
}

/// A partition as its table has it.
pub(super) fn partition_row(topic: TopicId, partition: &Partition) -> Result<Row, serde_json::Error> {
    Ok(vec![
        topic.into(),
        u64::from(partition.partition).into(),
        partition.leader.map_or(Value::Number(-1), Value::from),
        u64::from(partition.leader_epoch).into(),
        u64::from(partition.partition_epoch).into(),
        serde_json::to_string(&partition.replicas)?.into(),
        serde_json::to_string(&partition.isr)?.into(),
        serde_json::to_string(partition)?.into(),
    ])
}

/// A broker as its table has it.
pub(super) fn broker_row(broker: &Broker) -> Result<Row, serde_json::Error> {
    let rack = broker.rack.clone().unwrap_or_default();
    Ok(vec![broker.id.into(), broker.epoch.into(), rack.into(), serde_json::to_string(broker)?.into()])
}

/// The rows there are, and the keys of those that are gone.
fn parted<K: Into<Value>>(rows: BTreeMap<K, Option<Row>>) -> (Vec<Row>, Row) {
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for (key, row) in rows {
        match row {
            Some(row) => there.push(row),
            None => gone.push(key.into()),
        }
    }
    (there, gone)
}

/// So many rows in parts of at most `ROWS_A_STATEMENT`, each a power of two long.
fn parts(mut count: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let length = 1 << count.min(ROWS_A_STATEMENT).checked_ilog2()?;
        count -= length;
        Some(length)
    })
}

async fn put(tx: &mut Tx, table: &Table, rows: Vec<Row>) -> Result<(), sqlx::Error> {
    let lengths = parts(rows.len());
    let mut rows = rows.into_iter();
    for length in lengths {
        tx.execute(insert(table, length, tx.is_sqlite()), rows.by_ref().take(length).flatten()).await?;
    }
    Ok(())
}

async fn remove(tx: &mut Tx, table: &str, column: &str, keys: Vec<Value>) -> Result<(), sqlx::Error> {
    let lengths = parts(keys.len());
    let mut keys = keys.into_iter();
    for length in lengths {
        let places = places(1, length, tx.is_sqlite());
        tx.execute(format!("DELETE FROM {table} WHERE {column} IN ({places})"), keys.by_ref().take(length)).await?;
    }
    Ok(())
}

/// The tables of what there is now, with their keys: what [`topic_row`], [`partition_row`] and [`broker_row`] make.
pub(super) fn current() -> [(&'static str, usize, &'static [&'static str]); 3] {
    [&TOPICS, &PARTITIONS, &BROKERS].map(|table| (table.name, table.key, table.columns))
}

/// The tables that hold a history, with their columns.
pub(super) fn tables() -> [(&'static str, &'static [&'static str]); 5] {
    [&TOPICS, &PARTITIONS, &BROKERS, &HISTORY, &CHECKPOINTS].map(|table| (table.name, table.columns))
}

/// Puts rows in, in place of those with the same key.
fn insert(table: &Table, rows: usize, sqlite: bool) -> String {
    let width = table.columns.len();
    let mut sql = format!("INSERT INTO {} ({}) VALUES ", table.name, table.columns.join(", "));
    for row in 0..rows {
        let comma = if row == 0 { "" } else { ", " };
        let _ = write!(sql, "{comma}({})", places(row * width + 1, width, sqlite));
    }
    let (key, others) = table.columns.split_at(table.key);
    let replaced: Vec<_> = others.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let _ = write!(sql, " ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), replaced.join(", "));
    sql
}

/// `$from, $from+1, …`; in SQLite `?, ?, …`, as it looks for each that has a name among all that have.
fn places(from: usize, count: usize, sqlite: bool) -> String {
    let place = |number| if sqlite { "?".to_owned() } else { format!("${number}") };
    (from..from + count).map(place).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::connection::{Column, Pool};
    use crate::backup::place::Place;
    use crate::backup::tables;

    #[test]
    fn parts_are_powers_of_two() {
        for (count, expected) in [(0, vec![]), (1, vec![1]), (7, vec![4, 2, 1]), (64, vec![64]), (200, vec![64, 64, 64, 8])] {
            assert_eq!(parts(count).collect::<Vec<_>>(), expected, "{count}");
        }
    }

    #[test]
    fn rows_are_put_in_place_of_those_with_the_same_key() {
        assert_eq!(
            insert(&BROKERS, 2, false),
            "INSERT INTO brokers (id, epoch, rack, state) VALUES ($1, $2, $3, $4), ($5, $6, $7, $8) \
             ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, rack = excluded.rack, state = excluded.state"
        );
    }

    /// A topic that comes, goes, comes again under its name, and changes; and a partition that changes twice.
    fn commits() -> Vec<Commit> {
        let [first, second] = [1, 2].map(|id| TopicId(uuid::Uuid::from_u128(id)));
        let created = |topic_id| Change::TopicCreated { topic_id, name: "orders".into(), configs: Configs::new() };
        let partition = |topic_id, partition, leader, leader_epoch| Change::PartitionChanged {
            topic_id,
            partition: Partition { partition, leader, leader_epoch, replicas: vec![BrokerId(1)], isr: vec![BrokerId(1)], ..blank() }.into(),
        };
        let configs = Configs::from([("retention.ms".to_owned(), "1".to_owned())]);
        let changes = vec![
            vec![created(first), partition(first, 0, Some(BrokerId(1)), 0), partition(first, 1, Some(BrokerId(2)), 0)],
            vec![Change::ConfigsChanged { topic_id: first, configs: configs.clone() }],
            vec![Change::TopicDeleted { topic_id: first, name: "orders".into() }],
            vec![created(second), partition(second, 0, Some(BrokerId(1)), 0)],
            vec![partition(second, 0, None, 1)],
            vec![Change::ConfigsChanged { topic_id: second, configs }, partition(second, 0, Some(BrokerId(3)), 2)],
            vec![Change::BrokerRemoved { id: BrokerId(7) }],
        ];
        let commit = |(index, changes)| Commit {
            index,
            prev_index: index - 1,
            term: 1,
            at_ms: index,
            principal: metadata::Principal::controller(1),
            intent: None,
            digest: metadata::digest::Digest(0),
            changes,
        };
        (1..).zip(changes).map(commit).collect()
    }

    fn blank() -> Partition {
        Partition {
            partition: 0,
            leader: None,
            leader_epoch: 0,
            partition_epoch: 0,
            replicas: Vec::new(),
            isr: Vec::new(),
            elr: Vec::new(),
            last_known_leader: None,
            recovery_state: metadata::RecoveryState::Recovered,
            adding_replicas: Vec::new(),
            removing_replicas: Vec::new(),
        }
    }

    /// What the tables hold after these commits, so many a transaction.
    async fn written(at_once: usize) -> anyhow::Result<Vec<String>> {
        let pool = Pool::open(&Place::of("sqlite::memory:")?).await?;
        let mut tx = pool.begin().await?;
        tables::make(&mut tx).await?;
        tx.commit().await?;
        for part in commits().chunks(at_once) {
            let mut rows = Rows::default();
            part.iter().try_for_each(|commit| rows.commit(commit, None))?;
            let mut tx = pool.begin().await?;
            rows.write(&mut tx).await?;
            tx.commit().await?;
        }
        let mut all = Vec::new();
        for sql in [
            "SELECT name || id || created_index || configs FROM topics ORDER BY id",
            "SELECT topic_id || partition_no || leader || leader_epoch || state FROM partitions ORDER BY topic_id, partition_no",
            "SELECT log_index || kind || changes FROM history ORDER BY log_index",
        ] {
            all.extend(pool.begin().await?.rows(sql.to_owned(), &[], &[Column::Text]).await?.into_iter().flatten().map(Value::text));
        }
        Ok(all)
    }

    #[tokio::test]
    async fn the_tables_hold_the_same_however_commits_are_gathered() -> anyhow::Result<()> {
        let alone = written(1).await?;
        anyhow::ensure!(alone.len() == 9, "one topic, one partition and seven commits: {alone:#?}");
        for at_once in 2..=commits().len() {
            assert_eq!(written(at_once).await?, alone, "{at_once} at once");
        }
        Ok(())
    }
}
