//! The pure core alone, without disk, network and other threads: how long plans of large clusters take, what one change costs in a
//! large state, and how much memory a partition takes in it.

use super::group::Group;
use super::sizes::kib;
use crate::options::Setup;
use crate::report::{Figure, Report};
use crate::spread::{ms, rounded};
use anyhow::{Context, Result, bail, ensure};
use metadata::command::PartitionTarget;
use metadata::intent::{Goal, Rebalance};
use metadata::plan::plan;
use metadata::{
    Broker, BrokerId, BrokerState, Change, Command, Draw, Entry, Intent, Liveness, Partition, Principal, RecoveryState, State, TopicId,
};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

pub const GROUP: Group = Group {
    name: "core",
    about: "decisions of the core alone, 100 brokers in three racks, a tenth of them empty: plans, one change, bytes of a partition",
    // Memory first: what is freed later is not given back, and would be taken for nothing.
    names: &["bytes_1m", "plan_rebalance_100k", "plan_rebalance_1m", "plan_drain_1m", "apply_1m"],
    run,
};

const BROKERS: u32 = 100;
/// These have replicas; the others have just joined.
const USED: u32 = 90;
const FIRST: u32 = 100;
const RACKS: u32 = 3;
const PER_TOPIC: u32 = 1_000;
const PLANS: usize = 5;
const CHANGES: usize = 20_000;
const SMALL: u32 = 100_000;
const LARGE: u32 = 1_000_000;
const FIRST_TOPIC: u64 = 1_000;
const FIRST_CHANGE: u64 = 100_000;

fn run(setup: &Setup, name: &str, report: &mut Report) -> Result<()> {
    let partitions = if name.ends_with("100k") { SMALL } else { LARGE };
    let before = resident()?;
    let state = filled(partitions);
    let bytes = resident()?.saturating_sub(before) / u64::from(partitions);
    let figure = Figure::new(name).fact("partitions", partitions);
    let rebalance = Intent::Rebalance { rebalance: Rebalance { goal: Goal::Both, ..Rebalance::default() }, limits: Default::default() };
    let drain = Intent::DrainBroker { id: BrokerId(FIRST), limits: Default::default(), expected: None };
    report.add(match name {
        "bytes_1m" => figure.fact("bytes_a_partition", bytes),
        "apply_1m" => applied(state, figure)?,
        "plan_drain_1m" => planned(setup, &state, &drain, figure)?,
        _ => planned(setup, &state, &rebalance, figure)?,
    });
    Ok(())
}

/// Bytes of this program that are in memory.
fn resident() -> Result<u64> {
    Ok(kib(&std::fs::read_to_string("/proc/self/status")?, "VmRSS:")? * 1_024)
}

fn planned(setup: &Setup, state: &State, intent: &Intent, figure: Figure) -> Result<Figure> {
    let mut times = Vec::new();
    let mut moves = 0;
    for _ in 0..setup.runs(PLANS) {
        let begun = Instant::now();
        let plan = plan(state, &Liveness::default(), &Draw { now_ms: 1, seed: 1 }, intent)?;
        times.push(ms(begun.elapsed()));
        let started = plan.groups().iter().flat_map(|group| &group.commands).find_map(|command| match command {
            Command::StartReassignment { total, .. } => Some(*total),
            _ => None,
        });
        moves = started.context("nothing is to be moved")?;
    }
    Ok(figure.spread(times).fact("moves", moves))
}

/// In microseconds too: a millisecond is much for one change.
fn applied(state: State, figure: Figure) -> Result<Figure> {
    let mut times = changes(state)?;
    times.sort_by(f64::total_cmp);
    let us = |of: usize| rounded(times[of] * 1_000.0);
    let (p50, p99) = (us(CHANGES / 2), us(CHANGES * 99 / 100));
    Ok(figure.fact("p50_us", p50).fact("p99_us", p99).spread(times))
}

/// One leader after the other changes, in a state that a reader holds, as the pages' reads do.
fn changes(mut state: State) -> Result<Vec<f64>> {
    let partitions: Vec<_> = state.all_partitions().map(|(topic, partition)| (topic, partition.partition)).collect();
    let mut times = Vec::new();
    for number in 0..CHANGES {
        let (topic_id, partition) = partitions[number * 7_919 % partitions.len()];
        let now = state.partition(topic_id, partition).context("a partition is missing")?.clone();
        let [_, rest @ ..] = now.isr.as_slice() else { bail!("a partition without an ISR") };
        let target = PartitionTarget {
            topic_id,
            partition,
            leader_epoch: now.leader_epoch,
            partition_epoch: now.partition_epoch,
            leader: rest.first().copied(),
            isr: rest.to_vec(),
            elr: Vec::new(),
            last_known_leader: None,
            recovery_state: RecoveryState::Recovered,
        };
        let groups = vec![metadata::Group::of(vec![Command::UpdatePartitionLeader { target }])];
        let entry = Entry { at_ms: 5, principal: Principal::controller(1), intent: Intent::BalanceLeaders, key: None, groups };
        let held = state.clone();
        let begun = Instant::now();
        let (outcomes, _) = state.apply(&entry, FIRST_CHANGE + number as u64);
        times.push(ms(begun.elapsed()));
        drop(held);
        ensure!(outcomes.iter().all(Result::is_ok), "a change was rejected: {outcomes:?}");
    }
    Ok(times)
}

/// Every partition has three replicas in three racks, on the brokers that are used.
fn filled(partitions: u32) -> State {
    let mut state = State::default();
    state.absorb(1, 1, &Change::FormatRaised { format: metadata::state::NEWEST_FORMAT });
    for number in 0..BROKERS {
        let index = 2 + u64::from(number);
        let broker = Broker {
            id: BrokerId(FIRST + number),
            epoch: index,
            changed_index: index,
            incarnation_id: Uuid::nil(),
            rack: Some(format!("rack-{}", number % RACKS)),
            endpoints: Vec::new(),
            push_url: None,
            state: BrokerState::Online,
            held: false,
            shutdown_index: None,
        };
        state.absorb(index, 1, &Change::BrokerRegistered { broker: Arc::new(broker) });
    }
    for (number, first) in (0..partitions).step_by(PER_TOPIC as usize).enumerate() {
        let topic_id = TopicId(Uuid::from_u128(number as u128 + 1));
        let index = FIRST_TOPIC + number as u64;
        let created = Change::TopicCreated { topic_id, name: format!("topic-{number:06}").into(), configs: Default::default() };
        state.absorb(index, 1, &created);
        for partition in 0..PER_TOPIC.min(partitions - first) {
            state.absorb(index, 1, &Change::PartitionChanged { topic_id, partition: Arc::new(placed(partition, first + partition)) });
        }
    }
    state
}

fn placed(partition: u32, number: u32) -> Partition {
    let turn = number / USED;
    let replicas: Vec<_> =
        [number, number + 1 + RACKS * (turn % 7), number + 2 + RACKS * (turn % 5)].map(|at| BrokerId(FIRST + at % USED)).into();
    Partition {
        partition,
        leader: replicas.first().copied(),
        leader_epoch: 0,
        partition_epoch: 0,
        isr: replicas.clone(),
        replicas,
        elr: Vec::new(),
        last_known_leader: None,
        recovery_state: RecoveryState::Recovered,
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
    }
}
