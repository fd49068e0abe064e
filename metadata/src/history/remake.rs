//! A deleted topic made again: the same name, keys and partitions, on the brokers that it was on as far as they are there (U6).

use super::NoInverse;
use crate::configs;
use crate::ids::BrokerId;
use crate::intent::NewTopic;
use crate::model::{Broker, BrokerState, Partition, Topic};
use crate::plan::MOST_PARTITIONS;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The request that makes it again: placed by hand, each partition with as many replicas as the largest had, or as brokers can take.
pub(super) fn again(state: &State, topic: &Topic, partitions: &[Arc<Partition>]) -> Result<NewTopic, NoInverse> {
    if partitions.len() > MOST_PARTITIONS {
        let detail = format!("It had {} partitions, and one request makes at most {MOST_PARTITIONS}", partitions.len());
        return Err(NoInverse::NotNow(detail));
    }
    let mut places = Places::of(state);
    if !places.seats.values().any(|seat| seat.active) {
        return Err(NoInverse::NotNow("No broker is online that can take replicas".to_owned()));
    }
    let had = partitions.iter().map(|partition| partition.factor()).max().unwrap_or(1).max(1);
    let factor = had.min(places.seats.len());
    let minimum = configs::min_insync_replicas(&topic.configs).unwrap_or(1);
    if minimum > factor {
        let detail = format!("{} of {} is {minimum}, and {factor} brokers can take replicas", configs::MIN_INSYNC_REPLICAS, topic.name);
        return Err(NoInverse::NotNow(detail));
    }
    let rows = partitions.iter().map(|partition| places.row(&partition.base(), factor)).collect();
    Ok(NewTopic { name: topic.name.to_string(), assignments: Some(rows), configs: topic.configs.clone(), ..NewTopic::default() })
}

/// A broker that can take replicas.
struct Seat<'a> {
    active: bool,
    rack: Option<&'a str>,
    /// Replicas, those of the rows before counted in.
    replicas: u32,
}

struct Places<'a> {
    seats: BTreeMap<BrokerId, Seat<'a>>,
}

impl<'a> Places<'a> {
    /// As the placement has it: neither what shuts down or is being fenced, nor what is drained.
    fn of(state: &'a State) -> Self {
        let able = |broker: &&Arc<Broker>| matches!(broker.state, BrokerState::Online | BrokerState::Fenced) && !state.draining(broker.id);
        let seat = |broker: &'a Arc<Broker>| {
            let seat = Seat { active: broker.active(), rack: broker.rack.as_deref(), replicas: state.load(broker.id).replicas };
            (broker.id, seat)
        };
        Places { seats: state.brokers().filter(able).map(seat).collect() }
    }

    /// A partition's replicas: those that it had, in their order, then others; one of them at least is online.
    fn row(&mut self, had: &[BrokerId], factor: usize) -> Vec<BrokerId> {
        let mut row: Vec<BrokerId> = had.iter().copied().filter(|id| self.seats.contains_key(id)).take(factor).collect();
        while row.len() < factor {
            let Some(next) = self.best(&row) else { break };
            row.push(next);
        }
        let online = |id: &BrokerId| self.seats.get(id).is_some_and(|seat| seat.active);
        if !row.iter().any(online) {
            // All that it was on are down: the last of them makes room for one that can lead.
            row.pop();
            row.extend(self.best(&row));
        }
        for id in &row {
            if let Some(seat) = self.seats.get_mut(id) {
                seat.replicas += 1;
            }
        }
        row
    }

    /// One more: online, in a rack of its own, where least is carried, in this order.
    fn best(&self, row: &[BrokerId]) -> Option<BrokerId> {
        let racks: BTreeSet<Option<&str>> = row.iter().filter_map(|id| self.seats.get(id)).map(|seat| seat.rack).collect();
        let free = self.seats.iter().filter(|(id, _)| !row.contains(id));
        free.min_by_key(|(id, seat)| (!seat.active, racks.contains(&seat.rack), seat.replicas, **id)).map(|(id, _)| *id)
    }
}
