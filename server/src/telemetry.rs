//! The log: one line per event on stderr.

use crate::cli::LogFormat;
use tracing_subscriber::EnvFilter;

/// openraft logs every step of its own; what matters of it is logged here.
const DEFAULT: &str = "info,openraft=warn,openraft_rt=warn,sqlx=warn,hyper=warn,raft_log=warn,chunked_wal=warn";

/// Starts the log; `RUST_LOG` replaces the default filter.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
