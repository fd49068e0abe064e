//! The directories of replicas: what is made, what is removed, what is left alone.

use crate::cluster::Cluster;
use anyhow::{Context, Result};
use metadata::{BrokerId, TopicId};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use storage::disk::{Disk, ReplicaFile};
use storage::replica::Touched;

const ME: BrokerId = BrokerId(101);

fn cluster() -> Result<Cluster> {
    let mut cluster = Cluster::new(1, 2)?;
    for id in [101, 102] {
        cluster.broker(id)?;
    }
    Ok(cluster)
}

/// `topic/partition` of every directory of a replica.
fn listed(data_dir: &Path) -> Result<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    for topic in fs::read_dir(data_dir.join("replicas"))? {
        let topic = topic?;
        if topic.file_type()?.is_dir() {
            let name = topic.file_name().to_string_lossy().into_owned();
            for partition in fs::read_dir(topic.path())? {
                out.insert(format!("{name}/{}", partition?.file_name().to_string_lossy()));
            }
        }
    }
    Ok(out)
}

fn names(of: &[(TopicId, u32)]) -> BTreeSet<String> {
    of.iter().map(|(topic, partition)| format!("{topic}/{partition}")).collect()
}

#[test]
fn it_holds_what_it_is_assigned_and_nothing_else() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let orders = cluster.topic("orders", &[&[101], &[102], &[101]])?;
    let report = disk.reconcile(cluster.state(), Touched::All);
    assert_eq!((report.written, report.removed, report.failed), (2, 0, 0));
    assert_eq!(listed(directory.path())?, names(&[(orders, 0), (orders, 2)]));
    let path = directory.path().join(format!("replicas/{orders}/2/replica.json"));
    let file: ReplicaFile = serde_json::from_slice(&fs::read(path)?)?;
    assert_eq!(file, ReplicaFile { topic_id: orders, topic: "orders".into(), partition: 2, leader_epoch: 0 });
    assert_eq!(disk.reconcile(cluster.state(), Touched::All).written, 0, "what is right is not written again");

    cluster.delete("orders")?;
    let again = cluster.topic("orders", &[&[101]])?;
    let report = disk.reconcile(cluster.state(), Touched::Topics([orders, again].into()));
    assert_eq!((report.written, report.removed), (1, 2));
    assert_eq!(listed(directory.path())?, names(&[(again, 0)]), "another topic, whatever its name");
    assert_eq!(fs::read_dir(directory.path().join("replicas"))?.count(), 1, "no empty directory stays");
    Ok(())
}

#[test]
fn only_what_was_touched_is_looked_at() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let one = cluster.topic("one", &[&[101]])?;
    let two = cluster.topic("two", &[&[101]])?;
    disk.reconcile(cluster.state(), Touched::Topics([two].into()));
    assert_eq!(listed(directory.path())?, names(&[(two, 0)]));
    disk.reconcile(cluster.state(), Touched::none());
    assert_eq!(disk.len(), 1);
    disk.reconcile(cluster.state(), Touched::All);
    assert_eq!(listed(directory.path())?, names(&[(one, 0), (two, 0)]));
    Ok(())
}

#[test]
fn a_new_leader_epoch_and_a_move_away_are_followed() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let topic = cluster.topic("orders", &[&[101, 102]])?;
    disk.reconcile(cluster.state(), Touched::All);
    let mut partition = metadata::Partition::clone(cluster.state().partition(topic, 0).context("no partition")?);
    partition.leader_epoch = 4;
    cluster.force(topic, partition.clone());
    assert_eq!(disk.reconcile(cluster.state(), Touched::Topics([topic].into())).written, 1);
    let path = directory.path().join(format!("replicas/{topic}/0/replica.json"));
    assert_eq!(serde_json::from_slice::<ReplicaFile>(&fs::read(path)?)?.leader_epoch, 4);
    partition.replicas = vec![BrokerId(102)];
    cluster.force(topic, partition);
    assert_eq!(disk.reconcile(cluster.state(), Touched::Topics([topic].into())).removed, 1);
    assert!(disk.is_empty() && listed(directory.path())?.is_empty());
    Ok(())
}

#[test]
fn what_an_earlier_run_left_is_brought_up_to_date() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let gone = cluster.topic("gone", &[&[101], &[101]])?;
    let kept = cluster.topic("kept", &[&[101], &[101]])?;
    Disk::open(directory.path(), ME)?.reconcile(cluster.state(), Touched::All);
    cluster.delete("gone")?;
    let replicas = directory.path().join("replicas");
    fs::write(replicas.join(format!("{kept}/1/replica.json")), "")?;
    fs::create_dir_all(replicas.join("lost+found/0"))?;
    fs::create_dir_all(replicas.join(TopicId(uuid::Uuid::from_u128(5)).to_string()))?;

    let mut disk = Disk::open(directory.path(), ME)?;
    assert_eq!(disk.len(), 4);
    let report = disk.reconcile(cluster.state(), Touched::All);
    assert_eq!((report.written, report.removed), (1, 2), "the damaged file is written, {gone} removed");
    let mut expected = names(&[(kept, 0), (kept, 1)]);
    expected.insert("lost+found/0".to_owned());
    assert_eq!(listed(directory.path())?, expected, "what is not its own is left alone");
    assert_eq!(fs::read_dir(&replicas)?.count(), 2, "an empty directory of a topic is not");
    Ok(())
}

#[test]
fn an_error_is_reported_owed_and_made_good() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let topic = cluster.topic("orders", &[&[101]])?;
    let other = cluster.topic("other", &[&[101]])?;
    let in_the_way = directory.path().join(format!("replicas/{topic}"));
    fs::write(&in_the_way, "a file")?;
    let report = disk.reconcile(cluster.state(), Touched::All);
    assert!(report.failed >= 1 && report.first_error.is_some_and(|error| error.contains(&topic.to_string())));
    assert!(disk.owes());
    assert_eq!(listed(directory.path())?, names(&[(other, 0)]), "one replica's trouble is not another's");
    fs::remove_file(in_the_way)?;
    let report = disk.reconcile(cluster.state(), Touched::none());
    assert_eq!((report.written, report.failed, disk.owes()), (1, 0, false));
    Ok(())
}
