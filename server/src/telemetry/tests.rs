//! What the log writes of a burst, and of values that would break its lines.

use super::limits::{Limits, MOST_A_SECOND};
use super::lines;
use crate::cli::LogFormat;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::EnvFilter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    /// What was written since the last look.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).split_terminator('\n').map(str::to_owned).collect()
    }
}

struct Log {
    written: Captured,
    limits: Limits,
    clock: Arc<AtomicU64>,
    dispatch: tracing::Dispatch,
}

fn log(format: LogFormat, filter: &str) -> Log {
    let (written, clock) = (Captured::default(), Arc::new(AtomicU64::new(5_000)));
    let limits = Limits::new({
        let clock = clock.clone();
        move || clock.load(Ordering::Relaxed)
    });
    let writer = written.clone();
    let dispatch = lines(format, EnvFilter::new(filter), limits.clone(), move || writer.clone());
    Log { written, limits, clock, dispatch }
}

fn burst(count: u64) {
    (0..count).for_each(|number| tracing::warn!(number, "the same again"));
}

#[test]
fn a_burst_is_cut_short_and_counted() {
    let log = log(LogFormat::Text, "info");
    tracing::dispatcher::with_default(&log.dispatch, || {
        burst(500);
        (0..3).for_each(|_| tracing::warn!("another"));
        let lines = log.written.take();
        assert_eq!(lines.iter().filter(|line| line.contains("the same again")).count() as u64, MOST_A_SECOND, "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.contains("another")).count(), 3, "{lines:?}");

        log.limits.report();
        assert!(log.written.take().is_empty(), "the second is not over");
        log.clock.fetch_add(1_000, Ordering::Relaxed);
        log.limits.report();
        let lines = log.written.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        for part in ["suppressed=490", "level=\"WARN\"", "telemetry::tests", "the same again"] {
            assert!(lines[0].contains(part), "{part}: {lines:?}");
        }

        burst(MOST_A_SECOND + 1);
        assert_eq!(log.written.take().len() as u64, MOST_A_SECOND, "the next second begins anew");
        log.limits.report_all();
        assert!(log.written.take().iter().any(|line| line.contains("suppressed=1 ")), "what is open at the end is said");
        log.limits.report_all();
        assert!(log.written.take().is_empty(), "and said once");
    });
}

#[test]
fn many_threads_share_a_limit() {
    let log = log(LogFormat::Text, "info");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| tracing::dispatcher::with_default(&log.dispatch, || burst(200)));
        }
    });
    assert_eq!(log.written.take().len() as u64, MOST_A_SECOND);
    tracing::dispatcher::with_default(&log.dispatch, || log.limits.report_all());
    let lines = log.written.take();
    assert!(lines.len() == 1 && lines[0].contains("suppressed=790 "), "{lines:?}");
}

/// A filter for one part of the program does not hide that lines of it were left out, and lets nothing else through.
#[test]
fn a_filter_keeps_what_it_keeps() {
    let log = log(LogFormat::Text, "quorate::telemetry=error");
    tracing::dispatcher::with_default(&log.dispatch, || {
        tracing::warn!("too little");
        (0..=MOST_A_SECOND).for_each(|_| tracing::error!("enough"));
        log.limits.report_all();
    });
    let lines = log.written.take();
    assert_eq!(lines.len() as u64, MOST_A_SECOND + 1, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("enough")), "{lines:?}");
}

/// With line breaks of every kind, a terminal's escape, and what ends a JSON string.
const NASTY: &str = "a\nb\r\nc\u{b}\u{c}\u{85}\u{2028}\u{2029}\u{1b}[31m\"}\0";

fn nasty() {
    tracing::warn!(name = NASTY, error = %NASTY, shown = ?NASTY, "message: {NASTY}");
}

#[test]
fn a_value_cannot_split_a_line_of_text() {
    let log = log(LogFormat::Text, "info");
    tracing::dispatcher::with_default(&log.dispatch, nasty);
    let lines = log.written.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let breaking = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    assert!(!lines[0].contains(breaking), "{lines:?}");
    assert!(lines[0].contains("error=a\\nb\\r\\nc"), "{lines:?}");
}

#[test]
fn a_value_cannot_split_a_line_of_json() {
    let log = log(LogFormat::Json, "info");
    tracing::dispatcher::with_default(&log.dispatch, nasty);
    let lines = log.written.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let event: serde_json::Value = serde_json::from_str(&lines[0]).unwrap_or_default();
    assert_eq!(event["fields"]["name"], NASTY, "{lines:?}");
    assert_eq!(event["level"], "WARN", "{lines:?}");
}
