//! The broker's session with the controllers: registration, heartbeats, and the controlled shutdown.
//!
//! One incarnation per process: whatever happens to the registration, this process comes back under the same one, so a
//! registration whose answer was lost is merely amended, and two processes under one id cannot take turns.

use crate::client::{Beat, ClientError};
use crate::files;
use crate::limit::Limit;
use crate::pull::Behind;
use crate::shared::{Fatal, Shared};
use metadata::intent::{Heartbeat, Registration};
use metadata::{Code, Index};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Registration attempts are this far apart at first, then further and further.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// After a heartbeat that nobody answered.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// Heartbeats of a broker that wants to be unfenced are this far apart at first and at last (B5) …
const FIRST_BEAT: Duration = Duration::from_millis(10);
const EARLY_BEAT: Duration = Duration::from_millis(200);
/// … but only for this long: who is still fenced then is held by somebody.
const EARLY: Duration = Duration::from_secs(10);
/// Between the first two heartbeats of a controlled shutdown (B11).
const FIRST_LEAVE: Duration = Duration::from_millis(50);

/// The epoch of a clean shutdown, for the registration after it (A5). There only between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CleanShutdown {
    pub(crate) epoch: Index,
}

impl CleanShutdown {
    pub(crate) const FILE: &str = "clean_shutdown.json";

    /// Reads the file and removes it: should this run end badly, it must not seem clean.
    pub(crate) fn take(data_dir: &Path) -> std::io::Result<Option<Self>> {
        let path = data_dir.join(Self::FILE);
        let found = files::read_json(&path).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "unreadable, so the last shutdown counts as unclean");
            None
        });
        files::remove(&path)?;
        Ok(found)
    }

    pub(crate) fn leave(self, data_dir: &Path) -> std::io::Result<()> {
        files::write_json(&data_dir.join(Self::FILE), &self)
    }
}

/// The cluster that a data directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Home {
    pub(crate) cluster_id: Uuid,
}

impl Home {
    pub(crate) const FILE: &str = "cluster.json";
}

/// How the session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The controllers let it go: whatever it led, others lead, and every active broker knows.
    Clean(CleanShutdown),
    /// The time ran out, or the registration was no longer its own.
    Unclean,
    /// It never registered, so the shutdown before this run is still the last one.
    Unregistered,
}

enum Trouble {
    Fatal(Fatal),
    Client(ClientError),
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Trouble::Client(error)
    }
}

pub(crate) struct Session<'a> {
    shared: &'a Shared,
    stop: CancellationToken,
    incarnation_id: Uuid,
    previous: Option<CleanShutdown>,
    home: Option<Home>,
    behind: Behind,
    /// Fenced or not, as last heard.
    fenced: bool,
    failures: Limit,
}

impl<'a> Session<'a> {
    pub(crate) fn new(shared: &'a Shared, stop: CancellationToken, previous: Option<CleanShutdown>, home: Option<Home>) -> Self {
        // Longer than two heartbeats, so that a push has had its chance.
        let behind = Behind::new(shared.options.heartbeat_interval * 2);
        let incarnation_id = Uuid::new_v4();
        Session { shared, stop, incarnation_id, previous, home, behind, fenced: true, failures: Limit::default() }
    }

    /// Registers and keeps the session until it is told to stop.
    pub(crate) async fn run(mut self) -> Result<Ended, Fatal> {
        let mut ended = Ended::Unregistered;
        while let Some(epoch) = self.register().await? {
            self.shared.set_epoch(Some(epoch));
            if self.live(epoch).await {
                return Ok(self.leave(epoch).await);
            }
            self.shared.set_epoch(None);
            ended = Ended::Unclean;
        }
        Ok(ended)
    }

    /// Registers, however long it takes; none when told to stop.
    async fn register(&mut self) -> Result<Option<Index>, Fatal> {
        let mut wait = FIRST_RETRY;
        loop {
            let stop = self.stop.clone();
            let attempt = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                attempt = self.try_register() => attempt,
            };
            match attempt {
                Ok(epoch) => {
                    tracing::info!(epoch, incarnation_id = %self.incarnation_id, "registered");
                    return Ok(Some(epoch));
                }
                Err(Trouble::Fatal(fatal)) => return Err(fatal),
                Err(Trouble::Client(ClientError::Refused(problem))) if !ClientError::Refused(problem.clone()).retryable() => {
                    return Err(Fatal::Refused(problem));
                }
                Err(Trouble::Client(error)) => self.complain(&error, "not registered yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(LONGEST_RETRY);
        }
    }

    async fn try_register(&mut self) -> Result<Index, Trouble> {
        // The lineage first, so that not even the first push can be of another one.
        let identity = match self.shared.client.cluster().await {
            Ok(identity) => identity,
            Err(error) if error.retryable() => return Err(error.into()),
            // Whoever does not say is told apart by the snapshot that it pushes.
            Err(_) => None,
        };
        if let (Some(home), Some(identity)) = (self.home, &identity)
            && home.cluster_id != identity.cluster_id
        {
            return Err(Trouble::Fatal(Fatal::WrongCluster { home: home.cluster_id, found: identity.cluster_id }));
        }
        self.shared.replica.registered(identity.as_ref());
        let options = &self.shared.options;
        let registration = Registration {
            id: self.shared.me(),
            incarnation_id: self.incarnation_id,
            cluster_id: identity.map(|identity| identity.cluster_id).or(self.home.map(|home| home.cluster_id)),
            rack: options.rack.clone(),
            endpoints: vec![options.endpoint(self.shared.addr)],
            push_url: Some(options.push_url(self.shared.addr)),
            previous_broker_epoch: self.previous.map(|previous| previous.epoch),
        };
        let registered = self.shared.client.register(&registration).await?;
        // It speaks for the incarnation before this one, and that is gone now.
        self.previous = None;
        Ok(registered.broker_epoch)
    }

    /// Sends heartbeats. True when told to stop, false when the registration is lost.
    async fn live(&mut self, epoch: Index) -> bool {
        let (shared, stop) = (self.shared, self.stop.clone());
        let registered_at = Instant::now();
        let mut early = FIRST_BEAT;
        let mut asked_at = None;
        loop {
            let sent = shared.replica.index();
            let heartbeat = self.heartbeat(epoch, sent, false);
            let beat = tokio::select! {
                () = stop.cancelled() => return true,
                beat = shared.client.heartbeat(&heartbeat) => beat,
            };
            let interval = shared.options.heartbeat_interval;
            let wait = match beat {
                Ok(beat) => {
                    self.take(&beat);
                    let waits = !beat.reply.caught_up || beat.reply.fenced;
                    if waits && registered_at.elapsed() < EARLY {
                        let wait = early.min(interval);
                        early = (early * 2).min(EARLY_BEAT);
                        wait
                    } else {
                        interval
                    }
                }
                Err(error) if lost(&error) => {
                    tracing::warn!(%error, epoch, "the registration is lost");
                    return false;
                }
                Err(error) => {
                    self.complain(&error, "no heartbeat got through");
                    AFTER_FAILURE.min(interval)
                }
            };
            let may_ask = asked_at.is_none_or(|at: Instant| at.elapsed() > interval);
            tokio::select! {
                () = stop.cancelled() => return true,
                () = tokio::time::sleep(wait) => {}
                // The registration came in by push: the sooner it is acknowledged, the sooner this broker is unfenced.
                () = shared.replica.reached(epoch), if sent < epoch => {}
                () = shared.replica.stranger(), if may_ask => {
                    asked_at = Some(Instant::now());
                    tokio::select! {
                        () = stop.cancelled() => return true,
                        moved = self.moved_on() => if moved { return false },
                    }
                }
            }
        }
    }

    /// Stops leading, and waits until everybody knows.
    async fn leave(&mut self, epoch: Index) -> Ended {
        let deadline = Instant::now() + self.shared.options.shutdown_timeout;
        let mut wait = FIRST_LEAVE;
        tracing::info!(epoch, "controlled shutdown");
        let leaving = async {
            loop {
                let heartbeat = self.heartbeat(epoch, self.shared.replica.index(), true);
                match self.shared.client.heartbeat(&heartbeat).await {
                    Ok(beat) if beat.reply.should_shut_down => return Ended::Clean(CleanShutdown { epoch }),
                    Ok(_) => {}
                    Err(error) if lost(&error) => return Ended::Unclean,
                    Err(error) => self.complain(&error, "no heartbeat got through while shutting down"),
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(self.shared.options.heartbeat_interval);
            }
        };
        let ended = tokio::time::timeout_at(deadline, leaving).await;
        ended.unwrap_or_else(|_| {
            tracing::warn!(epoch, "the controllers did not let go in time: stopping uncleanly");
            Ended::Unclean
        })
    }

    fn heartbeat(&self, broker_epoch: Index, metadata_index: Index, want_shut_down: bool) -> Heartbeat {
        Heartbeat { id: self.shared.me(), broker_epoch, metadata_index, want_fence: false, want_shut_down }
    }

    /// What an answered heartbeat means beside the pace of the next.
    fn take(&mut self, beat: &Beat) {
        if beat.reply.fenced != self.fenced {
            self.fenced = beat.reply.fenced;
            tracing::info!(fenced = self.fenced, revision = beat.revision, "the controllers changed this broker's state");
        }
        if let Some(index) = self.behind.heard(beat.revision, self.shared.replica.index(), Instant::now()) {
            self.shared.wanted.send_replace(index);
        }
        if self.home.is_none()
            && let Some(identity) = self.shared.replica.identity()
        {
            let home = Home { cluster_id: identity.cluster_id };
            match files::write_json(&self.shared.options.data_dir.join(Home::FILE), &home) {
                Ok(()) => self.home = Some(home),
                Err(error) => self.complain(&error, "the cluster's id could not be written down"),
            }
        }
    }

    /// Whether the controllers have begun another history than the copy's: a push said so, but anybody can push.
    async fn moved_on(&self) -> bool {
        let own = self.shared.replica.identity();
        match self.shared.client.cluster().await {
            Ok(Some(identity)) => own.is_none_or(|own| own != identity),
            Ok(None) => false,
            Err(error) => {
                self.complain(&error, "the lineage could not be checked");
                false
            }
        }
    }

    fn complain(&self, error: &dyn std::fmt::Display, what: &str) {
        if let Some(left_out) = self.failures.pass() {
            tracing::warn!(%error, left_out, "{what}");
        }
    }
}

/// Whether the registration that a heartbeat spoke for is not there any more.
fn lost(error: &ClientError) -> bool {
    matches!(error.code(), Some(Code::StaleBrokerEpoch | Code::BrokerIdNotRegistered))
}
