//! One of everything that controllers send to each other or write down.

use crate::api::Replacement;
use crate::net::rpc::{Hello, NodeStatus, Reply, Request};
use crate::raft::data::{Checked, LogData};
use crate::raft::{CommittedLeaderId, Entry, LogId, Payload, SnapshotMeta, StoredMembership, Vote};
use crate::{Refusal, Submission, Submitted};
use anyhow::Result;
use bytes::Bytes;
use metadata::frame::{Backup, BrokerPulse, NodePulse, Pulse, Role};
use metadata::intent::{Heartbeat, NewTopic};
use metadata::plan::HeartbeatReply;
use metadata::{BrokerId, Code, GroupOutcome, Intent, KeyUse, Machine, Principal, Rejection, SecretHash, TopicId};
use openraft::impls::leader_id_std::LeaderId;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, VoteRequest, VoteResponse};
use openraft::{BasicNode, Membership};
use std::collections::BTreeMap;
use uuid::Uuid;

fn proven() -> crate::api::Proven {
    let credential = metadata::access::Credential::Token { id: "0123456789ab".to_owned() };
    crate::api::Proven { session: Some(SecretHash([7; 32])), credential, address: Some(std::net::Ipv4Addr::LOCALHOST.into()) }
}

fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(3), index)
}

fn vote() -> Vote {
    Vote { leader_id: LeaderId { term: 3, voted_for: 2 }, committed: true }
}

fn nodes() -> BTreeMap<u64, BasicNode> {
    (1..=3).map(|id| (id, BasicNode::new(format!("http://127.0.0.1:{id}")))).collect()
}

fn create() -> Intent {
    let configs = [("retention.ms".to_owned(), "1".to_owned())].into();
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions: Some(3),
        replication_factor: None,
        assignments: Some(vec![vec![BrokerId(101), BrokerId(102)]]),
        configs,
    };
    Intent::CreateTopics { topics: vec![topic] }
}

fn key() -> KeyUse {
    KeyUse { hash: [7; 32], fingerprint: [9; 16] }
}

pub fn payloads() -> Result<Vec<Payload>> {
    let entry = metadata::Entry { at_ms: 1, principal: Principal::anonymous(), intent: create(), key: Some(key()), groups: Vec::new() };
    let joint = Membership::new(vec![[1, 2].into(), [1, 2, 3].into()], nodes())?;
    Ok(vec![
        Payload::Blank,
        Payload::Normal(LogData::encode(&entry, Checked { index: 1, digest: machine()?.state.digest() })?),
        Payload::Membership(joint),
    ])
}

pub fn entries() -> Result<Vec<Entry>> {
    Ok((1..).zip(payloads()?).map(|(index, payload)| Entry { log_id: log_id(index), payload }).collect())
}

pub fn meta() -> Result<SnapshotMeta> {
    let members = Membership::new(vec![[1, 2, 3].into()], nodes())?;
    Ok(SnapshotMeta { last_log_id: Some(log_id(9)), last_membership: StoredMembership::new(Some(log_id(1)), members) })
}

/// A machine with a topic in it.
pub fn machine() -> Result<Machine> {
    let mut machine = Machine::default();
    let change = metadata::Change::TopicCreated {
        topic_id: TopicId(Uuid::from_u128(5)),
        name: "orders".into(),
        configs: [("a".into(), "b".into())].into(),
    };
    machine.state.absorb(9, 1, &change);
    Ok(machine)
}

fn pulse() -> Pulse {
    let node = NodePulse {
        id: 1,
        url: "http://127.0.0.1:1".to_owned(),
        role: Role::Leader,
        voter: true,
        last_log_index: 1,
        applied_index: 1,
        last_contact_ms: Some(1),
        digest: None,
        snapshot_index: Some(1),
    };
    Pulse {
        at_ms: 1,
        age_ms: 1,
        leader_id: Some(1),
        term: 1,
        nodes: vec![node],
        brokers: vec![BrokerPulse { id: BrokerId(101), heartbeat_age_ms: Some(1), acknowledged_index: None }],
        backup: Backup::Failing { watermark: 1, error: "full".to_owned() },
        since: None,
        commits_10s: 1,
    }
}

fn hello() -> Hello {
    Hello { node_id: 1, instance_id: Uuid::from_u128(6), lineage: Some(Uuid::from_u128(7)) }
}

pub fn requests() -> Result<Vec<Request>> {
    let heartbeat = Heartbeat { id: BrokerId(101), broker_epoch: 1, metadata_index: 1, want_fence: false, want_shut_down: true };
    let submission = Submission { key: Some(key()), preview: Some("p".to_owned()), ..Submission::new(create(), Principal::anonymous()) };
    Ok(vec![
        Request::Append {
            rpc: AppendEntriesRequest { vote: vote(), prev_log_id: Some(log_id(0)), entries: entries()?, leader_commit: Some(log_id(2)) },
            quorum_age_ms: 0,
        },
        Request::Append {
            rpc: AppendEntriesRequest { vote: vote(), prev_log_id: None, entries: Vec::new(), leader_commit: None },
            quorum_age_ms: 7,
        },
        Request::Vote(VoteRequest::new(vote(), Some(log_id(2)))),
        Request::PreVote(VoteRequest::new(vote(), None)),
        Request::TransferLeader(TransferLeaderRequest::new(vote(), 2, Some(log_id(2)))),
        Request::Snapshot { vote: vote(), meta: meta()?, content: Bytes::from(metadata::snapshot::encode_machine(&machine()?)?) },
        Request::Submit { submission: Box::new(submission.clone()), remaining_ms: 1 },
        Request::Heartbeat { heartbeat, remaining_ms: 1 },
        Request::Foresee { change: crate::api::MemberChange::Remove { id: 3 } },
        Request::SubmitProven { submission: Box::new(submission.clone()), proof: SecretHash([7; 32]), remaining_ms: 1 },
        Request::HeartbeatProven { heartbeat, proof: SecretHash([7; 32]), remaining_ms: 1 },
        Request::SubmitBy { submission: Box::new(submission.clone()), proven: proven(), remaining_ms: 1 },
        Request::HeartbeatBy { heartbeat, proven: proven(), remaining_ms: 1 },
        Request::ChangeBy { change: crate::api::MemberChange::Remove { id: 3 }, credential: proven().credential, remaining_ms: 1 },
        Request::ForeseeBy { change: crate::api::MemberChange::Remove { id: 3 }, credential: proven().credential },
        Request::MayTry { account: "ana".to_owned(), address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST) },
        Request::ReadIndex { remaining_ms: u64::MAX },
        Request::Pulse { pulse: pulse() },
        Request::Hello(hello()),
        Request::Status,
        Request::Members,
        Request::DigestAt { index: 1 },
        Request::Doubt { index: 1 },
        Request::Replace { replacement: Replacement { remove: 3, id: 4, url: "http://127.0.0.1:4".to_owned() }, remaining_ms: 1 },
    ])
}

pub fn replies() -> Result<Vec<Reply>> {
    let rejection = Rejection::new(Code::UnknownTopicOrPartition, "no").at("name", "x", "y");
    let outcomes = vec![Ok(GroupOutcome::Topic { topic_id: TopicId(Uuid::from_u128(5)) }), Err(rejection.clone())];
    let reply = HeartbeatReply { caught_up: true, fenced: false, in_controlled_shutdown: false, should_shut_down: true };
    let status = NodeStatus { id: 1, last_log_index: 1, applied_index: 1, digest: machine()?.state.digest(), snapshot_index: 1 };
    Ok(vec![
        Reply::Append(AppendEntriesResponse::Success),
        Reply::Append(AppendEntriesResponse::PartialSuccess(Some(log_id(1)))),
        Reply::Append(AppendEntriesResponse::HigherVote(vote())),
        Reply::Vote(VoteResponse::new(vote(), Some(log_id(1)), true)),
        Reply::TransferLeader(Ok(())),
        Reply::Snapshot(SnapshotResponse::new(vote())),
        Reply::Submit(Submitted::Done { index: 1, outcomes }),
        Reply::Submit(Submitted::Planned {
            index: 1,
            items: vec![Ok(metadata::Group::of(Vec::new())), Err(rejection.clone())],
            preview: "p".to_owned(),
        }),
        Reply::Heartbeat { index: 1, reply },
        Reply::ReadIndex { index: 1 },
        Reply::Status(status),
        Reply::Members { ids: vec![1, 2, 3] },
        Reply::Refused(Refusal { leader: Some("http://127.0.0.1:1".to_owned()), revision: Some(1), ..rejection.into() }),
        Reply::Hello(hello()),
        Reply::DigestAt { digest: Some(machine()?.state.digest()) },
        Reply::Replaced { index: 1 },
    ])
}
