//! The log cut or bit-flipped at every kind of place: what the durable mark covers is there, or the start is refused.

use super::log::LogStore;
use crate::disk::{Directory, Disk, Position};
use anyhow::{Context, Result, ensure};
use openraft::RaftLogReader;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

const ENTRIES: u64 = 24;
/// What the mark covers; the rest came after it.
const MARKED: u64 = 15;
const TERM: u64 = 3;

/// The payload of a blank entry, long enough to be cut in the middle.
fn payload(index: u64) -> Result<Vec<u8>> {
    let data = super::data::LogData::encode(
        &metadata::Entry {
            at_ms: index,
            principal: metadata::Principal::controller(1),
            intent: metadata::Intent::DeleteTopic { name: format!("topic-{index}"), expected: None },
            key: None,
            groups: Vec::new(),
        },
        super::data::Checked { index, digest: metadata::digest::Digest(index.into()) },
    )?;
    let entry: openraft::EntryPayload<super::data::LogData, u64, openraft::BasicNode> = openraft::EntryPayload::Normal(data);
    Ok(postcard::to_allocvec(&entry)?)
}

/// Writes a log, with its mark in the middle.
fn written(dir: &Path) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(Directory::new(dir)?);
    let mark = super::mark::Mark::open(disk.clone())?;
    let mut log = disk.open_log()?.log;
    for index in 1..=ENTRIES {
        let position: Position = (TERM, index);
        let (done, flushed) = mpsc::channel();
        log.append(vec![(position, payload(index)?)])?;
        log.flush(true, Some(Box::new(move |result| drop(done.send(result)))))?;
        flushed.recv()??;
        mark.reached(position);
        if index == MARKED {
            mark.keep()?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.join("log"))?;
    fs::copy(from.join("log-mark"), to.join("log-mark"))?;
    for entry in fs::read_dir(from.join("log"))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join("log").join(entry.file_name()))?;
    }
    Ok(())
}

fn newest(dir: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(dir.join("log"))?.collect::<std::io::Result<Vec<_>>>()?;
    files.into_iter().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "wal")).max().context("no log file")
}

/// What a start makes of a damaged copy: how many entries it has, or the refusal.
fn start(dir: &Path) -> Result<Result<u64, String>> {
    let disk: Arc<dyn Disk> = Arc::new(Directory::new(dir)?);
    let mut log = match LogStore::open(disk) {
        Ok(log) => log,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let entries = futures::executor::block_on(log.try_get_log_entries(1..))?;
    for (index, entry) in (1..).zip(&entries) {
        ensure!(entry.log_id.index == index && postcard::to_allocvec(&entry.payload)? == payload(index)?, "entry {index} is another one");
    }
    Ok(Ok(entries.len() as u64))
}

fn check(what: &str, dir: &Path) -> Result<Option<u64>> {
    match start(dir).with_context(|| what.to_owned())? {
        Ok(count) => {
            ensure!(count >= MARKED, "{what}: it starts with {count} entries, and {MARKED} were durable");
            Ok(Some(count))
        }
        Err(refusal) => {
            ensure!(refusal.contains(".wal") || refusal.contains("log-mark"), "{what}: the refusal names no file: {refusal}");
            Ok(None)
        }
    }
}

#[test]
fn torn_tail() -> Result<()> {
    let root = tempfile::tempdir()?;
    let whole = root.path().join("whole");
    written(&whole)?;
    let bytes = fs::read(newest(&whole)?)?;
    let damaged = root.path().join("damaged");
    let (mut started, mut refused) = (0, 0);
    let mut try_one = |what: String, content: Option<Vec<u8>>| -> Result<Option<u64>> {
        if damaged.exists() {
            fs::remove_dir_all(&damaged)?;
        }
        copy(&whole, &damaged)?;
        let file = newest(&damaged)?;
        match content {
            Some(content) => fs::write(file, content)?,
            None => fs::remove_file(file)?,
        }
        let count = check(&what, &damaged)?;
        *(if count.is_some() { &mut started } else { &mut refused }) += 1;
        Ok(count)
    };
    ensure!(try_one("untouched".into(), Some(bytes.clone()))? == Some(ENTRIES), "an untouched log is not whole");
    ensure!(try_one("gone".into(), None)?.is_none(), "a log that is gone is started without");
    ensure!(try_one("empty".into(), Some(Vec::new()))?.is_none(), "an empty log is started with");
    // A step that is prime to the records' length comes to every kind of place.
    for at in (0..bytes.len()).step_by(7) {
        try_one(format!("cut at {at}"), Some(bytes[..at].to_vec()))?;
        let zeroed = bytes[..at].iter().copied().chain(std::iter::repeat_n(0, bytes.len() - at)).collect();
        try_one(format!("zeros from {at}"), Some(zeroed))?;
    }
    for at in (0..bytes.len()).step_by(11) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        try_one(format!("bit {} of byte {at} flipped", at % 8), Some(flipped))?;
    }
    for tail in [vec![0xff; 3], vec![0; 4_096], bytes[..40].to_vec()] {
        try_one(format!("{} bytes behind the end", tail.len()), Some([bytes.clone(), tail].concat()))?;
    }
    println!("{started} started, {refused} were refused");
    ensure!(started > 20 && refused > 20, "{started} started, {refused} refused: that was no test");
    Ok(())
}

#[test]
fn what_was_cut_off_is_reported() -> Result<()> {
    let dir = tempfile::tempdir()?;
    written(dir.path())?;
    let file = newest(dir.path())?;
    let bytes = fs::read(&file)?;
    fs::write(&file, &bytes[..bytes.len() - 5])?;
    let cut = Directory::new(dir.path())?.open_log()?.cut.context("nothing is reported")?;
    ensure!(cut.contains(&file.display().to_string()) && cut.contains("bytes"), "{cut}");
    Ok(())
}
