//! The log on disks that are full.

use super::Log;
use crate::disk::{Disk, Growing, Real};
use crate::event::{Event, Kind};
use crate::files::Limits;
use crate::lines::export;
use crate::record::Record;
use crate::verify::{Verified, verify};
use anyhow::{Context, Result, ensure};
use damage::cases;
use proptest::prelude::*;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// A disk with so many bytes left.
#[derive(Clone, Default)]
struct Small {
    room: Arc<AtomicU64>,
    no_cuts: Arc<AtomicBool>,
    no_syncs: Arc<AtomicBool>,
}

struct OnSmall {
    disk: Small,
    file: Box<dyn Growing>,
}

fn no(flag: &AtomicBool) -> io::Result<()> {
    if flag.load(SeqCst) { Err(io::Error::other("no")) } else { Ok(()) }
}

impl Disk for Small {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        Ok(Box::new(OnSmall { disk: self.clone(), file: Real.open(path)? }))
    }
}

impl Growing for OnSmall {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.disk.room.load(SeqCst).min(bytes.len() as u64);
        self.file.append(&bytes[..room as usize])?;
        self.disk.room.fetch_sub(room, SeqCst);
        if room < bytes.len() as u64 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        no(&self.disk.no_cuts)?;
        self.disk.room.fetch_add(self.file.length()? - length, SeqCst);
        self.file.cut(length)
    }

    fn sync(&self) -> io::Result<()> {
        no(&self.disk.no_syncs)?;
        self.file.sync()
    }
}

const PLENTY: u64 = 1 << 30;

fn event(who: usize) -> Event {
    Event { principal: Some(format!("user-{who}")), ..Event::own(Kind::Refused, "create topic", None) }
}

fn records(dir: &Path) -> Result<(Vec<Record>, Verified)> {
    let lines = export(dir)?.collect::<Result<Vec<_>, _>>()?;
    let records = lines.iter().map(|line| serde_json::from_slice(line)).collect::<Result<_, _>>()?;
    Ok((records, verify(&lines)))
}

#[test]
fn a_full_disk_leaves_whole_lines_and_a_number_of_what_was_lost() -> Result<()> {
    // Room for any part of the line that does not fit, and cuts that work or do not.
    let dir = tempfile::tempdir()?;
    let mut reference = Log::open(&dir.path().join("reference"), 1, Limits::default(), 0)?;
    reference.note(event(1), 0)?;
    let length = std::fs::metadata(dir.path().join("reference/audit-00000001.jsonl"))?.len();
    for (room, no_cuts) in (0..length).flat_map(|room| [(room, false), (room, true)]) {
        let (path, disk) = (dir.path().join(format!("{room}-{no_cuts}")), Small::default());
        disk.room.store(length + room, SeqCst);
        disk.no_cuts.store(no_cuts, SeqCst);
        let mut log = Log::on(Box::new(disk.clone()), &path, 1, Limits::default(), 0)?;
        log.note(event(1), 0)?;
        for at in 2..5 {
            let error = log.note(event(at), at as u64).err().with_context(|| format!("{room}: event {at}"))?;
            ensure!(error.to_string().contains("audit-00000001.jsonl"), "{error}");
        }
        disk.room.store(PLENTY, SeqCst);
        disk.no_cuts.store(false, SeqCst);
        log.note(event(5), 9)?;
        let (records, verified) = records(&path)?;
        let said: Vec<_> = records.iter().map(|record| (record.kind, record.times, record.first_at_ms, record.at_ms)).collect();
        let expected = [(Kind::Refused, 1, None, 0), (Kind::Lost, 3, Some(2), 4), (Kind::Refused, 1, None, 9)];
        ensure!(said == expected && verified.breaks.is_empty(), "{room}: {said:?}, {:?}", verified.breaks);
        ensure!(records[1].detail.is_some(), "the reason is told");
    }
    Ok(())
}

#[test]
fn counts_wait_for_a_full_disk_and_what_a_start_found_does_too() -> Result<()> {
    let (dir, disk) = (tempfile::tempdir()?, Small::default());
    std::fs::write(dir.path().join("audit-00000001.jsonl"), "no record\n{\"seq\":")?;
    let mut log = Log::on(Box::new(disk.clone()), dir.path(), 1, Limits::default(), 5)?;
    ensure!(log.note(event(1), 6).is_err() && log.tick(7).is_err());
    disk.room.store(PLENTY, SeqCst);
    log.note(event(1), 8)?;
    log.note(event(1), 9)?;
    disk.room.store(0, SeqCst);
    ensure!(log.tick(20_000).is_err() && log.tick(21_000).is_err());
    log.note(event(1), 21_500).expect_err("a count is due and cannot be written");
    disk.room.store(PLENTY, SeqCst);
    log.tick(22_000)?;
    let lines = export(dir.path())?.skip(1).collect::<Result<Vec<_>, _>>()?;
    let records: Vec<Record> = lines.iter().map(|line| serde_json::from_slice(line)).collect::<Result<_, _>>()?;
    let said: Vec<_> = records.iter().map(|record| (record.kind, record.times, record.at_ms)).collect();
    let expected = [(Kind::Broken, 1, 5), (Kind::Torn, 1, 5), (Kind::Lost, 1, 6), (Kind::Refused, 1, 8), (Kind::Refused, 2, 21_500)];
    ensure!(said == expected, "{said:?}");
    ensure!(verify(&lines).breaks.is_empty());
    Ok(())
}

#[test]
fn a_file_that_cannot_be_finished_is_finished_later() -> Result<()> {
    let (dir, disk) = (tempfile::tempdir()?, Small::default());
    disk.room.store(PLENTY, SeqCst);
    let mut log = Log::on(Box::new(disk.clone()), dir.path(), 1, Limits { bytes: 1, ..Limits::default() }, 0)?;
    log.note(event(1), 0)?;
    disk.no_syncs.store(true, SeqCst);
    log.note(event(2), 0).expect_err("the first file is not on the disk");
    disk.no_syncs.store(false, SeqCst);
    log.note(event(3), 0)?;
    let (records, verified) = records(dir.path())?;
    ensure!(records.iter().map(|record| record.kind).eq([Kind::Refused, Kind::Lost, Kind::Refused]) && verified.breaks.is_empty());
    Ok(())
}

#[derive(Clone, Debug)]
enum Happens {
    Note(usize),
    Pass(u64),
    Room(u64),
    Cuts(bool),
    Syncs(bool),
    /// The process ends without a word, and starts again.
    Killed,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        8 => (0usize..12).prop_map(Happens::Note),
        2 => (0u64..12_000).prop_map(Happens::Pass),
        2 => (0u64..900).prop_map(Happens::Room),
        1 => Just(Happens::Room(PLENTY)),
        1 => any::<bool>().prop_map(Happens::Cuts),
        1 => any::<bool>().prop_map(Happens::Syncs),
        1 => Just(Happens::Killed),
    ]
}

fn through(dir: &Path, happening: &[Happens], limits: Limits) -> Result<()> {
    let (disk, mut now_ms, mut noted, mut killed) = (Small::default(), 1_000, 0, false);
    let open = |now_ms| Log::on(Box::new(disk.clone()), dir, 1, limits, now_ms);
    let mut log = open(now_ms)?;
    for what in happening {
        match what {
            Happens::Note(who) => {
                noted += 1;
                let _ = log.note(event(*who), now_ms);
            }
            Happens::Pass(ms) => {
                now_ms += ms;
                let _ = log.tick(now_ms);
            }
            Happens::Room(room) => disk.room.store(*room, SeqCst),
            Happens::Cuts(work) => disk.no_cuts.store(!work, SeqCst),
            Happens::Syncs(work) => disk.no_syncs.store(!work, SeqCst),
            Happens::Killed => {
                log = open(now_ms)?;
                killed = true;
            }
        }
        let files = std::fs::read_dir(dir)?.count();
        ensure!(files <= limits.files, "{files} files");
    }
    disk.room.store(PLENTY, SeqCst);
    disk.no_cuts.store(false, SeqCst);
    disk.no_syncs.store(false, SeqCst);
    log.close(now_ms)?;
    let (records, verified) = records(dir)?;
    ensure!(verified.breaks.is_empty(), "{:?}", verified.breaks);
    ensure!(records.iter().all(|record| record.kind != Kind::Broken), "a break was told where there is none");
    let gone = records.first().is_some_and(|record| record.seq > 1);
    let told: u64 = records.iter().filter(|record| record.kind != Kind::Torn).map(|record| record.times).sum();
    ensure!(killed || gone || told == noted, "{told} of {noted} are told");
    Ok(())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn whatever_the_disk_does_the_chain_holds_and_every_event_is_told(
        happening in prop::collection::vec(happens(), 1..60),
        bytes in 200u64..2_000,
        files in prop::sample::select(vec![1usize, 2, 3, 60]),
        repeats in 0usize..8,
        refusals in prop::sample::select(vec![1u64, 60, 60_000]),
    ) {
        let dir = tempfile::tempdir()?;
        let went = through(dir.path(), &happening, Limits { bytes, files, repeats, refusals });
        prop_assert!(went.is_ok(), "{:?}", went);
    }
}
