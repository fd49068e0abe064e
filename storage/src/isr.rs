//! A leader's watch over its followers: every so often it asks them, decides, and reports what changed.

use crate::client::ClientError;
use crate::followers::{self, Led};
use crate::limit::Limit;
use crate::peers::{self, PeerTable};
use crate::replica::{Image, Watcher};
use crate::shared::Shared;
use metadata::intent::IsrChange;
use metadata::{Code, Index, TopicId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two rounds of questions.
const EVERY: Duration = Duration::from_millis(500);
/// How long one round may take.
const ROUND: Duration = Duration::from_secs(1);
/// A round that ends this much later than it could has met a pause of this process.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the push of a reported change may take to arrive before it is reported again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Changes in one request.
const MOST_CHANGES: usize = 1_000;
/// Requests after one round; the rest waits for the next.
const MOST_REQUESTS: usize = 10;

struct Reporter {
    shared: Arc<Shared>,
    http: reqwest::Client,
    led: Led,
    peers: PeerTable,
    /// The partition epoch that was last reported on, and when: the answer comes as a push.
    reported: BTreeMap<(TopicId, u32), (u32, Instant)>,
    failures: Limit,
}

/// Watches until it is told to stop.
pub(crate) async fn run(shared: Arc<Shared>, http: reqwest::Client, mut watcher: Watcher, halt: CancellationToken) {
    let mut reporter = Reporter {
        led: Led::new(shared.me()),
        peers: PeerTable::new(shared.options.replica_lag_timeout),
        reported: BTreeMap::new(),
        failures: Limit::default(),
        shared,
        http,
    };
    let mut last = Instant::now();
    loop {
        tokio::select! {
            () = halt.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let work = async {
            let (image, touched) = watcher.take();
            let Some(image) = image else { return reporter.led.clear() };
            reporter.led.update(&image.state, &touched, Instant::now());
            reporter.watch(&image, last).await;
            last = Instant::now();
            if let Some(epoch) = reporter.shared.epoch() {
                reporter.report(epoch, &image).await;
            }
        };
        tokio::select! {
            () = halt.cancelled() => return,
            () = work => {}
        }
    }
}

impl Reporter {
    /// Asks every follower once.
    async fn watch(&mut self, image: &Image, last: Instant) {
        let addresses: Vec<_> = self.led.followers().filter_map(|id| Some((id, peers::address(image.state.broker(id)?)?))).collect();
        self.peers.watch(addresses.iter().map(|(id, _)| *id), Instant::now());
        let answers = peers::round(&self.http, addresses, ROUND).await;
        let now = Instant::now();
        if now.duration_since(last) > EVERY + ROUND + PAUSE {
            self.peers.reseed(now);
        }
        for (id, answer) in answers {
            if let Some(broker) = image.state.broker(id) {
                self.peers.heard(broker, &answer, now);
            }
        }
    }

    async fn report(&mut self, epoch: Index, image: &Image) {
        // Another incarnation of this broker is for the session to notice, not for this to argue with.
        if image.state.broker(self.shared.me()).is_none_or(|me| me.epoch != epoch) {
            return;
        }
        let now = Instant::now();
        self.reported.retain(|(topic, number), (partition_epoch, at)| {
            let same = image.state.partition(*topic, *number).is_some_and(|partition| partition.partition_epoch == *partition_epoch);
            same && now.duration_since(*at) < PATIENCE
        });
        let mut changes = followers::decide(&image.state, &self.led, &self.peers, now);
        changes.retain(|change| !self.reported.contains_key(&(change.topic_id, change.partition)));
        for batch in changes.chunks(MOST_CHANGES).take(MOST_REQUESTS) {
            if let Err(error) = self.send(epoch, batch).await {
                if let Some(left_out) = self.failures.pass() {
                    tracing::warn!(%error, changes = changes.len(), left_out, "ISR changes could not be reported");
                }
                return;
            }
        }
    }

    async fn send(&mut self, epoch: Index, batch: &[IsrChange]) -> Result<(), ClientError> {
        let answer = self.shared.client.change_isr(self.shared.me(), epoch, batch).await?;
        let now = Instant::now();
        // Taken or not, what comes next is a push: a refusal means that this copy is behind.
        self.reported.extend(batch.iter().map(|change| ((change.topic_id, change.partition), (change.partition_epoch, now))));
        for result in &answer.results {
            let Some(problem) = &result.error else { continue };
            let expected = matches!(
                Code::from_name(&problem.code),
                Some(
                    Code::InvalidUpdateVersion
                        | Code::FencedLeaderEpoch
                        | Code::IneligibleReplica
                        | Code::NewLeaderElected
                        | Code::NotController
                        | Code::UnknownTopicId
                        | Code::UnknownTopicOrPartition
                )
            );
            if !expected && let Some(left_out) = self.failures.pass() {
                tracing::warn!(topic_id = %result.topic_id, partition = result.partition, %problem, left_out, "an ISR change was refused");
            }
        }
        tracing::debug!(changes = batch.len(), revision = answer.revision, "ISR changes reported");
        Ok(())
    }
}
