//! A backup from its first commit to the state that comes out of it again.

use super::archive::{Archive, import};
use super::checkpoint::pack;
use super::database::{Database, Fence};
use super::file::{Header, Writer};
use super::proof::{self, Reach};
use super::rebuild::{AsOf, Flaw};
use super::trouble::{BackupError, DatabaseError};
use crate::hub::Applied;
use metadata::frame::Frame;
use metadata::history::Record;
use metadata::model::{Configs, Identity, Standing};
use metadata::{Broker, BrokerId, BrokerState, Change, Commit, Index, Partition, Principal, RecoveryState, State, Term, TopicId};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const CLUSTER: u128 = 7;
pub(crate) const LINEAGE: u128 = 1;

fn fence(lineage: u128, term: Term) -> Fence {
    Fence { cluster_id: Uuid::from_u128(CLUSTER), lineage: Uuid::from_u128(lineage), term }
}

pub(crate) fn url(dir: &Path, name: &str) -> String {
    format!("sqlite://{}?mode=rwc", dir.join(name).display())
}

fn broker(id: u32, epoch: Index, state: BrokerState) -> Arc<Broker> {
    let (changed_index, incarnation_id) = (epoch, Uuid::from_u128(u128::from(id)));
    let (rack, push_url) = (Some("a".to_owned()), None);
    let (endpoints, held, shutdown_index) = (Vec::new(), false, None);
    Arc::new(Broker { id: BrokerId(id), epoch, changed_index, incarnation_id, rack, endpoints, push_url, state, held, shutdown_index })
}

fn partition(topic: u128, leader: Option<u32>, epoch: u32, isr: &[u32]) -> Change {
    let partition = Partition {
        partition: 0,
        leader: leader.map(BrokerId),
        leader_epoch: epoch,
        partition_epoch: epoch,
        replicas: vec![BrokerId(101), BrokerId(102)],
        isr: isr.iter().copied().map(BrokerId).collect(),
        elr: Vec::new(),
        last_known_leader: None,
        recovery_state: RecoveryState::Recovered,
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
    };
    Change::PartitionChanged { topic_id: TopicId(Uuid::from_u128(topic)), partition: Arc::new(partition) }
}

fn topic(topic: u128, name: &str) -> Change {
    let configs = Configs::from([("retention.ms".to_owned(), "5".to_owned())]);
    Change::TopicCreated { topic_id: TopicId(Uuid::from_u128(topic)), name: name.into(), configs }
}

/// What a cluster did, with the state after each commit.
pub(crate) fn story() -> Vec<(Applied, State)> {
    let identity = Identity { cluster_id: Uuid::from_u128(CLUSTER), lineage: Uuid::from_u128(LINEAGE) };
    let online = |id, epoch| Change::BrokerChanged { broker: broker(id, epoch, BrokerState::Online) };
    let standing = Standing { since_ms: 9, draining: None };
    let parts = vec![
        vec![Change::ClusterBootstrapped { identity }, Change::FormatRaised { format: metadata::state::NEWEST_FORMAT }],
        vec![Change::BrokerRegistered { broker: broker(101, 2, BrokerState::Fenced) }],
        vec![Change::BrokerRegistered { broker: broker(102, 3, BrokerState::Fenced) }],
        vec![online(101, 2), online(102, 3)],
        vec![topic(1, "orders"), partition(1, Some(101), 0, &[101, 102])],
        vec![topic(2, "payments"), partition(2, Some(102), 0, &[101, 102])],
        vec![Change::ConfigsChanged { topic_id: TopicId(Uuid::from_u128(1)), configs: Configs::new() }],
        vec![partition(2, Some(101), 1, &[101]), Change::StandingChanged { id: BrokerId(102), standing }],
        vec![Change::TopicDeleted { topic_id: TopicId(Uuid::from_u128(1)), name: "orders".into() }],
        vec![topic(3, "orders"), partition(3, Some(102), 0, &[102])],
    ];
    let mut state = State::default();
    let mut story = Vec::new();
    // Indexes with holes, as entries that change nothing leave them.
    for (number, changes) in (1..).zip(parts) {
        let (index, prev_index) = (if number > 5 { number + 3 } else { number }, state.revision());
        let at_ms = 1_000 * index;
        changes.iter().for_each(|change| state.absorb(index, at_ms, change));
        let (principal, digest) = (Principal::controller(1), state.digest());
        let commit = Commit { index, prev_index, term: 3, at_ms, principal, intent: None, digest, changes };
        story.push(((Arc::new(commit), None), state.clone()));
    }
    story
}

/// A database with the whole story, so many commits a transaction, and a checkpoint behind this one.
pub(crate) async fn told(url: &str, at_once: usize, checkpoint: Option<usize>) -> anyhow::Result<Database> {
    let (database, fence) = (Database::open(url).await?, fence(LINEAGE, 3));
    let mut at = database.claim(&fence).await?;
    for (number, part) in story().chunks(at_once).enumerate() {
        let commits: Vec<_> = part.iter().map(|(applied, _)| applied.clone()).collect();
        at = database.append(&fence, at, &commits).await?;
        if let Some((_, state)) = part.last().filter(|_| checkpoint == Some(number)) {
            database.checkpoint(&fence, at, pack(state)?).await?;
        }
    }
    Ok(database)
}

async fn run(database: &Database, sql: &str) -> anyhow::Result<()> {
    let mut tx = database.pool().begin().await?;
    tx.script(sql.to_owned()).await?;
    Ok(tx.commit().await?)
}

fn export(path: &Path) -> anyhow::Result<()> {
    let header = Header {
        cluster_id: Uuid::from_u128(CLUSTER),
        lineage: Uuid::from_u128(LINEAGE),
        created_at_ms: 1,
        node_id: 1,
        version: "0".into(),
    };
    let mut state = State::default();
    let mut writer = Writer::begin(Vec::new(), &header, &state)?;
    for ((commit, by), _) in story() {
        let record = Record::of(&mut state, commit.clone(), by).ok_or_else(|| anyhow::anyhow!("it does not follow"))?;
        writer.commit(&commit, &Frame::Commit(commit.clone()).encode()?, &record.beside)?;
    }
    Ok(std::fs::write(path, writer.end()?)?)
}

#[tokio::test]
async fn a_state_comes_out_as_it_was_at_every_index_and_time() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("backup.gz");
    export(&file)?;
    told(&url(dir.path(), "plain.sqlite"), 4, None).await?;
    told(&url(dir.path(), "checkpoint.sqlite"), 1, Some(4)).await?;
    import(&file, &url(dir.path(), "imported.sqlite")).await?;
    let from = |name: &str| dir.path().join(name).display().to_string();
    for from in
        [url(dir.path(), "plain.sqlite"), from("plain.sqlite"), from("checkpoint.sqlite"), from("imported.sqlite"), from("backup.gz")]
    {
        let archive = Archive::open(&from).await?;
        let story = story();
        for (number, ((commit, _), state)) in story.iter().enumerate() {
            let next = story.get(number + 1).map_or(commit.index, |((next, _), _)| next.index - 1);
            for as_of in [AsOf::Index(commit.index), AsOf::Index(next), AsOf::Time(commit.at_ms), AsOf::Time(commit.at_ms + 999)] {
                let rebuilt = archive.rebuild(as_of).await?.state;
                assert_eq!(rebuilt, *state, "{from} as of {as_of:?}");
            }
        }
        let newest = archive.rebuild(AsOf::Newest).await?;
        assert_eq!((newest.state.digest(), newest.newest), (story[9].1.digest(), (13, 3)), "{from}");
        assert!(matches!(archive.rebuild(AsOf::Index(14)).await.err(), Some(BackupError::Flaw(Flaw::TooLate { asked: 14, newest: 13 }))));
        let proven = archive.prove().await?;
        assert_eq!((proven.index, proven.digest, proven.commits), (13, story[9].1.digest(), 10), "{from}");
        let contents = archive.contents().await?;
        assert_eq!((contents.lineages[0].commits, contents.lineages[0].upto), (10, 13), "{from}");
    }
    Ok(())
}

#[tokio::test]
async fn a_backup_that_is_not_what_the_cluster_had_does_not_prove_itself() -> anyhow::Result<()> {
    for (sql, words) in [
        ("UPDATE topics SET configs = '{}' WHERE name = 'payments'", "topics is not"),
        ("DELETE FROM partitions WHERE topic_id LIKE '%2'", "1 rows of 2"),
        ("INSERT INTO brokers VALUES (7, 1, '', '{}')", "should not be"),
        ("UPDATE brokers SET rack = 'b' WHERE id = 101", "rack of 101 is b, and should be a"),
        ("UPDATE history SET digest = '00000000000000000000000000000000' WHERE log_index = 4", "index 4 leads to another"),
        ("DELETE FROM history WHERE log_index = 9", "follows 9"),
        ("UPDATE history SET changes = '[{}]' WHERE log_index = 3", "index 3 cannot be read"),
        ("DELETE FROM history WHERE log_index = 13", "goes up to 13"),
        ("UPDATE checkpoints SET content = 'AAAA'", "checkpoint at index 5"),
        ("UPDATE checkpoints SET digest = 'f'", "checkpoint at index 5"),
    ] {
        let dir = tempfile::tempdir()?;
        let database = told(&url(dir.path(), "b.sqlite"), 1, Some(4)).await?;
        proof::prove(database.pool(), Reach::Whole).await?;
        run(&database, sql).await?;
        let flaw = proof::prove(database.pool(), Reach::Whole).await.err().map(|error| error.to_string()).unwrap_or_default();
        // A checkpoint that nothing was built on is read by who restores from it.
        let flaw = match flaw.is_empty() {
            true => proof::prove(database.pool(), Reach::Lately).await.err().map(|error| error.to_string()).unwrap_or_default(),
            false => flaw,
        };
        assert!(flaw.contains(words), "{sql}: {flaw:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_nowhere_any_more_is_a_gap_with_a_checkpoint() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (database, fence, story) = (Database::open(&url(dir.path(), "b.sqlite")).await?, fence(LINEAGE, 3), story());
    let commits = |from: usize, to: usize| story[from..to].iter().map(|(applied, _)| applied.clone()).collect::<Vec<_>>();
    let at = database.claim(&fence).await?;
    assert!(database.standing().await?.whole, "nothing is missing in what is empty");
    let at = database.append(&fence, at, &commits(0, 3)).await?;
    let at = database.leap(&fence, at, &story[6].1, pack(&story[6].1)?).await?;
    database.append(&fence, at, &commits(7, 10)).await?;
    let standing = database.standing().await?;
    assert!(standing.whole && standing.since == 3);
    let proven = proof::prove(database.pool(), Reach::Whole).await?;
    assert_eq!((proven.gaps, proven.commits, proven.digest), (vec![(3, 10)], 6, story[9].1.digest()));
    let archive = Archive::open(&url(dir.path(), "b.sqlite")).await?;
    for (index, expected) in [(2, Some(1)), (3, Some(2)), (10, Some(6)), (11, Some(7)), (7, None), (4, None)] {
        let rebuilt = archive.rebuild(AsOf::Index(index)).await;
        match expected {
            Some(number) => assert_eq!(rebuilt?.state, story[number].1, "as of {index}"),
            None => assert!(matches!(rebuilt.err(), Some(BackupError::Flaw(Flaw::Gap { after: 3, upto: 10 }))), "as of {index}"),
        }
    }
    // As a version without checkpoints left it.
    run(&database, "DELETE FROM checkpoints").await?;
    assert!(!database.standing().await?.whole);
    let flaw = archive.rebuild(AsOf::Newest).await.err();
    assert!(matches!(flaw, Some(BackupError::Flaw(Flaw::Gap { after: 3, upto: 10 }))), "{flaw:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_too_old_goes_and_all_that_stays_can_be_rebuilt() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (database, fence, story) = (Database::open(&url(dir.path(), "b.sqlite")).await?, fence(LINEAGE, 3), story());
    let mut at = database.claim(&fence).await?;
    for (applied, state) in &story {
        at = database.append(&fence, at, std::slice::from_ref(applied)).await?;
        database.checkpoint(&fence, at, pack(state)?).await?;
    }
    assert!(!database.thin(&fence, at, None).await?);
    let archive = Archive::open(&url(dir.path(), "b.sqlite")).await?;
    let kept = archive.contents().await?.lineages.remove(0);
    assert_eq!((kept.commits, kept.checkpoints.len()), (10, 8), "so many and no more");
    assert!(!database.thin(&fence, at, Some(5_500)).await?);
    let kept = archive.contents().await?.lineages.remove(0);
    assert_eq!((kept.commits, kept.checkpoints[0].index), (5, 5));
    assert_eq!(archive.rebuild(AsOf::Index(5)).await?.state, story[4].1);
    assert!(matches!(archive.rebuild(AsOf::Index(4)).await.err(), Some(BackupError::Flaw(Flaw::TooEarly { oldest: 5, .. }))));
    assert_eq!(archive.prove().await?.commits, 5);
    assert!(
        matches!(database.thin(&self::fence(LINEAGE, 2), at, Some(9_500)).await, Err(DatabaseError::Deposed)),
        "nor by who leads no more"
    );
    assert_eq!(archive.contents().await?.lineages[0].commits, 5);
    Ok(())
}

/// A leader that was deposed while it wrote leaves nothing behind, whatever it was about to write.
#[tokio::test]
async fn deposed_leader_is_fenced_out() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (url, story) = (url(dir.path(), "b.sqlite"), story());
    let commits: Vec<_> = story.iter().map(|(applied, _)| applied.clone()).collect();
    let (old, new) = (Database::open(&url).await?, Database::open(&url).await?);
    let (before, after) = (fence(LINEAGE, 3), fence(LINEAGE, 4));
    let at = old.claim(&before).await?;
    let at = old.append(&before, at, &commits[..3]).await?;
    assert_eq!(new.claim(&after).await?, at);
    let now = new.append(&after, at, &commits[3..6]).await?;
    let deposed = |what: &str, done: Result<(), DatabaseError>| assert!(matches!(done, Err(DatabaseError::Deposed)), "{what}: {done:?}");
    deposed("the same commits", old.append(&before, at, &commits[3..6]).await.map(drop));
    deposed("later ones", old.append(&before, now, &commits[6..8]).await.map(drop));
    deposed("a checkpoint", old.checkpoint(&before, now, pack(&story[5].1)?).await);
    deposed("a gap", old.leap(&before, at, &story[9].1, pack(&story[9].1)?).await.map(drop));
    deposed("a claim", old.claim(&before).await.map(drop));
    // Its commit may have arrived although it was told nothing: who reads the watermark again writes nothing twice.
    assert_eq!(new.claim(&after).await?, now);
    new.append(&after, now, &commits[6..]).await?;
    let proven = proof::prove(new.pool(), Reach::Whole).await?;
    assert_eq!((proven.commits, proven.gaps, proven.digest), (10, Vec::new(), story[9].1.digest()));
    Ok(())
}

#[tokio::test]
async fn a_file_goes_into_an_empty_database_alone_and_a_cut_one_into_none() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("backup.gz");
    export(&file)?;
    let to = url(dir.path(), "to.sqlite");
    import(&file, &to).await?;
    let again = import(&file, &to).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(again.contains("holds something already"), "{again}");
    // The cluster goes on with it, a newer leader of the same history.
    let database = Database::open(&to).await?;
    assert_eq!(database.claim(&fence(LINEAGE, 4)).await?, 13);
    let bytes = std::fs::read(&file)?;
    std::fs::write(&file, &bytes[..bytes.len() - 9])?;
    let cut = import(&file, &url(dir.path(), "other.sqlite")).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(cut.contains("cut off"), "{cut}");
    assert!(!dir.path().join("other.sqlite").exists());
    Ok(())
}
