//! Values of what came with the second format.

use crate::fixture::{configs, id, ids};
use crate::samples::{FIRST_CHANGES, TOPIC, admitted, changes, commit, every, machine};
use metadata::access::{AccessChange, Credential, Fingerprint, NewSession, NewToken, PasswordHash, Role};
use metadata::beside::bindings::Binding;
use metadata::command::{AskedBy, PlannedMove};
use metadata::history::{Beside, Was};
use metadata::intent::{Goal, Rebalance, Scope};
use metadata::reassignment::{Limits, Move, MoveEnd, MoveState, Reassignment, ReassignmentState, Source, Why};
use metadata::settings::Settings;
use metadata::{Change, Commit, Machine, Principal, SecretHash};

pub fn settings() -> Settings {
    Settings { values: configs(&[("min.insync.replicas", "2")]), changed_index: 510, clear_from: Some(TOPIC) }
}

pub fn rebalance() -> Rebalance {
    Rebalance { scope: Scope::Brokers, topics: vec!["orders".into()], brokers: ids(&[101, 103]), goal: Goal::Leaders, max_moves: Some(300) }
}

pub fn planned() -> PlannedMove {
    PlannedMove { topic_id: TOPIC, partition: 1, from: ids(&[101, 102]), to: ids(&[103, 101]) }
}

pub fn reassignment(id: u64) -> Reassignment {
    Reassignment {
        id,
        reason: Why::Factor,
        principal: Principal("user:ada".into()),
        state: ReassignmentState::Running,
        limits: Limits { per_broker: Some(5) },
        source: Source::Factor { topic_id: TOPIC, factor: 3 },
        total: 300,
        planned: 2,
        started_at_ms: 1_700_000_000_000,
        ended_at_ms: None,
    }
}

pub fn movement(partition: u32, state: MoveState) -> Move {
    let end = Some(MoveEnd::Overridden).filter(|_| state == MoveState::Cancelled);
    Move { topic_id: TOPIC, topic: "orders.eu".into(), partition, from: ids(&[101, 104]), to: ids(&[103, 101]), state, end }
}

every! {
    reasons: Why {
        Moves => Why::Moves,
        Rebalance => Why::Rebalance,
        Drain => Why::Drain,
        Replacement => Why::Replacement,
        Factor => Why::Factor,
    }
}

every! {
    reassignment_states: ReassignmentState {
        Running => ReassignmentState::Running,
        Done => ReassignmentState::Done,
        Cancelled => ReassignmentState::Cancelled,
        Failed => ReassignmentState::Failed,
    }
}

every! {
    move_states: MoveState {
        Waiting => MoveState::Waiting,
        Moving => MoveState::Moving,
        Done => MoveState::Done,
        Cancelled => MoveState::Cancelled,
        Failed => MoveState::Failed,
    }
}

every! {
    move_ends: MoveEnd {
        TopicDeleted => MoveEnd::TopicDeleted,
        TargetUnregistered => MoveEnd::TargetUnregistered,
        Overridden => MoveEnd::Overridden,
        CalledOff => MoveEnd::CalledOff,
        Outdated => MoveEnd::Outdated,
    }
}

every! {
    sources: Source {
        Listed => Source::Listed,
        Rebalance => Source::Rebalance(rebalance()),
        Off => Source::Off(id(101)),
        Factor => Source::Factor { topic_id: TOPIC, factor: 3 },
    }
}

/// With every kind of change of the second format.
pub fn second_commit() -> Commit {
    Commit { changes: changes().into_iter().map(|(_, change)| change).skip(FIRST_CHANGES).collect(), ..commit() }
}

/// The same with what the second format knows.
pub fn second() -> Machine {
    let mut machine = admitted();
    let mut absorb = |change: &Change| machine.state.absorb(560, 1_700_000_000_560, change);
    for (_, change) in changes().iter().skip(FIRST_CHANGES) {
        absorb(change);
    }
    for (nth, (_, state)) in (0..).zip(move_states()) {
        absorb(&Change::MoveChanged { reassignment_id: 700, number: nth, movement: movement(nth, state).into() });
    }
    machine
}

/// The same with a broker's session that is bound to a secret.
pub fn bound() -> Machine {
    let binding = Binding { epoch: 501, proof: SecretHash([0x5e; 32]) };
    Machine { bindings: [(id(101), binding)].into_iter().collect(), ..second() }
}

/// The same with accounts, tokens, a revoked certificate, and a person who has signed in.
pub fn guarded() -> Machine {
    let mut machine = bound();
    let token = |id: &str| NewToken { id: id.to_owned(), hash: SecretHash([0x70; 32]), holds_ms: 86_400_000 };
    let add = |name: &str, role, id| AccessChange::AddAccount { name: name.to_owned(), role, token: Some(token(id)) };
    let password = PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()).unwrap();
    let session = NewSession { id: "00000000000e".to_owned(), hash: SecretHash([0x71; 32]), address: "127.0.0.1".to_owned() };
    for (index, change) in (600..).zip([
        add("ops", Role::Admin, "00000000000a"),
        add("ci", Role::Operator { prefixes: vec!["ci.".to_owned()] }, "00000000000b"),
        add("eyes", Role::Viewer, "00000000000c"),
        add("b-101", Role::Broker { id: id(101) }, "00000000000d"),
        AccessChange::Revoke { fingerprint: Fingerprint([0xf1; 32]) },
        AccessChange::AddPerson { name: "ana".to_owned(), role: Role::Viewer, password },
        AccessChange::BeginSession { account: "ana".to_owned(), session },
    ]) {
        machine.access.change(&change, 1_700_000_000_600, index).unwrap();
    }
    machine
}

/// What is kept beside a commit, for each form of what it replaced.
pub fn besides() -> Vec<(&'static str, Beside)> {
    let state = machine().state;
    let topic = state.topics_after(None).next().unwrap().clone();
    let partitions = state.partitions_of(topic.id).cloned().collect();
    let by = AskedBy { credential: Credential::Token { id: "0123456789ab".into() }, address: Some([10, 0, 0, 9].into()) };
    let names = [(topic.id, topic.name.clone())].into();
    let value = changes().into_iter().take(FIRST_CHANGES).map(|(_, change)| Was::Value(change)).collect();
    vec![
        ("Nothing", Beside { was: vec![Was::Nothing], ..Beside::default() }),
        ("Value", Beside { was: value, ..Beside::default() }),
        ("Topic", Beside { was: vec![Was::Topic { topic, partitions }], names, by: Some(by) }),
    ]
}
