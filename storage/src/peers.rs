//! The other brokers as a leader sees them: what they answered, when, and the round in which all of them are asked.

use crate::client;
use crate::lead::Lead;
use metadata::{Broker, BrokerId, Index, State};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Questions under way at once.
const MOST_AT_ONCE: usize = 128;
/// Bytes of an answer that is read at most.
const LONGEST_ANSWER: usize = 16 << 10;

/// What a broker says of itself to its peers: `GET /replicas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicasAnswer {
    pub broker_id: BrokerId,
    /// Null while it is not registered.
    pub broker_epoch: Option<Index>,
    /// The metadata index that it has taken in.
    pub metadata_index: Index,
    /// Whether its replicas are on its disk without an error.
    pub replicas_online: bool,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Instant,
    epoch: Index,
    index: Index,
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    watched_since: Instant,
    /// The last answer of a broker that was registered at the epoch it named, with its replicas online.
    heard: Option<Heard>,
}

/// Every follower that is asked.
#[derive(Clone, Debug)]
pub struct PeerTable {
    lag_timeout: Duration,
    peers: BTreeMap<BrokerId, Peer>,
}

impl PeerTable {
    /// An empty table. A follower that is out of step for `lag_timeout` lags.
    pub fn new(lag_timeout: Duration) -> Self {
        PeerTable { lag_timeout, peers: BTreeMap::new() }
    }

    /// Watches these brokers from now on and no others. A new one gets the whole timeout to answer.
    pub fn watch(&mut self, ids: impl IntoIterator<Item = BrokerId>, now: Instant) {
        let old = std::mem::take(&mut self.peers);
        let known = |id| old.get(&id).copied().unwrap_or(Peer { watched_since: now, heard: None });
        self.peers = ids.into_iter().map(|id| (id, known(id))).collect();
    }

    /// Gives everybody the whole timeout anew: after a pause of this process, silence says nothing about others.
    pub fn reseed(&mut self, now: Instant) {
        self.peers.values_mut().for_each(|peer| peer.watched_since = now);
    }

    /// Takes an answer; it counts only from a broker at its registered epoch whose replicas are online.
    pub fn heard(&mut self, broker: &Broker, answer: &ReplicasAnswer, now: Instant) {
        let counts = answer.broker_id == broker.id && answer.broker_epoch == Some(broker.epoch) && answer.replicas_online;
        if let Some(peer) = self.peers.get_mut(&broker.id).filter(|_| counts) {
            peer.heard = Some(Heard { at: now, epoch: broker.epoch, index: answer.metadata_index });
        }
    }

    /// Whether this broker has been out of step with the partition for longer than the timeout.
    pub(crate) fn lags(&self, id: BrokerId, epoch: Index, lead: &Lead, now: Instant) -> bool {
        let Some(peer) = self.peers.get(&id) else { return false };
        let in_step_at = peer.in_step_at(epoch, lead.index);
        now.saturating_duration_since(in_step_at.max(lead.since)) > self.lag_timeout
    }

    /// How long a follower may be out of step.
    pub(crate) fn lag_timeout(&self) -> Duration {
        self.lag_timeout
    }

    /// Whether every active broker that is watched has answered within the timeout, and with this index or a later one: then
    /// it lags nowhere that began at that index or before.
    pub(crate) fn none_lags(&self, state: &State, index: Index, now: Instant) -> bool {
        self.peers.iter().all(|(id, peer)| {
            let Some(broker) = state.broker(*id).filter(|broker| broker.active()) else { return true };
            let in_step_at = peer.in_step_at(broker.epoch, index);
            now.saturating_duration_since(in_step_at) <= self.lag_timeout
        })
    }

    /// Whether this broker is in step with the partition: heard so lately that it will not lag at once.
    pub(crate) fn in_step(&self, id: BrokerId, epoch: Index, lead: &Lead, now: Instant) -> bool {
        let heard = self.peers.get(&id).and_then(|peer| peer.follows(epoch, lead.index));
        heard.is_some_and(|heard| now.saturating_duration_since(heard.at) <= self.lag_timeout / 2)
    }
}

impl Peer {
    fn follows(&self, epoch: Index, index: Index) -> Option<Heard> {
        self.heard.filter(|heard| heard.epoch == epoch && heard.index >= index)
    }

    /// When it was last in step with what began at this index, or might have been.
    fn in_step_at(&self, epoch: Index, index: Index) -> Instant {
        self.follows(epoch, index).map_or(self.watched_since, |heard| heard.at.max(self.watched_since))
    }
}

/// Where a broker answers its peers: beside its push URL, which the controllers checked. None if it takes no pushes;
/// such a broker is not watched.
pub(crate) fn address(broker: &Broker) -> Option<Url> {
    Url::parse(broker.push_url.as_deref()?).ok()?.join("replicas").ok()
}

/// Asks everybody once, side by side, and gives what came within the budget.
pub(crate) async fn round(http: &reqwest::Client, addresses: Vec<(BrokerId, Url)>, budget: Duration) -> Vec<(BrokerId, ReplicasAnswer)> {
    let mut answers = Vec::with_capacity(addresses.len());
    let asking = async {
        let mut queue = addresses.into_iter();
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < MOST_AT_ONCE
                && let Some((id, url)) = queue.next()
            {
                let request = http.get(url).timeout(budget);
                under_way.spawn(async move { Some((id, ask(request).await?)) });
            }
            match under_way.join_next().await {
                Some(answer) => answers.extend(answer.ok().flatten()),
                None => return,
            }
        }
    };
    // Dropping the set ends what is still under way.
    let _ = tokio::time::timeout(budget, asking).await;
    answers
}

async fn ask(request: reqwest::RequestBuilder) -> Option<ReplicasAnswer> {
    let response = request.send().await.ok().filter(|response| response.status().is_success())?;
    serde_json::from_slice(&client::read(response, LONGEST_ANSWER).await.ok()??).ok()
}
