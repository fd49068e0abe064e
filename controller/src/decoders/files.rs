//! A node's own files after something happened to them: refused with the file's name, or read as they were written. (The log's
//! files are `raft::torn_tail`'s.)

use super::samples;
use crate::disk::{Directory, Disk};
use crate::environment::Machine;
use crate::living::identity::{self, Instance};
use crate::raft::Payload;
use crate::raft::log::{decode, encode};
use crate::raft::mark::{self, Mark};
use crate::raft::snapshot_file::{self, SnapshotFile, content};
use anyhow::{Result, ensure};
use damage::{bombed, cases, damaged};
use proptest::prelude::*;
use std::sync::Arc;
use std::{fs, io};
use xxhash_rust::xxh3::xxh3_128;

fn failed(error: anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}

/// A file of a node, and how it is opened.
type Small = (&'static str, fn(Arc<dyn Disk>) -> io::Result<()>);

const SNAPSHOT: Small = (snapshot_file::FILE, |disk| {
    SnapshotFile::new(disk, Arc::default()).load()?.map(drop).ok_or_else(|| io::Error::other("taken for none"))
});
const MARK: Small = (mark::FILE, |disk| Mark::open(disk)?.written().map(drop).ok_or_else(|| io::Error::other("taken for none")));
const INSTANCE: Small = (identity::FILE, |disk| Instance::open(&*disk, 1, &Machine::default()).map(drop));

/// A file as a node writes it.
fn good((name, open): Small) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let disk: Arc<dyn Disk> = Arc::new(Directory::new(dir.path())?);
    match name {
        snapshot_file::FILE => SnapshotFile::new(disk, Arc::default()).write(&samples::meta()?, &content(&samples::machine()?)?)?,
        mark::FILE => {
            let mark = Mark::open(disk)?;
            mark.reached((3, 70_000));
            mark.keep()?;
        }
        _ => open(disk)?,
    }
    Ok(fs::read(dir.path().join(name))?)
}

/// Opens these bytes as that file; whether they were taken.
fn load((name, open): Small, bytes: &[u8]) -> Result<bool> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join(name), bytes)?;
    match open(Arc::new(Directory::new(dir.path())?)) {
        Ok(()) => Ok(true),
        Err(error) => {
            ensure!(error.to_string().contains(name), "{name} is not named: {error}");
            ensure!(fs::read(dir.path().join(name))? == bytes, "{name} was refused, and is another file now");
            Ok(false)
        }
    }
}

/// The file with these bytes behind its head, and a checksum that matches them.
fn sealed(body: &[u8]) -> Vec<u8> {
    [b"QrSnap01", &xxh3_128(body).to_be_bytes()[..], body].concat()
}

#[test]
fn a_small_file_is_taken_whole_or_not_at_all() -> Result<()> {
    for small in [SNAPSHOT, MARK, INSTANCE] {
        let good = good(small)?;
        ensure!(load(small, &good)?, "{} is not taken as it was written", small.0);
        for end in 0..good.len() {
            ensure!(!load(small, &good[..end])?, "{end} of {} bytes of {} were taken", good.len(), small.0);
        }
    }
    Ok(())
}

#[test]
fn a_changed_bit_in_a_file_with_a_checksum_is_noticed() -> Result<()> {
    for small in [SNAPSHOT, MARK] {
        let good = good(small)?;
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << (at % 8);
            ensure!(!load(small, &flipped)?, "byte {at} of {} was changed and nobody noticed", small.0);
        }
    }
    Ok(())
}

#[test]
fn a_lying_length_in_a_snapshot_file_costs_nothing() -> Result<()> {
    let good = good(SNAPSHOT)?;
    ensure!(load(SNAPSHOT, &sealed(&good[24..]))?, "the test's own seal is no seal");
    for length in [0, 1, good.len() as u32, u32::MAX] {
        ensure!(!load(SNAPSHOT, &sealed(&[&length.to_be_bytes()[..], &good[28..]].concat()))?, "a meta of {length} bytes was taken");
    }
    for body in bombed(&[good[28..].to_vec()]) {
        // Where it stands for a number it may be one; where it stands for a length it must not be believed.
        load(SNAPSHOT, &sealed(&[&good[24..28], &body].concat()))?;
    }
    Ok(())
}

/// What follows the checksum of a good file.
fn snapshot_bodies() -> Vec<Vec<u8>> {
    good(SNAPSHOT).map(|bytes| vec![bytes[24..].to_vec()]).unwrap_or_default()
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
    fn any_small_file_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for small in [SNAPSHOT, MARK, INSTANCE] {
            prop_assert!(!load(small, &bytes).map_err(failed)?, "{}", small.0);
        }
        prop_assert!(!load(SNAPSHOT, &sealed(&bytes)).map_err(failed)?);
    }

    // With a checksum that matches, so that the damage is met by the decoders behind it.
    #[test]
    fn damage_under_a_right_checksum_is_survived(body in damaged(snapshot_bodies(), 0)) {
        load(SNAPSHOT, &sealed(&body)).map_err(failed)?;
    }

    #[test]
    fn a_damaged_identity_is_survived(bytes in damaged(good(INSTANCE).into_iter().collect(), 0)) {
        load(INSTANCE, &bytes).map_err(failed)?;
    }

    #[test]
    fn any_payload_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        open(&bytes);
    }

    #[test]
    fn damaged_payloads_are_survived(bytes in damaged(payloads(), 0)) {
        open(&bytes);
    }
}
