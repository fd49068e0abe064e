//! A node's own files after something happened to them: refused with the file's name, or read as they were written.

use super::damage::{bombed, damaged};
use super::{cases, samples};
use crate::disk::{Directory, Disk};
use crate::raft::log::{LogStore, decode, encode};
use crate::raft::mark::Mark;
use crate::raft::snapshot_file::{SnapshotFile, content};
use crate::raft::{Entry, LogId, Payload};
use anyhow::{Context, Result, ensure};
use openraft::RaftLogReader;
use openraft::storage::RaftLogStorageExt;
use openraft::type_config::TypeConfigExt;
use proptest::prelude::*;
use proptest::sample::Index;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_128;

fn failed(error: anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}

fn disk(dir: &Path) -> Result<Arc<dyn Disk>> {
    Ok(Arc::new(Directory::new(dir)?))
}

/// A snapshot file as a node writes it.
fn snapshot() -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    SnapshotFile::new(disk(dir.path())?, Arc::default()).write(&samples::meta()?, &content(&samples::machine()?)?)?;
    Ok(fs::read(dir.path().join("snapshot.bin"))?)
}

/// Loads these bytes; whether they were taken.
fn load(dir: &TempDir, bytes: &[u8]) -> Result<bool> {
    fs::write(dir.path().join("snapshot.bin"), bytes)?;
    match SnapshotFile::new(disk(dir.path())?, Arc::default()).load() {
        Ok(loaded) => {
            loaded.context("a file that is there was taken for none")?;
            Ok(true)
        }
        Err(error) => {
            ensure!(error.to_string().contains("snapshot.bin"), "the file is not named: {error}");
            Ok(false)
        }
    }
}

/// The file with these bytes behind its head, and a checksum that matches them.
fn sealed(body: &[u8]) -> Vec<u8> {
    [b"QrSnap01", &xxh3_128(body).to_be_bytes()[..], body].concat()
}

#[test]
fn a_snapshot_file_is_taken_whole_or_not_at_all() -> Result<()> {
    let (dir, good) = (tempfile::tempdir()?, snapshot()?);
    ensure!(load(&dir, &good)? && load(&dir, &sealed(&good[24..]))?);
    for end in 0..good.len() {
        ensure!(!load(&dir, &good[..end])?, "{end} of {} bytes were taken", good.len());
        let mut flipped = good.clone();
        flipped[end] ^= 1 << (end % 8);
        ensure!(!load(&dir, &flipped)?, "byte {end} was changed and nobody noticed");
    }
    Ok(())
}

#[test]
fn a_lying_length_in_a_snapshot_file_costs_nothing() -> Result<()> {
    let (dir, good) = (tempfile::tempdir()?, snapshot()?);
    for length in [0, 1, good.len() as u32, u32::MAX] {
        ensure!(!load(&dir, &sealed(&[&length.to_be_bytes()[..], &good[28..]].concat()))?, "a meta of {length} bytes was taken");
    }
    for body in bombed(&[good[28..].to_vec()]) {
        // Where it stands for a number it may be one; where it stands for a length it must not be believed.
        load(&dir, &sealed(&[&good[24..28], &body].concat()))?;
    }
    Ok(())
}

/// What follows the checksum of a good file.
fn snapshot_bodies() -> Vec<Vec<u8>> {
    snapshot().map(|bytes| vec![bytes[24..].to_vec()]).unwrap_or_default()
}

fn payloads() -> Vec<Vec<u8>> {
    let payloads = samples::payloads().unwrap_or_default();
    payloads.iter().filter_map(|payload| encode(payload).ok()).collect()
}

/// Decodes a payload and what is in it.
fn open(bytes: &[u8]) {
    if let Ok(Payload::Normal(data)) = decode(bytes) {
        drop(data.decode());
    }
}

#[test]
fn payloads_survive_the_log_and_lying_lengths_do_not() -> Result<()> {
    ensure!(payloads().len() == 3);
    for bytes in payloads() {
        ensure!(encode(&decode(&bytes)?)? == bytes);
        ensure!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_err()), "a part was taken for the whole");
    }
    bombed(&payloads()).for_each(|bytes| open(&bytes));
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_snapshot_file_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = tempfile::tempdir()?;
        for bytes in [bytes.clone(), sealed(&bytes)] {
            prop_assert!(!load(&dir, &bytes).map_err(failed)?);
        }
    }

    // With a checksum that matches, so that the damage is met by the decoders behind it.
    #[test]
    fn damage_under_a_right_checksum_is_survived(body in damaged(snapshot_bodies())) {
        load(&tempfile::tempdir()?, &sealed(&body)).map_err(failed)?;
    }

    #[test]
    fn any_payload_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        open(&bytes);
    }

    #[test]
    fn damaged_payloads_are_survived(bytes in damaged(payloads())) {
        open(&bytes);
    }
}

const ENTRIES: u64 = 12;

fn entries() -> Result<Vec<Entry>> {
    let mut samples = samples::entries()?.into_iter().cycle();
    let leader = samples.next().context("no sample")?.log_id.leader_id;
    Ok((0..ENTRIES).zip(samples).map(|(index, entry)| Entry { log_id: LogId::new(leader, index), ..entry }).collect())
}

/// The file of a log of a few entries, and what is in it.
async fn written() -> Result<(OsString, Vec<u8>)> {
    let dir = tempfile::tempdir()?;
    let mut store = LogStore::open(disk(dir.path())?)?;
    store.blocking_append(entries()?).await?;
    drop(store);
    let mut files = fs::read_dir(dir.path().join("log"))?.filter_map(|file| Some(file.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|end| end == "wal")).context("the log has no file")?;
    Ok((file.file_name().context("no name")?.to_owned(), fs::read(&file)?))
}

/// Opens a log that has just this file, and says how many of its entries were durable.
async fn read(name: &OsString, bytes: &[u8], marked: u64) -> Result<std::io::Result<Vec<Entry>>> {
    let dir = tempfile::tempdir()?;
    let disk = disk(dir.path())?;
    fs::write(dir.path().join("log").join(name), bytes)?;
    if let Some(last) = entries()?.iter().take(marked as usize).next_back() {
        let mark = Mark::open(disk.clone())?;
        mark.reached((last.log_id.leader_id.term, last.log_id.index));
        mark.keep()?;
    }
    match LogStore::open(disk) {
        Ok(mut store) => Ok(store.try_get_log_entries(0..ENTRIES).await),
        Err(error) => {
            let named = error.to_string().contains(&dir.path().display().to_string());
            ensure!(named, "the log is not named: {error}");
            Ok(Err(error))
        }
    }
}

fn same(read: &[Entry], from: &[Entry]) -> bool {
    read.len() <= from.len()
        && read.iter().zip(from).all(|(a, b)| a.log_id == b.log_id && encode(&a.payload).ok() == encode(&b.payload).ok())
}

/// The end of the file may be torn, by a crash in the middle of a write: then what was whole before it is there.
#[test]
fn a_log_that_ends_early_is_read_up_to_there() -> Result<()> {
    openraft_run(async {
        let (name, bytes) = written().await?;
        let all = entries()?;
        ensure!(read(&name, &bytes, 0).await??.len() == all.len());
        let mut last = 0;
        for end in (bytes.len() / 3..bytes.len()).step_by(7) {
            let read = read(&name, &bytes[..end], 0).await?.with_context(|| format!("{end} of {} bytes", bytes.len()))?;
            ensure!(same(&read, &all) && read.len() >= last, "{end} of {} bytes: {} entries after {last}", bytes.len(), read.len());
            last = read.len();
        }
        ensure!(last + 2 >= all.len(), "only {last} entries of {}", all.len());
        Ok(())
    })
}

fn openraft_run(test: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    crate::raft::TypeConfig::run(test)
}

proptest! {
    #![proptest_config(cases(120))]

    /// Damage before the end is no torn write, though a wrong length may look like one: the mark tells. The log is refused,
    /// or none of it is missing.
    #[test]
    fn a_damaged_log_is_refused_or_whole(at in any::<Index>(), bits in 1u8..) {
        openraft_run(async move {
            let (name, mut bytes) = written().await?;
            // The last record may be torn.
            let at = at.index(bytes.len() * 3 / 4);
            bytes[at] ^= bits;
            if let Ok(read) = read(&name, &bytes, ENTRIES).await? {
                ensure!(same(&read, &entries()?), "byte {at} was changed, and other entries are read");
                ensure!(read.len() == ENTRIES as usize, "byte {at} was changed, and {} of {ENTRIES} entries are read", read.len());
            }
            Ok(())
        }).map_err(failed)?;
    }

    #[test]
    fn any_log_file_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        openraft_run(async move {
            let (name, _) = written().await?;
            drop(read(&name, &bytes, 0).await?);
            Ok(())
        }).map_err(failed)?;
    }
}
