//! The directories of replicas: what is made, what is removed, what is left alone.

use crate::cluster::Cluster;
use anyhow::{Context, Result};
use metadata::{BrokerId, TopicId};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use storage::disk::Disk;
use storage::replica::Touched;

const ME: BrokerId = BrokerId(101);

fn cluster() -> Result<Cluster> {
    let mut cluster = Cluster::new(1, 2)?;
    for id in [101, 102] {
        cluster.broker(id)?;
    }
    Ok(cluster)
}

/// Everything that is there.
fn listed(data_dir: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(data_dir.join("replicas"))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn names(of: &[(TopicId, u32)]) -> BTreeSet<String> {
    of.iter().map(|(topic, partition)| format!("{topic}-{partition}")).collect()
}

#[test]
fn it_holds_what_it_is_assigned_and_nothing_else() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let orders = cluster.topic("orders", &[&[101], &[102], &[101]])?;
    let report = disk.reconcile(cluster.state(), Touched::All);
    assert_eq!((report.made, report.removed, report.failed), (2, 0, 0));
    assert_eq!(listed(directory.path())?, names(&[(orders, 0), (orders, 2)]));
    assert_eq!(disk.reconcile(cluster.state(), Touched::All).made, 0, "what is there is not made again");

    cluster.delete("orders")?;
    let again = cluster.topic("orders", &[&[101]])?;
    let report = disk.reconcile(cluster.state(), Touched::Topics([orders, again].into()));
    assert_eq!((report.made, report.removed), (1, 2));
    assert_eq!(listed(directory.path())?, names(&[(again, 0)]), "another topic, whatever its name");
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
fn much_is_made_in_several_looks() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    for number in 0..70 {
        cluster.topic(&format!("topic-{number}"), &[&[101]])?;
    }
    let first = disk.reconcile(cluster.state(), Touched::All);
    assert_eq!((first.made, first.left, disk.owes()), (64, 6, true));
    let second = disk.reconcile(cluster.state(), Touched::none());
    assert_eq!((second.made, second.left, disk.owes()), (6, 0, false));
    assert_eq!(listed(directory.path())?.len(), 70);
    Ok(())
}

#[test]
fn a_move_away_and_back_is_followed() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let topic = cluster.topic("orders", &[&[101, 102]])?;
    disk.reconcile(cluster.state(), Touched::All);
    let mut partition = metadata::Partition::clone(cluster.state().partition(topic, 0).context("no partition")?);
    for (replicas, made, removed) in [(vec![BrokerId(102)], 0, 1), (vec![BrokerId(102), BrokerId(101)], 1, 0)] {
        partition.replicas = replicas;
        cluster.force(topic, partition.clone());
        let report = disk.reconcile(cluster.state(), Touched::Topics([topic].into()));
        assert_eq!((report.made, report.removed, disk.len()), (made, removed, made));
        assert_eq!(listed(directory.path())?.len(), made);
    }
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
    fs::write(replicas.join(format!("{gone}-1/segment")), "what a broker kept there")?;
    fs::remove_dir(replicas.join(format!("{kept}-1")))?;
    let foreign = ["lost+found".to_owned(), kept.to_string(), format!("{gone}-01"), format!("{gone}-"), format!("{gone}-4294967296")];
    for name in &foreign {
        fs::create_dir(replicas.join(name))?;
    }

    let mut disk = Disk::open(directory.path(), ME)?;
    assert_eq!(disk.len(), 3);
    let report = disk.reconcile(cluster.state(), Touched::All);
    assert_eq!((report.made, report.removed), (1, 2), "the missing one is made, {gone} removed");
    let mut expected = names(&[(kept, 0), (kept, 1)]);
    expected.extend(foreign);
    assert_eq!(listed(directory.path())?, expected, "what is not its own is left alone");
    Ok(())
}

#[test]
fn an_error_is_reported_owed_and_made_good() -> Result<()> {
    let (directory, mut cluster) = (tempfile::tempdir()?, cluster()?);
    let mut disk = Disk::open(directory.path(), ME)?;
    let topic = cluster.topic("orders", &[&[101]])?;
    let other = cluster.topic("other", &[&[101]])?;
    let in_the_way = directory.path().join(format!("replicas/{topic}-0"));
    fs::write(&in_the_way, "a file")?;
    let report = disk.reconcile(cluster.state(), Touched::All);
    assert!(report.failed >= 1 && report.first_error.is_some_and(|error| error.contains(&topic.to_string())));
    assert!(disk.owes());
    assert_eq!(disk.len(), 1, "one replica's trouble is not another's");
    assert_eq!(listed(directory.path())?, names(&[(topic, 0), (other, 0)]));
    fs::remove_file(in_the_way)?;
    let report = disk.reconcile(cluster.state(), Touched::none());
    assert_eq!((report.made, report.failed, disk.owes()), (1, 0, false));
    Ok(())
}
