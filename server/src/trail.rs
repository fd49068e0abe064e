//! What is written down at this node of who came in and who was refused: a thread that owns the log, and a queue before it.

use crate::usage::Usage;
use anyhow::Context;
use app::people::{Outcome, TrailRow};
use audit::{Event, Kind, Limits, Log, Query, Record};
use controller::Asker;
use metadata::Rejection;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The directory within the data directory.
pub const DIRECTORY: &str = "audit";
/// Events that wait to be written; who brings more is not waited for.
const MOST_WAITING: usize = 4_096;
const MOST_REFUSALS_WAITING: usize = 3_072;
const TICK: Duration = Duration::from_secs(1);
/// How often it is said that nothing can be written.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What a node notes; cheap to clone. One that has no directory notes nothing.
#[derive(Clone, Default)]
pub struct Trail(Option<Arc<Inner>>);

struct Inner {
    dir: PathBuf,
    said: SyncSender<Said>,
    /// How many wait, and how many found no place.
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

enum Said {
    Note(Event),
    End,
}

/// The thread that writes.
pub struct Writing {
    thread: JoinHandle<()>,
    said: SyncSender<Said>,
}

impl Writing {
    /// Waits until everything so far is written; nothing more is.
    pub fn end(self) {
        if self.said.send(Said::End).is_ok() {
            drop(self.thread.join());
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// An event of this kind, by whoever is known to ask; with why it was refused, if it was.
pub fn event(kind: Kind, asker: Option<&Asker>, address: Option<IpAddr>, what: impl Into<String>, no: Option<&Rejection>) -> Event {
    Event {
        kind,
        principal: asker.map(|asker| asker.who.principal.0.clone()),
        credential: asker.and_then(|asker| asker.credential.name()),
        address,
        what: what.into().chars().take(audit::LONGEST_FIELD).collect(),
        code: no.map(|no| no.code.name().to_owned()),
        detail: no.map(|no| no.detail.clone()),
    }
}

impl Trail {
    /// Begins to write in a data directory.
    ///
    /// # Errors
    /// When the directory cannot be made, or no thread begun.
    pub fn begin(data_dir: &Path, node_id: u64) -> anyhow::Result<(Trail, Writing)> {
        let dir = data_dir.join(DIRECTORY);
        let log = Log::open(&dir, node_id, Limits::default(), now_ms()).with_context(|| format!("{} cannot be used", dir.display()))?;
        let (said, coming) = sync_channel(MOST_WAITING);
        let (waiting, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let inner = Inner { dir, said: said.clone(), waiting: waiting.clone(), lost: lost.clone() };
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || write(log, &coming, &waiting, &lost))?;
        Ok((Trail(Some(Arc::new(inner))), Writing { thread, said }))
    }

    /// Notes something; never waits.
    pub fn note(&self, event: Event) {
        let Some(inner) = &self.0 else { return };
        // Refusals, of which strangers make as many as they like, leave room for the rest.
        let refusal = matches!(event.kind, Kind::Refused | Kind::SignInRefused);
        let most = if refusal { MOST_REFUSALS_WAITING } else { MOST_WAITING };
        // Counted before it is there: the thread may have taken it off before this one goes on.
        if inner.waiting.fetch_add(1, Ordering::Relaxed) >= most || inner.said.try_send(Said::Note(event)).is_err() {
            inner.waiting.fetch_sub(1, Ordering::Relaxed);
            inner.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was noted, newest first. It reads files.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn read(&self, query: &Query) -> Result<Vec<Record>, audit::AuditError> {
        self.0.as_ref().map_or(Ok(Vec::new()), |inner| audit::read(&inner.dir, query))
    }

    /// For the page: what was noted last.
    pub fn rows(&self) -> app::ssr::Trail {
        let trail = self.clone();
        Arc::new(move |most| match trail.read(&Query { most, ..Query::default() }) {
            Ok(records) => Ok(records.into_iter().map(row).collect()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Where it is noted.
    pub fn dir(&self) -> Option<&Path> {
        self.0.as_ref().map(|inner| inner.dir.as_path())
    }
}

fn row(record: Record) -> TrailRow {
    TrailRow {
        at_ms: record.at_ms,
        who: [record.principal, record.credential].into_iter().flatten().collect::<Vec<_>>().join(" by "),
        address: record.address.map(|address| address.to_string()).unwrap_or_default(),
        what: record.what,
        outcome: record.code.map_or(Outcome::Noted, Outcome::Refused),
        times: record.times,
    }
}

fn write(mut log: Log, coming: &Receiver<Said>, waiting: &AtomicUsize, lost: &AtomicU64) {
    let mut complained = None::<Instant>;
    loop {
        let done = match coming.recv_timeout(TICK) {
            Ok(Said::Note(event)) => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                log.note(event, now_ms()).and_then(|()| own_up(&mut log, lost))
            }
            Err(RecvTimeoutError::Timeout) => log.tick(now_ms()),
            Ok(Said::End) | Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Err(error) = done
            && complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY)
        {
            complained = Some(Instant::now());
            tracing::error!(%error, "who came in and who was refused cannot be written down");
        }
    }
    let owned = own_up(&mut log, lost);
    if let Err(error) = owned.and_then(|()| log.close(now_ms())) {
        tracing::error!(%error, "the last of who came in and who was refused was not written down");
    }
}

/// Says how many found no place in the queue.
fn own_up(log: &mut Log, lost: &AtomicU64) -> Result<(), audit::AuditError> {
    match lost.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        count => log.note(event(Kind::Lost, None, None, format!("{count} events came faster than they could be written"), None), now_ms()),
    }
}

/// Checks the lines of a file that an export made, or of a node's own.
///
/// # Errors
/// [`Usage`] when it cannot be read; when the lines are not as they were written.
pub fn verify(file: &Path) -> anyhow::Result<()> {
    let opened = std::fs::File::open(file).map_err(|error| Usage(format!("{}: {error}", file.display())))?;
    let lines: Result<Vec<_>, _> = audit::lines_of(std::io::BufReader::new(opened)).collect();
    let verified = audit::verify(lines.with_context(|| format!("{} cannot be read", file.display()))?);
    for span in &verified.spans {
        println!("node {}: {} records, {} to {}, ends in {}", span.node, span.records, span.first_seq, span.last_seq, span.last_hash);
    }
    for broken in &verified.breaks {
        println!("{broken}");
    }
    let breaks = verified.breaks.len() as u64 + verified.more_breaks as u64;
    anyhow::ensure!(breaks == 0, "the chain is broken in {breaks} places");
    println!("{} records, and the chain is whole", verified.records);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again_and_verifies() {
        let dir = tempfile::tempdir().expect("a directory");
        let (trail, writing) = Trail::begin(dir.path(), 7).expect("it begins");
        let no = Rejection::new(metadata::Code::Forbidden, "not theirs");
        trail.note(event(Kind::Refused, None, Some(IpAddr::from([10, 0, 0, 1])), "POST /api/v1/topics", Some(&no)));
        trail.note(event(Kind::SignedOut, None, None, "sign out", None));
        let at = trail.dir().expect("a directory").to_owned();
        writing.end();
        let records = audit::read(&at, &Query::default()).expect("it can be read");
        assert_eq!(records.iter().map(|record| record.kind).collect::<Vec<_>>(), [Kind::SignedOut, Kind::Refused]);
        let file = std::fs::read_dir(&at).expect("files").next().expect("one").expect("it is there").path();
        verify(&file).expect("the chain is whole");
        let text = std::fs::read_to_string(&file).expect("text").replace("FORBIDDEN", "FORGIVEN");
        std::fs::write(&file, text).expect("written");
        assert!(verify(&file).is_err());
    }
}
