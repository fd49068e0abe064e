//! What is written down at this node of who came in and who was refused: a thread that owns the log, and a queue before it.

use crate::usage::Usage;
use anyhow::Context;
use app::people::{Outcome, TrailRow};
use audit::{Event, Kind, Limits, Log, Query, Record};
use controller::Asker;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The directory within the data directory.
pub const DIRECTORY: &str = "audit";
/// Events that wait to be written; who brings more is not waited for.
const MOST_WAITING: usize = 4_096;
const TICK: Duration = Duration::from_secs(1);
/// How often it is said that nothing can be written.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What a node notes; cheap to clone. One that has no directory notes nothing.
#[derive(Clone, Default)]
pub struct Trail(Option<Arc<Inner>>);

struct Inner {
    dir: PathBuf,
    said: SyncSender<Said>,
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

/// An event of this kind, by whoever is known to ask.
pub fn event(kind: Kind, asker: Option<&Asker>, address: Option<IpAddr>, what: impl Into<String>) -> Event {
    Event {
        kind,
        principal: asker.map(|asker| asker.who.principal.0.clone()),
        credential: asker.and_then(|asker| asker.credential.name()),
        address,
        what: what.into(),
        code: None,
        detail: None,
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
        let (said, waiting) = sync_channel(MOST_WAITING);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || write(log, &waiting))?;
        Ok((Trail(Some(Arc::new(Inner { dir, said: said.clone() }))), Writing { thread, said }))
    }

    /// Notes something; never waits.
    pub fn note(&self, event: Event) {
        if let Some(inner) = &self.0
            && inner.said.try_send(Said::Note(event)).is_err()
        {
            tracing::debug!("an event was not written down: too many wait");
        }
    }

    /// What was noted, newest first. It reads files.
    pub fn read(&self, query: &Query) -> Vec<Record> {
        let Some(inner) = &self.0 else { return Vec::new() };
        audit::read(&inner.dir, query).unwrap_or_else(|error| {
            tracing::warn!(%error, "what was noted cannot be read");
            Vec::new()
        })
    }

    /// For the page: what was noted last.
    pub fn rows(&self) -> app::ssr::Trail {
        let trail = self.clone();
        Arc::new(move |most| trail.read(&Query { most, ..Query::default() }).into_iter().map(row).collect())
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

fn write(mut log: Log, waiting: &Receiver<Said>) {
    let mut complained = None::<Instant>;
    loop {
        let done = match waiting.recv_timeout(TICK) {
            Ok(Said::Note(event)) => log.note(event, now_ms()),
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
    if let Err(error) = log.close(now_ms()) {
        tracing::error!(%error, "the last of who came in and who was refused was not written down");
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
        let mut refused = event(Kind::Refused, None, Some(IpAddr::from([10, 0, 0, 1])), "POST /api/v1/topics");
        refused.code = Some("FORBIDDEN".to_owned());
        trail.note(refused);
        trail.note(event(Kind::SignedOut, None, None, "sign out"));
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
