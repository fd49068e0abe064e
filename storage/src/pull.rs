//! The safety net of the pushes: what no push brought is fetched, once the copy has stayed behind for a while.

use crate::client::ClientError;
use crate::limit::Limit;
use crate::shared::Shared;
use metadata::Index;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two fetches at least.
const APART: Duration = Duration::from_secs(1);

/// Notices that the copy stays behind what the controllers say.
#[derive(Debug)]
pub(crate) struct Behind {
    patience: Duration,
    /// The first revision that the copy did not have, and since when it is missing.
    missing: Option<(Index, Instant)>,
}

impl Behind {
    pub(crate) fn new(patience: Duration) -> Self {
        Behind { patience, missing: None }
    }

    /// Takes a heartbeat's revision; gives the index to fetch once it has been missing for longer than the patience.
    pub(crate) fn heard(&mut self, revision: Index, own: Index, now: Instant) -> Option<Index> {
        match self.missing {
            Some((index, since)) if own < index => (now.duration_since(since) > self.patience).then_some(index),
            _ => {
                self.missing = (own < revision).then_some((revision, now));
                None
            }
        }
    }
}

/// Fetches whenever an index is wanted, until it is told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut wanted: watch::Receiver<Index>, halt: CancellationToken) {
    let failures = Limit::default();
    let work = async {
        while wanted.changed().await.is_ok() {
            let index = *wanted.borrow_and_update();
            if let Err(error) = fetch(&shared, index).await
                && let Some(left_out) = failures.pass()
            {
                tracing::warn!(%error, index, left_out, "the metadata that no push brought could not be fetched");
            }
            tokio::time::sleep(APART).await;
        }
    };
    tokio::select! {
        () = halt.cancelled() => {}
        () = work => {}
    }
}

async fn fetch(shared: &Shared, wanted: Index) -> Result<(), ClientError> {
    let replica = &shared.replica;
    if replica.image().is_some_and(|image| image.index < wanted) {
        // Most often nothing is missing: entries that changed nothing raise the revision and are not pushed.
        let at = shared.client.digest(wanted).await?;
        if replica.confirm(at.revision, at.digest) {
            return Ok(());
        }
    }
    if replica.index() >= wanted {
        return Ok(());
    }
    let as_of = wanted.max(replica.floor());
    let state = shared.client.state(as_of).await?;
    match replica.install(state, as_of) {
        Ok(index) => tracing::info!(index, "fetched the metadata that no push brought"),
        // The session hears of it from the replica and registers again.
        Err(refused) => tracing::warn!(%refused, "the fetched metadata was not taken"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_missing_is_fetched() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut behind = Behind::new(Duration::from_secs(4));
        assert_eq!(behind.heard(10, 10, at(0)), None);
        assert_eq!(behind.heard(11, 10, at(2_000)), None, "missing since now");
        assert_eq!(behind.heard(15, 11, at(4_000)), None, "11 came; 15 is missing since now");
        assert_eq!(behind.heard(16, 14, at(8_000)), None);
        assert_eq!(behind.heard(17, 14, at(8_001)), Some(15));
        assert_eq!(behind.heard(17, 14, at(10_000)), Some(15), "again until it comes");
        assert_eq!(behind.heard(17, 17, at(12_000)), None);
        assert_eq!(behind.heard(17, 0, at(20_000)), None, "a dropped copy gets its time for a push too");
    }
}
