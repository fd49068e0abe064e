//! A broker: registers, is heard, follows what is committed, and says as a leader who is in sync.

use super::door::Door;
use super::fleet::{Fleet, Standing};
use crate::world::time::Time;
use controller::Proven;
use controller::Submission;
use metadata::intent::{Heartbeat, IsrChange, IsrMember, Registration};
use metadata::{
    BrokerId, Code, Endpoint, GroupOutcome, Index, Intent, NodeId, Partition, Principal, RecoveryState, SecretHash, State, TopicId,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const TICK: Duration = Duration::from_millis(100);
/// Ticks between two heartbeats, and between two looks at who is in sync.
const HEARD_EVERY: u64 = 5;
const LOOKS_EVERY: u64 = 2;
/// Changes in one proposal.
const MOST_CHANGES: usize = 50;
const DEADLINE: Duration = Duration::from_secs(2);

/// One broker with its machine.
pub struct Broker {
    pub id: BrokerId,
    pub rack: String,
    pub door: Door,
    pub fleet: Fleet,
    pub time: Time,
}

/// One process of a broker.
struct Life {
    epoch: Index,
    killed: u64,
    /// What it has been told; never goes back.
    state: Arc<State>,
    heard: bool,
    /// The controller that it talks to, as long as that one answers.
    home: Option<NodeId>,
}

/// How a process ended.
enum End {
    Killed,
    /// In order, with the epoch that it shows when it comes back.
    Stopped(Index),
    /// Its epoch is not the one that counts.
    Stale,
}

impl Broker {
    pub async fn run(self) {
        let mut previous = None;
        loop {
            let standing = self.standing();
            if standing.down_until > self.time.now() {
                sleep(TICK).await;
                continue;
            }
            let Some(epoch) = self.register(previous).await else { continue };
            let end = self.serve(Life { epoch, killed: standing.killed, state: Arc::default(), heard: false, home: None }).await;
            self.fleet.change(self.id, |standing| standing.serves = false);
            previous = match end {
                End::Stopped(epoch) => {
                    self.fleet.left(self.id, self.time.now());
                    Some(epoch)
                }
                End::Killed | End::Stale => None,
            };
            sleep(TICK).await;
        }
    }

    fn standing(&self) -> Standing {
        self.fleet.of(self.id)
    }

    /// What its session is bound to: every other broker gives a secret.
    fn proof(&self) -> Option<SecretHash> {
        self.id.0.is_multiple_of(2).then(|| SecretHash::of(&format!("the secret of broker {}", self.id)))
    }

    /// Registers a new process; none when it was killed before that came to anything.
    async fn register(&self, previous_broker_epoch: Option<Index>) -> Option<Index> {
        let killed = self.standing().killed;
        let registration = Registration {
            id: self.id,
            incarnation_id: Uuid::from_u128(self.door.lot.wide()),
            cluster_id: None,
            rack: Some(self.rack.clone()),
            endpoints: vec![Endpoint { name: "client".to_owned(), host: "broker".to_owned(), port: 9_092 }],
            push_url: None,
            previous_broker_epoch,
        };
        while self.standing().killed == killed {
            let intent = Intent::RegisterBroker { registration: registration.clone() };
            let submission = Submission { proof: self.proof(), ..Submission::new(intent, Principal::broker(self.id)) };
            if let Some(node) = self.door.any() {
                let (id, process) = (self.id, registration.incarnation_id);
                let answer = self.door.ask(node, move |node| async move {
                    let answered = node.submit(submission, Instant::now() + DEADLINE).await;
                    // The same process again, as nobody heard the first answer: its epoch is what it was.
                    let known = node.state().broker(id).filter(|broker| broker.incarnation_id == process).map(|broker| broker.epoch);
                    answered.map(|outcome| match outcome.outcomes.first() {
                        Some(Ok(GroupOutcome::Broker { epoch, .. })) => Some(*epoch),
                        Some(Ok(GroupOutcome::Done)) => known,
                        _ => None,
                    })
                });
                let answer = answer.await;
                tracing::debug!(at_ms = self.time.now(), broker = %self.id, ?answer, "a registration was answered");
                if let Some(Ok(Some(epoch))) = answer {
                    return Some(epoch);
                }
            }
            sleep(TICK * 3).await;
        }
        None
    }

    async fn serve(&self, mut life: Life) -> End {
        for turn in 0.. {
            sleep(TICK).await;
            let standing = self.standing();
            if standing.killed != life.killed {
                return End::Killed;
            }
            if standing.paused_until > self.time.now() {
                self.fleet.change(self.id, |standing| standing.serves = false);
                continue;
            }
            self.fleet.change(self.id, |standing| standing.serves = life.heard);
            self.follow(&mut life);
            if turn % HEARD_EVERY == 0
                && let Some(end) = self.beat(&mut life, standing.leaves.is_some()).await
            {
                return end;
            }
            if turn % LOOKS_EVERY == 0 && life.heard {
                self.lead(&life).await;
            }
        }
        End::Killed
    }

    /// Takes in what some node shows, unless that is older.
    fn follow(&self, life: &mut Life) {
        let Some(view) = self.door.again(life.home).map(|node| node.view()) else { return };
        if view.state.revision() > life.state.revision() {
            life.state = view.state.clone();
        }
    }

    async fn beat(&self, life: &mut Life, leaves: bool) -> Option<End> {
        let beat = Heartbeat {
            id: self.id,
            broker_epoch: life.epoch,
            metadata_index: life.state.revision(),
            want_fence: false,
            want_shut_down: leaves,
        };
        let node = self.door.again(life.home)?;
        let home = node.node_id();
        let proof = self.proof();
        let answer = self
            .door
            .ask(node, move |node| async move {
                node.heartbeat(beat, Proven { session: proof, ..Proven::default() }, Instant::now() + DEADLINE).await
            })
            .await;
        tracing::debug!(at_ms = self.time.now(), broker = %self.id, ?answer, "a heartbeat was answered");
        life.home = matches!(answer, Some(Ok(_))).then_some(home);
        match answer? {
            Ok((_, reply)) => {
                life.heard = !reply.fenced;
                reply.should_shut_down.then_some(End::Stopped(life.epoch))
            }
            Err(refusal) => matches!(refusal.rejection.code, Code::StaleBrokerEpoch | Code::BrokerIdNotRegistered).then_some(End::Stale),
        }
    }

    /// Says of what it leads who is in sync.
    async fn lead(&self, life: &Life) {
        let led = life.state.all_partitions().filter(|(_, partition)| partition.leader == Some(self.id));
        let changes: Vec<IsrChange> =
            led.filter_map(|(topic_id, partition)| self.proposal(&life.state, topic_id, partition)).take(MOST_CHANGES).collect();
        if changes.is_empty() {
            return;
        }
        let intent = Intent::ChangeIsr { id: self.id, broker_epoch: life.epoch, changes };
        let submission = Submission { proof: self.proof(), ..Submission::new(intent, Principal::broker(self.id)) };
        if let Some(node) = self.door.again(life.home) {
            // What is refused is proposed again, from what is true then.
            self.door.ask(node, |node| async move { node.submit(submission, Instant::now() + DEADLINE).await.is_ok() }).await;
        }
    }

    fn proposal(&self, state: &State, topic_id: TopicId, partition: &Partition) -> Option<IsrChange> {
        let was = |id: &BrokerId| partition.isr.contains(id);
        // Who comes back is in sync after a while.
        let is = |id: &BrokerId| *id == self.id || (self.fleet.of(*id).serves && (was(id) || self.door.lot.one_in(3)));
        let member = |id: &BrokerId| IsrMember { broker: *id, broker_epoch: state.broker(*id).map(|broker| broker.epoch) };
        let wanted: Vec<BrokerId> = partition.replicas.iter().filter(|id| is(id)).copied().collect();
        let recovered = (partition.recovery_state == RecoveryState::Recovering).then_some(RecoveryState::Recovered);
        let same = wanted.len() == partition.isr.len() && wanted.iter().all(was);
        (!same || recovered.is_some()).then(|| IsrChange {
            topic_id,
            partition: partition.partition,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            isr: wanted.iter().map(member).collect(),
            recovery_state: recovered,
        })
    }
}
