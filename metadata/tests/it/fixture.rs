//! A cluster in memory, moved as the leader moves it: intent, plan, entry, apply. Beside it a replica that only absorbs.

use metadata::command::Membership;
use metadata::intent::{Heartbeat, IsrChange, IsrMember, NewTopic, Registration};
use metadata::liveness::Session;
use metadata::model::{Configs, Identity};
use metadata::plan::{HeartbeatReply, Plan, Transition, heartbeat_reply, plan, transition};
use metadata::{
    Broker, BrokerId, Code, Command, Commit, ControllerNode, Draw, Endpoint, Entry, Group, GroupOutcome, Index, Intent, KeyUse, Liveness,
    Machine, Partition, Principal, Rejection, Response, State, TopicId,
};
use std::fmt::Debug;
use std::sync::Arc;
use uuid::Uuid;

pub const CLUSTER: Uuid = Uuid::from_u128(0xC1);
pub const TIMEOUT_MS: u64 = 9_000;
pub type Outcomes = Vec<Result<GroupOutcome, Rejection>>;
/// Something that happens to a cluster, in words and in deed.
pub type Event = (&'static str, fn(&mut World));

#[derive(Clone)]
pub struct World {
    pub machine: Machine,
    pub replica: State,
    pub liveness: Liveness,
    /// The index of the last entry.
    pub index: Index,
    /// What the next draw begins with; one more after each.
    pub seed: u128,
    /// What the last entry made true, if anything.
    pub commit: Option<Commit>,
}

/// A broker's id.
pub fn id(id: u32) -> BrokerId {
    BrokerId(id)
}

/// Brokers' ids.
pub fn ids(ids: &[u32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// A configuration of these pairs.
pub fn configs(pairs: &[(&str, &str)]) -> Configs {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The `start`th process of a broker, as it registers.
pub fn registration(broker: u32, start: u32) -> Registration {
    Registration {
        id: BrokerId(broker),
        incarnation_id: Uuid::from_u128((u128::from(broker) << 32) | u128::from(start)),
        cluster_id: Some(CLUSTER),
        rack: None,
        endpoints: vec![Endpoint { name: "main".to_owned(), host: format!("broker-{broker}"), port: 9092 }],
        push_url: None,
        previous_broker_epoch: None,
    }
}

/// A topic with this many partitions and replicas.
pub fn topic(name: &str, partitions: i64, replication_factor: i64) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions: Some(partitions), replication_factor: Some(replication_factor), ..NewTopic::default() }
}

/// A topic placed by hand.
pub fn by_hand(name: &str, rows: &[&[u32]]) -> NewTopic {
    NewTopic { name: name.to_owned(), assignments: Some(rows.iter().map(|row| ids(row)).collect()), ..NewTopic::default() }
}

/// These controllers, all of them voters.
pub fn membership(nodes: &[u64]) -> Membership {
    let node = |id: &u64| ControllerNode { id: *id, url: format!("http://c{id}"), voter: true };
    Membership { nodes: nodes.iter().map(node).collect() }
}

/// The code of what must have been refused.
#[track_caller]
pub fn code<T: Debug>(result: Result<T, Rejection>) -> Code {
    result.expect_err("this had to be refused").code
}

/// The code of the only outcome, which must be a refusal.
#[track_caller]
pub fn only_code(outcomes: &Outcomes) -> Code {
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    code(outcomes[0].clone())
}

impl World {
    /// Nothing is committed yet.
    pub fn empty() -> Self {
        let liveness = Liveness { now_ms: 1_000_000, session_timeout_ms: TIMEOUT_MS, ..Liveness::default() };
        World { machine: Machine::default(), replica: State::default(), liveness, index: 0, seed: 1, commit: None }
    }

    /// A named cluster with controllers 1 to 3 and no broker.
    pub fn new() -> Self {
        let mut world = World::empty();
        world.membership(&[1, 2, 3]);
        world.submit(Intent::BootstrapCluster { identity: Identity { cluster_id: CLUSTER, lineage: Uuid::from_u128(0x11) } }).unwrap();
        world
    }

    /// With these brokers online, without racks.
    pub fn online(brokers: &[u32]) -> Self {
        let mut world = World::new();
        brokers.iter().for_each(|broker| world.start(*broker));
        world
    }

    /// With a rack of each size, all brokers online: ids 100, 101, … in rack r1, 200, … in r2.
    pub fn racks(sizes: &[u32]) -> Self {
        let mut world = World::new();
        for (rack, size) in (1..).zip(sizes) {
            for broker in 0..*size {
                let rack_name = Some(format!("r{rack}"));
                world.start_as(Registration { rack: rack_name, ..registration(rack * 100 + broker, 1) });
            }
        }
        world
    }

    pub fn state(&self) -> &State {
        &self.machine.state
    }

    pub fn draw(&self) -> Draw {
        Draw { now_ms: 1_700_000_000_000 + self.index, seed: self.seed }
    }

    pub fn plan(&self, intent: &Intent) -> Result<Plan, Rejection> {
        plan(self.state(), &self.liveness, &self.draw(), intent)
    }

    /// The entry that the leader would propose now for an intent.
    pub fn entry(&self, intent: Intent) -> Result<Entry, Rejection> {
        let groups = self.plan(&intent)?.groups();
        Ok(Entry { at_ms: self.draw().now_ms, principal: Principal::anonymous(), intent, key: None, groups })
    }

    /// Plans and commits an intent, as the leader does: no entry for what needs none.
    pub fn submit(&mut self, intent: Intent) -> Result<Outcomes, Rejection> {
        self.commit = None;
        let planned = self.plan(&intent)?;
        let groups = planned.groups();
        if groups.is_empty() {
            return Ok(planned.outcomes([], || GroupOutcome::Done));
        }
        let entry = Entry { at_ms: self.draw().now_ms, principal: Principal::anonymous(), intent, key: None, groups };
        let response = self.apply(&entry);
        Ok(planned.outcomes(response.outcomes, || GroupOutcome::Done))
    }

    /// Commits an entry; the replica takes in what became true and must agree.
    pub fn apply(&mut self, entry: &Entry) -> Response {
        self.index += 1;
        self.seed += 1;
        let (response, commit) = self.machine.apply(entry, self.index, 1);
        self.follow(commit);
        response
    }

    /// Commits a membership of these voters.
    pub fn membership(&mut self, nodes: &[u64]) {
        self.index += 1;
        let commit = self.machine.apply_membership(&membership(nodes), self.index, 1);
        self.follow(commit);
    }

    fn follow(&mut self, commit: Option<Commit>) {
        if let Some(commit) = &commit {
            self.replica.absorb_commit(commit);
            assert_eq!(commit.digest, self.replica.digest(), "the replica disagrees after {commit:?}");
        }
        assert_eq!(self.replica.digest(), self.state().digest());
        self.commit = commit;
    }

    /// Commits commands as one group, whatever a plan would say to them.
    pub fn commit_raw(&mut self, commands: Vec<Command>) -> Result<GroupOutcome, Rejection> {
        let intent = Intent::CreateTopics { topics: Vec::new() };
        let entry =
            Entry { at_ms: self.draw().now_ms, principal: Principal::anonymous(), intent, key: None, groups: vec![Group::of(commands)] };
        self.apply(&entry).outcomes.remove(0)
    }

    /// Commits an intent under an idempotency key.
    pub fn keyed(&mut self, key: KeyUse, at_ms: u64, intent: Intent) -> Response {
        let entry = Entry { at_ms, key: Some(key), ..self.entry(intent).unwrap() };
        self.apply(&entry)
    }

    /// Registers, and returns the epoch.
    pub fn register(&mut self, new: Registration) -> Result<Index, Rejection> {
        let id = new.id;
        for outcome in self.submit(Intent::RegisterBroker { registration: new })? {
            outcome?;
        }
        Ok(self.broker(id.0).epoch)
    }

    /// Registers a broker's first process and brings it online.
    pub fn start(&mut self, broker: u32) {
        self.start_as(registration(broker, 1));
    }

    pub fn start_as(&mut self, new: Registration) {
        let id = new.id.0;
        self.register(new).unwrap();
        self.beat(id);
    }

    /// A heartbeat of a broker that has seen everything and wants nothing.
    pub fn beat(&mut self, broker: u32) -> HeartbeatReply {
        let heartbeat = self.heartbeat(broker);
        self.send(heartbeat)
    }

    pub fn heartbeat(&self, broker: u32) -> Heartbeat {
        let broker = self.broker(broker);
        Heartbeat { id: broker.id, broker_epoch: broker.epoch, metadata_index: self.index, want_fence: false, want_shut_down: false }
    }

    pub fn transition(&self, heartbeat: &Heartbeat) -> Transition {
        transition(self.state(), &self.liveness, heartbeat)
    }

    /// B1: first the contact, then the transition.
    pub fn send(&mut self, heartbeat: Heartbeat) -> HeartbeatReply {
        let session =
            Session { broker_epoch: heartbeat.broker_epoch, contact_ms: self.liveness.now_ms, metadata_index: heartbeat.metadata_index };
        self.liveness.sessions.insert(heartbeat.id, session);
        self.commit = None;
        if self.transition(&heartbeat) != Transition::Stay {
            for outcome in self.submit(Intent::BrokerHeartbeat { heartbeat }).unwrap() {
                outcome.unwrap();
            }
        }
        heartbeat_reply(self.state(), &heartbeat)
    }

    /// The broker's session ends and the leader fences it (B14).
    pub fn expire(&mut self, broker: u32) {
        self.liveness.sessions.remove(&id(broker));
        let broker_epoch = self.broker(broker).epoch;
        self.submit(Intent::SessionExpired { id: id(broker), broker_epoch }).unwrap().remove(0).unwrap();
    }

    /// The leader goes on once with a fencing too large for one entry.
    pub fn continue_fencing(&mut self, broker: u32) {
        let broker_epoch = self.broker(broker).epoch;
        self.submit(Intent::ContinueFencing { id: id(broker), broker_epoch }).unwrap().remove(0).unwrap();
    }

    /// The broker dies uncleanly and comes back as its next process, online.
    pub fn restart_uncleanly(&mut self, broker: u32, start: u32) {
        self.liveness.sessions.remove(&id(broker));
        self.start_as(registration(broker, start));
    }

    pub fn create(&mut self, new: NewTopic) -> TopicId {
        let mut outcomes = self.submit(Intent::CreateTopics { topics: vec![new] }).unwrap();
        match outcomes.remove(0).unwrap() {
            GroupOutcome::Topic { topic_id } => topic_id,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn broker(&self, broker: u32) -> &Arc<Broker> {
        self.state().broker(id(broker)).expect("the broker is registered")
    }

    #[track_caller]
    pub fn topic_id(&self, name: &str) -> TopicId {
        self.state().topic_by_name(name).expect("the topic exists").id
    }

    #[track_caller]
    pub fn partition(&self, topic: &str, partition: u32) -> &Arc<Partition> {
        self.state().partition(self.topic_id(topic), partition).expect("the partition exists")
    }

    /// Leader, ISR and ELR of a topic's first partition.
    #[track_caller]
    pub fn roles(&self, topic: &str) -> (Option<u32>, Vec<u32>, Vec<u32>) {
        let partition = self.partition(topic, 0);
        let plain = |ids: &[BrokerId]| ids.iter().map(|id| id.0).collect();
        (partition.leader.map(|id| id.0), plain(&partition.isr), plain(&partition.elr))
    }

    /// What a leader would propose for a topic's first partition at its current epochs.
    pub fn isr_change(&self, topic: &str, isr: &[u32]) -> IsrChange {
        let partition = self.partition(topic, 0);
        IsrChange {
            topic_id: self.topic_id(topic),
            partition: 0,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            isr: isr.iter().map(|broker| IsrMember { broker: id(*broker), broker_epoch: None }).collect(),
            recovery_state: None,
        }
    }

    /// A broker's proposals at its current epoch.
    pub fn propose(&mut self, sender: u32, changes: Vec<IsrChange>) -> Result<Outcomes, Rejection> {
        let broker_epoch = self.broker(sender).epoch;
        self.submit(Intent::ChangeIsr { id: id(sender), broker_epoch, changes })
    }

    /// The ISR of a topic's first partition becomes this one, by its leader.
    pub fn set_isr(&mut self, topic: &str, isr: &[u32]) {
        let sender = self.partition(topic, 0).leader.expect("there is a leader").0;
        let change = self.isr_change(topic, isr);
        self.propose(sender, vec![change]).unwrap().remove(0).unwrap();
    }
}
