//! A cluster in a variable: the real plan and the real state machine, without Raft, network or clock.

use anyhow::{Context, Result, anyhow, ensure};
use metadata::command::Membership;
use metadata::intent::{NewTopic, Registration};
use metadata::liveness::Session;
use metadata::model::Identity;
use metadata::plan::plan;
use metadata::{BrokerId, Change, Commit, ControllerNode, Draw, Endpoint, Entry, Index, Intent, KeyUse, Liveness, Machine, Principal};
use metadata::{Partition, Rejection, State, Term, TopicId};
use serde_json::{Value, json};
use uuid::Uuid;

pub const SESSION_MS: u64 = 1_500;

pub struct Cluster {
    pub machine: Machine,
    pub liveness: Liveness,
    pub term: Term,
    pub index: Index,
    pub commits: Vec<Commit>,
}

impl Cluster {
    /// A cluster with an identity of these two numbers and one controller.
    pub fn new(cluster_id: u128, lineage: u128) -> Result<Self> {
        let liveness = Liveness { session_timeout_ms: SESSION_MS, ..Liveness::default() };
        let mut cluster = Cluster { machine: Machine::default(), liveness, term: 1, index: 0, commits: Vec::new() };
        let nodes = vec![ControllerNode { id: 1, url: "http://127.0.0.1:9091".to_owned(), voter: true }];
        cluster.index += 1;
        cluster.commits.extend(cluster.machine.apply_membership(&Membership { nodes }, 1, 1));
        let identity = Identity { cluster_id: Uuid::from_u128(cluster_id), lineage: Uuid::from_u128(lineage) };
        cluster.submit(Intent::BootstrapCluster { identity })?;
        Ok(cluster)
    }

    pub fn state(&self) -> &State {
        &self.machine.state
    }

    /// Commits what an intent comes to; the index that the answer rests on, and a refusal of the whole or of its first item.
    pub fn try_submit(&mut self, intent: Intent) -> Result<Index, Rejection> {
        let draw = Draw { now_ms: 1_700_000_000_000 + self.index, seed: u128::from(self.index) + 1 };
        let planned = plan(self.state(), &self.liveness, &draw, &intent)?;
        let groups = planned.groups();
        if groups.is_empty() {
            return planned.items.into_iter().find_map(Result::err).map_or(Ok(self.index), Err);
        }
        self.index += 1;
        let key: Option<KeyUse> = None;
        let entry = Entry { at_ms: draw.now_ms, principal: Principal::anonymous(), intent, key, groups };
        let (response, commit) = self.machine.apply(&entry, self.index, self.term);
        self.commits.extend(commit);
        planned.outcomes(response.outcomes, || metadata::GroupOutcome::Done).into_iter().find_map(Result::err).map_or(Ok(self.index), Err)
    }

    pub fn submit(&mut self, intent: Intent) -> Result<Index> {
        self.try_submit(intent).map_err(|no| anyhow!("{no}"))
    }

    /// An entry that changes nothing, as a new leader's first one.
    pub fn blank(&mut self) {
        self.index += 1;
    }

    /// Registers a broker and puts it online.
    pub fn broker(&mut self, id: u32) -> Result<()> {
        let endpoints = vec![Endpoint { name: "PLAINTEXT".to_owned(), host: "127.0.0.1".to_owned(), port: 9 }];
        let push_url = Some(format!("http://127.0.0.1:{}/push", 9_000 + id));
        let incarnation_id = Uuid::from_u128(u128::from(id));
        let id = BrokerId(id);
        let registration =
            Registration { id, incarnation_id, cluster_id: None, rack: None, endpoints, push_url, previous_broker_epoch: None };
        let broker_epoch = self.submit(Intent::RegisterBroker { registration })?;
        self.contact(id, broker_epoch, broker_epoch);
        let heartbeat =
            metadata::intent::Heartbeat { id, broker_epoch, metadata_index: broker_epoch, want_fence: false, want_shut_down: false };
        self.submit(Intent::BrokerHeartbeat { heartbeat })?;
        ensure!(self.state().active(id));
        Ok(())
    }

    pub fn contact(&mut self, id: BrokerId, broker_epoch: Index, metadata_index: Index) {
        let session = Session { broker_epoch, contact_ms: self.liveness.now_ms, metadata_index };
        self.liveness.sessions.insert(id, session);
    }

    /// Creates a topic with these replicas per partition.
    pub fn topic(&mut self, name: &str, assignments: &[&[u32]]) -> Result<TopicId> {
        let assignments = Some(assignments.iter().map(|ids| ids.iter().copied().map(BrokerId).collect()).collect());
        self.submit(Intent::CreateTopics { topics: vec![NewTopic { name: name.to_owned(), assignments, ..NewTopic::default() }] })?;
        Ok(self.state().topic_by_name(name).context("the topic was not created")?.id)
    }

    pub fn delete(&mut self, name: &str) -> Result<()> {
        self.submit(Intent::DeleteTopic { name: name.to_owned(), expected: None }).map(drop)
    }

    /// Puts a partition into a state that the plan would take long to reach.
    pub fn force(&mut self, topic_id: TopicId, partition: Partition) {
        self.index += 1;
        let change = Change::PartitionChanged { topic_id, partition: partition.into() };
        self.machine.state.absorb(self.index, 0, &change);
    }

    fn head(&self, from: Index) -> Result<Value> {
        let identity = self.state().identity().context("no identity")?;
        Ok(json!({
            "cluster_id": identity.cluster_id, "lineage": identity.lineage, "controller_id": 1, "term": self.term,
            "from": from, "to": self.state().revision(), "digest": self.state().digest(),
        }))
    }

    /// The push of every change after `from`.
    pub fn changes(&self, from: Index) -> Result<Value> {
        let mut push = self.head(from)?;
        let mut changes = Vec::new();
        for commit in self.commits.iter().filter(|commit| commit.index > from) {
            for change in &commit.changes {
                changes.push(serde_json::to_value(metadata::json::stamped(commit.index, commit.at_ms, change))?);
            }
        }
        push["changes"] = json!(changes);
        Ok(push)
    }

    /// The push of the whole state.
    pub fn snapshot(&self) -> Result<Value> {
        let mut push = self.head(0)?;
        push["snapshot"] = json!(metadata::views::full(self.state()));
        Ok(push)
    }
}
