//! When to stop: SIGTERM, SIGINT, or the end of stdin for a process that belongs to another.

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Completes when this process is asked to stop.
pub async fn asked(with_stdin: bool) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be handled on this system");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_ended(), if with_stdin => {}
    }
}

async fn stdin_ended() {
    let mut sink = [0; 64];
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut sink).await.is_ok_and(|count| count > 0) {}
}
