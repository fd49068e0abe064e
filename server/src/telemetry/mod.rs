//! The log: one line per event on stderr, as text or JSON.
//!
//! `limits` keeps a burst of one event from filling the disk, `one_line` keeps what callers sent from splitting a line.

mod limits;
mod one_line;

#[cfg(test)]
mod tests;

use crate::cli::LogFormat;
use limits::Limits;
use one_line::OneLine;
use std::time::{Duration, Instant};
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

/// openraft logs every step of its own; what matters of it is logged here.
const DEFAULT: &str = "info,openraft=warn,openraft_rt=warn,sqlx=error,hyper=warn,raft_log=warn,chunked_wal=warn";
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The log of this process. What was left out last is said when it is dropped.
pub struct Log(Limits);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.report_all();
    }
}

/// Starts the log; `RUST_LOG` replaces the default filter.
pub fn start(format: LogFormat) -> Log {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let began = Instant::now();
    let limits = Limits::new(move || began.elapsed().as_millis() as u64);
    lines(format, filter, limits.clone(), std::io::stderr).init();
    let reporter = limits.clone();
    let started = std::thread::Builder::new().name("log-limits".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(REPORT_EVERY);
            reporter.report();
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "what the log leaves out is only counted at the end");
    }
    Log(limits)
}

fn lines<W>(format: LogFormat, filter: EnvFilter, limits: Limits, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Whatever is filtered, that something was left out is said.
    let filter = match limits::DIRECTIVE.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let lines = fmt::layer().with_ansi(false);
    match format {
        LogFormat::Text => registry().with(filter).with(lines.with_writer(OneLine(writer)).with_filter(limits)).into(),
        LogFormat::Json => registry().with(filter).with(lines.json().with_writer(writer).with_filter(limits)).into(),
    }
}
