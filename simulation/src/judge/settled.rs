//! Where everything has to end once nothing disturbs it any more.

use super::record::Record;
use crate::world::machine::Machine;
use anyhow::{Context, Result, ensure};
use metadata::{BrokerId, BrokerState, NodeId};
use std::collections::BTreeMap;

/// Whether the run has come to rest as it should.
///
/// # Errors
/// What is not as it should be yet.
pub fn settled(machines: &BTreeMap<NodeId, Machine>, record: &Record, brokers: &[BrokerId]) -> Result<()> {
    let state = record.state();
    let members: Vec<NodeId> = state.controllers().map(|node| node.id).collect();
    ensure!(!members.is_empty(), "there is no membership");
    for id in &members {
        let machine = machines.get(id).with_context(|| format!("member {id} is no machine"))?;
        let (ready, fault, changing, seen) = machine
            .look(|controller| {
                let state = controller.state();
                (controller.ready(), controller.fault(), controller.members_change(), (state.revision(), state.digest()))
            })
            .with_context(|| format!("node {id} does not run"))?;
        ensure!(fault.is_none(), "node {id} takes no part: {fault:?}");
        ensure!(ready, "node {id} is not ready");
        ensure!(!changing, "the membership is between two");
        ensure!(seen == (state.revision(), state.digest()), "node {id} is at {seen:?}, and committed is {}", state.revision());
    }
    for id in brokers {
        let broker = state.broker(*id).with_context(|| format!("broker {id} is not registered"))?;
        ensure!(broker.state == BrokerState::Online, "broker {id} is not online: {broker:?}");
    }
    for (topic_id, partition) in state.all_partitions() {
        let name = state.topic(topic_id).map(|topic| topic.name.clone()).unwrap_or_default();
        ensure!(partition.leader.is_some(), "{name} {} has no leader: {partition:?}", partition.partition);
        ensure!(partition.isr.len() == partition.replicas.len(), "{name} {} is not whole: {partition:?}", partition.partition);
    }
    ensure!(!state.has_open_work(), "moves are open: {:?}", state.reassignments().collect::<Vec<_>>());
    let open = state.reassignments().find(|each| each.ended_at_ms.is_none());
    ensure!(open.is_none(), "a reassignment does not end: {open:?}");
    ensure!(state.settings().clear_from.is_none(), "a changed setting does not take effect");
    Ok(())
}
